//! The page's tables: moments, what was not clipped, lags, best practices, faults, the event log.

use std::fmt::Write as _;

use reprise_model::moment::{LagSource, Moment};
use reprise_model::{MediaTime, Outcome, RuleId, Span};

use super::ReportData;
use super::bins::Bins;
use super::clips::{Place, anchor, cause_words, reason_words};
use super::text::{
    amounts, capital, clock, count, esc, fault_words, grade_words, link_part, num, seconds,
    sentence_case, signal_words,
};

/// Every moment, best first, and what became of it.
pub(super) fn moments(data: &ReportData<'_>) -> String {
    let moments = &data.outcome.moments;
    if moments.is_empty() {
        return "<p>Nothing in the event log stands out enough to be called a moment.</p>"
            .to_owned();
    }
    let rows: String = moments
        .iter()
        .map(|moment| {
            let unsure =
                if moment.confident { "" } else { " <span class=\"muted\">(less certain)</span>" };
            let products: Vec<&str> =
                moment.product_ids.iter().map(|id| data.product_title(id)).collect();
            let products = if products.is_empty() { "not known".to_owned() } else { products.join(", ") };
            let why: Vec<String> = moment.reasons.iter().map(reason_words).collect();
            format!(
                "<tr id=\"moment-{}\"><th scope=\"row\"><span class=\"rank\">{}</span> {}{unsure}</th>\
                 <td data-label=\"When\">{}</td><td data-label=\"About\">{}</td><td data-label=\"Why\">{}</td>\
                 <td data-label=\"Most likely due to\">{}</td>\
                 <td data-label=\"Brought\">GMV {}, {}</td><td data-label=\"Became\">{}</td></tr>",
                link_part(&moment.id),
                moment.rank,
                esc(&moment.id),
                span(moment.span),
                esc(&products),
                esc(&if why.is_empty() { "–".to_owned() } else { why.join("; ") }),
                esc(&cause_words(&moment.causes)),
                esc(&amounts(&moment.attributed.gmv)),
                count(moment.attributed.orders, "order", "orders"),
                became(data, moment),
            )
        })
        .collect();
    table(
        &["Moment", "When", "About", "Why", "Most likely due to", "Brought on top", "Became"],
        &rows,
    )
}

fn became(data: &ReportData<'_>, moment: &Moment) -> String {
    if let Some(clip) = data.outcome.clips.iter().find(|clip| clip.moment_id == moment.id) {
        return format!(
            "<a href=\"#{}\">clip {}</a>, {}",
            anchor(Place::Clips, &clip.clip_id),
            esc(&clip.clip_id),
            grade_words(clip.grade).to_lowercase()
        );
    }
    if let Some(clip) =
        data.rejected.iter().find(|clip| clip.moment_id.as_ref() == Some(&moment.id))
    {
        let link = anchor(Place::Rejected, &clip.clip_id);
        return format!("<a href=\"#{link}\">rejected clip {}</a>", esc(&clip.clip_id));
    }
    if data.outcome.not_clipped.iter().any(|lost| lost.moment_id == moment.id) {
        return "<a href=\"#not-clipped\">no clip, see why</a>".to_owned();
    }
    "no clip was asked for".to_owned()
}

/// What was not clipped and why.
pub(super) fn not_clipped(data: &ReportData<'_>) -> String {
    let lost = &data.outcome.not_clipped;
    if lost.is_empty() {
        return if data.outcome.moments.is_empty() {
            "<p>There was no moment to clip.</p>".to_owned()
        } else {
            "<p>No moment was turned down.</p>".to_owned()
        };
    }
    let rows: String = lost
        .iter()
        .map(|lost| {
            let rule = match RuleId::parse(&lost.rule) {
                Some(rule) => format!("{}<code>{rule}</code>", esc(&capital(rule.words()))),
                None if lost.rule == "none" => "no rule is to blame".to_owned(),
                None => esc(&lost.rule).to_string(),
            };
            let moment = data.outcome.moments.iter().find(|moment| moment.id == lost.moment_id);
            let name = moment.map_or_else(
                || esc(&lost.moment_id).to_string(),
                |moment| {
                    let id = link_part(&moment.id);
                    format!("<a href=\"#moment-{id}\">{}</a>", esc(&moment.id))
                },
            );
            let at = lost.time_s.or(moment.map(|moment| moment.span.start));
            format!(
                "<tr><th scope=\"row\">{name}</th><td data-label=\"At\">{}</td>\
                 <td data-label=\"Rule\">{rule}</td><td data-label=\"Why\">{}</td></tr>",
                at.map_or_else(|| "–".to_owned(), clock),
                esc(&lost.detail),
            )
        })
        .collect();
    table(&["Moment", "At", "Rule", "Why"], &rows)
}

/// How late each signal answers.
pub(super) fn lags(data: &ReportData<'_>) -> String {
    if data.outcome.lag.is_empty() {
        return "<p>No signal was there to measure.</p>".to_owned();
    }
    let rows: String = data
        .outcome
        .lag
        .iter()
        .map(|lag| {
            let from = match lag.from {
                LagSource::Estimated => "measured in this LIVE",
                LagSource::Prior => "assumed: usual for LIVEs",
            };
            format!(
                "<tr><th scope=\"row\">{}</th><td data-label=\"Answers after\">{}</td>\
                 <td data-label=\"Known from\">{from}</td><td data-label=\"Confidence\">{} %</td></tr>",
                signal_words(lag.signal),
                seconds(lag.lag_s),
                num((lag.confidence * 100.0).round()),
            )
        })
        .collect();
    table(&["Signal", "Answers after", "Known from", "Confidence"], &rows)
}

