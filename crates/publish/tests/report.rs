//! What the report's page says, and what it must never contain.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;

use common::{Sample, moment, product};
use reprise_model::outcome::{EventsSummary, RecordingSummary, SessionOutcome};
use reprise_model::series::{Mark, MarkKind, Series};
use reprise_model::{Grade, RuleId, Span};
use reprise_publish::{ReportData, render};
use serde_json::Value;

/// Rewrites the goldens instead of comparing with them.
const REFRESH: &str = "REPRISE_REFRESH_GOLDENS";

fn page(sample: &Sample) -> String {
    render(&ReportData {
        title: None,
        outcome: &sample.outcome,
        clips: &sample.clips,
        rejected: &sample.rejected,
        series: &sample.series,
        marks: &sample.marks,
        products: &sample.products,
        timezone: Some("Asia/Jakarta"),
    })
}

/// Every tag of a page as it is written, without what is inside `script` and `style`.
fn tags(html: &str) -> Vec<&str> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let end = rest[start..].find('>').map_or(rest.len(), |end| start + end + 1);
        let tag = &rest[start..end];
        tags.push(tag);
        rest = &rest[end..];
        for raw in ["script", "style"] {
            if tag.starts_with(&format!("<{raw}")) {
                rest = &rest[rest.find(&format!("</{raw}")).unwrap()..];
            }
        }
    }
    tags
}

/// Values of an attribute in a tag.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

/// Every tag that must be closed is, in order.
fn check_nesting(html: &str) {
    const VOID: [&str; 7] = ["meta", "img", "br", "track", "!doctype", "link", "input"];
    let mut open: Vec<String> = Vec::new();
    for tag in tags(html) {
        let name: String = tag
            .trim_start_matches(['<', '/'])
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '!')
            .collect();
        if tag.starts_with("</") {
            assert_eq!(open.pop().as_deref(), Some(name.as_str()), "{tag}");
        } else if !VOID.contains(&name.as_str()) && !tag.ends_with("/>") {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0]);
}

