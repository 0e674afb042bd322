//! The page with the figures: its tables, and the same as JSON.

use std::fmt::Write;

use serde::Serialize;

use super::case::{Method, Outcome};
use super::elsewhere::{self, Elsewhere};
use super::plan::{Section, Shown, ablations};
use super::summary::Summary;
use crate::Result;

/// The figures of one method in one row.
#[derive(Serialize, Clone, Debug)]
pub struct Figure {
    pub section: String,
    pub row: String,
    pub group: String,
    pub method: String,
    #[serde(flatten)]
    pub summary: Summary,
}

/// A section with its figures.
pub struct Table<'a> {
    pub section: &'a Section,
    pub figures: Vec<Figure>,
}

/// Section, row and outcomes of each case.
pub type Outcomes = [(usize, usize, Vec<Outcome>)];

/// Sums up all outcomes.
pub fn tables<'a>(sections: &'a [Section], outcomes: &Outcomes) -> Vec<Table<'a>> {
    let table = |(s, section): (usize, &'a Section)| {
        let figures = section.rows.iter().enumerate().flat_map(|(r, row)| {
            let own: Vec<&Outcome> = outcomes
                .iter()
                .filter(|(of_s, of_r, _)| (*of_s, *of_r) == (s, r))
                .flat_map(|(_, _, outcomes)| outcomes)
                .collect();
            by_method(&own).into_iter().map(|(method, summary)| Figure {
                section: section.title.to_owned(),
                row: row.label.clone(),
                group: row.group.clone(),
                method: method.name(),
                summary,
            })
        });
        Table { section, figures: figures.collect() }
    };
    sections.iter().enumerate().map(table).collect()
}

/// Summaries by method, in the order in which the methods first come.
fn by_method(outcomes: &[&Outcome]) -> Vec<(Method, Summary)> {
    let mut methods: Vec<Method> = Vec::new();
    for outcome in outcomes {
        if !methods.contains(&outcome.method) {
            methods.push(outcome.method);
        }
    }
    let of = |method: Method| -> Vec<&Outcome> {
        outcomes.iter().filter(|o| o.method == method).copied().collect()
    };
    methods.into_iter().filter_map(|method| Some((method, Summary::of(&of(method))?))).collect()
}

