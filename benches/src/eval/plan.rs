//! Which sessions are simulated: the sections of the page, their rows and the sessions of each.

use reprise_segment::Without;
use reprise_simulated::{Confounders, LagShape, Only, Profile, Random, Recipe};

use super::baselines::Baseline;
use super::case::{Case, Method};

/// How a section is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The main rows: quality, scripts, ablation, lag.
    Main,
    /// Captured GMV and start error, rows by groups.
    Matrix,
    /// Quality of each row, with and without the filters of confounders.
    Variety,
    /// Quality of each row with its orders.
    Sizes,
    /// Share of sessions with a confident moment.
    FalseAlarms,
}

/// A section of the page.
#[derive(Clone, Debug)]
pub struct Section {
    pub title: &'static str,
    pub about: &'static str,
    pub shown: Shown,
    pub rows: Vec<Row>,
}

/// Sessions whose figures are taken together.
#[derive(Clone, Debug)]
pub struct Row {
    pub label: String,
    /// What else it belongs to, where rows are laid out in two directions.
    pub group: String,
    pub cases: Vec<Case>,
}

/// Viewers of a large and of a small shop.
const LARGE: f64 = 3000.0;
const SMALL: f64 = 300.0;

/// All sections; `seeds` sessions in each of the main rows.
pub fn sections(seeds: u64, quick: bool) -> Vec<Section> {
    let half = seeds.div_ceil(2);
    vec![
        main(seeds),
        false_alarms(if quick { 5 } else { (9 * seeds).min(100) }),
        alone(half),
        variety(seeds.div_ceil(4)),
        sizes(seeds.div_ceil(4)),
    ]
}

/// A recipe drawn from a profile; the seed decides all of it.
fn drawn(profile: Profile, audience: f64, seed: u64) -> Recipe {
    Recipe::profile(profile, audience, &mut Random::new(seed ^ 0x5eed_0000))
}

fn cases(
    profile: Profile,
    audience: f64,
    seeds: u64,
    methods: &[Method],
    change: impl Fn(&mut Recipe),
) -> Vec<Case> {
    let case = |seed| {
        let mut recipe = drawn(profile, audience, seed);
        change(&mut recipe);
        Case { recipe, seed, only: None, methods: methods.to_vec() }
    };
    (1..=seeds).map(case).collect()
}

fn main(seeds: u64) -> Section {
    let mut rows = Vec::new();
    for pins in [true, false] {
        for audience in [LARGE, SMALL] {
            for profile in Profile::ALL {
                let mut methods = vec![Method::WHOLE];
                if pins {
                    methods.extend(ablations());
                    methods.extend(Baseline::ALL.map(Method::Script));
                }
                rows.push(Row {
                    label: if pins { "with pins" } else { "without pins" }.to_owned(),
                    group: format!("{}, {}", profile.as_str(), thousands(audience)),
                    cases: cases(profile, audience, seeds, &methods, |recipe| recipe.pins = pins),
                });
            }
        }
    }
    Section {
        title: "Captured GMV",
        about: "LIVEs of 90 minutes; 3,000 or 300 viewers at once. Delay, lags, the shape of their spread, prices, \
                products and what confounds are drawn anew for every session.",
        shown: Shown::Main,
        rows,
    }
}

/// The segmenter with one part left out each.
pub fn ablations() -> [Method; 3] {
    let whole = Without::default();
    [
        Method::Reprise(Without { lag: true, ..whole }),
        Method::Reprise(Without { baseline: true, ..whole }),
        Method::Reprise(Without { confounders: true, ..whole }),
    ]
}

