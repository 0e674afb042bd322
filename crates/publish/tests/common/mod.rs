//! A made-up result of a session, for tests and for looking at the report.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)] // Not every test uses it.
pub mod store;

use reprise_model::clip::{ByteRange, Clip, ClipProduct, Cut, CutMethod, Post, Source, Word};
use reprise_model::course::{Chart, Totals};
use reprise_model::moment::{
    Attributed, AttributedRanges, Cause, Lag, LagSource, LikelyCause, Moment, Reason, Signal,
};
use reprise_model::outcome::{
    BestPractice, ClipSummary, EventsSummary, Fault, FaultKind, NotClipped, Part, RecordingSummary,
    SessionOutcome, Skipped,
};
use reprise_model::series::{Mark, MarkKind, Series};
use reprise_model::session::Product;
use reprise_model::verdict::Evidence;
use reprise_model::{
    Currency, Grade, MediaDuration, MediaTime, Money, Outcome, RuleId, Span, Tier, Verdict,
    WallTime,
};

/// A whole result to render.
pub struct Sample {
    pub outcome: SessionOutcome,
    pub clips: Vec<Clip>,
    pub rejected: Vec<Clip>,
    pub series: Series,
    pub marks: Vec<Mark>,
    pub products: Vec<Product>,
}

pub fn at(seconds: f64) -> MediaTime {
    MediaTime::from_seconds(seconds)
}

pub fn long(seconds: f64) -> MediaDuration {
    MediaDuration::from_seconds(seconds)
}

pub fn usd(value: &str) -> Money {
    Money::new(value.parse().unwrap(), Currency::parse("USD").unwrap())
}

pub fn product(id: &str, title: &str) -> Product {
    Product {
        id: id.to_owned(),
        title: title.to_owned(),
        price: Some(usd("20.88")),
        unit_cost: None,
        brand: None,
        selling_points: Vec::new(),
        pictures: Vec::new(),
    }
}

pub fn moment(rank: u32, start: f64, end: f64, product_id: &str, gmv: f64) -> Moment {
    Moment {
        id: format!("m-{rank:02}"),
        rank,
        span: Span::from_seconds(start, end),
        score: 10.0 / f64::from(rank),
        confident: rank <= 4,
        product_ids: vec![product_id.to_owned()],
        causes: vec![
            LikelyCause { cause: Cause::FlashSale, probability: 0.7 },
            LikelyCause { cause: Cause::Pitch, probability: 0.3 },
        ],
        reasons: vec![
            Reason {
                signal: Signal::Gmv,
                unit: "USD".to_owned(),
                observed: gmv,
                expected: 35.0,
                ratio: Some(gmv / 35.0),
                seen_start: at(start + 16.0),
                seen_end: at(end + 24.0),
            },
            Reason {
                signal: Signal::Comments,
                unit: "comments".to_owned(),
                observed: 212.0,
                expected: 84.5,
                ratio: Some(2.51),
                seen_start: at(start + 6.0),
                seen_end: at(end + 10.0),
            },
        ],
        attributed: Attributed {
            gmv: vec![usd(&format!("{:.2}", gmv - 35.0))],
            net_gmv: vec![usd(&format!("{:.2}", (gmv - 35.0) * 0.9))],
            orders: 12.3,
            units: 15.0,
            shown_to_others: AttributedRanges {
                gmv: vec!["200-500 USD".to_owned()],
                orders: "10-20".to_owned(),
            },
        },
    }
}

/// Every rule once: a few fail, a few are unknown.
pub fn verdicts(grade: Grade) -> Vec<Verdict> {
    RuleId::ALL
        .iter()
        .map(|&rule| {
            let (verdict, measured, unit, threshold, detail) = match rule {
                RuleId::VideoResolution => (
                    Outcome::Pass,
                    Some(720.0),
                    Some("pixels"),
                    Some("at least 720"),
                    "The recording and the clip are 720 × 1280.",
                ),
                RuleId::VideoFreeze => (
                    Outcome::Pass,
                    Some(0.4),
                    Some("s"),
                    Some("at most 1.5"),
                    "The picture never stands still for long.",
                ),
                RuleId::ClipDuration => {
                    (Outcome::Pass, Some(21.8), Some("s"), Some("5 to 60"), "Within the limits.")
                }
                RuleId::AudioLevel => {
                    (Outcome::Pass, Some(-16.4), Some("LUFS"), Some("-33 to -9"), "Even volume.")
                }
                RuleId::AudioClean if grade == Grade::Rejected => (
                    Outcome::Fail,
                    Some(6.2),
                    Some("dB"),
                    Some("at least 10"),
                    "Speech is drowned by noise.",
                ),
                RuleId::SpeechBenefit => (
                    Outcome::Unknown,
                    None,
                    None,
                    None,
                    "No transcript: no speech model is installed.",
                ),
                RuleId::ProductFirstSecond if grade < Grade::High => (
                    Outcome::Fail,
                    Some(3.4),
                    Some("s"),
                    Some("at most 1"),
                    "The product is first seen 3.4 s after the start.",
                ),
                RuleId::VisualEnhancement if grade < Grade::High => (
                    Outcome::Fail,
                    Some(0.0),
                    Some("overlays"),
                    Some("at least 1"),
                    "No sticker or text is laid over the picture.",
                ),
                RuleId::PictureSharp => (
                    Outcome::Fail,
                    Some(41.0),
                    Some("edge contrast"),
                    Some("at least 60"),
                    "The picture is soft; wipe the lens.",
                ),
                RuleId::VisualPromotion if grade == Grade::GoodCase => {
                    (Outcome::Pass, None, None, None, "All four are on screen from 4 s to 9 s.")
                }
                RuleId::VisualPromotion | RuleId::AudioLanguage => {
                    (Outcome::Unknown, None, None, None, "No detector for it is installed.")
                }
                _ => (Outcome::Pass, None, None, None, "Nothing was found against it."),
            };
            let evidence = if verdict == Outcome::Fail {
                vec![Evidence {
                    clip_start_s: at(1.0),
                    clip_end_s: at(3.4),
                    note: "the table is shown".to_owned(),
                    picture: Some("evidence/first-sight.jpg".to_owned()),
                }]
            } else {
                Vec::new()
            };
            Verdict {
                rule,
                tier: rule.default_tier(),
                verdict,
                measured,
                unit: unit.map(str::to_owned),
                threshold: threshold.map(str::to_owned),
                detail: detail.to_owned(),
                sentences: std::collections::BTreeMap::new(),
                evidence,
            }
        })
        .collect()
}

