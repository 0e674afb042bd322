//! `reprise segment`: the moments of a LIVE, without touching media.

use std::path::PathBuf;
use std::process::ExitCode;

use reprise_model::Result;
use reprise_model::moment::{Lag, LagSource, Moment};
use serde::Serialize;

use crate::output;
use crate::settings::PipelineArgs;

/// Find the moments of a LIVE in its event log, best first; reads no media
///
/// A recording whose `duration_s` is not in the manifest is measured. Moments that are not confident
/// follow the others and are marked.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Session manifest (TOML or JSON)
    session: PathBuf,
    #[command(flatten)]
    pipeline: PipelineArgs,
}

#[derive(Serialize)]
struct Document<'a> {
    session_id: &'a str,
    lag: &'a [Lag],
    moments: &'a [Moment],
    notes: &'a [String],
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let options = args.pipeline.options()?;
    let result = reprise_worker::segment_session(&args.session, &options)?;
    for warning in &result.session.loaded.warnings {
        output::say(&format!("warning: {warning}"));
    }
    for skipped in &result.session.log.summary.skipped {
        output::say(&format!(
            "warning: {} event lines skipped: {} ({})",
            skipped.count,
            skipped.reason,
            skipped.examples.join(", ")
        ));
    }
    let found = &result.segmentation;
    for note in &found.notes {
        output::say(&format!("note: {note}"));
    }
    for lag in &found.lag {
        let from = match lag.from {
            LagSource::Estimated => "estimated from this session",
            LagSource::Prior => "assumed, this session does not tell",
        };
        output::say(&format!(
            "{} answer {:.1} s late ({from}, confidence {:.2})",
            lag.signal.as_str(),
            lag.lag_s.seconds(),
            lag.confidence
        ));
    }
    let mut rows = vec![
        [
            "rank",
            "from",
            "to",
            "length",
            "score",
            "product",
            "GMV above baseline",
            "most likely due to",
            "why",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for moment in &found.moments {
        let why: Vec<String> = moment
            .reasons
            .iter()
            .take(3)
            .map(|reason| {
                let ratio = reason.ratio.map_or(String::new(), |r| format!(" ({r:.1}x)"));
                format!(
                    "{} {:.0} {} of {:.0}{ratio}",
                    reason.signal.as_str(),
                    reason.observed,
                    reason.unit,
                    reason.expected
                )
            })
            .collect();
        let gmv: Vec<String> = moment.attributed.gmv.iter().map(ToString::to_string).collect();
        rows.push(vec![
            format!("{}{}", moment.rank, if moment.confident { "" } else { " not confident" }),
            moment.span.start.clock(),
            moment.span.end.clock(),
            format!("{:.1} s", moment.span.seconds()),
            format!("{:.2}", moment.score),
            moment.product_ids.first().cloned().unwrap_or_default(),
            gmv.join(" + "),
            moment.cause().map_or_else(String::new, |likely| {
                format!("{} ({:.0} %)", likely.cause.words(), likely.probability * 100.0)
            }),
            why.join(", "),
        ]);
    }
    output::table(&rows);
    if json {
        output::json(&Document {
            session_id: result.session.loaded.manifest.id.as_str(),
            lag: &found.lag,
            moments: &found.moments,
            notes: &found.notes,
        })?;
    }
    Ok(ExitCode::SUCCESS)
}
