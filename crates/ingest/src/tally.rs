//! Counts what was skipped, by reason, with the first few places.

use reprise_model::outcome::Skipped;

/// How many places are named for one reason.
const EXAMPLES: usize = 5;
/// How many reasons are told apart; a file of rubbish must not fill the memory with them.
const REASONS: usize = 64;
const OTHERS: &str = "other reasons";

/// Counts by reason, in the order in which reasons first appear.
#[derive(Debug, Default)]
pub(crate) struct Tally(Vec<Skipped>);

impl Tally {
    /// Counts one for `reason` at `line` of `file`, of which the name is kept without its folders.
    pub(crate) fn add(&mut self, reason: &str, file: &str, line: u64) {
        let known = self.0.iter().position(|skipped| skipped.reason == reason);
        let index = known.unwrap_or_else(|| {
            let reason = if self.0.len() < REASONS { reason } else { OTHERS };
            if self.0.last().is_none_or(|last| last.reason != OTHERS) {
                let reason = reason.to_owned();
                self.0.push(Skipped { reason, count: 0, examples: Vec::new() });
            }
            self.0.len() - 1
        });
        if let Some(skipped) = self.0.get_mut(index) {
            skipped.count += 1;
            if skipped.examples.len() < EXAMPLES {
                // Counts are published; where a file lies on this machine is nobody's business.
                let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
                skipped.examples.push(format!("{name}:{line}"));
            }
        }
    }

    /// How many in all.
    #[cfg(test)]
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|skipped| skipped.count).sum()
    }

    /// Whether nothing was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reasons with one place each, on one line, for messages.
    pub(crate) fn first_few(&self, count: usize) -> String {
        let texts = self.0.iter().take(count).map(|skipped| {
            let place = skipped.examples.first().map_or("", String::as_str);
            format!("{place} {}", skipped.reason)
        });
        texts.collect::<Vec<_>>().join("; ")
    }

    /// The counts.
    pub(crate) fn into_skipped(self) -> Vec<Skipped> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_and_bounded() {
        let mut tally = Tally::default();
        for line in 1..=1000 {
            tally.add("again", "/home/f", line);
            tally.add(&format!("reason {line}"), "f", line);
        }
        assert_eq!(tally.total(), 2000);
        assert_eq!(tally.first_few(2), "f:1 again; f:1 reason 1");
        let skipped = tally.into_skipped();
        assert_eq!(skipped.len(), REASONS + 1);
        assert_eq!((skipped[0].count, skipped[0].examples.len()), (1000, EXAMPLES));
        assert_eq!(skipped.last().map(|last| last.reason.as_str()), Some(OTHERS));
    }
}