pub fn clip(moment: &Moment, product: &Product, grade: Grade, mp4: &[u8]) -> Clip {
    let (start, end) = (moment.span.start.seconds(), moment.span.end.seconds());
    Clip {
        clip_id: format!("c-{:02}", moment.rank),
        session_id: Some("sim-easy-33".to_owned()),
        visibility: reprise_model::session::Visibility::Others,
        moment_id: Some(moment.id.clone()),
        span: moment.span,
        spans: vec![moment.span],
        duration_s: long(end - start),
        width: 720,
        height: 1280,
        fps: 30.0,
        video_codec: "h264".to_owned(),
        audio_codec: Some("aac".to_owned()),
        cut: Cut {
            method: CutMethod::Smart,
            copied_s: long(end - start - 1.2),
            encoded_s: long(1.2),
            notes: vec![
                "in-point moved 1.1 s later: the product is in view from there".to_owned(),
                "out-point moved 0.4 s later: a word would have been cut".to_owned(),
            ],
            moved: None,
        },
        products: vec![ClipProduct {
            id: product.id.clone(),
            title: product.title.clone(),
            linked_by: "pinned".to_owned(),
            brand: product.brand.clone(),
            price: product.price,
            live_price: None,
        }],
        causes: moment.causes.clone(),
        reasons: moment.reasons.clone(),
        attributed: Some(moment.attributed.clone()),
        words: ["Look", "at", "this", "juice.", "Tap", "the", "basket!"]
            .iter()
            .enumerate()
            .map(|(index, text)| Word {
                text: (*text).to_owned(),
                clip_start_s: at(index as f64 * 0.5),
                clip_end_s: at(index as f64 * 0.5 + 0.4),
            })
            .collect(),
        languages: vec!["en".to_owned()],
        product_track: Vec::new(),
        faces: Vec::new(),
        overlays: Vec::new(),
        verdicts: verdicts(grade),
        grade,
        grade_after_remix: if grade == Grade::Basic { Grade::High } else { grade },
        unverified: vec![RuleId::SpeechBenefit],
        post: Post {
            title: format!("{}: 12 ordered in one minute", product.title),
            caption: format!("{} from the LIVE. Tap the basket while it lasts.", product.title),
            hashtags: vec!["#live".to_owned(), "#juice".to_owned()],
            product_ids: vec![product.id.clone()],
        },
        source: Source {
            recording: "live.flv".to_owned(),
            digest: "blake3 of the file's first and last MB and its length: 5f0c".to_owned(),
            clip_blake3: blake3::hash(mp4).to_hex().to_string(),
            file_start_s: at(start + 0.08),
            file_end_s: at(end + 0.08),
            started_at: WallTime::parse("2026-11-20T12:00:03Z").map(|t| t.plus(long(start))),
            byte_ranges: vec![ByteRange { start: 4_000_000, end: 12_400_000 }],
        },
    }
}

