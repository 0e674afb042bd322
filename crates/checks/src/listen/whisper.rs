//! The Whisper model: which language a pack of speech is in, and its words with times.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use reprise_model::{Error, Kind, Result};
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError,
    WhisperSegment, WhisperState, get_lang_str,
};

use super::model_file;

/// Shortest sound that the model listens to, samples at 16 kHz.
const SOUND_MIN: usize = 17_600;
/// Most tokens that half a minute of speech has; more is the model repeating itself.
const TOKENS_MAX: i32 = 220;
/// Graphemes after which a run of a script without spaces is a new word.
const RUN_MAX: usize = 6;

/// A model, loaded once; who listens waits for who listens already.
pub(super) struct Whisper {
    state: Mutex<WhisperState>,
    /// For [`crate::Origin::Model`].
    pub(super) name: String,
    multilingual: bool,
    end_of_text: i32,
    threads: i32,
}

/// A word on the time line of its pack.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heard {
    pub(super) text: String,
    /// Samples.
    pub(super) from: usize,
    /// Samples.
    pub(super) to: usize,
    pub(super) confidence: f64,
}

impl Whisper {
    pub(super) fn load(path: &Path, threads: usize) -> Result<Self> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| Error::io(&name, error))?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let stem = stem.unwrap_or_else(|| name.clone());
        Ok(Self { name: stem, ..Self::from_bytes(&bytes, &name, threads)? })
    }

    /// A model in memory; `name` is for reports and errors.
    pub(super) fn from_bytes(bytes: &[u8], name: &str, threads: usize) -> Result<Self> {
        model_file::check_whisper(bytes, name)?;
        let fails = |error: WhisperError| {
            let what = "cannot be loaded as a Whisper model: run `reprise models fetch` again";
            Error::new(Kind::Malformed, what).in_file(name).caused_by(error)
        };
        let mut options = WhisperContextParameters::default();
        options.flash_attn(true);
        let context = WhisperContext::new_from_buffer_with_params(bytes, options).map_err(fails)?;
        Ok(Self {
            name: name.to_owned(),
            multilingual: context.is_multilingual(),
            end_of_text: context.token_eot(),
            state: Mutex::new(context.create_state().map_err(fails)?),
            threads: threads.clamp(1, 16) as i32,
        })
    }

    /// Languages by how likely they are, the likeliest first.
    pub(super) fn languages(&self, samples: &[f32]) -> Result<Vec<(&'static str, f64)>> {
        if !self.multilingual {
            return Ok(vec![("en", 1.0)]);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let threads = self.threads as usize;
        state.pcm_to_mel(&long_enough(samples), threads).map_err(failed)?;
        let (_, sure) = state.lang_detect(0, threads).map_err(failed)?;
        let named = sure.iter().enumerate().filter_map(|(index, &sure)| {
            let language = get_lang_str(i32::try_from(index).ok()?)?;
            sure.is_finite().then_some((language, f64::from(sure).clamp(0.0, 1.0)))
        });
        let mut named: Vec<_> = named.collect();
        named.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok(named)
    }

    /// The words of a pack, in order.
    pub(super) fn words(&self, samples: &[f32], language: &str) -> Result<Vec<Heard>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Greedy, without a second try at a higher temperature: the same sound, the same words.
        let mut options = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        options.set_language(Some(language));
        options.set_n_threads(self.threads);
        options.set_temperature(0.0);
        options.set_temperature_inc(0.0);
        options.set_no_context(true);
        options.set_suppress_blank(true);
        options.set_suppress_nst(true);
        options.set_token_timestamps(true);
        options.set_max_tokens(TOKENS_MAX);
        options.set_print_special(false);
        options.set_print_progress(false);
        options.set_print_realtime(false);
        options.set_print_timestamps(false);
        state.full(options, &long_enough(samples)).map_err(failed)?;
        let mut words = Words::default();
        for segment in state.as_iter() {
            self.read(&segment, samples.len(), &mut words);
            words.end();
        }
        Ok(words.in_order(samples.len()))
    }

    fn read(&self, segment: &WhisperSegment<'_>, length: usize, words: &mut Words) {
        for token in (0..segment.n_tokens()).filter_map(|index| segment.get_token(index)) {
            // Time stamps and marks are no text.
            let Ok(bytes) = token.to_bytes() else { continue };
            if token.token_id() >= self.end_of_text {
                continue;
            }
            let data = token.token_data();
            let sample = |hundredths: i64| {
                usize::try_from(hundredths.max(0)).unwrap_or(0).saturating_mul(160).min(length)
            };
            words.push(bytes, sample(data.t0), sample(data.t1), f64::from(data.p));
        }
    }
}

