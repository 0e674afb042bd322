//! Captions from the words of a transcript: WebVTT and SubRip.
//!
//! Words become cues that can be read on a phone: at most two lines of 32 characters, at most five
//! seconds, broken at pauses and at the ends of sentences. Times are the clip's.

use reprise_model::MediaTime;
use reprise_model::clip::Word;

/// Characters a line holds; wide scripts count double.
const LINE_WIDTH: usize = 32;
/// Lines of a cue.
const LINES_MAX: usize = 2;
/// Longest cue, seconds.
const CUE_S_MAX: f64 = 5.0;
/// A silence that ends a cue, seconds.
const PAUSE_S: f64 = 0.7;
/// Shortest time that a cue stays where nothing follows, seconds.
const CUE_S_MIN: f64 = 0.8;

/// `captions.vtt`; `None` where there are no words.
pub fn vtt(words: &[Word]) -> Option<String> {
    let cues = cues(words);
    let mut out = String::from("WEBVTT\n");
    for cue in &cues {
        out.push_str(&format!("\n{} --> {}\n", stamp(cue.start, '.'), stamp(cue.end, '.')));
        for line in &cue.lines {
            // In a cue `-->` would begin a new one, `<` a tag, `&` an entity.
            let line = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            out.push_str(&line);
            out.push('\n');
        }
    }
    (!cues.is_empty()).then_some(out)
}

/// `captions.srt`; `None` where there are no words.
pub fn srt(words: &[Word]) -> Option<String> {
    let cues = cues(words);
    let mut out = String::new();
    for (index, cue) in cues.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let (start, end) = (stamp(cue.start, ','), stamp(cue.end, ','));
        out.push_str(&format!("{}\n{start} --> {end}\n", index + 1));
        for line in &cue.lines {
            // SubRip has no escapes; some players read tags.
            out.push_str(&line.replace('<', "‹").replace('>', "›"));
            out.push('\n');
        }
    }
    (!cues.is_empty()).then_some(out)
}

struct Cue {
    start: MediaTime,
    end: MediaTime,
    lines: Vec<String>,
}

fn cues(words: &[Word]) -> Vec<Cue> {
    let mut cues: Vec<Cue> = Vec::new();
    let mut ended = true;
    for word in words {
        let text: String = word.text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            continue;
        }
        // Times of a model may run backwards by a little; a caption's must not.
        let start = word.clip_start_s.max(cues.last().map_or(MediaTime::ZERO, |cue| cue.start));
        let end = word.clip_end_s.max(start);
        let sentence_ends = text.ends_with(['.', '!', '?', '。', '！', '？', '…']);
        let joined = !ended
            && cues.last_mut().is_some_and(|cue| {
                let fits = (start - cue.end).seconds() < PAUSE_S
                    && (end - cue.start).seconds() <= CUE_S_MAX
                    && append(&mut cue.lines, &text);
                if fits {
                    cue.end = cue.end.max(end);
                }
                fits
            });
        if !joined {
            cues.push(Cue { start, end, lines: vec![text] });
        }
        ended = sentence_ends;
    }
    // A cue stays long enough to be read, and never into the next.
    for index in 0..cues.len() {
        let next = cues.get(index + 1).map(|cue| cue.start);
        let cue = &mut cues[index];
        let wanted = cue.start + reprise_model::MediaDuration::from_seconds(CUE_S_MIN);
        cue.end = cue.end.max(wanted);
        if let Some(next) = next {
            cue.end = cue.end.min(next.max(cue.start));
        }
    }
    cues.retain(|cue| cue.end > cue.start);
    cues
}

/// Adds a word to a cue's last line or to a new one; `false` where the cue is full.
fn append(lines: &mut Vec<String>, word: &str) -> bool {
    let full = lines.len() >= LINES_MAX;
    let Some(last) = lines.last_mut() else { return false };
    // Scripts without spaces are joined as they are.
    let wide = |c: Option<char>| c.is_some_and(is_wide);
    let gap = if wide(last.chars().last()) && wide(word.chars().next()) { "" } else { " " };
    if width(last) + gap.len() + width(word) <= LINE_WIDTH {
        last.push_str(gap);
        last.push_str(word);
    } else if full {
        return false;
    } else {
        lines.push(word.to_owned());
    }
    true
}

fn width(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

fn is_wide(c: char) -> bool {
    matches!(u32::from(c), 0x1100..=0x11FF | 0x2E80..=0xA4CF | 0xAC00..=0xD7AF | 0xF900..=0xFAFF | 0xFE30..=0xFE4F | 0xFF00..=0xFFEF | 0x20000..=0x3FFFF)
}

fn stamp(time: MediaTime, point: char) -> String {
    let millis = time.ticks(1, 1000).max(0);
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    format!("{hours:02}:{minutes:02}:{:02}{point}{:03}", millis / 1000 % 60, millis % 1000)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn word(text: &str, start: f64, end: f64) -> Word {
        Word {
            text: text.to_owned(),
            clip_start_s: MediaTime::from_seconds(start),
            clip_end_s: MediaTime::from_seconds(end),
        }
    }

    #[test]
    fn words_become_cues() {
        let words = [
            word("Tap", 0.1, 0.3),
            word("the basket.", 0.3, 0.9),
            word("Only", 1.0, 1.2),
            word("twenty", 1.2, 1.5),
            word("left", 3.0, 3.4),
        ];
        assert_eq!(
            vtt(&words).unwrap(),
            "WEBVTT\n\n00:00:00.100 --> 00:00:00.900\nTap the basket.\n\n\
             00:00:01.000 --> 00:00:01.800\nOnly twenty\n\n00:00:03.000 --> 00:00:03.800\nleft\n"
        );
        assert!(
            srt(&words)
                .unwrap()
                .starts_with("1\n00:00:00,100 --> 00:00:00,900\nTap the basket.\n\n2\n")
        );
    }

    #[test]
    fn no_words_make_no_file() {
        assert_eq!(vtt(&[]), None);
        assert_eq!(srt(&[word("  ", 0.0, 1.0)]), None);
    }

    #[test]
    fn what_is_said_cannot_end_a_cue() {
        let words = [word("a\n\n--> <b>&", 0.0, 1.0)];
        let text = vtt(&words).unwrap();
        assert_eq!(text.matches("-->").count(), 1, "{text}");
        assert!(text.contains("a --&gt; &lt;b&gt;&amp;"));
        assert_eq!(srt(&words).unwrap().matches("-->").count(), 1);
    }

    #[test]
    fn cues_are_short_ordered_and_apart() {
        let words: Vec<Word> = (0..400)
            .map(|i| {
                word(
                    "слово",
                    f64::from(i) * 0.3,
                    f64::from(i) * 0.3 + if i % 7 == 0 { 0.9 } else { 0.25 },
                )
            })
            .collect();
        let cues = cues(&words);
        assert!(cues.len() > 10);
        for cue in &cues {
            assert!(
                cue.lines.len() <= LINES_MAX
                    && cue.lines.iter().all(|line| width(line) <= LINE_WIDTH)
            );
            assert!((cue.end - cue.start).seconds() <= CUE_S_MAX + 1.0);
        }
        assert!(cues.windows(2).all(|pair| pair[0].end <= pair[1].start));
    }

    #[test]
    fn wide_scripts_have_no_spaces() {
        let words = [word("今天", 0.0, 0.3), word("特价", 0.3, 0.6), word("USB", 0.6, 0.9)];
        assert!(srt(&words).unwrap().contains("今天特价 USB\n"));
    }
}
