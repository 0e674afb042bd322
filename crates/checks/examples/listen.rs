//! Where someone speaks in sound files, what is said, and what listening costs:
//! `cargo run -p reprise-checks --example listen -- FILE...`; the models are named by
//! `REPRISE_WHISPER` and `REPRISE_VOICE_ACTIVITY`.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use reprise_checks::{EvidenceCollector, Listener, ListenerOptions, LookFor, NoAdviser};
use reprise_media::view::{Observer, SoundView};
use reprise_media::{FileSource, WindowOptions, look, probe};
use reprise_model::{MediaTime, Span};

/// Seconds that this process has run, all threads (Linux).
fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(12) + ticks(13)) / 100.0
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = ListenerOptions {
        whisper: std::env::var_os("REPRISE_WHISPER").map(Into::into),
        voice_activity: std::env::var_os("REPRISE_VOICE_ACTIVITY").map(Into::into),
        ..ListenerOptions::default()
    };
    let mut out = std::io::stdout().lock();
    let start = Instant::now();
    let listener = Listener::new(&options)?;
    writeln!(out, "loaded in {:.2} s: {listener:?}", start.elapsed().as_secs_f64())?;
    for file in std::env::args().skip(1) {
        let mut collector = EvidenceCollector::new(&LookFor::faults());
        if file.ends_with(".wav") {
            read_wav(&file, &mut collector)?;
        } else {
            let source = FileSource::open(Path::new(&file))?;
            let media = probe(source.clone())?;
            let span = Span::new(MediaTime::ZERO, MediaTime::ZERO + media.info.duration);
            look(source, &media, &WindowOptions { span, size: None, threads: 1 }, &mut collector)?;
        }
        let sound = collector.finish(&NoAdviser)?.sound;
        let seconds = sound.span().seconds();
        let before = cpu_s();
        let speech = listener.speech(&sound)?;
        let activity = cpu_s() - before;
        let share: f64 = speech.iter().map(|span| span.seconds()).sum::<f64>() / seconds;
        let before = cpu_s();
        let transcript = listener.transcribe(&sound)?.unwrap_or_default();
        let whole = cpu_s() - before;
        writeln!(
            out,
            "{file}: {seconds:.1} s, speech {:.0} % in {} stretches, {} words, languages {:?}; CPU per second: activity {:.4}, all {:.4}",
            share * 100.0,
            speech.len(),
            transcript.words.len(),
            transcript.languages.iter().map(|l| (&l.language, l.seconds)).collect::<Vec<_>>(),
            activity / seconds,
            whole / seconds,
        )?;
        for word in transcript.words.iter().take(12) {
            write!(out, " {}[{:.2}-{:.2}]", word.text, word.start.seconds(), word.end.seconds())?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Reads a mono WAV file of 16-bit samples.
fn read_wav(file: &str, collector: &mut EvidenceCollector) -> Result<(), Box<dyn Error>> {
    let bytes = std::fs::read(file)?;
    let number = |at: usize| -> Option<u32> {
        Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk::<4>()?))
    };
    let (mut at, mut rate, mut channels) = (12, 16_000, 1usize);
    while let Some(length) = number(at + 4) {
        let length = length as usize;
        match bytes.get(at..at + 4) {
            Some(b"fmt ") => {
                rate = number(at + 12).unwrap_or(rate);
                channels = usize::from(bytes.get(at + 10).copied().unwrap_or(1)).max(1);
            }
            Some(b"data") => {
                let end = bytes.len().min(at + 8 + length);
                let (pairs, _) = bytes[at + 8..end].as_chunks::<2>();
                let samples: Vec<f32> = pairs
                    .iter()
                    .step_by(channels)
                    .map(|&pair| f32::from(i16::from_le_bytes(pair)) / 32_768.0)
                    .collect();
                for (index, run) in samples.chunks(1024).enumerate() {
                    let time = MediaTime::from_samples(index as i64 * 1024, rate);
                    collector.sound(&SoundView { time, sample_rate: rate, channels: &[run] });
                }
                return Ok(());
            }
            _ => {}
        }
        at += 8 + length + length % 2;
    }
    Err(format!("{file} has no samples").into())
}
