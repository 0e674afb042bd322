//! `reprise inspect`: streams, time line and faults of a recording.

use std::path::PathBuf;
use std::process::ExitCode;

use reprise_checks::{LookFor, NoAdviser, Policy};
use reprise_ingest::Location;
use reprise_media::MediaInfo;
use reprise_model::outcome::{Fault, FaultKind};
use reprise_model::{Result, Span};
use reprise_transcode::ChildLimits;
use reprise_worker::open_bytes;
use serde::Serialize;

use crate::output;
use crate::settings::IsolationArgs;

/// Recordings up to this long are decoded without being asked.
const DECODED_MAX_S: f64 = 120.0;

/// Streams, measured time line and faults of a recording
///
/// Recordings of up to two minutes are decoded whole, which finds damaged, frozen, black and muted
/// stretches; longer ones with --decode.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Recording (MP4, MOV, FLV, MPEG-TS, MKV, WebM): a file or an http(s):// or s3:// address
    recording: PathBuf,
    /// Decode all of it, however long
    #[arg(long)]
    decode: bool,
    #[command(flatten)]
    isolation: IsolationArgs,
}

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    info: MediaInfo,
    decoded: bool,
    damaged_packets: u64,
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let source = open_bytes(&Location::of_argument(&args.recording))?;
    let workers = args.isolation.workers(ChildLimits::default())?;
    let info = workers.scan(source.clone())?.info;
    let decode = args.decode || info.duration.seconds() <= DECODED_MAX_S;
    let mut document = Document { info, decoded: decode, damaged_packets: 0 };
    if decode {
        let decoded = workers.decode_clip(source, &LookFor::faults(), &NoAdviser)?;
        let policy = Policy::default();
        let evidence = &decoded.evidence;
        document.damaged_packets = decoded.damaged_packets;
        let mut add = |spans: Vec<Span>, kind, what: &str| {
            for span in spans {
                let detail = format!("{what} for {:.2} s", span.seconds());
                document.info.faults.push(Fault { kind, span, detail });
            }
        };
        add(evidence.corrupt(), FaultKind::Corrupt, "damaged pictures");
        add(evidence.freezes(&policy), FaultKind::Freeze, "the picture stands still");
        add(evidence.blacks(&policy), FaultKind::Black, "the picture is black");
        add(evidence.lags(&policy), FaultKind::Lag, "pictures come late");
        add(evidence.dropouts(&policy), FaultKind::Muted, "the sound is cut off");
        document.info.faults.sort_by_key(|fault| (fault.span, fault.kind));
    }
    say(&document);
    if json {
        output::json(&document)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn say(document: &Document) {
    let info = &document.info;
    output::say(&format!(
        "{}: {}, {} bytes, {} long (measured), first picture at {} of the file's clock",
        info.name,
        info.format,
        info.size_bytes,
        info.duration,
        info.zero.clock()
    ));
    if let Some(started_at) = info.started_at {
        output::say(&format!("its playlist says that it started at {started_at}"));
    }
    if !info.ended {
        output::say("its playlist does not say that it is over; this is what there is of it");
    }
    if let Some(video) = &info.video {
        output::say(&format!(
            "stream {}: {} {}x{} upright (stored {}x{}, {:?}), {:.3} pictures a second, {} pictures, \
             {} key pictures, at most {} apart",
            video.stream,
            video.codec,
            video.width,
            video.height,
            video.stored_width,
            video.stored_height,
            video.orientation,
            video.fps(),
            video.pictures,
            video.key_pictures,
            video.gop_max_s
        ));
    } else {
        output::say("no pictures");
    }
    if let Some(audio) = &info.audio {
        output::say(&format!(
            "stream {}: {} {} Hz, {} channels, from {} to {}{}",
            audio.stream,
            audio.codec,
            audio.sample_rate,
            audio.channels,
            audio.start_s,
            audio.end_s,
            audio.language.as_ref().map_or(String::new(), |l| format!(", language {l}"))
        ));
    } else {
        output::say("no sound");
    }
    for stream in &info.unused {
        output::say(&format!(
            "stream {}: {} {}, not used: {}",
            stream.stream, stream.kind, stream.codec, stream.reason
        ));
    }
    if document.damaged_packets > 0 {
        output::say(&format!("{} packets could not be decoded", document.damaged_packets));
    }
    for fault in &info.faults {
        output::say(&format!("fault {} to {}: {}", fault.span.start, fault.span.end, fault.detail));
    }
    if info.faults.is_empty() && document.damaged_packets == 0 {
        let how =
            if document.decoded { "all of it was decoded" } else { "not decoded; --decode does" };
        output::say(&format!("no faults found ({how})"));
    }
}
