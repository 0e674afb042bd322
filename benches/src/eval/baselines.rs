//! What a user would script to find moments: the peak of the raw series, moved or not, and the top
//! minutes.

use reprise_model::event::EventKind;
use reprise_simulated::Session;

/// A window in seconds, start and end.
type Window = (f64, f64);

/// Length of the windows laid around peaks, seconds.
const WINDOW_S: usize = 40;

/// By how much the second script moves its windows, seconds.
const FIXED_S: f64 = 30.0;

/// Longest lag that the cross-correlation looks at, seconds.
const LONGEST_S: usize = 120;

/// The cross-correlation smooths over the first and takes out what is slower than the second, seconds.
const SMOOTH_S: usize = 15;
const SLOW_S: usize = 600;

/// How long after the host's words the script takes viewers to write, seconds.
const CHAT_S: f64 = 16.0;

/// A script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// Windows around the highest peaks of the GMV.
    Peak,
    /// The same windows 30 s earlier.
    Moved,
    /// The whole minutes with most GMV.
    Minutes,
    /// The windows moved by the lag at which orders and comments agree best.
    Correlated,
}

impl Baseline {
    /// Every script.
    pub const ALL: [Self; 4] = [Self::Peak, Self::Moved, Self::Minutes, Self::Correlated];

    /// As tables spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Peak => "peak of the raw series",
            Self::Moved => "peak moved by 30 s",
            Self::Minutes => "top minutes",
            Self::Correlated => "peak moved by the cross-correlation with comments",
        }
    }

    /// The `k` moments that the script finds, best first.
    pub fn find(self, session: &Session, k: usize) -> Vec<Window> {
        let counts = Counts::of(session);
        match self {
            Self::Peak => peaks(&counts.gmv, k),
            Self::Moved => moved(peaks(&counts.gmv, k), FIXED_S),
            Self::Minutes => minutes(&counts.gmv, k),
            Self::Correlated => {
                let lag_s = agreement(&counts.orders, &counts.comments) as f64;
                moved(peaks(&counts.gmv, k), lag_s + CHAT_S)
            }
        }
    }
}

/// Counts per second, as a script adds them up: every row of the log counts, except comments with
/// the keyword of a giveaway.
struct Counts {
    gmv: Vec<f64>,
    orders: Vec<f64>,
    comments: Vec<f64>,
}

impl Counts {
    fn of(session: &Session) -> Self {
        let seconds = session.duration.seconds().ceil().max(0.0) as usize;
        let zeros = || vec![0.0; seconds];
        let keywords: Vec<String> = session
            .events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::Giveaway { keyword, .. } => Some(keyword.as_ref()?.to_lowercase()),
                _ => None,
            })
            .collect();
        let mut counts = Self { gmv: zeros(), orders: zeros(), comments: zeros() };
        for event in &session.events {
            let at_s = event.at.since(session.zero).seconds();
            if at_s < 0.0 || at_s >= seconds as f64 {
                continue;
            }
            let second = at_s as usize;
            match &event.kind {
                EventKind::Order(order) => {
                    counts.gmv[second] += order.amount.approximate();
                    counts.orders[second] += 1.0;
                }
                EventKind::Comment { text, .. } => {
                    let text = text.as_deref().unwrap_or_default().to_lowercase();
                    if !keywords.iter().any(|keyword| text.contains(keyword)) {
                        counts.comments[second] += 1.0;
                    }
                }
                _ => {}
            }
        }
        counts
    }
}

/// The windows with the highest sums, none over another.
fn peaks(values: &[f64], k: usize) -> Vec<Window> {
    if values.len() < WINDOW_S {
        return Vec::new();
    }
    let mut sum: f64 = values[..WINDOW_S].iter().sum();
    let mut sums = vec![(sum, 0)];
    for start in 1..=values.len() - WINDOW_S {
        sum += values[start + WINDOW_S - 1] - values[start - 1];
        sums.push((sum, start));
    }
    sums.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut taken: Vec<usize> = Vec::new();
    for (_, start) in sums {
        if taken.len() >= k {
            break;
        }
        if taken.iter().all(|other| start.abs_diff(*other) >= WINDOW_S) {
            taken.push(start);
        }
    }
    taken.into_iter().map(|start| (start as f64, (start + WINDOW_S) as f64)).collect()
}

fn moved(windows: Vec<Window>, by_s: f64) -> Vec<Window> {
    windows.into_iter().map(|(from, to)| ((from - by_s).max(0.0), (to - by_s).max(0.0))).collect()
}

fn minutes(values: &[f64], k: usize) -> Vec<Window> {
    let mut sums: Vec<(f64, usize)> =
        values.chunks(60).enumerate().map(|(i, chunk)| (chunk.iter().sum(), i)).collect();
    sums.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    sums.truncate(k);
    sums.into_iter().map(|(_, i)| (60.0 * i as f64, 60.0 * (i + 1) as f64)).collect()
}

/// The lag of `late` behind `early`, seconds, at which they correlate best.
fn agreement(late: &[f64], early: &[f64]) -> usize {
    let (late, early) = (smooth(late), smooth(early));
    let at =
        |lag: usize| -> f64 { late.iter().skip(lag).zip(&early).map(|(l, e)| l * e).sum::<f64>() };
    (0..LONGEST_S.min(late.len())).max_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap_or(0)
}

/// A short moving mean less a long one.
fn smooth(values: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0];
    for value in values {
        sums.push(sums[sums.len() - 1] + value);
    }
    let mean = |i: usize, width: usize| {
        let (from, to) = (i.saturating_sub(width / 2), (i + width / 2 + 1).min(values.len()));
        (sums[to] - sums[from]) / (to - from) as f64
    };
    (0..values.len()).map(|i| mean(i, SMOOTH_S) - mean(i, SLOW_S)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_do_not_overlap() {
        let mut values = vec![0.0; 300];
        values[100] = 5.0;
        values[110] = 4.0;
        values[200] = 3.0;
        let found = peaks(&values, 2);
        assert!(found[0].0 <= 100.0 && found[0].1 > 110.0, "{found:?}");
        assert!(found[1].0 <= 200.0 && found[1].1 > 200.0, "{found:?}");
        assert_eq!(moved(vec![(50.0, 86.0), (10.0, 46.0)], 30.0), [(20.0, 56.0), (0.0, 16.0)]);
    }

    #[test]
    fn the_minutes_with_most_come_first() {
        let mut values = vec![0.0; 200];
        values[70] = 1.0;
        values[190] = 2.0;
        assert_eq!(minutes(&values, 2), [(180.0, 240.0), (60.0, 120.0)]);
    }

    #[test]
    fn the_lag_is_where_two_series_agree() {
        let mut early = vec![0.0; 2000];
        for at in [100, 480, 900, 1330, 1800] {
            early[at..at + 20].iter_mut().for_each(|v| *v = 2.0);
        }
        let late: Vec<f64> = (0..2000).map(|i| if i < 37 { 0.0 } else { early[i - 37] }).collect();
        assert!(agreement(&late, &early).abs_diff(37) <= 1);
    }
}
