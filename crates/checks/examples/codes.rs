//! Codes and marks found in a media file, and what looking for them costs on top of the decode:
//! `cargo run -p reprise-checks --example codes -- FILE [FROM TO]`.

use std::error::Error;
use std::io::Write;
use std::path::Path;

use reprise_checks::{EvidenceCollector, LookFor, NoAdviser};
use reprise_media::view::{Observer, PictureView, SoundView};
use reprise_media::{FileSource, WindowOptions, look, probe};
use reprise_model::{MediaTime, Span};

/// Seconds that this thread has run (Linux).
fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

/// Times what one collector takes.
struct Timed {
    collector: EvidenceCollector,
    pictures_s: f64,
}

impl Observer for Timed {
    fn picture(&mut self, picture: &PictureView<'_>) {
        let start = cpu_s();
        self.collector.picture(picture);
        self.pictures_s += cpu_s() - start;
    }
    fn sound(&mut self, _: &SoundView<'_>) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(file) = arguments.first() else { return Err("which file?".into()) };
    let source = FileSource::open(Path::new(file))?;
    let media = probe(source.clone())?;
    let from = arguments.get(1).and_then(|t| MediaTime::parse_clock(t)).unwrap_or_default();
    let to = arguments.get(2).and_then(|t| MediaTime::parse_clock(t));
    let span = Span::new(from, to.unwrap_or(MediaTime::ZERO + media.info.duration));
    let options = WindowOptions { span, size: None, threads: 1 };
    let minutes = span.seconds() / 60.0;
    let mut out = std::io::stdout().lock();
    let mut costs = Vec::new();
    for look_for in [LookFor::faults(), LookFor::default()] {
        let collector = EvidenceCollector::new(&look_for);
        let mut timed = Timed { collector, pictures_s: 0.0 };
        look(source.clone(), &media, &options, &mut timed)?;
        costs.push(timed.pictures_s / minutes);
        let evidence = timed.collector.finish(&NoAdviser)?;
        for track in &evidence.codes.tracks {
            writeln!(
                out,
                "  code {} to {} {} {:?} {:?} {:.2} ({}), {} sightings",
                track.span.start.clock(),
                track.span.end.clock(),
                track.format,
                track.text,
                track.kind,
                track.certainty,
                track.reason,
                track.sightings.len()
            )?;
        }
    }
    writeln!(
        out,
        "{file}: CPU per minute on top of the decode: faults alone {:.2} s, everything {:.2} s",
        costs[0], costs[1]
    )?;
    Ok(())
}