fn failed(error: WhisperError) -> Error {
    Error::new(Kind::Bug, "the speech model failed").caused_by(error)
}

fn long_enough(samples: &[f32]) -> Vec<f32> {
    let mut samples = samples.to_vec();
    samples.resize(samples.len().max(SOUND_MIN), 0.0);
    samples
}

/// Words put together from tokens, which may end inside a word, even inside a character.
#[derive(Debug, Default)]
struct Words {
    done: Vec<Heard>,
    bytes: Vec<u8>,
    from: usize,
    to: usize,
    sure: f64,
    tokens: u32,
}

impl Words {
    fn push(&mut self, bytes: &[u8], from: usize, to: usize, sure: f64) {
        let spaced = bytes.first().is_some_and(u8::is_ascii_whitespace);
        if spaced || self.run_is_full() {
            self.end();
        }
        let text = bytes.trim_ascii_start();
        if self.bytes.is_empty() {
            if text.is_empty() {
                return;
            }
            (self.from, self.to) = (from, to.max(from));
        }
        self.bytes.extend_from_slice(text);
        self.to = self.to.max(to);
        self.sure += if sure.is_finite() { sure.clamp(0.0, 1.0) } else { 0.0 };
        self.tokens += 1;
    }

    /// Whether a run of a script without spaces is long enough to be a word.
    fn run_is_full(&self) -> bool {
        let Ok(text) = std::str::from_utf8(&self.bytes) else { return false };
        crate::said::without_spaces(text)
            && unicode_segmentation::UnicodeSegmentation::graphemes(text, true).count() >= RUN_MAX
    }

    fn end(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let (sure, tokens) = (std::mem::take(&mut self.sure), std::mem::take(&mut self.tokens));
        let text = String::from_utf8_lossy(&bytes).replace('\u{fffd}', "");
        let text = text.trim();
        // `[Music]` and the like is a remark, not a word.
        if text.is_empty() || (text.starts_with(['[', '(']) && text.ends_with([']', ')'])) {
            return;
        }
        if !text.chars().any(char::is_alphanumeric) {
            // Punctuation by itself belongs to the word before.
            if let Some(last) = self.done.last_mut() {
                last.text.push_str(text);
            }
            return;
        }
        self.done.push(Heard {
            text: text.to_owned(),
            from: self.from,
            to: self.to,
            confidence: sure / f64::from(tokens.max(1)),
        });
    }

    /// The words, none before the one before it and none beyond the end.
    fn in_order(mut self, length: usize) -> Vec<Heard> {
        self.end();
        let mut before = 0;
        for word in &mut self.done {
            word.from = word.from.clamp(before, length);
            word.to = word.to.clamp(word.from, length);
            before = word.from;
        }
        for index in 1..self.done.len() {
            let next = self.done[index].from;
            let word = &mut self.done[index - 1];
            word.to = word.to.min(next.max(word.from));
        }
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_together_from_tokens() {
        let mut words = Words::default();
        let tokens: [(&[u8], usize, usize); 8] = [
            (b" Ha", 0, 10),
            (b"lo", 10, 30),
            (b",", 30, 31),
            (b" caf", 40, 50),
            (&[0xc3], 50, 52),
            (&[0xa9], 52, 60),
            (b" [Music]", 70, 80),
            (b" ya", 20, 90),
        ];
        for (bytes, from, to) in tokens {
            words.push(bytes, from, to, 0.5);
        }
        let found = words.in_order(85);
        let texts: Vec<_> = found.iter().map(|w| (w.text.as_str(), w.from, w.to)).collect();
        assert_eq!(texts, [("Halo,", 0, 31), ("café", 40, 40), ("ya", 40, 85)]);
    }
}
