//! Which comments are reactions: words that come in bursts tell more than words that always come.
//!
//! A mixture of two kinds of comments, fitted without labels: reactions, whose rate changes within
//! seconds, and chatter, whose rate changes within minutes. Each kind has its own words (or lengths,
//! where words may not be kept). A comment's weight depends on its words only, never on its time, so
//! that a LIVE without bursts is given none.

use std::collections::BTreeMap;

use crate::log::Comment;

/// Half widths of the two kinds' rates, seconds.
const QUICK_S: usize = 12;
const SLOW_S: usize = 240;

/// Rounds of the fit; it settles in fewer on every log at hand.
const ROUNDS: usize = 14;

/// A word is learned from where it occurs at least so often.
const LEAST: usize = 4;

/// Comments that weigh less than this share of the heaviest count as nothing.
const LEAST_WEIGHT: f64 = 0.03;

/// Greetings: words that come almost only in the first so many seconds.
const GREETING_S: f64 = 180.0;
const GREETING_SHARE: f64 = 0.6;

/// Without words the length tells: a comment of at most so many letters is a reaction; a longer one
/// weighs so much (chosen on ten labelled chats).
const SHORT: u64 = 20;
const LONG_WEIGHT: f64 = 0.3;

/// One weight per comment, 0 to about 1: how much it counts as a reaction. Giveaway entries and
/// greetings weigh nothing. Scaled so that weighted counts vary like plain ones would.
pub(crate) fn weights(comments: &[Comment], seconds: usize) -> Vec<f64> {
    let live: Vec<usize> = (0..comments.len())
        .filter(|&i| !comments[i].entry && comments[i].at_s < seconds as f64)
        .collect();
    let mut out = vec![0.0; comments.len()];
    if live.is_empty() || seconds == 0 {
        return out;
    }
    if live.iter().all(|&i| comments[i].text.is_empty()) {
        let weight = |i: usize| if comments[i].length <= SHORT { 1.0 } else { LONG_WEIGHT };
        let (mut first, mut second) = (0.0, 0.0);
        for &i in &live {
            out[i] = weight(i);
            first += out[i];
            second += out[i] * out[i];
        }
        out.iter_mut().for_each(|weight| *weight *= first / second);
        return out;
    }
    let features = features(comments, &live);
    let count = features.count;
    let mut occurrences = vec![0.0; count];
    let mut early = vec![0.0; count];
    for (k, words) in features.of.iter().enumerate() {
        for &word in words {
            occurrences[word] += 1.0;
            early[word] += f64::from(u8::from(comments[live[k]].at_s < GREETING_S));
        }
    }
    let long_enough = seconds as f64 > 4.0 * GREETING_S;
    let greeting: Vec<bool> = (0..count)
        .map(|w| {
            long_enough && occurrences[w] >= 10.0 && early[w] > GREETING_SHARE * occurrences[w]
        })
        .collect();

    let at: Vec<usize> = live.iter().map(|&i| comments[i].at_s as usize).collect();
    let mut reaction = vec![0.5; live.len()];
    let mut ratio = vec![1.0; live.len()];
    for round in 0..ROUNDS {
        let rates = Rates::new(&at, &reaction, seconds);
        let mut quick_words = vec![0.0; count];
        let mut slow_words = vec![0.0; count];
        let (mut quick_total, mut slow_total) = (0.0, 0.0);
        let mut next = vec![0.0; live.len()];
        for k in 0..live.len() {
            let (quick, slow) =
                if round == 0 { rates.excess(at[k]) } else { rates.without(at[k], reaction[k]) };
            let (quick, slow) = (quick * ratio[k], slow);
            next[k] = if quick + slow > 0.0 { quick / (quick + slow) } else { 0.5 };
        }
        reaction = next;
        for (k, words) in features.of.iter().enumerate() {
            for &word in words {
                quick_words[word] += reaction[k];
                slow_words[word] += 1.0 - reaction[k];
            }
            quick_total += reaction[k] * words.len() as f64;
            slow_total += (1.0 - reaction[k]) * words.len() as f64;
        }
        // Ratio of a word's shares in the two kinds, drawn towards 1 by one occurrence of each.
        let smooth = 1.0;
        let word_ratio: Vec<f64> = (0..count)
            .map(|w| {
                if greeting[w] {
                    return 1e-3;
                }
                let share = occurrences[w] / features.total.max(1.0);
                let quick = (quick_words[w] + smooth) / (quick_total + smooth / share.max(1e-9));
                let slow = (slow_words[w] + smooth) / (slow_total + smooth / share.max(1e-9));
                (quick / slow).clamp(1e-3, 1e3)
            })
            .collect();
        for (k, words) in features.of.iter().enumerate() {
            let sum: f64 = words.iter().map(|&w| word_ratio[w].ln()).sum();
            ratio[k] = if words.is_empty() { 1.0 } else { (sum / words.len() as f64).exp() };
        }
    }
    let share = (reaction.iter().sum::<f64>() / reaction.len() as f64).clamp(0.01, 0.9);
    let weight: Vec<f64> =
        ratio.iter().map(|ratio| share * ratio / (share * ratio + 1.0 - share)).collect();
    let heaviest = weight.iter().copied().fold(0.0, f64::max);
    let (mut first, mut second) = (0.0, 0.0);
    for k in 0..live.len() {
        // Plain chatter is left out altogether: it says nothing and takes time.
        let weight = if weight[k] < LEAST_WEIGHT * heaviest { 0.0 } else { weight[k] };
        out[live[k]] = weight;
        first += weight;
        second += weight * weight;
    }
    if second > 0.0 {
        out.iter_mut().for_each(|weight| *weight *= first / second);
    }
    out
}

