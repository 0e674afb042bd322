//! Pseudo-random numbers that are the same in every run.

/// Knuth's linear congruential generator (MMIX); the upper bits are good enough here.
pub struct Dice(u64);

impl Dice {
    /// A generator; equal seeds give equal numbers.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to below 1.
    pub fn share(&mut self) -> f64 {
        f64::from(self.next()) / f64::from(1u32 << 31)
    }

    /// From 0 to below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.share() * end as f64) as usize
    }

    fn next(&mut self) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }
}
