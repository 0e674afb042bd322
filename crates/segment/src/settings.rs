//! What can be set about the segmenter, each key with its default, unit and trade-off.

use serde::{Deserialize, Serialize};

/// Settings of [`crate::segment`]. Values out of range are clamped, never refused.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Moments reported per LIVE, the tail included. Default 20. More means a longer tail of
    /// moments that are not confident.
    pub max_moments: usize,
    /// Moments per product where products are known. Default 3. Higher lets one best seller fill
    /// the list; lower may drop a strong second pitch of it.
    pub max_per_product: usize,
    /// What a repeat is worth, as a share of what it would be worth alone, 0 to 1; once for each
    /// better moment of its product, or of its scene (120 s) where the product is not known. Default
    /// 0.9. Lower puts different products first; higher lets the best seller come again sooner.
    pub repeat_worth: f64,
    /// Share of its worth that a moment loses with each of its seconds, 0 to 0.1. Default 0.0005.
    /// Higher prefers moments that bring the same in fewer seconds.
    pub second_cost: f64,
    /// Shortest window, seconds, 1 to `max_s`. Default 5, the platform's least for a clip.
    pub min_s: f64,
    /// Longest window that a later stage may make of a moment, seconds, up to 600. Default 60, the
    /// platform's most for a clip. Bounds `min_s` and `preferred_max_s`.
    pub max_s: f64,
    /// Longest window that a moment is given, seconds, `min_s` to `max_s`. Default 40: clips under
    /// that are preferred. Longer catches more of a pitch whose place is not sure.
    pub preferred_max_s: f64,
    /// What a moment is worth.
    pub weights: Weights,
    /// Mean order lag assumed where the session shows none, seconds. Default 30 (no published
    /// figure exists; a host's call to the order, player delay included).
    pub order_lag_prior_s: f64,
    /// Longest mean order lag searched, seconds. Default 120. Higher finds slower shops and makes
    /// a wrong answer likelier where orders are few.
    pub order_lag_max_s: f64,
    /// Mean chat lag assumed where the session shows none, seconds. Default 16 (12-20 s measured
    /// on 1,412 labelled highlights with their chats).
    pub chat_lag_prior_s: f64,
    /// Longest mean chat lag searched, seconds. Default 45.
    pub chat_lag_max_s: f64,
    /// Width of the stretch that the local baseline is taken from, seconds, 60 to 7200. Default
    /// 900. Narrower follows the LIVE's ups and downs and hides long pitches; wider does neither.
    pub baseline_s: f64,
    /// Share of sessions without any burst that may report a confident moment, 0 to 1. Default
    /// 0.02. Lower moves weak moments into the tail.
    pub false_alarm: f64,
    /// Parts left out, to measure what each is worth; never read from a file.
    #[serde(skip)]
    pub without: Without,
}

/// Parts of the segmenter that an ablation leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// Reactions are taken to come at once.
    pub lag: bool,
    /// The expected counts are one constant for the whole session.
    pub baseline: bool,
    /// Repeats, payment batches, giveaway entries and greetings count like everything else.
    pub confounders: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_moments: 20,
            max_per_product: 3,
            repeat_worth: 0.9,
            second_cost: 0.0005,
            min_s: 5.0,
            max_s: 60.0,
            preferred_max_s: 40.0,
            weights: Weights::default(),
            order_lag_prior_s: 30.0,
            order_lag_max_s: 120.0,
            chat_lag_prior_s: 16.0,
            chat_lag_max_s: 45.0,
            baseline_s: 900.0,
            false_alarm: 0.02,
            without: Without::default(),
        }
    }
}

impl Settings {
    /// The same with every value finite and in its range.
    pub(crate) fn clamped(&self) -> Self {
        let fallback = Self::default();
        let within = |value: f64, default: f64, low: f64, high: f64| {
            if value.is_finite() { value.clamp(low, high) } else { default }
        };
        let max_s = within(self.max_s, fallback.max_s, 1.0, 600.0);
        let min_s = within(self.min_s, fallback.min_s, 1.0, max_s);
        let order_lag_max_s = within(self.order_lag_max_s, fallback.order_lag_max_s, 5.0, 600.0);
        let chat_lag_max_s = within(self.chat_lag_max_s, fallback.chat_lag_max_s, 5.0, 300.0);
        Self {
            max_moments: self.max_moments,
            max_per_product: self.max_per_product.max(1),
            repeat_worth: within(self.repeat_worth, fallback.repeat_worth, 0.0, 1.0),
            second_cost: within(self.second_cost, fallback.second_cost, 0.0, 0.1),
            min_s,
            max_s,
            preferred_max_s: within(self.preferred_max_s, fallback.preferred_max_s, min_s, max_s)
                .max(min_s),
            weights: self.weights.clamped(),
            order_lag_prior_s: within(
                self.order_lag_prior_s,
                fallback.order_lag_prior_s,
                1.0,
                order_lag_max_s,
            ),
            order_lag_max_s,
            chat_lag_prior_s: within(
                self.chat_lag_prior_s,
                fallback.chat_lag_prior_s,
                1.0,
                chat_lag_max_s,
            ),
            chat_lag_max_s,
            baseline_s: within(self.baseline_s, fallback.baseline_s, 60.0, 7200.0),
            false_alarm: within(self.false_alarm, fallback.false_alarm, 1e-6, 1.0),
            without: self.without,
        }
    }
}

/// What a moment is worth: each part is its share of the session's best, 0 to 1, times its weight.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// Money ordered above the baseline. Default 1.
    pub gmv: f64,
    /// The same per 1,000 viewers then present. Default 0.05. Higher favours quiet hours.
    pub gpm: f64,
    /// Viewers coming in above the baseline. Default 0.02.
    pub traffic: f64,
    /// How clearly comments and product clicks answered. Default 0.1. Decides alone where there
    /// are no orders.
    pub engagement: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { gmv: 1.0, gpm: 0.05, traffic: 0.02, engagement: 0.1 }
    }
}

impl Weights {
    fn clamped(&self) -> Self {
        let fallback = Self::default();
        let weight = |value: f64, default: f64| {
            if value.is_finite() { value.clamp(0.0, 1e6) } else { default }
        };
        Self {
            gmv: weight(self.gmv, fallback.gmv),
            gpm: weight(self.gpm, fallback.gpm),
            traffic: weight(self.traffic, fallback.traffic),
            engagement: weight(self.engagement, fallback.engagement),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_clamped() {
        let settings = Settings {
            min_s: 90.0,
            preferred_max_s: f64::NAN,
            baseline_s: -1.0,
            max_per_product: 0,
            ..Settings::default()
        }
        .clamped();
        assert_eq!((settings.min_s, settings.preferred_max_s), (60.0, 60.0));
        assert_eq!((settings.baseline_s, settings.max_per_product), (60.0, 1));
    }
}
