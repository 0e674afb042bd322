//! Captions: words in groups that are read at a glance, the spoken one marked.

use reprise_model::clip::Word;

/// A pause that ends a group, seconds.
const PAUSE_S: f64 = 0.7;
/// Letters in a group at most; wide ones (CJK) count twice.
const LETTERS_MAX: usize = 36;
/// How long a group stays after its last word, seconds.
const STAYS_S: f64 = 0.5;

/// Words that are shown together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// First shown, seconds.
    pub from_s: f64,
    /// No longer shown.
    pub until_s: f64,
    /// Each word with what parts it from the one before, and when it is spoken.
    pub words: Vec<(String, f64)>,
}

impl Group {
    /// When each of its words is the one spoken: from, until, index.
    pub fn spoken(&self) -> impl Iterator<Item = (f64, f64, usize)> + '_ {
        let ends = self.words.iter().skip(1).map(|word| word.1).chain([self.until_s]);
        let first = self.from_s;
        self.words.iter().zip(ends).enumerate().map(move |(index, (word, until))| {
            (if index == 0 { first } else { word.1 }, until, index)
        })
    }
}

/// Groups the words of a clip of this length.
pub fn groups(words: &[Word], duration_s: f64) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut letters = 0;
    let mut last: Option<(f64, String)> = None;
    for word in words {
        let text = crate::text::cleaned(&word.text);
        let from = word.clip_start_s.seconds().clamp(0.0, duration_s);
        let until = word.clip_end_s.seconds().clamp(from, duration_s);
        if text.is_empty() || from >= duration_s {
            continue;
        }
        let size = width(&text);
        let new = match &last {
            None => true,
            Some((end, before)) => {
                from - end > PAUSE_S
                    || letters + size > LETTERS_MAX
                    || before.ends_with(['.', '!', '?', '。', '！', '？', '؟'])
            }
        };
        match groups.last_mut().filter(|_| !new) {
            Some(group) => {
                let apart = last.as_ref().is_some_and(|(_, before)| apart(before, &text));
                // Times of a recogniser may run backwards.
                let at = from.max(group.words.last().map_or(0.0, |word| word.1));
                group.words.push((if apart { format!(" {text}") } else { text.clone() }, at));
                group.until_s = until.max(at);
                letters += size + usize::from(apart);
            }
            None => {
                let from = from.max(groups.last().map_or(0.0, |group| group.until_s));
                let until = until.max(from);
                groups.push(Group {
                    from_s: from,
                    until_s: until,
                    words: vec![(text.clone(), from)],
                });
                letters = size;
            }
        }
        last = Some((until, text));
    }
    let starts: Vec<f64> = groups.iter().skip(1).map(|group| group.from_s).collect();
    for (index, group) in groups.iter_mut().enumerate() {
        let next = starts.get(index).copied().unwrap_or(duration_s);
        group.until_s = (group.until_s + STAYS_S).min(next).max(group.from_s);
    }
    groups.retain(|group| group.until_s - group.from_s > 0.05);
    groups
}

fn width(text: &str) -> usize {
    text.chars().map(|c| if is_unspaced(c) && !is_thai(c) { 2 } else { 1 }).sum()
}

/// Whether a space parts two words: not in scripts that are written without.
fn apart(before: &str, after: &str) -> bool {
    let unspaced = |c: Option<char>| c.is_some_and(is_unspaced);
    !(unspaced(before.chars().next_back()) && unspaced(after.chars().next()))
}

fn is_thai(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}')
}

fn is_unspaced(c: char) -> bool {
    is_thai(c)
        || matches!(c, '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3000}'..='\u{30ff}'
            | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use reprise_model::MediaTime;

    use super::*;

    fn words(texts: &[(&str, f64, f64)]) -> Vec<Word> {
        let word = |&(text, from, until): &(&str, f64, f64)| Word {
            text: text.to_owned(),
            clip_start_s: MediaTime::from_seconds(from),
            clip_end_s: MediaTime::from_seconds(until),
        };
        texts.iter().map(word).collect()
    }

    #[test]
    fn groups_end_with_sentences_and_pauses_and_do_not_overlap() {
        let all = words(&[
            ("Look", 0.2, 0.4),
            ("here.", 0.4, 0.8),
            ("It", 0.9, 1.0),
            ("is", 1.0, 1.2),
            ("soft", 3.0, 3.3),
            ("and", 3.2, 3.4),
            ("late", 99.0, 99.5),
        ]);
        let groups = groups(&all, 5.0);
        let texts: Vec<String> =
            groups.iter().map(|g| g.words.iter().map(|w| w.0.as_str()).collect()).collect();
        assert_eq!(texts, ["Look here.", "It is", "soft and"]);
        assert!(groups.windows(2).all(|pair| pair[0].until_s <= pair[1].from_s));
        let spoken: Vec<_> = groups[2].spoken().collect();
        assert_eq!(spoken, [(3.0, 3.2, 0), (3.2, groups[2].until_s, 1)]);
    }

    #[test]
    fn chinese_and_thai_are_not_parted_by_spaces() {
        let text = |all: &[(&str, f64, f64)]| -> String {
            groups(&words(all), 5.0)[0].words.iter().map(|w| w.0.as_str()).collect()
        };
        assert_eq!(text(&[("这款", 0.0, 0.5), ("精华", 0.5, 1.0)]), "这款精华");
        assert_eq!(text(&[("เซ็ต", 0.0, 0.5), ("นี้", 0.5, 1.0), ("sale", 1.0, 1.2)]), "เซ็ตนี้ sale");
    }

    #[test]
    fn words_out_of_order_end_with_groups_in_order() {
        let all = words(&[("a", 2.0, 2.5), ("b", 1.0, 1.2), ("c", 3.0, 2.0), ("", 1.0, 2.0)]);
        for group in groups(&all, 4.0) {
            assert!(group.from_s < group.until_s);
            assert!(group.spoken().all(|(from, until, _)| from <= until));
        }
    }
}