/// Local rates of both kinds, as sums over boxes.
struct Rates {
    quick: Vec<f64>,
    slow: Vec<f64>,
    all: Vec<f64>,
    seconds: usize,
}

impl Rates {
    fn new(at: &[usize], reaction: &[f64], seconds: usize) -> Self {
        let (mut quick, mut slow, mut all) =
            (vec![0.0; seconds], vec![0.0; seconds], vec![0.0; seconds]);
        for (&second, &share) in at.iter().zip(reaction) {
            quick[second] += share;
            slow[second] += 1.0 - share;
            all[second] += 1.0;
        }
        let sums = |values: &[f64]| crate::baseline::prefix(values);
        Self { quick: sums(&quick), slow: sums(&slow), all: sums(&all), seconds }
    }

    fn mean(&self, sums: &[f64], second: usize, half: usize, own: f64) -> f64 {
        let from = second.saturating_sub(half);
        let to = (second + half + 1).min(self.seconds);
        ((sums[to] - sums[from] - own) / (to - from) as f64).max(0.0)
    }

    /// What the neighbours of a comment say, the comment itself left out.
    fn without(&self, second: usize, reaction: f64) -> (f64, f64) {
        let quick = self.mean(&self.quick, second, QUICK_S, reaction);
        let slow = self.mean(&self.slow, second, SLOW_S, 1.0 - reaction);
        (quick, slow)
    }

    /// To begin with: how far the quick rate lies above the slow one.
    fn excess(&self, second: usize) -> (f64, f64) {
        let quick = self.mean(&self.all, second, QUICK_S, 1.0);
        let slow = self.mean(&self.all, second, SLOW_S, 1.0);
        ((quick - slow).max(0.02 * slow), slow)
    }
}

struct Features {
    /// Per comment, its words that are frequent enough.
    of: Vec<Vec<usize>>,
    count: usize,
    total: f64,
}

fn features(comments: &[Comment], live: &[usize]) -> Features {
    let mut whole: BTreeMap<&str, usize> = BTreeMap::new();
    let mut single: BTreeMap<String, usize> = BTreeMap::new();
    for &i in live {
        let text = comments[i].text.as_str();
        if text.is_empty() {
            *single.entry(length_class(comments[i].length)).or_default() += 1;
        } else {
            *whole.entry(text).or_default() += 1;
        }
    }
    for &i in live {
        let text = comments[i].text.as_str();
        if !text.is_empty() && whole.get(text).is_none_or(|&n| n < LEAST) {
            for word in words(text) {
                *single.entry(word).or_default() += 1;
            }
        }
    }
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    let mut total = 0.0;
    let mut of = Vec::with_capacity(live.len());
    for &i in live {
        let comment = &comments[i];
        let names: Vec<String> = if comment.text.is_empty() {
            vec![length_class(comment.length)]
        } else if whole.get(comment.text.as_str()).is_some_and(|&n| n >= LEAST) {
            vec![format!("={}", comment.text)]
        } else {
            words(&comment.text)
                .into_iter()
                .filter(|word| single.get(word).is_some_and(|&n| n >= LEAST))
                .collect()
        };
        let found: Vec<usize> = names
            .into_iter()
            .map(|name| {
                let next = ids.len();
                *ids.entry(name).or_insert(next)
            })
            .collect();
        total += found.len() as f64;
        of.push(found);
    }
    Features { of, count: ids.len(), total }
}

/// Words of a text; pairs of letters where the script puts no space between words.
fn words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(12)
    {
        let letters: Vec<char> = word.chars().collect();
        let spaceless =
            letters.iter().any(|&c| c >= '\u{2e80}' || ('\u{e00}'..'\u{1100}').contains(&c));
        if spaceless && letters.len() > 2 {
            out.extend(letters.windows(2).take(24).map(|pair| pair.iter().collect::<String>()));
        } else {
            out.push(word.to_owned());
        }
    }
    out
}

fn length_class(length: u64) -> String {
    let class = match length {
        0..=3 => 0,
        4..=7 => 1,
        8..=15 => 2,
        16..=31 => 3,
        32..=63 => 4,
        _ => 5,
    };
    format!("#{class}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comment(at_s: f64, text: &str) -> Comment {
        Comment { at_s, who: 0, text: text.to_owned(), length: text.len() as u64, entry: false }
    }

    #[test]
    fn words_that_come_in_bursts_weigh_more() {
        let mut comments: Vec<Comment> = (0..1800)
            .map(|i| comment(f64::from(i) * 2.0, ["nice", "hello"][i as usize % 2]))
            .collect();
        for burst in [600.0, 1400.0, 2200.0, 3000.0] {
            comments.extend((0..20).map(|i| comment(burst + f64::from(i), "just bought")));
        }
        comments.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        let weights = weights(&comments, 3600);
        let mean = |text: &str| {
            let of: Vec<f64> = (0..comments.len())
                .filter(|&i| comments[i].text == text)
                .map(|i| weights[i])
                .collect();
            of.iter().sum::<f64>() / of.len() as f64
        };
        assert!(
            mean("just bought") > 0.8 && mean("nice") < 0.2,
            "{} {}",
            mean("just bought"),
            mean("nice")
        );
    }
}
