//! The page as a whole: head, header with the LIVE's figures, sections, script.

use std::fmt::Write as _;

use reprise_model::session::Visibility;
use reprise_model::{MediaTime, Outcome};

use super::ReportData;
use super::bins::{Bins, total_seconds};
use super::chart;
use super::clips::{Place, card};
use super::tables;
use super::text::{Zone, count, esc, length, money_of, num};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The whole page.
pub(super) fn page(data: &ReportData<'_>) -> String {
    let total_s = total_seconds(data.series, data.outcome.recording.duration_s.seconds());
    let zone = Zone::named(data.timezone);
    let body = format!(
        "<a class=\"skip\" href=\"#clips\">Skip to the clips</a>{}<main>{}{}{}{}</main>{}",
        header(data, &zone),
        timeline(data, total_s),
        clips(data, &zone),
        details(data),
        glossary(),
        footer(data),
    );
    // Only a script with this number runs. The number follows from the page, so text smuggled into
    // it cannot name it.
    let nonce = blake3::hash(body.as_bytes()).to_hex();
    let title = data.title.unwrap_or(&data.outcome.session_id);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"script-src 'nonce-{nonce}'; connect-src 'none'; \
         font-src 'none'; frame-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'\">\
         <meta name=\"referrer\" content=\"no-referrer\"><meta name=\"robots\" content=\"noindex\">\
         <title>{} – LIVE highlights</title>\n<style>\n{STYLE}</style></head>\n<body>{body}\n\
         <script nonce=\"{nonce}\">\n{SCRIPT}</script></body></html>\n",
        esc(title),
    )
}

fn header(data: &ReportData<'_>, zone: &Zone) -> String {
    let outcome = data.outcome;
    let when = match outcome.recording.parts.iter().min_by_key(|part| part.span.start) {
        Some(part) => {
            let end = part.started_at.plus(outcome.recording.duration_s);
            let (day, end_day) = (zone.day(part.started_at), zone.day(end));
            let next = if day == end_day { String::new() } else { format!("{end_day}, ") };
            let (from, to) = (zone.minute(part.started_at), zone.minute(end));
            format!("{day}, {from} to {next}{to} ({})", zone.name())
        }
        None => "time not known".to_owned(),
    };
    let mut tiles = String::new();
    for (name, value, note) in figures(data) {
        // The unit is set smaller, so that a long figure fits on a phone.
        let unit = value.split_once(' ').filter(|(_, unit)| !unit.contains(' '));
        let (figure, unit) = unit.unwrap_or((&value, ""));
        let _ = write!(
            tiles,
            "<div><dt>{}</dt><dd{}>{} <span class=\"unit\">{}</span></dd><dd class=\"note\">{}</dd></div>",
            esc(&name),
            if figure.len() > 10 { " class=\"long\"" } else { "" },
            esc(figure),
            esc(unit),
            esc(&note)
        );
    }
    format!(
        "<header class=\"top\"><p class=\"eyebrow\">LIVE highlights</p><h1>{}</h1>\
         <p class=\"when\">{} · seller {} · creator {}{}</p><dl class=\"tiles\">{tiles}</dl>\
         <nav aria-label=\"Sections\"><a href=\"#timeline\">Time line</a><a href=\"#clips\">Clips</a>\
         <a href=\"#moments\">Moments</a><a href=\"#not-clipped\">Not clipped</a>\
         <a href=\"#practices\">Best practices</a><a href=\"#lag\">Reaction times</a>\
         <a href=\"#recording\">Recording</a><a href=\"#events\">Event log</a><a href=\"#words\">Words</a></nav></header>",
        esc(data.title.unwrap_or(&outcome.session_id)),
        esc(&when),
        esc(&outcome.seller),
        esc(&outcome.creator),
        match outcome.visibility {
            Visibility::Owner => " · for the owner alone",
            Visibility::Others => "",
        },
    )
}

