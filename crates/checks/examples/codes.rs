//! Codes and marks found in a media file, and what looking for them costs on top of the decode:
//! `cargo run -p reprise-checks --example codes -- FILE [FROM TO]`.

mod timed;

use std::io::Write;
use std::path::Path;

use reprise_checks::{
    Adviser, EvidenceCollector, GrayPicture, LookFor, MarkEvidence, NoAdviser, SoundEvidence,
    TextLine, TextReader, Transcript,
};
use reprise_media::{FileSource, WindowOptions, look, probe};
use reprise_model::{MediaTime, Result, Span};
use timed::{Pictures, cpu_s};

/// Reads text and nothing else.
struct Reads<'a>(&'a TextReader);

impl Adviser for Reads<'_> {
    fn transcribe(&self, _: &SoundEvidence) -> Result<Option<Transcript>> {
        Ok(None)
    }
    fn read_text(&self, pictures: &[GrayPicture]) -> Result<Option<Vec<Vec<TextLine>>>> {
        self.0.read(pictures).map(Some)
    }
}

fn marks(marks: &MarkEvidence, out: &mut impl Write) -> std::io::Result<()> {
    for mark in &marks.marks {
        let said: Vec<&str> = mark.lines.iter().map(|line| line.text.as_str()).collect();
        writeln!(
            out,
            "  mark {} to {} {:?} {}{} {said:?}",
            mark.span.start.clock(),
            mark.span.end.clock(),
            mark.area,
            if mark.over { "over " } else { "" },
            if mark.card { "card" } else { "" },
        )?;
    }
    let foreign = marks.foreign_spans(&[], true);
    writeln!(out, "  foreign {foreign:?}")
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
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
    let mut finish_s = 0.0;
    let reader = TextReader::open();
    for look_for in [LookFor::faults(), LookFor::default()] {
        let collector = EvidenceCollector::new(&look_for);
        let mut timed = Pictures(collector, 0.0);
        look(source.clone(), &media, &options, &mut timed)?;
        costs.push(timed.1 / minutes);
        let start = cpu_s();
        let evidence = match &reader {
            Some(reader) => timed.0.finish(&Reads(reader))?,
            None => timed.0.finish(&NoAdviser)?,
        };
        finish_s = cpu_s() - start;
        marks(&evidence.marks, &mut out)?;
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
        "{file}: CPU per minute on top of the decode: faults alone {:.2} s, everything {:.2} s; at the end {finish_s:.2} s",
        costs[0], costs[1]
    )?;
    Ok(())
}
