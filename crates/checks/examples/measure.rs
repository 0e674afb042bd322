//! What the checks measure of a media file, and what measuring costs on top of decoding:
//! `cargo run -p reprise-checks --example measure -- FILE [FROM TO [TABLE]]`.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use reprise_checks::{Evidence, EvidenceCollector, Policy};
use reprise_media::view::{Observer, PictureView, SoundView};
use reprise_media::{FileSource, WindowOptions, look, probe};
use reprise_model::{MediaDuration, MediaTime, Span};

/// Times what the collector takes of one thread.
struct Timed {
    collector: EvidenceCollector,
    pictures: Duration,
    sound: Duration,
}

impl Observer for Timed {
    fn picture(&mut self, picture: &PictureView<'_>) {
        let start = Instant::now();
        self.collector.picture(picture);
        self.pictures += start.elapsed();
    }
    fn sound(&mut self, sound: &SoundView<'_>) {
        let start = Instant::now();
        self.collector.sound(sound);
        self.sound += start.elapsed();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(file) = arguments.first() else {
        return Err("which file?".into());
    };
    let source = FileSource::open(Path::new(file))?;
    let info = probe(source.clone())?;
    let from = arguments.get(1).and_then(|t| MediaTime::parse_clock(t)).unwrap_or_default();
    let to = arguments.get(2).and_then(|t| MediaTime::parse_clock(t));
    let span = Span::new(from, to.unwrap_or(MediaTime::ZERO + info.duration));
    let mut timed = Timed {
        collector: EvidenceCollector::new(),
        pictures: Duration::ZERO,
        sound: Duration::ZERO,
    };
    let start = Instant::now();
    look(source, &info, &WindowOptions { span, size: None, threads: 1 }, &mut timed)?;
    let whole = start.elapsed();
    let finish = Instant::now();
    let evidence = timed.collector.finish();
    let minutes = span.seconds() / 60.0;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{file}: {:.1} s; per minute: all {:.2} s, pictures {:.3} s, sound {:.3} s, finish {:.3} s",
        span.seconds(),
        whole.as_secs_f64() / minutes,
        timed.pictures.as_secs_f64() / minutes,
        timed.sound.as_secs_f64() / minutes,
        finish.elapsed().as_secs_f64() / minutes,
    )?;
    report(&evidence, &mut out)?;
    if arguments.get(3).is_some() {
        for s in &evidence.pictures.samples {
            writeln!(
                out,
                "{:.3} luma {:.1} dark {:.3} change {:.3} top {:.2} drift {:.2} recast {:.3} {}",
                s.time.seconds(), s.luma, s.dark, s.change, s.change_top, s.drift_top, s.recast,
                if s.still { "still" } else { "" },
            )?;
        }
    }
    Ok(())
}

fn report(evidence: &Evidence, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let policy = Policy::default();
    let told = |spans: &[Span]| {
        let spans: Vec<String> = spans
            .iter()
            .take(12)
            .map(|s| format!("{:.2}-{:.2}", s.start.seconds(), s.end.seconds()))
            .collect();
        spans.join(" ")
    };
    let mut shorter = policy.clone();
    shorter.video.freeze_max_s = 0.5;
    writeln!(out, "  freezes  {}", told(&evidence.freezes(&policy)))?;
    writeln!(out, "  (0.5 s)  {}", told(&evidence.freezes(&shorter)))?;
    writeln!(out, "  blacks   {}", told(&evidence.blacks(&policy)))?;
    writeln!(out, "  lags     {}", told(&evidence.lags(&policy)))?;
    writeln!(out, "  dropouts {}", told(&evidence.dropouts(&policy)))?;
    writeln!(out, "  clipped  {} share {:.5}", told(&evidence.clipped()), evidence.sound.clipped_share())?;
    writeln!(out, "  corrupt  {}", told(&evidence.corrupt()))?;
    let cuts: Vec<String> =
        evidence.scene_cuts().iter().take(30).map(|t| format!("{:.2}", t.seconds())).collect();
    writeln!(out, "  cuts     {}", cuts.join(" "))?;
    let pauses = evidence.pauses();
    let shown: Vec<String> = pauses
        .iter()
        .filter(|p| p.span.duration() >= MediaDuration::from_millis(250))
        .take(14)
        .map(|p| format!("{:.2}-{:.2}", p.span.start.seconds(), p.span.end.seconds()))
        .collect();
    writeln!(out, "  pauses   {}, of 0.25 s and more: {}", pauses.len(), shown.join(" "))?;
    writeln!(out, "  speech   {:?}", evidence.speech_to_noise())?;
    writeln!(out, "  loudness {:?} true peak {:.2}", evidence.sound.loudness(), evidence.sound.true_peak_db)?;
    writeln!(out, "  json     {} bytes", serde_json::to_string(evidence)?.len())?;
    Ok(())
}