/// Links are relative, ids are unique, and links within the page lead somewhere.
fn check_links(html: &str) {
    let tags = tags(html);
    let mut ids: Vec<&str> = tags.iter().filter_map(|tag| attribute(tag, "id")).collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id is given twice");
    for tag in &tags {
        for name in ["src", "href", "poster"] {
            let Some(link) = attribute(tag, name) else { continue };
            if let Some(id) = link.strip_prefix('#') {
                assert!(ids.binary_search(&id).is_ok(), "{tag} leads nowhere");
            } else {
                assert!(link.starts_with("clips/") || link.starts_with("rejected/"), "{tag}");
                assert!(!link.contains(':') && !link.split('/').any(|part| part == ".."), "{tag}");
            }
        }
    }
    for outside in ["http://", "https://", "@import", "url(", "//cdn"] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn every_clip_moment_verdict_and_practice_appears() {
    let sample = common::sample();
    let html = page(&sample);
    check_nesting(&html);
    check_links(&html);
    for clip in &sample.clips {
        let id = &clip.clip_id;
        assert!(html.contains(&format!("src=\"clips/{id}/clip.mp4\"")));
        assert!(html.contains(&format!("poster=\"clips/{id}/cover.jpg\"")));
        assert!(html.contains(&format!("id=\"clip-{id}\"")));
    }
    assert!(html.contains("src=\"rejected/c-02/clip.mp4\""));
    for moment in &sample.outcome.moments {
        assert!(html.contains(&format!("id=\"moment-{}\"", moment.id)));
    }
    for rule in RuleId::ALL {
        let cell = format!("<code>{rule}</code>");
        assert!(
            html.matches(&cell).count() >= sample.clips.len() + sample.rejected.len(),
            "{rule}"
        );
    }
    for text in [
        "GMV 412 USD where 35 USD were expected, 11.8 times as much",
        "212 comments where 84.5 comments were expected",
        "GMV 377.00 USD",
        "3.4 s</td>",
        "at most 1 s",
        "-16.4 LUFS",
        "the table is shown",
        "No transcript: no speech model is installed.",
        "in-point moved 1.1 s later",
        "#live #juice",
        "Billboard used",
        "no billboard event in the log",
        "16.1 s",
        "82 %",
        "measured in this LIVE",
        "Most likely due to a flash sale or discount (70 %), or the pitch (30 %).",
        "The picture stands still",
        "events.jsonl:17, events.jsonl:901",
        "5,631 lines read, 5,623 events used, 8 lines skipped.",
        "Friday 20 November 2026, 19:00 to 19:10 (Asia/Jakarta)",
        "Flash sale",
        "Violation flagged by the platform",
        "High after a remix with overlays",
        "Best practices shown",
        "Moment 1 shows Giveaway used:",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let first = &sample.outcome.moments[0].id;
    assert!(html.contains(&format!("Seen at <a href=\"#moment-{first}\">")));
}

#[test]
fn the_same_data_gives_the_same_page() {
    assert_eq!(page(&common::sample()), page(&common::sample()));
}

/// Puts a hostile text into every string of a value that may hold any text.
fn poison<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T, text: &str) -> T {
    fn strings(value: &Value, path: &str, out: &mut Vec<String>) {
        match value {
            Value::String(_) => out.push(path.to_owned()),
            Value::Array(all) => {
                all.iter().enumerate().for_each(|(i, v)| strings(v, &format!("{path}/{i}"), out));
            }
            Value::Object(all) => {
                all.iter().for_each(|(k, v)| strings(v, &format!("{path}/{k}"), out));
            }
            _ => {}
        }
    }
    let mut json = serde_json::to_value(value).unwrap();
    let mut paths = Vec::new();
    strings(&json, "", &mut paths);
    for path in paths {
        let before =
            std::mem::replace(json.pointer_mut(&path).unwrap(), Value::String(text.to_owned()));
        if serde_json::from_value::<T>(json.clone()).is_err() {
            *json.pointer_mut(&path).unwrap() = before;
        }
    }
    serde_json::from_value(json).unwrap()
}

#[test]
fn texts_from_outside_cannot_run() {
    for hostile in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "'\" onmouseover=alert(1) x='",
        "</script><script>alert(1)</script>",
        "</title></style></textarea><svg onload=alert(1)>",
        "javascript:alert(1)",
        "../../../etc/passwd",
        "http://evil.example/x",
        "\u{0}\u{1}\u{202e}&lt;b&gt;]]><!--",
    ] {
        let plain = common::sample();
        let sample = Sample {
            outcome: poison(&plain.outcome, hostile),
            clips: plain.clips.iter().map(|clip| poison(clip, hostile)).collect(),
            rejected: Vec::new(),
            series: plain.series,
            marks: poison(&plain.marks, hostile),
            products: poison(&plain.products, hostile),
        };
        assert_eq!(sample.clips[0].post.title, hostile);
        let html = render(&ReportData {
            title: Some(hostile),
            outcome: &sample.outcome,
            clips: &sample.clips,
            rejected: &sample.rejected,
            series: &sample.series,
            marks: &sample.marks,
            products: &sample.products,
            timezone: Some(hostile),
        });
        check_nesting(&html);
        let reference = page(&common::sample());
        let scripts = |html: &str| html.matches("<script").count();
        assert_eq!(scripts(&html), scripts(&reference), "{hostile}");
        for tag in tags(&html) {
            let lower = tag.to_lowercase();
            // What is in quotes is text; outside of them a handler would run.
            let outside: String = lower.split('"').step_by(2).collect();
            assert!(!outside.contains("alert") && !outside.contains("src=x"), "{tag}");
            for name in ["src", "href", "poster"] {
                if let Some(link) = attribute(tag, name) {
                    assert!(link.starts_with('#') || link.starts_with("clips/"), "{tag}");
                    assert!(!link.contains(':') && !link.split('/').any(|p| p == ".."), "{tag}");
                }
            }
        }
    }
}