/// The whole page.
pub fn page(
    tables: &[Table<'_>],
    elsewhere: Option<&Elsewhere>,
    seeds: u64,
    quick: bool,
) -> String {
    let mut out = String::from("# The segmenter held against known causes\n\n");
    let command = match (quick, seeds == super::SEEDS) {
        (true, _) => "reprise-benches eval --quick".to_owned(),
        (false, true) => "make eval".to_owned(),
        (false, false) => format!("reprise-benches eval --seeds {seeds}"),
    };
    let _ = write!(
        out,
        "Made by `{command}` ({seeds} sessions in each of the main rows); do not edit. The same on every run: sessions are \
         simulated from seeds.\n\n\
         *Captured* is the caused GMV inside the first ten moments (400 s together at most) over that of the ten pitches \
         that caused most; *worst tenth* is what a tenth of the sessions stay below. *Best possible* is what ten windows \
         of at most 40 s can capture for whoever knows the truth. *Precision* is the share of moments on a pitch that \
         sold. F1 is against the ten best pitches at an intersection over union of 0.3 and 0.5. *Start error* is the mean of the \
         sessions' median distances between the start of a moment and that of its pitch.\n\n"
    );
    goals(&mut out, tables, elsewhere);
    for table in tables {
        let _ = write!(out, "## {}\n\n{}\n\n", table.section.title, table.section.about);
        match table.section.shown {
            Shown::Main => main(&mut out, &table.figures),
            Shown::Matrix => matrix(&mut out, &table.figures, |f| f.row.clone()),
            Shown::Variety => variety(&mut out, &table.figures),
            Shown::Sizes => sizes(&mut out, &table.figures),
            Shown::FalseAlarms => false_alarms(&mut out, &table.figures),
        }
    }
    if let Some(elsewhere) = elsewhere {
        foreign(&mut out, elsewhere);
    }
    out
}

/// The same figures as JSON, one a line.
pub fn figures(tables: &[Table<'_>], elsewhere: Option<&Elsewhere>) -> Result<String> {
    let mut all: Vec<Figure> = tables.iter().flat_map(|table| table.figures.clone()).collect();
    all.extend(elsewhere.map(foreign_figures).unwrap_or_default());
    let mut lines = Vec::new();
    for figure in &all {
        lines.push(serde_json::to_string(&rounded(serde_json::to_value(figure)?))?);
    }
    Ok(format!("[\n{}\n]\n", lines.join(",\n")))
}

/// Every number to three digits after the point.
fn rounded(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Number(number) if number.is_f64() => {
            let value = number.as_f64().unwrap_or_default();
            Value::from((value * 1000.0).round() / 1000.0)
        }
        Value::Array(values) => values.into_iter().map(rounded).collect(),
        Value::Object(map) => map.into_iter().map(|(k, v)| (k, rounded(v))).collect(),
        other => other,
    }
}

/// What is aimed at, and what was reached.
fn goals(out: &mut String, tables: &[Table<'_>], elsewhere: Option<&Elsewhere>) {
    let all: Vec<&Figure> = tables.iter().flat_map(|table| &table.figures).collect();
    let foreign = elsewhere.map(foreign_figures).unwrap_or_default();
    let whole = Method::WHOLE.name();
    let here = |group: &str, row: &str| {
        all.iter()
            .find(|f| f.group == group && f.row == row && f.method == whole)
            .map(|f| &f.summary)
    };
    let there = |group: &str| {
        let name = group.replace(',', "").replace(' ', ", ");
        foreign.iter().find(|f| f.group == name && f.method == whole).map(|f| &f.summary)
    };
    let mut rows: Vec<(String, [Option<String>; 3])> = Vec::new();
    let captured = [
        ("easy, 3,000", 0.95),
        ("typical, 3,000", 0.90),
        ("hard, 3,000", 0.75),
        ("easy, 300", 0.88),
        ("typical, 300", 0.80),
        ("hard, 300", 0.55),
    ];
    for (group, least) in captured {
        let shown = |s: Option<&Summary>| s.map(|s| mark(s.captured >= least, share(s.captured)));
        rows.push((
            format!("captured, {group} viewers: {least:.2} or more"),
            [
                shown(here(group, "with pins")),
                shown(here(group, "without pins")),
                shown(there(group)),
            ],
        ));
    }
    let start = |s: Option<&Summary>| {
        s.and_then(|s| s.start_error_s).map(|e| mark(e <= 6.0, format!("{e:.1} s")))
    };
    let typical = "typical, 3,000";
    rows.push((
        format!("start error, {typical} viewers: 6 s or less"),
        [
            start(here(typical, "with pins")),
            start(here(typical, "without pins")),
            start(there(typical)),
        ],
    ));
    let near = |s: Option<&Summary>| {
        s.and_then(|s| s.lag.as_ref()).map(|lag| mark(lag.near >= 0.8, percent(lag.near)))
    };
    rows.push((
        format!("order lag within 8 s, {typical} viewers: 80 % or more"),
        [
            near(here(typical, "with pins")),
            near(here(typical, "without pins")),
            near(there(typical)),
        ],
    ));
    for kind in ["few orders", "many orders"] {
        let alarms = |group| {
            here(group, kind).map(|s| mark(s.with_confident <= 0.05, percent(s.with_confident)))
        };
        rows.push((
            format!("false discoveries, {kind}: 5 % or less"),
            [alarms("with pins"), alarms("without pins"), None],
        ));
    }
    rows.retain(|(_, cells)| cells.iter().any(Option::is_some));
    if rows.is_empty() {
        return;
    }
    out.push_str("## Aims\n\nBold is short of the aim.\n\n");
    header(out, &["aim", "with pins", "without pins", "sessions from elsewhere"]);
    for (aim, cells) in rows {
        let cells = cells.map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
        line(out, &aim, &cells);
    }
    out.push('\n');
}

fn mark(reached: bool, text: String) -> String {
    if reached { text } else { format!("**{text}**") }
}

fn main(out: &mut String, figures: &[Figure]) {
    let whole = Method::WHOLE.name();
    header(
        out,
        &[
            "viewers",
            "pins",
            "sessions",
            "captured",
            "worst tenth",
            "best possible",
            "precision",
            "F1 at 0.3",
            "F1 at 0.5",
            "start error, s",
            "most seconds",
        ],
    );
    let ours = || figures.iter().filter(|f| f.method == whole);
    for figure in ours() {
        let summary = &figure.summary;
        let pins = if figure.row == "with pins" { "yes" } else { "no" };
        let mut cells = vec![pins.to_owned(), summary.sessions.to_string()];
        cells.extend(quality(summary));
        cells.push(format!("{:.0}", summary.seconds_most));
        line(out, &figure.group, &cells);
    }
    out.push_str("\n### Beside scripts, and with parts left out\n\nCaptured GMV and start error. The scripts' windows are 40 s long, except that ten whole minutes are 600 s.\n\n");
    let with_pins: Vec<Figure> = figures.iter().filter(|f| f.row == "with pins").cloned().collect();
    matrix(out, &with_pins, |f| f.method.clone());
    out.push_str("### The orders' lag\n\nThe true lag is the player's delay and the mean time to order after it. *Near* is within 8 s of it; *sure* is a confidence of 0.5 or more.\n\n");
    header(
        out,
        &[
            "viewers",
            "pins",
            "near",
            "median error, s",
            "confidence where near",
            "where far",
            "sure",
            "far of those that are sure",
        ],
    );
    for figure in ours() {
        let Some(lag) = &figure.summary.lag else { continue };
        let pins = if figure.row == "with pins" { "yes" } else { "no" };
        let maybe = |value: Option<f64>| value.map_or("-".to_owned(), share);
        let cells = [
            pins.to_owned(),
            percent(lag.near),
            format!("{:.1}", lag.error_s),
            maybe(lag.confidence_near),
            maybe(lag.confidence_far),
            percent(lag.sure),
            lag.sure_far.map_or("-".to_owned(), percent),
        ];
        line(out, &figure.group, &cells);
    }
    out.push('\n');
}

/// Captured GMV and start error: one row for each key, one column for each group.
fn matrix(out: &mut String, figures: &[Figure], key: fn(&Figure) -> String) {
    let distinct = |of: fn(&Figure) -> String| {
        let mut names: Vec<String> = Vec::new();
        for name in figures.iter().map(of) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    };
    let groups = distinct(|figure| figure.group.clone());
    let mut head = vec![""];
    head.extend(groups.iter().map(String::as_str));
    header(out, &head);
    for name in distinct(key) {
        let cells: Vec<String> = groups
            .iter()
            .map(|group| {
                let found = figures.iter().find(|f| f.group == *group && key(f) == name);
                found.map_or("-".to_owned(), |f| {
                    format!(
                        "{} / {} s",
                        share(f.summary.captured),
                        seconds(f.summary.start_error_s)
                    )
                })
            })
            .collect();
        line(out, &name, &cells);
    }
    out.push('\n');
}

fn variety(out: &mut String, figures: &[Figure]) {
    let whole = Method::WHOLE.name();
    header(
        out,
        &[
            "change",
            "captured",
            "worst tenth",
            "best possible",
            "precision",
            "F1 at 0.3",
            "F1 at 0.5",
            "start error, s",
            "without",
            "lag near",
        ],
    );
    for figure in figures.iter().filter(|f| f.method == whole) {
        let other = figures.iter().find(|f| f.row == figure.row && f.method != whole);
        let mut cells = quality(&figure.summary);
        cells.push(other.map_or("-".to_owned(), |f| {
            format!("{} ({})", share(f.summary.captured), f.method.replace("Reprise without ", ""))
        }));
        cells.push(figure.summary.lag.as_ref().map_or("-".to_owned(), |lag| percent(lag.near)));
        line(out, &figure.row, &cells);
    }
    out.push('\n');
}

fn sizes(out: &mut String, figures: &[Figure]) {
    header(
        out,
        &[
            "",
            "orders",
            "captured",
            "worst tenth",
            "best possible",
            "precision",
            "F1 at 0.3",
            "F1 at 0.5",
            "start error, s",
            "lag near",
        ],
    );
    for figure in figures {
        let mut cells = vec![super::plan::thousands(figure.summary.orders)];
        cells.extend(quality(&figure.summary));
        cells.push(figure.summary.lag.as_ref().map_or("-".to_owned(), |lag| percent(lag.near)));
        line(out, &figure.row, &cells);
    }
    out.push('\n');
}

fn false_alarms(out: &mut String, figures: &[Figure]) {
    let [_, baseline, filters] = ablations().map(Method::name);
    header(
        out,
        &[
            "",
            "pins",
            "orders of a LIVE",
            "sessions",
            "with a confident moment",
            "without baseline",
            "without filters of confounders",
        ],
    );
    for figure in figures.iter().filter(|f| f.method == Method::WHOLE.name()) {
        let summary = &figure.summary;
        let pins = if figure.group == "with pins" { "yes" } else { "no" };
        let other = |method: &str| {
            let same = |f: &&Figure| (&f.row, &f.group) == (&figure.row, &figure.group);
            let found = figures.iter().filter(same).find(|f| f.method == method);
            found.map_or("-".to_owned(), |f| percent(f.summary.with_confident))
        };
        let cells = [
            pins.to_owned(),
            super::plan::thousands(summary.orders),
            summary.sessions.to_string(),
            percent(summary.with_confident),
            other(&baseline),
            other(&filters),
        ];
        line(out, &figure.row, &cells);
    }
    out.push('\n');
}

fn foreign_figures(elsewhere: &Elsewhere) -> Vec<Figure> {
    let sessions = elsewhere.simulated.iter().flatten();
    let of = |(name, outcomes): (&String, &Vec<Outcome>)| {
        let own: Vec<&Outcome> = outcomes.iter().collect();
        let name = name.clone();
        by_method(&own).into_iter().map(move |(method, summary)| Figure {
            section: elsewhere::TITLE.to_owned(),
            row: String::new(),
            group: name.clone(),
            method: method.name(),
            summary,
        })
    };
    sessions.flat_map(of).collect()
}

fn foreign(out: &mut String, elsewhere: &Elsewhere) {
    let _ = write!(out, "## {}\n\n", elsewhere::TITLE);
    let figures = foreign_figures(elsewhere);
    if elsewhere.simulated.is_none() {
        out.push_str(
            "No simulated sessions from elsewhere are present; this table is left out.\n\n",
        );
    } else {
        out.push_str("Simulated by others, with other confounders; scored by the same code.\n\n");
        header(
            out,
            &[
                "viewers",
                "sessions",
                "captured",
                "worst tenth",
                "best possible",
                "precision",
                "F1 at 0.3",
                "F1 at 0.5",
                "start error, s",
                "lag near",
            ],
        );
        for figure in figures.iter().filter(|f| f.method == Method::WHOLE.name()) {
            let mut cells = vec![figure.summary.sessions.to_string()];
            cells.extend(quality(&figure.summary));
            cells.push(figure.summary.lag.as_ref().map_or("-".to_owned(), |lag| percent(lag.near)));
            line(out, &figure.group, &cells);
        }
        out.push('\n');
        matrix(out, &figures, |f| f.method.clone());
    }
    match &elsewhere.chats {
        None => out.push_str("No labelled chats are present; their table is left out.\n"),
        Some(chats) => {
            let _ = write!(
                out,
                "Chats of {} videos with labelled highlights, no orders: share of the first five and ten moments (120 s apart \
                 or more; missing ones count as wrong) that start in a highlight or up to 10 s before one.\n\n",
                chats.number
            );
            header(out, &["", "of five", "of ten"]);
            for (method, hits) in &chats.hits {
                line(out, &method.name(), &hits.map(share));
            }
        }
    }
}

fn quality(summary: &Summary) -> Vec<String> {
    vec![
        share(summary.captured),
        share(summary.captured_p10),
        share(summary.best_possible),
        share(summary.precision),
        share(summary.f1_at_3),
        share(summary.f1_at_5),
        seconds(summary.start_error_s),
    ]
}

fn header(out: &mut String, names: &[&str]) {
    let _ = writeln!(out, "| {} |", names.join(" | "));
    let _ = writeln!(out, "| --- {}|", "| ---: ".repeat(names.len().saturating_sub(1)));
}

fn line(out: &mut String, name: &str, cells: &[String]) {
    let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
}

fn share(value: f64) -> String {
    format!("{value:.2}")
}

fn percent(value: f64) -> String {
    format!("{:.0} %", 100.0 * value)
}

fn seconds(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.1}"))
}