/// Name, value and note of every figure at the top.
fn figures(data: &ReportData<'_>) -> Vec<(String, String, String)> {
    let (outcome, series) = (data.outcome, data.series);
    let sum = |values: &[f64]| values.iter().filter(|v| v.is_finite()).sum::<f64>();
    let confident = outcome.moments.iter().filter(|moment| moment.confident).count();
    let mut out = vec![
        (
            "Clips".to_owned(),
            num(outcome.clips.len() as f64),
            format!("from {} clear moments", num(confident as f64)),
        ),
        ("Length".to_owned(), length(outcome.recording.duration_s), "of the recording".to_owned()),
    ];
    let orders = sum(&series.orders);
    if orders > 0.0 || sum(&series.gmv) > 0.0 {
        out.push((
            "GMV, gross".to_owned(),
            money_of(sum(&series.gmv), series.currency),
            "everything ordered".to_owned(),
        ));
        out.push((
            "GMV, net".to_owned(),
            money_of(sum(&series.net_gmv), series.currency),
            "without cancelled, refunded or unpaid".to_owned(),
        ));
        out.push(("Orders".to_owned(), num(orders), count(sum(&series.units), "unit", "units")));
    } else {
        out.push(("GMV".to_owned(), "–".to_owned(), "no order in the event log".to_owned()));
    }
    let viewers = series.viewers.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max);
    if viewers > 0.0 {
        out.push(("Viewers".to_owned(), num(viewers), "at once, at most".to_owned()));
    }
    out
}

fn timeline(data: &ReportData<'_>, total_s: usize) -> String {
    let series = data.series;
    let values = [&series.gmv, &series.viewers, &series.likes, &series.comments];
    let inside = if total_s == 0 {
        "<p>The length of the LIVE is not known, so there is nothing to draw.</p>".to_owned()
    } else if values.iter().all(|values| values.is_empty()) && data.marks.is_empty() {
        "<p>The event log has no figures to draw.</p>".to_owned()
    } else {
        let charts: String = chart::WIDTHS.iter().map(|w| chart::draw(data, total_s, w)).collect();
        let bins = Bins::new(data.series, total_s, 120);
        let texts = json_for_script(&chart::hover_texts(data, &bins));
        format!(
            "<figure class=\"timeline\"><div class=\"chart-box\" data-bin=\"{}\" data-total=\"{total_s}\">{charts}\
             <div class=\"tip\" hidden></div><p class=\"sr\" aria-live=\"polite\"></p></div>{}\
             <script type=\"application/json\" class=\"chart-texts\">{texts}</script></figure>{}",
            bins.step_s,
            legend(data),
            tables::figures(data, total_s),
        )
    };
    section("timeline", "What was sold when", "", &inside)
}

fn legend(data: &ReportData<'_>) -> String {
    let mut items = Vec::new();
    if !data.series.gmv.is_empty() {
        items.push(("gmv", "GMV: money ordered"));
    }
    if !data.series.viewers.is_empty() {
        items.push(("viewers", "Viewers at once"));
    }
    if !data.series.likes.is_empty() || !data.series.comments.is_empty() {
        items.push(("engagement", "Likes and comments together"));
    }
    if data.outcome.moments.iter().any(|moment| moment.confident) {
        items.push(("band", "Moment: the host's pitch; 1 is the best. Reactions follow it"));
    }
    if data.outcome.moments.iter().any(|moment| !moment.confident) {
        items.push(("unsure", "Less certain moment"));
    }
    let items: String = items
        .iter()
        .map(|(class, words)| format!("<li><span class=\"swatch {class}\"></span>{words}</li>"))
        .collect();
    format!("<figcaption><ul class=\"legend\">{items}</ul></figcaption>")
}

