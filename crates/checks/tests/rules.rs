//! Rules that need no pictures, the order of the verdicts, and the grade.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use reprise_checks::{
    ClipFacts, Evidence, LiveFacts, Observed, Phrases, Policy, SessionFacts, SourceFacts, Window,
    best_practices, check, grade,
};
use reprise_model::event::{Event, EventKind};
use reprise_model::session::{Product, SessionManifest};
use reprise_model::{Grade, MediaDuration, Outcome, RuleId, Span, Tier, Verdict, WallTime};

const ZERO: &str = "2026-11-20T12:00:00Z";

fn zero() -> WallTime {
    WallTime::parse(ZERO).unwrap()
}

/// Events from seconds after zero and the rest of the line.
fn log(lines: &[(i64, &str)]) -> Vec<Event> {
    lines
        .iter()
        .map(|(second, rest)| {
            let at = zero().plus(MediaDuration::from_millis(second * 1000));
            serde_json::from_str(&format!(r#"{{"at":"{at}",{rest}}}"#)).unwrap()
        })
        .collect()
}

fn product(id: &str) -> Product {
    serde_json::from_value(serde_json::json!({ "id": id, "title": id })).unwrap()
}

struct Case {
    evidence: Evidence,
    size: (u32, u32),
    source_size: Option<(u32, u32)>,
    sound: (bool, bool),
    duration_s: f64,
    events: Vec<Event>,
    products: Vec<Product>,
    clip_products: Vec<String>,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            evidence: Evidence::default(),
            size: (720, 1280),
            source_size: Some((720, 1280)),
            sound: (true, true),
            duration_s: 20.0,
            events: log(&[(110, r#""type":"pin","product_id":"p1""#)]),
            products: vec![product("p1"), product("p2")],
            clip_products: vec!["p1".to_owned()],
        }
    }
}

impl Case {
    fn verdicts(&self) -> Vec<Verdict> {
        let span = Span::from_seconds(100.0, 100.0 + self.duration_s);
        let facts = ClipFacts {
            width: self.size.0,
            height: self.size.1,
            duration: span.duration(),
            fps: 30.0,
            has_audio: self.sound.0,
            evidence: &self.evidence,
            source: self.source_size.map(|(width, height)| SourceFacts {
                name: "live.flv",
                digest: "blake3:12",
                width,
                height,
                span,
                evidence: None,
                has_audio: self.sound.1,
            }),
            session: Some(SessionFacts {
                session_id: "s",
                zero: zero(),
                has_log: !self.events.is_empty(),
                events: &self.events,
                product_uses: &uses(&self.events),
                products: &self.products,
                clip_products: &self.clip_products,
                clip_span: Some(span),
                languages: &[],
                brands: &[],
            }),
            phrases: &Phrases::default(),
        };
        check(&facts, &Policy::default())
    }

    fn verdict(&self, rule: RuleId) -> Verdict {
        self.verdicts().into_iter().find(|verdict| verdict.rule == rule).unwrap()
    }

    fn outcome(&self, rule: RuleId) -> Outcome {
        self.verdict(rule).verdict
    }
}

/// How often each product was ordered or opened.
fn uses(events: &[Event]) -> BTreeMap<String, u64> {
    let mut uses = BTreeMap::new();
    for event in events {
        let product = match &event.kind {
            EventKind::Order(order) => order.product_id.clone(),
            EventKind::ProductClick { product_id, .. } => product_id.clone(),
            _ => None,
        };
        *uses.entry(product.unwrap_or_default()).or_default() += 1;
    }
    uses
}

#[test]
fn every_rule_answers_once_and_in_order() {
    let verdicts = Case::default().verdicts();
    let rules: Vec<RuleId> = verdicts.iter().map(|verdict| verdict.rule).collect();
    assert_eq!(rules, RuleId::ALL);
    for verdict in verdicts {
        assert!(!verdict.detail.is_empty(), "{}", verdict.rule);
        let measured = verdict.measured.is_some();
        assert_eq!(
            measured,
            verdict.unit.is_some() && verdict.threshold.is_some(),
            "{}",
            verdict.rule
        );
    }
}

#[test]
fn a_picture_below_720p_or_blown_up_is_reported() {
    let rule = RuleId::VideoResolution;
    let case = |size, source_size| Case { size, source_size, ..Case::default() };
    assert_eq!(case((720, 1280), Some((720, 1280))).outcome(rule), Outcome::Pass);
    assert_eq!(case((1280, 720), None).outcome(rule), Outcome::Pass);
    assert_eq!(case((480, 854), Some((480, 854))).outcome(rule), Outcome::Fail);
    let blown_up = case((720, 1280), Some((480, 854))).verdict(rule);
    assert_eq!(blown_up.verdict, Outcome::Fail);
    assert_eq!(blown_up.measured, Some(480.0));
    assert!(blown_up.detail.contains("blown up"), "{}", blown_up.detail);
}

#[test]
fn five_and_sixty_seconds_are_allowed() {
    for (duration_s, wanted, best) in [
        (4.9, Outcome::Fail, Outcome::Pass),
        (5.0, Outcome::Pass, Outcome::Pass),
        (39.9, Outcome::Pass, Outcome::Pass),
        (40.0, Outcome::Pass, Outcome::Fail),
        (60.0, Outcome::Pass, Outcome::Fail),
        (60.1, Outcome::Fail, Outcome::Fail),
    ] {
        let case = Case { duration_s, ..Case::default() };
        assert_eq!(case.outcome(RuleId::ClipDuration), wanted, "{duration_s}");
        assert_eq!(case.outcome(RuleId::ClipDurationBest), best, "{duration_s}");
    }
}

#[test]
fn a_flag_inside_the_clip_or_near_it_fails() {
    let case = |second| Case {
        events: log(&[(second, r#""type":"violation","rule":"stills""#)]),
        ..Case::default()
    };
    for (second, wanted) in [
        (90, Outcome::Pass),
        (96, Outcome::Fail),
        (110, Outcome::Fail),
        (124, Outcome::Fail),
        (126, Outcome::Pass),
    ] {
        assert_eq!(case(second).outcome(RuleId::ComplianceViolation), wanted, "{second}");
    }
    let none = Case { events: Vec::new(), ..Case::default() };
    assert_eq!(none.outcome(RuleId::ComplianceViolation), Outcome::Unknown);
}

#[test]
fn practice_mode_is_not_live() {
    let rule = RuleId::LiveGenuine;
    let start = r#""type":"rehearsal","state":"start""#;
    let end = r#""type":"rehearsal","state":"end""#;
    let case = |lines: &[(i64, &str)]| Case { events: log(lines), ..Case::default() };
    assert_eq!(case(&[]).outcome(rule), Outcome::Pass);
    assert_eq!(case(&[(10, start), (90, end)]).outcome(rule), Outcome::Pass);
    assert_eq!(case(&[(10, start), (105, end)]).outcome(rule), Outcome::Fail);
    assert_eq!(case(&[(115, start)]).outcome(rule), Outcome::Fail);
    assert_eq!(case(&[(300, end)]).outcome(rule), Outcome::Fail);
    let nowhere = Case { source_size: None, ..Case::default() };
    assert_eq!(nowhere.outcome(rule), Outcome::Unknown);
}

#[test]
fn products_must_be_listed_and_shown() {
    let rule = RuleId::ProductInLive;
    let case = |id: &str| Case { clip_products: vec![id.to_owned()], ..Case::default() };
    assert_eq!(case("p1").outcome(rule), Outcome::Pass);
    assert_eq!(case("p2").outcome(rule), Outcome::Fail);
    assert_eq!(case("p9").outcome(rule), Outcome::Fail);
    let unlisted = Case { products: Vec::new(), ..Case::default() };
    assert_eq!(unlisted.outcome(rule), Outcome::Unknown);
}

#[test]
fn a_clip_without_the_recordings_sound_fails_and_a_silent_recording_is_unknown() {
    let rules =
        [RuleId::AudioOriginal, RuleId::AudioDropout, RuleId::AudioClean, RuleId::AudioLevel];
    for (sound, wanted) in [((false, true), Outcome::Fail), ((false, false), Outcome::Unknown)] {
        let case = Case { sound, ..Case::default() };
        for rule in rules {
            let verdict = case.verdict(rule);
            assert_eq!(verdict.verdict, wanted, "{rule}");
            assert!(verdict.detail.contains("recording has"), "{}", verdict.detail);
        }
    }
}

/// All rules with one outcome, some with another.
fn verdicts(others: &[(RuleId, Outcome)]) -> Vec<Verdict> {
    let outcome = |rule: RuleId| {
        others
            .iter()
            .find(|(other, _)| *other == rule)
            .map_or(Outcome::Pass, |&(_, outcome)| outcome)
    };
    RuleId::ALL
        .iter()
        .map(|&rule| Verdict {
            rule,
            tier: rule.default_tier(),
            verdict: outcome(rule),
            measured: None,
            unit: None,
            threshold: None,
            detail: String::new(),
            sentences: BTreeMap::new(),
            evidence: Vec::new(),
        })
        .collect()
}

#[test]
fn the_grade_is_the_highest_tier_that_holds() {
    use Outcome::{Fail, Unknown};
    type Case<'a> = (&'a [(RuleId, Outcome)], Grade, Grade);
    let cases: &[Case<'_>] = &[
        (&[], Grade::GoodCase, Grade::GoodCase),
        (&[(RuleId::VideoFreeze, Fail)], Grade::Rejected, Grade::Rejected),
        (&[(RuleId::VideoFreeze, Unknown)], Grade::Rejected, Grade::Rejected),
        (&[(RuleId::SpeechBenefit, Unknown)], Grade::GoodCase, Grade::GoodCase),
        (&[(RuleId::SpeechBenefit, Fail)], Grade::Rejected, Grade::Rejected),
        (&[(RuleId::PictureSharp, Fail)], Grade::GoodCase, Grade::GoodCase),
        (&[(RuleId::ProductFront, Unknown)], Grade::Basic, Grade::Basic),
        (&[(RuleId::VisualEnhancement, Fail)], Grade::Basic, Grade::GoodCase),
        (&[(RuleId::VisualPromotion, Unknown)], Grade::High, Grade::High),
    ];
    for (others, wanted, after) in cases {
        let found = grade(&verdicts(others), &Policy::default());
        assert_eq!((found.grade, found.grade_after_remix), (*wanted, *after), "{others:?}");
        let unknown: Vec<RuleId> = others
            .iter()
            .filter(|(_, outcome)| *outcome == Unknown)
            .map(|&(rule, _)| rule)
            .collect();
        assert_eq!(found.unverified, unknown);
    }
}

#[test]
fn a_rule_made_advice_does_not_reject() {
    let policy = Policy::from_toml("[tiers]\n\"video.freeze\" = \"advice\"", "p.toml").unwrap();
    let mut all = verdicts(&[(RuleId::VideoFreeze, Outcome::Fail)]);
    all.iter_mut().for_each(|verdict| verdict.tier = policy.tier(verdict.rule));
    assert_eq!(grade(&all, &policy).grade, Grade::GoodCase);
    assert_eq!(policy.tier(RuleId::VideoFreeze), Tier::Advice);
}

#[test]
fn best_practices_are_read_from_the_log() {
    let manifest: SessionManifest = serde_json::from_value(serde_json::json!({
        "id": "s", "seller": "a", "creator": "b", "brands": ["Acme"],
        "recordings": [{ "uri": "live.flv", "started_at": ZERO }],
    }))
    .unwrap();
    let events = log(&[
        (5, r#""type":"billboard","state":"start""#),
        (9, r#""type":"comment_reply""#),
        (20, r#""type":"violation""#),
    ]);
    let mut acme = product("p1");
    acme.title = "ACME serum".to_owned();
    let hour = MediaDuration::from_seconds(3600.0);
    let seen = verdicts(&[(RuleId::PictureSteady, Outcome::Fail)]);
    let observed = |host| Observed {
        seconds: 20.0,
        host_share: Some(host),
        said: Some(BTreeMap::from([("confidence".to_owned(), 2)])),
        ..Observed::default()
    };
    let (near, away) = (observed(1.0), observed(0.1));
    let window = |moment_id, observed| Window { moment_id, verdicts: &seen, observed };
    let live = LiveFacts {
        manifest: &manifest,
        products: &[acme],
        log: Some(&events),
        zero: zero(),
        duration: hour,
        local_start_hour: Some(19.25),
        windows: &[window("m1", &near), window("m2", &away)],
    };
    let list = best_practices(&live);
    let of = |name: &str| list.iter().find(|practice| practice.name == name).unwrap();
    for (name, wanted) in [
        ("billboard_used", Outcome::Pass),
        ("giveaway_used", Outcome::Fail),
        ("answers_the_audience", Outcome::Pass),
        ("no_violation", Outcome::Fail),
        ("at_least_45_minutes", Outcome::Pass),
        ("starts_in_the_evening", Outcome::Pass),
        ("branded_product", Outcome::Pass),
        ("deals_or_bundles", Outcome::Fail),
        ("host_visible", Outcome::Pass),
        ("call_to_action", Outcome::Pass),
        ("image_stable", Outcome::Fail),
        ("buyer_confidence", Outcome::Pass),
        ("target_users_named", Outcome::Fail),
        ("product_in_view", Outcome::Unknown),
    ] {
        assert_eq!(of(name).verdict, wanted, "{name}: {}", of(name).detail);
    }
    assert!(of("starts_in_the_evening").detail.contains("19:15"));
    assert_eq!(of("host_visible").moment_ids, ["m1"]);
    assert_eq!(of("call_to_action").moment_ids, ["m1", "m2"]);
    let unseen = best_practices(&LiveFacts { windows: &[], ..live });
    let missing = unseen.iter().filter(|practice| practice.verdict == Outcome::Unknown).count();
    assert!(missing > 15, "nothing was looked at, but only {missing} are unknown");
    let mut names: Vec<&str> = list.iter().map(|practice| practice.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), list.len());
}
