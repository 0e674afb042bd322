//! What the checks measure of a media file, and what measuring costs on top of decoding:
//! `cargo run -p reprise-checks --example measure -- FILE [FROM TO [TABLE]]`.

use std::error::Error;
use std::io::Write;
use std::path::Path;

use reprise_checks::{Evidence, EvidenceCollector, LookFor, NoAdviser, Policy};
use reprise_media::view::{Observer, PictureView, SoundView};
use reprise_media::{FileSource, WindowOptions, look, probe};
use reprise_model::{MediaDuration, MediaTime, Span};

/// Looks away: what decoding alone costs.
struct Nothing;

impl Observer for Nothing {
    fn picture(&mut self, _: &PictureView<'_>) {}
    fn sound(&mut self, _: &SoundView<'_>) {}
}

/// Seconds that this thread has run (Linux).
fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

/// Times what the collector takes of one thread.
struct Timed {
    collector: EvidenceCollector,
    pictures: f64,
    sound: f64,
}

impl Observer for Timed {
    fn picture(&mut self, picture: &PictureView<'_>) {
        let start = cpu_s();
        self.collector.picture(picture);
        self.pictures += cpu_s() - start;
    }
    fn sound(&mut self, sound: &SoundView<'_>) {
        let start = cpu_s();
        self.collector.sound(sound);
        self.sound += cpu_s() - start;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(file) = arguments.first() else {
        return Err("which file?".into());
    };
    let source = FileSource::open(Path::new(file))?;
    let media = probe(source.clone())?;
    let info = &media.info;
    let from = arguments.get(1).and_then(|t| MediaTime::parse_clock(t)).unwrap_or_default();
    let to = arguments.get(2).and_then(|t| MediaTime::parse_clock(t));
    let span = Span::new(from, to.unwrap_or(MediaTime::ZERO + info.duration));
    let mut timed =
        Timed { collector: EvidenceCollector::new(&LookFor::default()), pictures: 0.0, sound: 0.0 };
    let options = WindowOptions { span, size: None, threads: 1 };
    look(source.clone(), &media, &options, &mut Nothing)?;
    let decoding = cpu_s();
    look(source.clone(), &media, &options, &mut timed)?;
    let whole = cpu_s() - decoding;
    let finish = cpu_s();
    let evidence = timed.collector.finish(&NoAdviser)?;
    let finish = cpu_s() - finish;
    let faults = EvidenceCollector::new(&LookFor::faults());
    let mut faults = Timed { collector: faults, pictures: 0.0, sound: 0.0 };
    look(source, &media, &options, &mut faults)?;
    let minutes = span.seconds() / 60.0;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{file}: {:.1} s; CPU per minute: decoding {:.2} s, with evidence {:.2} s (pictures {:.3} s, of them for faults {:.3} s, sound {:.3} s, finish {:.3} s)",
        span.seconds(),
        decoding / minutes,
        whole / minutes,
        timed.pictures / minutes,
        faults.pictures / minutes,
        timed.sound / minutes,
        finish / minutes,
    )?;
    report(&evidence, &mut out)?;
    if arguments.get(3).is_some() {
        for s in &evidence.pictures.samples {
            writeln!(
                out,
                "{:.3} luma {:.1} dark {:.3} change {:.3} top {:.2} drift {:.2} recast {:.3} {}",
                s.time.seconds(),
                s.luma,
                s.dark,
                s.change,
                s.change_top,
                s.drift_top,
                s.recast,
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
    let any = {
        let mut any = policy.clone();
        any.video.freeze_max_s = 0.0;
        any
    };
    let longest = evidence.freezes(&any).into_iter().max_by_key(|span| span.duration());
    writeln!(out, "  longest  {}", told(longest.as_slice()))?;
    writeln!(out, "  lags     {}", told(&evidence.lags(&policy)))?;
    let facts = reprise_checks::ClipFacts {
        width: 720,
        height: 1280,
        duration: evidence.span().duration(),
        fps: 30.0,
        has_audio: evidence.has_sound(),
        evidence,
        source: None,
        session: None,
        phrases: &reprise_checks::Phrases::default(),
    };
    let start = cpu_s();
    let verdicts = reprise_checks::check(&facts, &policy);
    writeln!(out, "  check    {:.3} s of CPU", cpu_s() - start)?;
    for verdict in verdicts {
        if verdict.verdict != reprise_model::Outcome::Unknown {
            writeln!(out, "  {:?} {}: {}", verdict.verdict, verdict.rule, verdict.detail)?;
        }
    }
    writeln!(out, "  dropouts {}", told(&evidence.dropouts(&policy)))?;
    writeln!(
        out,
        "  clipped  {} share {:.5}",
        told(&evidence.clipped()),
        evidence.sound.clipped_share()
    )?;
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
    writeln!(
        out,
        "  loudness {:?} true peak {:.2}",
        evidence.sound.loudness(),
        evidence.sound.true_peak_db
    )?;
    let clarity = &evidence.clarity;
    writeln!(
        out,
        "  clarity  edges {:?} px, exposure {:?}, blocking {:?}, shaking {:?} %; music {:?}, hum {:?}",
        clarity.edge_width_px(),
        clarity.exposure(),
        clarity.blocking(),
        clarity.shake_percent(),
        evidence.music().share,
        evidence.hum(),
    )?;
    writeln!(out, "  json     {} bytes", serde_json::to_string(evidence)?.len())?;
    Ok(())
}