#[test]
fn only_the_pages_own_script_may_run() {
    let html = page(&common::sample());
    let policy =
        tags(&html).into_iter().find(|tag| tag.contains("Content-Security-Policy")).unwrap();
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert_eq!(nonce.len(), 64);
    let scripts: Vec<&str> =
        tags(&html).into_iter().filter(|tag| tag.starts_with("<script")).collect();
    assert_eq!(scripts.len(), 2);
    assert!(scripts[0].contains("application/json"));
    assert_eq!(attribute(scripts[1], "nonce"), Some(nonce));
}

#[test]
fn an_empty_session_is_a_page_too() {
    let outcome = SessionOutcome {
        recording: RecordingSummary::default(),
        events: EventsSummary::default(),
        lag: Vec::new(),
        moments: Vec::new(),
        clips: Vec::new(),
        not_clipped: Vec::new(),
        best_practices: Vec::new(),
        ..common::sample().outcome
    };
    for (series, duration_s) in [(Series::default(), 0.0), (Series::default(), 600.0)] {
        let mut outcome = outcome.clone();
        outcome.recording.duration_s = common::long(duration_s);
        let sample = Sample {
            outcome,
            clips: Vec::new(),
            rejected: Vec::new(),
            series,
            marks: Vec::new(),
            products: Vec::new(),
        };
        let html = page(&sample);
        write_for_people("empty", &html);
        check_nesting(&html);
        check_links(&html);
        for text in [
            "no order in the event log",
            "This LIVE gave no clip",
            "time not known",
            "There was no moment to clip",
        ] {
            assert!(html.contains(text), "{text}");
        }
        assert!(!html.contains("NaN") && !html.contains("inf"), "no figure without sense");
    }
}

#[test]
fn a_clip_with_nothing_but_a_video_has_a_card() {
    let mut sample = common::sample();
    let clip = &mut sample.clips[0];
    (clip.moment_id, clip.audio_codec, clip.attributed) = (None, None, None);
    (clip.products, clip.reasons, clip.words) = (Vec::new(), Vec::new(), Vec::new());
    clip.causes.clear();
    (clip.verdicts, clip.post) = (Vec::new(), Default::default());
    let html = page(&sample);
    check_nesting(&html);
    for text in ["No rule was checked.", "none linked", "h264 video, no sound"] {
        assert!(html.contains(text), "{text}");
    }
    assert!(!html.contains("clips/c-01/captions.vtt"));
}

/// Thirteen hours, a hundred products, sixty moments, twenty clips.
fn long_session() -> Sample {
    const SECONDS: usize = 46_800;
    let products: Vec<_> = (0..100)
        .map(|n| {
            product(
                &format!("p{n:03}"),
                &format!("Product {n} of a long evening, with a name that goes on"),
            )
        })
        .collect();
    let moments: Vec<_> = (1..=60u32)
        .map(|rank| {
            let start = f64::from(rank * 7919 % 46_000);
            moment(rank, start, start + 30.0, &products[rank as usize].id, 1e6 / f64::from(rank))
        })
        .collect();
    let clips: Vec<_> = moments
        .iter()
        .take(20)
        .map(|moment| common::clip(moment, &products[moment.rank as usize], Grade::Basic, b"x"))
        .collect();
    let wave = |top: f64, period: usize| {
        (0..SECONDS).map(|s| top * (s % period) as f64 / period as f64).collect()
    };
    let mut series = common::sample().series;
    (series.gmv, series.net_gmv) = (wave(500_000.0, 4000), wave(450_000.0, 4000));
    (series.orders, series.units) = (wave(3.0, 4000), wave(4.0, 4000));
    (series.viewers, series.likes, series.comments) =
        (wave(90_000.0, 20_000), wave(40.0, 900), wave(9.0, 700));
    let mark = |kind, start: usize, length: usize, label: &str| Mark {
        kind,
        span: Span::from_seconds(start as f64, (start + length) as f64),
        label: label.to_owned(),
    };
    let mut marks: Vec<Mark> =
        (0..100).map(|n| mark(MarkKind::Pin, n * 468, 460, &products[n].id)).collect();
    marks.extend((0..12).map(|n| mark(MarkKind::FlashSale, n * 3900, 600, &products[n].id)));
    marks.extend((0..5).map(|n| mark(MarkKind::Billboard, n * 9000, 1200, "Payday sale")));
    marks.push(mark(MarkKind::Rehearsal, 0, 900, ""));
    marks.push(mark(MarkKind::Violation, 30_000, 0, "misleading claim"));
    let mut outcome = common::outcome(46_800.0, moments, &clips);
    outcome.recording.parts[0].span = Span::from_seconds(0.0, 46_800.0);
    Sample { outcome, clips, rejected: Vec::new(), series, marks, products }
}

