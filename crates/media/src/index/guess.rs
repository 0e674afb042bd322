//! Finding the place of a time in a file by guessing where it lies.

use reprise_model::Result;

/// Guesses at most.
const MAX_GUESSES: usize = 24;

/// Puts two places, a time and a byte each, closer around `target`, until the first lies less than
/// `near` before it or `least` bytes before the other. `scan` gives the first place that it finds
/// between two bytes.
pub(crate) fn narrow(
    mut low: (i64, u64),
    mut high: (i64, u64),
    target: i64,
    near: i64,
    least: u64,
    mut scan: impl FnMut(u64, u64) -> Result<Option<(i64, u64)>>,
) -> Result<(i64, u64)> {
    for guess in 0..MAX_GUESSES {
        if target.saturating_sub(low.0) < near || high.1 <= low.1.saturating_add(least) {
            break;
        }
        let whole = high.0.saturating_sub(low.0) as f64;
        // Aim into the middle of what is near enough; halve where guesses do not get on.
        let part = target.saturating_sub(near / 2).saturating_sub(low.0) as f64 / whole.max(1.0);
        let part = if guess % 3 == 2 { 0.5 } else { part.clamp(0.0, 1.0) };
        let at = low.1.saturating_add(((high.1 - low.1) as f64 * part) as u64);
        let at = at.clamp(low.1 + 1, high.1);
        match scan(at, high.1)? {
            Some(found) if found.0 <= target => low = found,
            Some(found) => high = (found.0, at),
            None => high = (high.0, at),
        }
    }
    Ok(low)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_with_few_guesses_however_bytes_are_spread() {
        // Quiet for half the time, then a hundred times the bytes.
        let place = |time: i64| {
            if time < 5000 { time as u64 * 10 } else { 50_000 + (time as u64 - 5000) * 1000 }
        };
        for target in [0, 17, 4999, 5001, 7000, 9990] {
            let mut guesses = 0;
            let found = narrow((0, 0), (9999, place(9999)), target, 20, 50, |from, to| {
                guesses += 1;
                Ok((0..9999).map(|t| (t, place(t))).find(|p| p.1 >= from && p.1 < to))
            });
            let found = found.unwrap();
            assert!(found.0 <= target && target - found.0 <= 25, "{target}: {found:?}");
            assert!(guesses <= 16, "{guesses} guesses for {target}");
        }
    }
}
