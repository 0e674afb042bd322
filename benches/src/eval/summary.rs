//! Many outcomes of one method in one row's figures.

use serde::Serialize;

use super::case::{EstimatedLag, Outcome};

/// The figures of one row: means over its sessions unless said otherwise.
#[derive(Serialize, Clone, Debug, PartialEq)]
pub struct Summary {
    pub sessions: usize,
    pub captured: f64,
    /// The worst tenth of the sessions captures less than this.
    pub captured_p10: f64,
    pub best_possible: f64,
    pub precision: f64,
    pub f1_at_3: f64,
    pub f1_at_5: f64,
    /// Mean of the sessions' median start errors, seconds; absent where no moment lay on a pitch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_error_s: Option<f64>,
    /// Length of all moments of a session together, seconds; the largest of all sessions.
    pub seconds_most: f64,
    pub orders: f64,
    /// Share of sessions that report a confident moment.
    pub with_confident: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<LagSummary>,
}

/// How well the orders' lag was estimated.
#[derive(Serialize, Clone, Debug, PartialEq)]
pub struct LagSummary {
    /// Share within 8 s of the truth.
    pub near: f64,
    /// Median distance from the truth, seconds.
    pub error_s: f64,
    /// Mean confidence of those that are near, and of those that are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence_near: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence_far: Option<f64>,
    /// Share that is reported with a confidence of a half or more.
    pub sure: f64,
    /// Share of those that is far from the truth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sure_far: Option<f64>,
}

impl Summary {
    /// Of outcomes of one method; `None` of none.
    pub fn of(outcomes: &[&Outcome]) -> Option<Self> {
        if outcomes.is_empty() {
            return None;
        }
        let over = |part: fn(&Outcome) -> f64| mean(outcomes.iter().map(|o| part(o)));
        let mut captured: Vec<f64> = outcomes.iter().map(|o| o.score.captured).collect();
        captured.sort_by(f64::total_cmp);
        let errors = outcomes.iter().map(|o| o.score.start_error_s).filter(|e| e.is_finite());
        Some(Self {
            sessions: outcomes.len(),
            captured: over(|o| o.score.captured)?,
            captured_p10: *captured.get(captured.len() / 10)?,
            best_possible: over(|o| o.best_possible)?,
            precision: over(|o| o.score.precision)?,
            f1_at_3: over(|o| o.score.f1_at_3)?,
            f1_at_5: over(|o| o.score.f1_at_5)?,
            start_error_s: mean(errors),
            seconds_most: outcomes.iter().map(|o| o.score.seconds).fold(0.0, f64::max),
            orders: over(|o| o.orders as f64)?,
            with_confident: over(|o| f64::from(u8::from(o.confident > 0)))?,
            lag: LagSummary::of(outcomes.iter().filter_map(|o| o.lag).collect()),
        })
    }
}

impl LagSummary {
    fn of(lags: Vec<EstimatedLag>) -> Option<Self> {
        let share = |of: &[&EstimatedLag], holds: fn(&EstimatedLag) -> bool| {
            mean(of.iter().map(|lag| f64::from(u8::from(holds(lag)))))
        };
        let confidence = |near: bool| {
            mean(lags.iter().filter(|lag| lag.is_near() == near).map(|lag| lag.confidence))
        };
        let all: Vec<&EstimatedLag> = lags.iter().collect();
        let sure: Vec<&EstimatedLag> = lags.iter().filter(|lag| lag.confidence >= 0.5).collect();
        let mut errors: Vec<f64> = lags.iter().map(|l| (l.found_s - l.true_s).abs()).collect();
        errors.sort_by(f64::total_cmp);
        Some(Self {
            near: share(&all, EstimatedLag::is_near)?,
            error_s: *errors.get(errors.len() / 2)?,
            confidence_near: confidence(true),
            confidence_far: confidence(false),
            sure: sure.len() as f64 / lags.len() as f64,
            sure_far: share(&sure, |lag| !lag.is_near()),
        })
    }
}

/// `None` of nothing.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0usize);
    for value in values {
        sum += value;
        n += 1;
    }
    (n > 0).then(|| sum / n as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sure_and_far_is_told_apart() {
        let lag = |found_s, confidence| EstimatedLag { found_s, true_s: 30.0, confidence };
        let lags = vec![lag(31.0, 0.9), lag(35.0, 0.7), lag(60.0, 0.2), lag(50.0, 0.6)];
        let summary = LagSummary::of(lags).unwrap();
        assert_eq!((summary.near, summary.sure), (0.5, 0.75));
        assert!((summary.confidence_near.unwrap() - 0.8).abs() < 1e-9);
        assert!((summary.confidence_far.unwrap() - 0.4).abs() < 1e-9);
        assert!((summary.sure_far.unwrap() - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(summary.error_s, 20.0);
        assert!(LagSummary::of(Vec::new()).is_none());
    }
}