fn clips(data: &ReportData<'_>, zone: &Zone) -> String {
    let mut out = if data.clips.is_empty() {
        let why = if data.outcome.not_clipped.is_empty() {
            "The event log shows no moment that stands out."
        } else {
            "Every moment was turned down; the reasons are under “Not clipped, and why”."
        };
        format!("<p>This LIVE gave no clip. {why}</p>")
    } else {
        data.clips.iter().map(|clip| card(data, zone, clip, Place::Clips)).collect()
    };
    if !data.rejected.is_empty() {
        let cards: String =
            data.rejected.iter().map(|clip| card(data, zone, clip, Place::Rejected)).collect();
        let _ = write!(
            out,
            "<details class=\"rejected\"><summary>{} kept to see why</summary>{cards}</details>",
            count(data.rejected.len() as f64, "rejected clip", "rejected clips")
        );
    }
    section("clips", "Clips", "", &out)
}

fn details(data: &ReportData<'_>) -> String {
    let practices = &data.outcome.best_practices;
    let met = practices.iter().filter(|practice| practice.verdict == Outcome::Pass).count();
    let met = if practices.is_empty() {
        String::new()
    } else {
        format!("What the platform advises for a whole LIVE: {met} of {} are met.", practices.len())
    };
    [
        section(
            "moments",
            "All moments",
            "Stretches of the LIVE whose pitch was followed by more than usual, best first.",
            &tables::moments(data),
        ),
        section("not-clipped", "Not clipped, and why", "", &tables::not_clipped(data)),
        section("practices", "Best practices", &met, &tables::best_practices(data)),
        section(
            "lag",
            "Reaction times",
            "Viewers answer late. How long each signal takes after the host's words was undone before moments were chosen.",
            &tables::lags(data),
        ),
        section("recording", "The recording", "", &tables::recording(data)),
        section("events", "The event log", "", &tables::events(data)),
    ]
    .concat()
}

fn glossary() -> String {
    let words = [
        (
            "GMV",
            "Gross merchandise value: the money that was ordered. Net GMV leaves out what was cancelled, refunded or not paid.",
        ),
        (
            "Expected",
            "What this LIVE usually brought around that time, had nothing special happened.",
        ),
        (
            "On top",
            "What came above the expected. Orders can be fractions here, because the expected is an average.",
        ),
        ("Moment", "The host's pitch that viewers answered, not the answer itself."),
        (
            "Basic, High, Good case",
            "The grades of a clip. Basic: it may be posted. High: it also shows the product as viewers like it. Good case: it also has promotion, discount, logo and product on screen together. One broken basic rule rejects a clip.",
        ),
        (
            "Not checked",
            "The rule could not be checked, because something is missing (a model, a reference picture, the event log). It does not count as passed.",
        ),
        ("After a remix", "The grade the clip would have with stickers and texts laid over it."),
    ];
    let items: String = words
        .iter()
        .map(|(word, meaning)| format!("<div><dt>{word}</dt><dd>{meaning}</dd></div>"))
        .collect();
    section("words", "Words used here", "", &format!("<dl class=\"facts wide\">{items}</dl>"))
}

fn footer(data: &ReportData<'_>) -> String {
    let clips = data.outcome.clips.len();
    format!(
        "<footer>Made by Reprise {} · run <code>{}</code> · {} · times are h:mm:ss from the first picture of the \
         recording, which is {} long</footer>",
        esc(&data.outcome.reprise_version),
        esc(&data.outcome.run),
        count(clips as f64, "clip", "clips"),
        MediaTime::from_flicks(data.outcome.recording.duration_s.flicks())
            .clock()
            .split('.')
            .next()
            .unwrap_or("0:00:00"),
    )
}

fn section(id: &str, title: &str, lead: &str, inside: &str) -> String {
    let lead = if lead.is_empty() {
        String::new()
    } else {
        format!("<p class=\"lead\">{}</p>", esc(lead))
    };
    format!(
        "<section id=\"{id}\" aria-labelledby=\"h-{id}\"><h2 id=\"h-{id}\">{title}</h2>{lead}{inside}</section>"
    )
}

/// JSON that cannot end the script element it stands in.
fn json_for_script(value: &[Vec<String>]) -> String {
    let json = serde_json::to_string(value).unwrap_or_else(|_| "[]".to_owned());
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
