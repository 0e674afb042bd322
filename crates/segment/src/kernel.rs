//! How a reaction spreads over the seconds after its cause: a delay, then a gamma of shape 2.

/// Shape of the gamma: time to notice plus time to act, each exponential. Reaction times of this
/// kind rise fast and fall slowly; with 1 they would begin at once, with 4 hardly vary.
const SHAPE: f64 = 2.0;

/// Share of the reaction that is followed; the rest is too thin to be told from the baseline.
const COVERED: f64 = 0.985;

/// The distribution of one signal's lag, per second, from the second of the cause.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    /// Mean of the whole, seconds.
    pub mean_s: f64,
    /// Probability per second after the cause; sums to 1.
    pub mass: Vec<f64>,
}

impl Kernel {
    /// From the delay before anyone can react (the player's) and the mean time to react after it,
    /// both in seconds.
    pub fn new(delay_s: f64, react_s: f64) -> Self {
        let delay_s = delay_s.clamp(0.0, 600.0);
        let scale = (react_s.clamp(0.5, 600.0)) / SHAPE;
        let below = |t: f64| {
            let x = ((t - delay_s) / scale).max(0.0);
            1.0 - (-x).exp() * (1.0 + x)
        };
        let mut mass = Vec::new();
        let mut total = 0.0;
        // An event of second `i` after a cause of second 0: both are uniform in their second, so
        // the difference is i plus or minus up to one; the mean of two neighbouring bins.
        while total < COVERED && mass.len() < 4096 {
            let i = mass.len() as f64;
            let share = 0.5 * (below(i + 1.0) - below(i - 1.0));
            total += share;
            mass.push(share);
        }
        if total > 0.0 {
            mass.iter_mut().for_each(|share| *share /= total);
        }
        Self { mean_s: delay_s + react_s, mass }
    }

    /// The response to a cause spread evenly over `length` seconds; sums to 1.
    pub fn of_window(&self, length: usize) -> Vec<f64> {
        let length = length.max(1);
        let mut response = vec![0.0; self.mass.len() + length];
        let mut running = 0.0;
        for (i, slot) in response.iter_mut().enumerate() {
            running += self.mass.get(i).copied().unwrap_or(0.0);
            if i >= length {
                running -= self.mass.get(i - length).copied().unwrap_or(0.0);
            }
            *slot = running.max(0.0) / length as f64;
        }
        response
    }

    /// Seconds after the cause by which `share` of the reaction has come.
    pub fn quantile_s(&self, share: f64) -> f64 {
        let mut total = 0.0;
        for (i, mass) in self.mass.iter().enumerate() {
            total += mass;
            if total >= share {
                return i as f64 + 1.0;
            }
        }
        self.mass.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mass_sums_to_one_and_keeps_its_mean() {
        for (delay, react) in [(0.0, 4.0), (8.0, 22.0), (24.0, 75.0)] {
            let kernel = Kernel::new(delay, react);
            let total: f64 = kernel.mass.iter().sum();
            let mean: f64 = kernel.mass.iter().enumerate().map(|(i, m)| i as f64 * m).sum();
            assert!((total - 1.0).abs() < 1e-9);
            assert!((mean - kernel.mean_s).abs() < 0.06 * react + 0.3, "{mean} {}", kernel.mean_s);
            let window: f64 = kernel.of_window(30).iter().sum();
            assert!((window - 1.0).abs() < 1e-6, "{window}");
        }
    }
}
