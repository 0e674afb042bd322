//! What is behind the figures, as TSV: one line for each session, one for each pitch.

use std::fmt::Write;

use super::case::Method;
use super::page::Outcomes;
use super::plan::Section;

/// One line for each session and method.
pub fn each(sections: &[Section], outcomes: &Outcomes) -> String {
    let mut out = String::from(
        "section\trow\tgroup\tseed\tlag_shape\tmethod\torders\tcaptured\tbest_possible\tprecision\tf1_at_3\tf1_at_5\tstart_error_s\tseconds\tconfident\tlag_s\tlag_true_s\tlag_confidence\tcomment_lag_s\tcomment_lag_true_s\tcomment_lag_confidence\n",
    );
    for (s, r, outcomes) in outcomes {
        let (section, row) = (&sections[*s], &sections[*s].rows[*r]);
        for outcome in outcomes {
            let score = &outcome.score;
            let lags = [outcome.lag, outcome.comment_lag].map(|lag| {
                lag.map_or("\t\t".to_owned(), |lag| {
                    format!("{:.1}\t{:.1}\t{:.2}", lag.found_s, lag.true_s, lag.confidence)
                })
            });
            let _ = writeln!(
                out,
                "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{:.3}\t{:.3}\t{:.2}\t{:.2}\t{:.2}\t{:.1}\t{:.0}\t{}\t{}",
                section.title,
                row.label,
                row.group,
                outcome.seed,
                outcome.lag_shape,
                outcome.method.name(),
                outcome.orders,
                score.captured,
                outcome.best_possible,
                score.precision,
                score.f1_at_3,
                score.f1_at_5,
                score.start_error_s,
                score.seconds,
                outcome.confident,
                lags.join("\t"),
            );
        }
    }
    out
}

/// One line for each of the best pitches of each session, and what the segmenter caught of it.
pub fn pitches(sections: &[Section], outcomes: &Outcomes) -> String {
    let mut out = String::from(
        "section\trow\tgroup\tseed\tproduct\tpin_s\tstart_s\tend_s\tflash_sale\tcaused_gmv\tshare_of_best\tcaught\tnearest_rank\tnearest_start_s\tnearest_end_s\n",
    );
    for (s, r, outcomes) in outcomes {
        let (section, row) = (&sections[*s], &sections[*s].rows[*r]);
        for outcome in outcomes.iter().filter(|outcome| outcome.method == Method::WHOLE) {
            let total: f64 = outcome.pitches.iter().map(|(pitch, _)| pitch.caused_gmv).sum();
            for (pitch, caught) in &outcome.pitches {
                let away = |moment: &(f64, f64)| (moment.0 - pitch.start_s).abs();
                let moments = outcome.moments.iter().enumerate();
                let nearest = moments.min_by(|a, b| away(a.1).total_cmp(&away(b.1)));
                let nearest = nearest.map_or("\t\t".to_owned(), |(i, (from, to))| {
                    format!("{}\t{from:.0}\t{to:.0}", i + 1)
                });
                let _ = writeln!(
                    out,
                    "{}\t{}\t{}\t{}\t{}\t{:.0}\t{:.0}\t{:.0}\t{}\t{:.0}\t{:.3}\t{caught:.2}\t{nearest}",
                    section.title,
                    row.label,
                    row.group,
                    outcome.seed,
                    pitch.product_id,
                    pitch.pin_s,
                    pitch.start_s,
                    pitch.end_s,
                    pitch.flash_sale,
                    pitch.caused_gmv,
                    pitch.caused_gmv / total.max(1e-9),
                );
            }
        }
    }
    out
}