/// The outcome around moments and clips.
pub fn outcome(duration_s: f64, moments: Vec<Moment>, clips: &[Clip]) -> SessionOutcome {
    SessionOutcome {
        reprise_version: "0.1.0".to_owned(),
        run: "run-1".to_owned(),
        session_id: "sim-easy-33".to_owned(),
        seller: "sim-seller".to_owned(),
        creator: "sim-host".to_owned(),
        visibility: reprise_model::session::Visibility::Others,
        recording: RecordingSummary {
            duration_s: long(duration_s),
            parts: vec![Part {
                uri: "live.flv".to_owned(),
                span: Span::from_seconds(0.0, duration_s),
                started_at: WallTime::parse("2026-11-20T12:00:03Z").unwrap(),
            }],
            faults: vec![Fault {
                kind: FaultKind::Freeze,
                span: Span::from_seconds(duration_s * 0.7, duration_s * 0.7 + 4.2),
                detail: "the picture stands still while sound goes on".to_owned(),
            }],
        },
        events: EventsSummary {
            lines: 5631,
            taken: 5623,
            skipped: vec![Skipped {
                reason: "is not JSON".to_owned(),
                count: 8,
                examples: vec!["events.jsonl:17".to_owned(), "events.jsonl:901".to_owned()],
            }],
        },
        products: Vec::new(),
        totals: Totals::default(),
        chart: Chart::default(),
        lag: vec![
            Lag { signal: Signal::Gmv, lag_s: long(16.1), confidence: 0.82, from: LagSource::Estimated },
            Lag { signal: Signal::Comments, lag_s: long(6.7), confidence: 0.91, from: LagSource::Estimated },
            Lag { signal: Signal::Viewers, lag_s: long(20.0), confidence: 0.0, from: LagSource::Prior },
        ],
        clips: clips
            .iter()
            .map(|clip| ClipSummary {
                clip_id: clip.clip_id.clone(),
                moment_id: clip.moment_id.clone().unwrap_or_default(),
                span: clip.span,
                grade: clip.grade,
            })
            .collect(),
        not_clipped: moments
            .iter()
            .filter(|m| !clips.iter().any(|c| c.moment_id.as_deref() == Some(&m.id)))
            .map(|m| {
                NotClipped::broke(
                    &m.id,
                    RuleId::VideoFreeze,
                    "the picture stands still for 4.2 s, and no stretch of 5 s beside it shows the product".to_owned(),
                    Some(m.span.start),
                )
            })
            .collect(),
        best_practices: vec![
            BestPractice { name: "giveaway_used".to_owned(), verdict: Outcome::Pass, detail: "1 giveaway, at 0:04:10".to_owned(), moment_ids: moments.first().map(|m| m.id.clone()).into_iter().collect() },
            BestPractice { name: "billboard_used".to_owned(), verdict: Outcome::Fail, detail: "no billboard event in the log".to_owned(), moment_ids: Vec::new() },
            BestPractice { name: "at_least_45_minutes".to_owned(), verdict: Outcome::Fail, detail: "10 min".to_owned(), moment_ids: Vec::new() },
            BestPractice { name: "starts_in_19_00_to_23_00_local_time".to_owned(), verdict: Outcome::Pass, detail: "starts at 19:00 Asia/Jakarta".to_owned(), moment_ids: Vec::new() },
            BestPractice { name: "host_enthusiastic".to_owned(), verdict: Outcome::Unknown, detail: "no speech model is installed".to_owned(), moment_ids: Vec::new() },
        ],
        moments,
    }
}

/// A small session that has one of everything.
pub fn sample() -> Sample {
    let products = vec![product("p000", "Tropicana Apple Juice"), product("p001", "Oat Milk")];
    let moments = vec![
        moment(1, 120.0, 150.0, "p000", 412.0),
        moment(2, 300.0, 340.0, "p001", 240.0),
        moment(5, 420.0, 440.0, "p001", 80.0),
    ];
    let clips = vec![clip(&moments[0], &products[0], Grade::Basic, b"one")];
    let rejected = vec![clip(&moments[1], &products[1], Grade::Rejected, b"two")];
    let mut outcome = outcome(600.0, moments, &clips);
    outcome.run = "run-1".to_owned();
    let wave = |top: f64| (0..600).map(|s| top * f64::from(s % 60) / 60.0).collect::<Vec<f64>>();
    let zero = vec![0.0; 600];
    let series = Series {
        currency: Currency::parse("USD"),
        gmv: wave(20.0),
        net_gmv: wave(18.0),
        orders: wave(1.0),
        units: wave(1.2),
        viewers: wave(400.0),
        likes: wave(9.0),
        comments: wave(4.0),
        gross_margin: Vec::new(),
        entries: zero.clone(),
        product_clicks: zero.clone(),
        follows: zero.clone(),
        shares: zero.clone(),
        gifts: zero,
    };
    let mark = |kind, start: f64, end: f64, label: &str| Mark {
        kind,
        span: Span::from_seconds(start, end),
        label: label.to_owned(),
    };
    let marks = vec![
        mark(MarkKind::Pin, 100.0, 290.0, "p000"),
        mark(MarkKind::Pin, 290.0, 600.0, "p001"),
        mark(MarkKind::FlashSale, 300.0, 330.0, "p001"),
        mark(MarkKind::Giveaway, 250.0, 280.0, "juice"),
        mark(MarkKind::Violation, 500.0, 500.0, "misleading"),
    ];
    Sample { outcome, clips, rejected, series, marks, products }
}

/// A tier of a rule, so that tests need not import it.
pub fn tier(rule: RuleId) -> Tier {
    rule.default_tier()
}
