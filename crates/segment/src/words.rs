//! Which comments are reactions: words that come in bursts tell more than words that always come.
//!
//! A mixture of two kinds of comments, fitted without labels: reactions, whose rate changes within
//! seconds, and chatter, whose rate changes within minutes. Each kind has its own words (or lengths,
//! where words may not be kept). A comment's weight depends on its words only, never on its time, so
//! that a LIVE without bursts is given none.

use crate::log::Comment;
use crate::texts::Texts;

/// Half widths of the two kinds' rates, seconds.
const QUICK_S: usize = 12;
const SLOW_S: usize = 240;

/// Rounds of the fit; it settles in fewer on every log at hand.
const ROUNDS: usize = 14;

/// A word is learned from where it occurs at least so often.
const LEAST: u32 = 4;

/// Comments that weigh less than this share of the heaviest count as nothing.
const LEAST_WEIGHT: f64 = 0.03;

/// Greetings: words that come almost only in the first so many seconds.
pub(crate) const GREETING_S: f64 = 180.0;
const GREETING_SHARE: f64 = 0.6;

/// Without words the length tells: a comment of at most so many letters is a reaction; a longer one
/// weighs so much (chosen on ten labelled chats).
const SHORT: u64 = 20;
const LONG_WEIGHT: f64 = 0.3;

/// Most bytes that the different words of a log take; those beyond are not learned from.
const WORD_BYTES_MAX: usize = 16 << 20;

/// One weight per text of the dictionary, 0 to about 1: how much a comment of these words counts as
/// a reaction. Learned from all comments but giveaway entries; greetings weigh nothing. With `all`
/// entries are learned from too and greetings are words like others. Scaled so that weighted counts
/// vary like plain ones would.
pub(crate) fn weights(comments: &[Comment], texts: &Texts, seconds: usize, all: bool) -> Vec<f64> {
    // Walked anew in every round: a copy of a long LIVE's chat would take more than all the rest.
    let live = || {
        let counted = comments.iter().filter(move |comment| all || !comment.entry);
        counted
            .map(|comment| (comment.at_ms as usize / 1000, comment.text as usize))
            .take_while(move |(second, _)| *second < seconds)
    };
    let count = live().count();
    let mut out = vec![0.0; texts.len()];
    if count == 0 {
        return out;
    }
    // Per text: how many comments, and how many of them in the first minutes.
    let mut written = vec![0u32; texts.len()];
    let mut early = vec![0u32; texts.len()];
    for (second, text) in live() {
        written[text] += 1;
        early[text] += u32::from((second as f64) < GREETING_S);
    }
    if live().all(|(_, text)| texts.text(text as u32).is_empty()) {
        for (weight, text) in out.iter_mut().zip(texts.numbers()) {
            *weight = if texts.length(text) <= SHORT { 1.0 } else { LONG_WEIGHT };
        }
        scale(&mut out, &written);
        return out;
    }
    let features = Features::new(texts, &written);
    let occurrences = features.sums(&written);
    let long_enough = seconds as f64 > 4.0 * GREETING_S;
    let greeting: Vec<bool> = features
        .sums(&early)
        .iter()
        .zip(&occurrences)
        .map(|(early, all_day)| {
            !all && long_enough && *all_day >= 10.0 && *early > GREETING_SHARE * all_day
        })
        .collect();
    let total: f64 = occurrences.iter().sum();

    let mut reaction = vec![0.5f32; count];
    let mut ratio = vec![1.0; texts.len()];
    for round in 0..ROUNDS {
        let rates = Rates::new(live().zip(&reaction), seconds);
        let mut quick_texts = vec![0.0; texts.len()];
        for ((second, text), reaction) in live().zip(&mut reaction) {
            let (quick, slow) = if round == 0 {
                rates.excess(second)
            } else {
                rates.without(second, f64::from(*reaction))
            };
            let quick = quick * ratio[text];
            let next = if quick + slow > 0.0 { quick / (quick + slow) } else { 0.5 };
            *reaction = next as f32;
            quick_texts[text] += next;
        }
        let quick_words = features.sums(&quick_texts);
        let quick_total: f64 = quick_words.iter().sum();
        let slow_total = total - quick_total;
        // Ratio of a word's shares in the two kinds, drawn towards 1 by one occurrence of each.
        let smooth = 1.0;
        let word_ratio: Vec<f64> = (0..occurrences.len())
            .map(|w| {
                if greeting[w] {
                    return 1e-3;
                }
                let share = (occurrences[w] / total.max(1.0)).max(1e-9);
                let (quick, slow) = (quick_words[w], occurrences[w] - quick_words[w]);
                let quick = (quick + smooth) / (quick_total + smooth / share);
                let slow = (slow.max(0.0) + smooth) / (slow_total + smooth / share);
                (quick / slow).clamp(1e-3, 1e3)
            })
            .collect();
        features.means(&word_ratio, &mut ratio);
    }
    let share = reaction.iter().map(|&r| f64::from(r)).sum::<f64>() / reaction.len() as f64;
    let share = share.clamp(0.01, 0.9);
    for (weight, ratio) in out.iter_mut().zip(&ratio) {
        *weight = share * ratio / (share * ratio + 1.0 - share);
    }
    let heaviest = out
        .iter()
        .zip(&written)
        .filter(|(_, n)| **n > 0)
        .map(|(weight, _)| *weight)
        .fold(0.0, f64::max);
    for weight in &mut out {
        // Plain chatter is left out altogether: it says nothing and takes time.
        if *weight < LEAST_WEIGHT * heaviest {
            *weight = 0.0;
        }
    }
    scale(&mut out, &written);
    out
}