/// The best practices of a whole LIVE: not met first, for they can be mended.
pub(super) fn best_practices(data: &ReportData<'_>) -> String {
    let all = &data.outcome.best_practices;
    if all.is_empty() {
        return "<p>None was looked at.</p>".to_owned();
    }
    let mut out = String::new();
    for (verdict, words, sign, class) in [
        (Outcome::Fail, "Not met", "✕", "fail"),
        (Outcome::Pass, "Met", "✓", "pass"),
        (Outcome::Unknown, "Not known", "?", "unknown"),
    ] {
        let items: Vec<String> = all
            .iter()
            .filter(|practice| practice.verdict == verdict)
            .map(|practice| {
                format!(
                    "<li><strong>{}</strong><br>{}{}</li>",
                    esc(&sentence_case(&practice.name)),
                    esc(&practice.detail),
                    shown_at(data, &practice.moment_ids)
                )
            })
            .collect();
        if !items.is_empty() {
            let _ = write!(
                out,
                "<section class=\"practices\"><h3><span class=\"verdict {class}\"><span aria-hidden=\"true\">{sign}</span> \
                 {words}</span> <span class=\"muted\">{} of {}</span></h3><ul>{}</ul></section>",
                items.len(),
                all.len(),
                items.concat()
            );
        }
    }
    format!("<div class=\"columns\">{out}</div>")
}

/// Where moments that show a practice lie, such as `Seen at 0:02:10, 0:07:31`.
fn shown_at(data: &ReportData<'_>, moment_ids: &[String]) -> String {
    let moments = data.outcome.moments.iter().filter(|moment| moment_ids.contains(&moment.id));
    let mut shown: Vec<(MediaTime, &str)> =
        moments.map(|moment| (moment.span.start, moment.id.as_str())).collect();
    shown.sort();
    if shown.is_empty() {
        return String::new();
    }
    let links: Vec<String> = shown
        .iter()
        .map(|(start, id)| format!("<a href=\"#moment-{}\">{}</a>", link_part(id), clock(*start)))
        .collect();
    format!("<br><span class=\"muted\">Seen at {}</span>", links.join(", "))
}

/// What is wrong with the recording, and its files.
pub(super) fn recording(data: &ReportData<'_>) -> String {
    let recording = &data.outcome.recording;
    let parts: String = recording
        .parts
        .iter()
        .map(|part| {
            format!(
                "<tr><th scope=\"row\">{}</th><td data-label=\"In the LIVE\">{}</td></tr>",
                esc(&part.uri),
                span(part.span)
            )
        })
        .collect();
    let parts =
        if parts.is_empty() { String::new() } else { table(&["File", "In the LIVE"], &parts) };
    if recording.faults.is_empty() {
        return format!("<p>No fault was found where the recording was looked at.</p>{parts}");
    }
    let faults: String = recording
        .faults
        .iter()
        .map(|fault| {
            format!(
                "<tr><th scope=\"row\">{}</th><td data-label=\"When\">{}</td>\
                 <td data-label=\"Length\">{}</td><td data-label=\"Detail\">{}</td></tr>",
                fault_words(fault.kind),
                span(fault.span),
                seconds(fault.span.duration()),
                esc(&fault.detail)
            )
        })
        .collect();
    format!("{}{parts}", table(&["Fault", "When", "Length", "Detail"], &faults))
}

/// What was read of the event log.
pub(super) fn events(data: &ReportData<'_>) -> String {
    let events = &data.outcome.events;
    let skipped: u64 = events.skipped.iter().map(|skipped| skipped.count).sum();
    let mut out = format!(
        "<p>{} read, {} used, {} skipped.</p>",
        count(events.lines as f64, "line", "lines"),
        count(events.taken as f64, "event", "events"),
        count(skipped as f64, "line", "lines"),
    );
    let rows: String = events
        .skipped
        .iter()
        .map(|skipped| {
            format!(
                "<tr><th scope=\"row\">{}</th><td data-label=\"Lines\">{}</td><td data-label=\"Examples\">{}</td></tr>",
                esc(&skipped.reason),
                num(skipped.count as f64),
                esc(&skipped.examples.join(", "))
            )
        })
        .collect();
    if !rows.is_empty() {
        out.push_str(&table(&["Skipped because", "Lines", "Examples"], &rows));
    }
    out
}

/// The chart's figures as a table.
pub(super) fn figures(data: &ReportData<'_>, total_s: usize) -> String {
    let bins = Bins::new(data.series, total_s, 60);
    let unit = data.series.currency.map_or_else(|| "GMV".to_owned(), |c| format!("GMV, {c}"));
    let rows: String = (0..bins.len())
        .map(|index| {
            let (start, _) = bins.span(index);
            format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                clock(MediaTime::from_seconds(start as f64)),
                num(bins.gmv[index]),
                num(bins.orders[index]),
                num(bins.viewers[index].round()),
                num(bins.likes[index].round()),
                num(bins.comments[index].round()),
            )
        })
        .collect();
    let heads = ["From", &unit, "Orders", "Viewers (mean)", "Likes", "Comments"];
    format!(
        "<details><summary>The figures as a table, one row for each {}</summary><div class=\"scroll\" \
         tabindex=\"0\" role=\"region\" aria-label=\"Figures over time\">{}</div></details>",
        super::chart::step_words(bins.step_s),
        table(&heads, &rows).replace("class=\"stack\"", "class=\"figures\""),
    )
}

fn table(heads: &[&str], rows: &str) -> String {
    let heads: String =
        heads.iter().map(|head| format!("<th scope=\"col\">{}</th>", esc(head))).collect();
    format!("<table class=\"stack\"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>")
}

fn span(span: Span) -> String {
    format!("{} to {}", clock(span.start), clock(span.end))
}
