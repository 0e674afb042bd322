//! `reprise doctor`: what this machine can do, and how to get the rest.

use std::process::ExitCode;

use reprise_model::Result;
use reprise_transcode::ChildLimits;
use reprise_worker::Advice;
use serde::Serialize;

use crate::output;
use crate::settings::{children, models_folder};

/// Say which codecs, elements and models this machine has, and how to get the rest
///
/// Ends with 69 where something is missing that `run` needs.
#[derive(clap::Args, Debug)]
pub struct Args {}

#[derive(Serialize)]
struct Finding {
    name: String,
    needed_for: &'static str,
    required: bool,
    present: bool,
    how_to_get: &'static str,
}

const MODELS: &str = "reprise models fetch";
const LIBAV: &str = "apt-get install libavcodec59 libavcodec-extra59 (Debian 12)";

pub fn run(_: &Args, json: bool) -> Result<ExitCode> {
    let mut findings = Vec::new();
    let mut add = |name: String, needed_for, required, present, how_to_get| {
        findings.push(Finding { name, needed_for, required, present, how_to_get });
    };
    for name in ["libx264", "aac"] {
        let present = reprise_media::has_encoder(name);
        add(format!("encoder {name}"), "making clips", true, present, LIBAV);
    }
    for name in ["h264", "aac"] {
        let present = reprise_media::has_decoder(name);
        add(format!("decoder {name}"), "reading recordings", true, present, LIBAV);
    }
    for name in ["hevc", "vp9", "libdav1d", "opus", "mp3float"] {
        let present = reprise_media::has_decoder(name);
        add(format!("decoder {name}"), "reading recordings of that kind", false, present, LIBAV);
    }
    let (seccomp, landlock) = walls();
    add(
        "isolation seccomp".to_owned(),
        "keeping decoders off the network and from other processes",
        true,
        seccomp,
        "needs a kernel with CONFIG_SECCOMP_FILTER, or `--isolation off` for recordings you trust",
    );
    add(
        "isolation landlock".to_owned(),
        "keeping decoders from files a second time",
        false,
        landlock,
        "needs Linux 5.13 or later with Landlock among its security modules",
    );
    for (element, package) in [
        ("avdec_h264", "apt-get install gstreamer1.0-libav"),
        ("videoconvert", "apt-get install gstreamer1.0-plugins-base"),
        ("x264enc", "apt-get install gstreamer1.0-plugins-ugly"),
    ] {
        let present = reprise_remix::has_element(element);
        add(format!("element {element}"), "quick post edit", false, present, package);
    }
    let missing = reprise_remix::families_missing(&reprise_remix::FONTS);
    for font in reprise_remix::FONTS {
        let present = !missing.iter().any(|missing| missing == font);
        let how =
            "apt-get install fonts-lato fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji";
        add(format!("font {font}"), "texts of remixes", false, present, how);
    }
    let s3 = reprise_store::s3_setup();
    add(
        format!(
            "S3 at {}, credentials from {}",
            s3.endpoint.as_deref().or(s3.region.as_deref()).unwrap_or("Amazon"),
            s3.credentials
                .as_deref()
                .unwrap_or("nowhere but the machine's own role, if it has one")
        ),
        "recordings at s3:// addresses",
        false,
        s3.credentials.is_some(),
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    );
    let advice = Advice::open(models_folder(None).as_deref());
    match advice {
        Ok(advice) => {
            let (words, faces) = (advice.hears_words(), advice.sees_faces());
            let text = advice.reads_text().map(str::to_owned);
            add("speech model".to_owned(), "transcripts and what is said", false, words, MODELS);
            let name = format!("reader of text ({})", text.as_deref().unwrap_or("Tesseract"));
            let needed_for = "foreign names and links on the picture, promotions";
            add(name, needed_for, false, text.is_some(), "apt-get install tesseract-ocr-eng");
            let needed_for = "whether the host is in view";
            add(
                "search for faces".to_owned(),
                needed_for,
                false,
                faces,
                "apt-get install opencv-data",
            );
            add(
                "embedding model of products".to_owned(),
                "finding products with hardly any print (plain bottles, cloth)",
                false,
                advice.sees_plain_products(),
                "put an `*embedding*.onnx` into the folder of models (one input of 3 x 224 x 224, one vector as output)",
            );
        }
        Err(error) => add(format!("models ({error})"), "what is said", false, false, MODELS),
    }
    for finding in &findings {
        let state = match (finding.present, finding.required) {
            (true, _) => "ok     ",
            (false, true) => "MISSING",
            (false, false) => "absent ",
        };
        let how = if finding.present { "" } else { finding.how_to_get };
        output::say(format!("{state} {}: {}. {how}", finding.name, finding.needed_for).trim_end());
    }
    if json {
        output::json(&findings)?;
    }
    let lacking = findings.iter().any(|finding| finding.required && !finding.present);
    Ok(ExitCode::from(if lacking { 69 } else { 0 }))
}

/// Whether seccomp and Landlock hold here: a child is started, and must fail at all that it tries.
fn walls() -> (bool, bool) {
    // Port 9 of this machine: where nobody listens the kernel refuses too, so the filter is what
    // counts; a listener would only see that nobody came.
    let proof = children(ChildLimits::default()).and_then(|workers| workers.prove("127.0.0.1:9"));
    match proof {
        Ok(Some((layers, attempts))) => {
            let held = attempts.iter().all(|attempt| attempt.refused);
            (layers.seccomp && held, layers.landlock && held)
        }
        Ok(None) => (false, false),
        Err(error) => {
            output::say(&format!("isolation: {error}"));
            (false, false)
        }
    }
}