/// Scales the weights of texts, each `written` so often, so that sums vary like plain counts do.
fn scale(weights: &mut [f64], written: &[u32]) {
    let (mut first, mut second) = (0.0, 0.0);
    for (weight, &n) in weights.iter().zip(written) {
        first += weight * f64::from(n);
        second += weight * weight * f64::from(n);
    }
    if second > 0.0 {
        weights.iter_mut().for_each(|weight| *weight *= first / second);
    }
}

/// Local rates of both kinds, as sums over boxes.
struct Rates {
    quick: Vec<f64>,
    slow: Vec<f64>,
    all: Vec<f64>,
    seconds: usize,
}

impl Rates {
    fn new<'r>(live: impl Iterator<Item = ((usize, usize), &'r f32)>, seconds: usize) -> Self {
        let (mut quick, mut slow, mut all) =
            (vec![0.0; seconds], vec![0.0; seconds], vec![0.0; seconds]);
        for ((second, _), &share) in live {
            let share = f64::from(share);
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

/// What each text is learned by: itself where it was written often enough, else its words that
/// were, or its length where words may not be kept.
struct Features {
    /// Where the features of a text begin; one longer than there are texts.
    starts: Vec<u32>,
    of: Vec<u32>,
    count: usize,
}

impl Features {
    /// Of the texts that were `written` so often.
    fn new(texts: &Texts, written: &[u32]) -> Self {
        let mut words = Texts::with_budget(WORD_BYTES_MAX);
        let mut often: Vec<u32> = Vec::new();
        let mut starts = Vec::with_capacity(texts.len() + 1);
        let mut of: Vec<u32> = Vec::new();
        // Texts that are features themselves are numbered after the words.
        let mut whole = 0u32;
        starts.push(0);
        for (text, &n) in texts.numbers().zip(written) {
            let letters = texts.text(text);
            let mut take = |word: Option<u32>| {
                if let Some(word) = word {
                    if often.len() <= word as usize {
                        often.resize(word as usize + 1, 0);
                    }
                    often[word as usize] += n;
                    of.push(word);
                }
            };
            if n == 0 {
            } else if letters.is_empty() {
                take(Some(words.intern_length(length_class(texts.length(text)))));
            } else if n >= LEAST {
                whole += 1;
                of.push(u32::MAX - whole);
            } else {
                each_word(letters, |word| take(words.intern(word)));
            }
            starts.push(of.len() as u32);
        }
        // Rare words are dropped, the others numbered anew.
        let mut number = vec![None; often.len()];
        let mut count = 0u32;
        for ((number, &n), word) in number.iter_mut().zip(&often).zip(words.numbers()) {
            let a_length = words.text(word).is_empty();
            if n >= LEAST || a_length {
                *number = Some(count);
                count += 1;
            }
        }
        let mut kept = Vec::with_capacity(of.len());
        let mut from = 0;
        for end in &mut starts[1..] {
            for &word in &of[from..*end as usize] {
                match number.get(word as usize) {
                    Some(number) => kept.extend(*number),
                    None => kept.push(count + (u32::MAX - 1 - word)),
                }
            }
            from = *end as usize;
            *end = kept.len() as u32;
        }
        Self { starts, of: kept, count: (count + whole) as usize }
    }

    /// Adds up per feature what is known per text.
    fn sums<N: Copy + Into<f64>>(&self, by_text: &[N]) -> Vec<f64> {
        let mut out = vec![0.0; self.count];
        for (text, &value) in by_text.iter().enumerate() {
            for &word in self.of_text(text) {
                out[word as usize] += value.into();
            }
        }
        out
    }

    /// The geometric mean of each text's features; 1 where it has none.
    fn means(&self, by_word: &[f64], out: &mut [f64]) {
        let logs: Vec<f64> = by_word.iter().map(|ratio| ratio.ln()).collect();
        for (text, out) in out.iter_mut().enumerate() {
            let words = self.of_text(text);
            let sum: f64 = words.iter().map(|&word| logs[word as usize]).sum();
            *out = if words.is_empty() { 1.0 } else { (sum / words.len() as f64).exp() };
        }
    }

    fn of_text(&self, text: usize) -> &[u32] {
        &self.of[self.starts[text] as usize..self.starts[text + 1] as usize]
    }
}

/// Words of a text; pairs of letters where the script puts no space between words.
fn each_word(text: &str, mut take: impl FnMut(&str)) {
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(12)
    {
        let spaceless =
            word.chars().any(|c| c >= '\u{2e80}' || ('\u{e00}'..'\u{1100}').contains(&c));
        let ends: Vec<usize> = if spaceless {
            word.char_indices().map(|(i, c)| i + c.len_utf8()).collect()
        } else {
            Vec::new()
        };
        if ends.len() > 2 {
            let mut start = 0;
            for (first, end) in ends.iter().zip(&ends[1..]).take(24) {
                take(&word[start..*end]);
                start = *first;
            }
        } else {
            take(word);
        }
    }
}

fn length_class(length: u64) -> u64 {
    match length {
        0..=3 => 0,
        4..=7 => 1,
        8..=15 => 2,
        16..=31 => 3,
        32..=63 => 4,
        _ => 5,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn comment(texts: &mut Texts, at_s: u32, text: &str) -> Comment {
        let text = texts.intern(text).unwrap();
        Comment { at_ms: 1000 * at_s, who: 0, text, entry: false }
    }

    #[test]
    fn words_that_come_in_bursts_weigh_more() {
        let texts = &mut Texts::with_budget(1 << 20);
        let mut comments: Vec<Comment> =
            (0..1800).map(|i| comment(texts, i * 2, ["nice", "hello"][i as usize % 2])).collect();
        for burst in [600, 1400, 2200, 3000] {
            comments.extend((0..20).map(|i| comment(texts, burst + i, "just bought")));
        }
        comments.sort_by_key(|comment| comment.at_ms);
        let weights = weights(&comments, texts, 3600, false);
        let mut of = |text| weights[texts.intern(text).unwrap() as usize];
        assert!(of("just bought") > 0.8 && of("nice") < 0.2, "{weights:?}");
    }

    #[test]
    fn words_of_a_text() {
        let of = |text| {
            let mut words = Vec::new();
            each_word(text, |word| words.push(word.to_owned()));
            words
        };
        assert_eq!(of("i want 2, please!"), ["i", "want", "2", "please"]);
        assert_eq!(of("すごい!"), ["すご", "ごい"]);
        assert_eq!(of("好"), ["好"]);
    }
}
