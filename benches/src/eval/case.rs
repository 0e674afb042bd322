//! One simulated session, the methods that are held against it, and what came of each.

use reprise_model::moment::Signal;
use reprise_segment::{Input, Observations, Segmentation, Settings, Without, segment};
use reprise_simulated::{
    Only, Pitch, Recipe, Score, Session, Truth, best_possible, coverage, score, simulate,
};

use super::MOMENTS;
use super::baselines::Baseline;

/// How moments are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// The segmenter, parts of it left out.
    Reprise(Without),
    /// What a user would script.
    Script(Baseline),
}

impl Method {
    /// The segmenter as it is.
    pub const WHOLE: Self =
        Self::Reprise(Without { lag: false, baseline: false, confounders: false });

    /// As tables spell it.
    pub fn name(self) -> String {
        match self {
            Self::Script(script) => script.as_str().to_owned(),
            Self::Reprise(without) => {
                let parts = [
                    (without.lag, "lag"),
                    (without.baseline, "baseline"),
                    (without.confounders, "filters of confounders"),
                ];
                let left_out: Vec<&str> =
                    parts.iter().filter(|(out, _)| *out).map(|(_, name)| *name).collect();
                if left_out.is_empty() {
                    "Reprise".to_owned()
                } else {
                    format!("Reprise without {}", left_out.join(", "))
                }
            }
        }
    }
}

/// One session and the methods that are tried on it.
#[derive(Clone, Debug)]
pub struct Case {
    pub recipe: Recipe,
    pub seed: u64,
    /// What is left of the log.
    pub only: Option<Only>,
    pub methods: Vec<Method>,
}

/// What one method made of one session.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub method: Method,
    pub seed: u64,
    pub score: Score,
    /// Captured GMV of whoever knows the truth and takes as many windows of the same longest length.
    pub best_possible: f64,
    /// How the session's lags are spread; empty where that is not known.
    pub lag_shape: &'static str,
    /// Orders of the session.
    pub orders: usize,
    /// Moments reported with confidence.
    pub confident: usize,
    /// The orders' lag as estimated and as it was, seconds, and the confidence in it.
    pub lag: Option<EstimatedLag>,
    /// The same of the comments.
    pub comment_lag: Option<EstimatedLag>,
    /// The best pitches, best first, each with the share of it that the moments hold.
    pub pitches: Vec<(Pitch, f64)>,
    /// The moments that count, best first, seconds.
    pub moments: Vec<(f64, f64)>,
}

/// An estimated lag beside the true one.
#[derive(Clone, Copy, Debug)]
pub struct EstimatedLag {
    pub found_s: f64,
    pub true_s: f64,
    pub confidence: f64,
}

impl EstimatedLag {
    /// Whether it is within 8 s of the truth.
    pub fn is_near(&self) -> bool {
        (self.found_s - self.true_s).abs() <= 8.0
    }
}

impl Case {
    /// Makes the session and tries every method on it.
    pub fn run(&self) -> Vec<Outcome> {
        let (mut session, truth) = simulate(&self.recipe, self.seed);
        let orders = session.orders();
        if let Some(only) = self.only {
            session = session.only(only);
        }
        let lag_shape = self.recipe.lag_shape.as_str();
        let of = |&method| Outcome { lag_shape, ..outcome(method, &session, &truth, orders) };
        self.methods.iter().map(of).collect()
    }
}

/// What `method` makes of a session.
pub fn outcome(method: Method, session: &Session, truth: &Truth, orders: usize) -> Outcome {
    let mut settings = Settings::default();
    let (moments, confident, lags) = match method {
        Method::Script(script) => (script.find(session, MOMENTS), 0, [None, None]),
        Method::Reprise(without) => {
            settings.without = without;
            let found = find(session, &settings);
            let reactions =
                [(Signal::Orders, truth.order_lag_s), (Signal::Comments, truth.comment_lag_s)];
            let lags = reactions.map(|(signal, react_s)| {
                let lag = found.lag.iter().find(|lag| lag.signal == signal)?;
                Some(EstimatedLag {
                    found_s: lag.lag_s.seconds(),
                    true_s: truth.delay_s + react_s,
                    confidence: lag.confidence,
                })
            });
            let confident = found.moments.iter().filter(|moment| moment.confident).count();
            (spans(&found), confident, lags)
        }
    };
    Outcome {
        method,
        seed: truth.seed,
        score: score(truth, &moments, MOMENTS),
        best_possible: best_possible(truth, MOMENTS, settings.preferred_max_s),
        lag_shape: "",
        orders,
        confident,
        lag: lags[0],
        comment_lag: lags[1],
        pitches: coverage(truth, &moments, MOMENTS)
            .into_iter()
            .map(|(pitch, part)| (pitch.clone(), part))
            .collect(),
        moments: moments[..MOMENTS.min(moments.len())].to_vec(),
    }
}

/// The spans of the moments, best first, seconds.
pub fn spans(found: &Segmentation) -> Vec<(f64, f64)> {
    found.moments.iter().map(|m| (m.span.start.seconds(), m.span.end.seconds())).collect()
}

/// Segments a session; the one place of the benches that does.
pub fn find(session: &Session, settings: &Settings) -> Segmentation {
    let log: Observations = session.events.iter().collect();
    let input = Input {
        zero: session.zero,
        duration: session.duration,
        recorded: &session.recorded,
        log: &log,
        products: &session.products,
    };
    segment(&input, settings)
}