/// Sessions without a burst: name, viewers, how many of them, and what is changed.
type Quiet = (&'static str, f64, u64, fn(&mut Recipe));

/// The row of sessions without a burst in which everything confounds.
const CONFOUNDED: &str = "what confounds";

fn false_alarms(seeds: u64) -> Section {
    let mut rows = Vec::new();
    // Steady rates are what the aim is about; the others need fewer sessions.
    let few = seeds.div_ceil(4);
    let [_, baseline, filters] = ablations();
    let kinds: [Quiet; 4] = [
        ("few orders", SMALL, seeds, |_| {}),
        ("many orders", 10_000.0, seeds, |_| {}),
        ("unsteady rates", LARGE, few, |r| r.unsteady = 0.4),
        ("what confounds", LARGE, few, |r| {
            r.confounders = Confounders {
                giveaways: 3,
                follow_giveaways: 1,
                batches: 8,
                raids: 2,
                like_bots: 2,
                greetings: true,
                repeated: 0.02,
                undone: 0.1,
                ..Confounders::NONE
            };
        }),
    ];
    for (label, audience, seeds, change) in kinds {
        for pins in [true, false] {
            let quiet = |recipe: &mut Recipe| {
                *recipe = Recipe { pins, ..recipe.clone().without_bursts() };
                change(recipe);
            };
            let mut methods = vec![Method::WHOLE];
            if pins {
                methods.push(baseline);
                // Steady rates have nothing to filter.
                methods.extend((label == CONFOUNDED).then_some(filters));
            }
            rows.push(Row {
                label: label.to_owned(),
                group: if pins { "with pins" } else { "without pins" }.to_owned(),
                cases: cases(Profile::Typical, audience, seeds, &methods, quiet),
            });
        }
    }
    Section {
        title: "False discoveries",
        about: "Sessions in which no pitch draws anything: share that yields a confident moment. Orders and comments \
                are Poisson and follow the viewers; with unsteady rates they also go up and down by 40 % from one \
                45 s to the next; what confounds are giveaways, payment batches, raids, bots, greetings and repeated rows.",
        shown: Shown::FalseAlarms,
        rows,
    }
}

/// A log of which something is left out: name, what is left of it, what is changed.
type Less = (&'static str, Option<Only>, fn(&mut Recipe));

fn alone(seeds: u64) -> Section {
    let mut rows = Vec::new();
    let logs: [Less; 6] = [
        ("the whole log", None, |_| {}),
        ("the same without pins", None, |recipe| recipe.pins = false),
        ("the same without giveaways", None, |recipe| recipe.confounders.giveaways = 0),
        ("orders alone", Some(Only::Orders), |_| {}),
        ("comments alone", Some(Only::Comments), |_| {}),
        ("figures per minute alone", Some(Only::Minutes), |_| {}),
    ];
    for (label, only, change) in logs {
        for profile in Profile::ALL {
            let mut cases = cases(profile, LARGE, seeds, &[Method::WHOLE], change);
            cases.iter_mut().for_each(|case| case.only = only);
            let group = format!("{}, {}", profile.as_str(), thousands(LARGE));
            rows.push(Row { label: label.to_owned(), group, cases });
        }
    }
    Section {
        title: "Signals left out, or alone",
        about: "What each part of the log is worth. Alone, a signal has neither pins nor viewers beside it. Giveaways by \
                keyword are what shows the chat's lag best; comments cannot tell what sold, for pitches that fail are \
                talked about too.",
        shown: Shown::Matrix,
        rows,
    }
}

/// A change to a recipe, with its name and the part of the segmenter that answers it.
type Change = (&'static str, Option<Part>, fn(&mut Recipe));

/// A part that an ablation leaves out: its place in [`ablations`].
#[derive(Clone, Copy)]
enum Part {
    Lag,
    Baseline,
    Filters,
}

/// One change at a time to typical sessions in which nothing confounds.
const CHANGES: [Change; 32] = [
    ("plain: nothing confounds", Some(Part::Lag), |_| {}),
    ("lag: exponential", None, |r| r.lag_shape = LagShape::Exponential),
    ("lag: gamma of shape 5", Some(Part::Lag), |r| r.lag_shape = LagShape::Gamma5),
    ("lag: log-normal", None, |r| r.lag_shape = LagShape::LogNormal),
    ("lag: two humps", None, |r| r.lag_shape = LagShape::TwoHumped),
    ("lag: heavy tail", None, |r| r.lag_shape = LagShape::HeavyTail),
    ("lag: 8 s to order after a delay of 3 s", None, |r| (r.delay_s, r.order_lag_s) = (3.0, 8.0)),
    ("lag: 80 s to order after a delay of 20 s", None, |r| {
        (r.delay_s, r.order_lag_s) = (20.0, 80.0)
    }),
    ("pitches of 10 to 15 s", None, |r| r.pitch_s = (10.0, 15.0)),
    ("pitches of 45 to 60 s", None, |r| r.pitch_s = (45.0, 60.0)),
    ("pitch at the start of its pin", None, |r| r.place = (0.0, 0.1)),
    ("pitch at the end of its pin", None, |r| r.place = (0.9, 1.0)),
    ("two pitches in every pin", None, |r| r.second_pitch = 1.0),
    ("one pitch of six sells", None, |r| r.selling = 0.17),
    ("three products", None, |r| r.products = 3),
    ("150 products", None, |r| r.products = 150),
    ("prices from 1 to 500 dollars", None, |r| (r.price, r.price_spread) = (20.0, 1.6)),
    ("four times the orders without a pitch", None, |r| r.stray_per_mille *= 4.0),
    ("half of those are of the pinned product", None, |r| r.stray_of_pinned = 0.5),
    ("rates go up and down by 70 %", Some(Part::Baseline), |r| r.unsteady = 0.7),
    ("viewers go up and down by 80 %", Some(Part::Baseline), |r| r.swing = 0.8),
    ("six giveaways by keyword", Some(Part::Filters), |r| r.confounders.giveaways = 6),
    ("six giveaways by follow", Some(Part::Filters), |r| r.confounders.follow_giveaways = 6),
    ("six giveaways, two at a time", Some(Part::Filters), |r| {
        (r.confounders.giveaways, r.confounders.giveaways_overlap) = (6, true);
    }),
    ("40 payment batches", Some(Part::Filters), |r| r.confounders.batches = 40),
    ("five raids", Some(Part::Baseline), |r| r.confounders.raids = 5),
    ("six bursts of bots that like", Some(Part::Filters), |r| r.confounders.like_bots = 6),
    ("a tenth of the rows twice, a third of the orders undone", Some(Part::Filters), |r| {
        (r.confounders.repeated, r.confounders.undone) = (0.1, 0.33);
    }),
    ("four breaks in the connection", None, |r| r.confounders.gaps = 4),
    ("only the comments' lengths", None, |r| r.text = false),
    ("clicks on products too", None, |r| r.clicks = true),
    ("everything at once", Some(Part::Filters), |r| {
        (r.lag_shape, r.second_pitch, r.unsteady, r.swing) = (LagShape::TwoHumped, 0.3, 0.5, 0.6);
        r.confounders = Confounders {
            giveaways: 4,
            follow_giveaways: 2,
            giveaways_overlap: false,
            batches: 20,
            raids: 3,
            like_bots: 3,
            greetings: true,
            repeated: 0.05,
            undone: 0.2,
            gaps: 2,
        };
    }),
];

fn variety(seeds: u64) -> Section {
    let rows = CHANGES
        .iter()
        .map(|(label, part, change)| {
            let changed = |recipe: &mut Recipe| {
                recipe.lag_shape = LagShape::Gamma2;
                recipe.second_pitch = 0.0;
                recipe.unsteady = 0.0;
                recipe.stray_of_pinned = 0.0;
                recipe.confounders = Confounders::NONE;
                change(recipe);
            };
            let mut methods = vec![Method::WHOLE];
            methods.extend(part.map(|part| ablations()[part as usize]));
            Row {
                label: (*label).to_owned(),
                group: String::new(),
                cases: cases(Profile::Typical, LARGE, seeds, &methods, changed),
            }
        })
        .collect();
    Section {
        title: "One thing at a time",
        about: "Typical sessions with 3,000 viewers and pins in which nothing confounds, and one change to them. \
                *Without* is what is captured without the part of the segmenter that answers the change.",
        shown: Shown::Variety,
        rows,
    }
}

fn sizes(seeds: u64) -> Section {
    let row = |label: &str, audience: f64, duration_s: f64, seeds: u64| Row {
        label: label.to_owned(),
        group: String::new(),
        cases: cases(Profile::Typical, audience, seeds, &[Method::WHOLE], |recipe| {
            recipe.duration_s = duration_s;
        }),
    };
    let mut rows = Vec::new();
    for audience in [250.0, 2_500.0, 25_000.0, 250_000.0] {
        rows.push(row(&format!("{} viewers", thousands(audience)), audience, 5400.0, seeds));
    }
    let lengths = [("30 minutes", 0.5), ("90 minutes", 1.5), ("4 hours", 4.0), ("13 hours", 13.0)];
    for (label, hours) in lengths {
        rows.push(row(label, LARGE, 3600.0 * hours, seeds));
    }
    Section {
        title: "Sizes and lengths",
        about: "Typical sessions with pins: shops of every size over 90 minutes; LIVEs of every length with 3,000 viewers. \
                Ten moments are held against the ten best pitches, however many there are.",
        shown: Shown::Sizes,
        rows,
    }
}

/// A whole number with commas.
pub fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        for (value, text) in [(7.0, "7"), (300.0, "300"), (3000.0, "3,000"), (2.5e5, "250,000")] {
            assert_eq!(thousands(value), text);
        }
    }

    #[test]
    fn every_row_has_sessions_and_a_name_of_its_own() {
        for section in sections(1, true) {
            let mut names: Vec<(&str, &str)> =
                section.rows.iter().map(|row| (row.label.as_str(), row.group.as_str())).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), section.rows.len(), "{}", section.title);
            assert!(section.rows.iter().all(|row| !row.cases.is_empty()), "{}", section.title);
        }
    }
}
