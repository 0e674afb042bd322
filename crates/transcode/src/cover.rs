//! The cover picture: chosen from the evidence, coded as JPEG.

use jpeg_encoder::{ColorType, Encoder};
use reprise_checks::Evidence;
use reprise_media::Still;
use reprise_model::{Error, Kind, MediaTime, Result, Span};

/// Quality of JPEG pictures, 1 to 100. 85 shows no blocks on a phone at a fifth of a PNG's size.
const QUALITY: u8 = 85;

/// The time of the picture that makes the best cover: in the clip's first two thirds, well lit,
/// steady (a moving picture is blurred) and not right after a scene cut.
pub fn pick_cover(evidence: &Evidence, clip: Span) -> MediaTime {
    let cuts = evidence.scene_cuts();
    let length = clip.seconds();
    evidence
        .pictures
        .samples
        .iter()
        .filter(|sample| clip.contains(sample.time))
        .map(|sample| {
            let into = (sample.time - clip.start).seconds() / length.max(0.1);
            let light = f64::from(sample.luma - 110.0).abs() / 110.0;
            let after_cut =
                cuts.iter().any(|&cut| cut <= sample.time && (sample.time - cut).seconds() < 0.3);
            let place = if (0.05..=0.66).contains(&into) { 0.0 } else { 1.0 };
            let cost = f64::from(sample.change) * 0.5
                + light
                + place
                + if after_cut { 2.0 } else { 0.0 }
                + if sample.corrupt { 5.0 } else { 0.0 };
            (cost, sample.time)
        })
        .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
        .map_or(clip.start, |(_, time)| time)
}

/// Codes a still as JPEG.
///
/// # Errors
/// `Limit` where it is larger than JPEG allows (65,535 pixels a side).
pub fn jpeg(still: &Still) -> Result<Vec<u8>> {
    let side = |pixels: usize| {
        u16::try_from(pixels)
            .map_err(|_| Error::new(Kind::Limit, "the picture is too large for a JPEG"))
    };
    let mut out = Vec::new();
    Encoder::new(&mut out, QUALITY)
        .encode(&still.rgb, side(still.width)?, side(still.height)?, ColorType::Rgb)
        .map_err(|error| Error::new(Kind::Bug, "a JPEG cannot be coded").caused_by(error))?;
    Ok(out)
}