#[test]
fn a_long_session_stays_a_page_of_moderate_size() {
    let html = page(&long_session());
    write_for_people("long", &html);
    check_nesting(&html);
    check_links(&html);
    assert!(html.contains("13:00:00"));
    assert!(html.len() < 1_500_000, "{} bytes", html.len());
}

#[test]
fn figures_that_make_no_sense_do_no_harm() {
    let mut sample = common::sample();
    sample.series.gmv[3] = f64::NAN;
    sample.series.viewers[5] = f64::INFINITY;
    sample.series.likes.truncate(10);
    sample.series.comments.extend([1.0; 5000]);
    sample.outcome.recording.duration_s = common::long(1e9);
    sample.outcome.moments[0].span = Span::from_seconds(-50.0, 1e9);
    sample.marks[0].span = Span::from_seconds(900.0, -3.0);
    let html = page(&sample);
    check_nesting(&html);
    assert!(html.len() < 3_000_000, "{} bytes", html.len());
    assert!(!html.contains("=\"NaN") && !html.contains("=\"inf") && !html.contains("width=\"-"));
}

/// Elements, headings, ids and links of a page, one a line.
fn outline(html: &str) -> String {
    const SHOWN: [&str; 14] = [
        "header", "main", "section", "article", "footer", "nav", "table", "figure", "h1", "h2",
        "h3", "h4", "video", "details",
    ];
    let mut out = String::new();
    let mut depth = 0usize;
    for tag in tags(html) {
        let name: String = tag
            .trim_start_matches(['<', '/'])
            .chars()
            .take_while(|c| c.is_alphanumeric())
            .collect();
        if !SHOWN.contains(&name.as_str()) {
            continue;
        }
        if tag.starts_with("</") {
            depth -= 1;
            continue;
        }
        let after = &html[tag.as_ptr() as usize - html.as_ptr() as usize + tag.len()..];
        let text = if name.starts_with('h') && name.len() == 2 || name == "details" {
            let end = after
                .find(&format!("</{}>", if name == "details" { "summary" } else { &name }))
                .unwrap();
            let mut words = String::new();
            let mut inside = false;
            for c in after[..end].chars() {
                match c {
                    '<' => inside = true,
                    '>' => (inside, words) = (false, words + " "),
                    c if !inside => words.push(c),
                    _ => {}
                }
            }
            words.split_whitespace().collect::<Vec<_>>().join(" ")
        } else {
            String::new()
        };
        let id = attribute(tag, "id").map_or_else(String::new, |id| format!("#{id}"));
        let src = attribute(tag, "src").map_or_else(String::new, |src| format!(" {src}"));
        out.push_str(format!("{}{name}{id}{src} {text}", "  ".repeat(depth)).trim_end());
        out.push('\n');
        depth += 1;
    }
    out
}

#[test]
fn the_structure_of_a_small_report_is_as_before() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/small-report-outline.txt");
    let found = outline(&page(&common::sample()));
    if std::env::var_os(REFRESH).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "run with {REFRESH}=1 where the change is meant");
}

/// Leaves a page to look at where `REPRISE_KEEP_PAGES` names a folder.
fn write_for_people(name: &str, html: &str) {
    if let Some(folder) = std::env::var_os("REPRISE_KEEP_PAGES") {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(Path::new(&folder).join(format!("{name}.html")), html).unwrap();
    }
}
