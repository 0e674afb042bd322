//! What would mislead the counts: like counters that jump, raids (viewers that come in a crowd and
//! buy nothing), and the talk about giveaways.

use reprise_model::MediaTime;
use reprise_model::series::Series;

use crate::log::Stretch;

/// Likes of a second above so many times the usual were sent by a program.
const LIKES_TIMES: f64 = 20.0;

/// A crowd: at least so many times the viewers of the minutes before, within a minute.
const CROWD_TIMES: f64 = 2.0;
/// It is gone where fewer than so many times as many are left.
const GONE_TIMES: f64 = 1.5;
/// The minutes before, and the longest that a crowd is followed, seconds.
const BEFORE_S: usize = 300;
const CROWD_MOST_S: usize = 1800;
/// Seconds in which a crowd comes.
const ARRIVAL_S: usize = 60;
/// Orders come so much later than the viewers that place them, seconds.
const ORDERS_LATE_S: usize = 45;
/// Newcomers are judged where so many orders would be theirs if they bought like everybody.
const ORDERS_LEAST: f64 = 8.0;

/// Talk about a giveaway that has ended goes on so long, seconds.
const TALK_TAIL_S: f64 = 45.0;
/// The chat of so many seconds on both sides says what is usual, seconds.
const TALK_SIDES_S: usize = 240;

/// Draws the chat of each giveaway without a keyword down to what is usual around it: people talk
/// about the giveaway then, and no word tells that talk from answers to the host.
pub(crate) fn calm_giveaways(giveaways: &[Stretch], chat: &mut [f64]) {
    let mean = |chat: &[f64]| chat.iter().sum::<f64>() / chat.len().max(1) as f64;
    for giveaway in giveaways.iter().filter(|g| g.by_follow || g.keyword.is_none()) {
        let from = (giveaway.start_s.max(0.0) as usize).min(chat.len());
        let to = ((giveaway.end_s + TALK_TAIL_S).max(0.0) as usize).clamp(from, chat.len());
        let before = &chat[from.saturating_sub(TALK_SIDES_S)..from];
        let after = &chat[to..(to + TALK_SIDES_S).min(chat.len())];
        let sides = (before.len() + after.len()).max(1) as f64;
        let usual = (before.iter().sum::<f64>() + after.iter().sum::<f64>()) / sides;
        let there = mean(&chat[from..to]);
        if there > usual {
            chat[from..to].iter_mut().for_each(|n| *n *= usual / there);
        }
    }
}

/// Cuts the likes of a second at [`LIKES_TIMES`] the usual; says so where any were cut.
pub(crate) fn cap_likes(likes: &mut [f64]) -> Option<String> {
    let mut some: Vec<f64> = likes.iter().copied().filter(|n| *n > 0.0).collect();
    let middle = some.len() / 2;
    let (_, median, _) =
        (!some.is_empty()).then(|| some.select_nth_unstable_by(middle, f64::total_cmp))?;
    let most = LIKES_TIMES * median.max(1.0);
    let (mut seconds, mut cut) = (0usize, 0.0);
    for likes in likes.iter_mut().filter(|likes| **likes > most) {
        seconds += 1;
        cut += *likes - most;
        *likes = most;
    }
    (seconds > 0).then(|| {
        format!(
            "{cut:.0} likes of {seconds} seconds are more than {LIKES_TIMES} times the usual, as a \
             program sends them, and do not count"
        )
    })
}

/// Takes crowds that bought nothing out of `exposure`, the viewers that counts are held against:
/// they would make everybody else's orders look few. Says what was taken out.
pub(crate) fn leave_out_raids(series: &Series, exposure: &mut [f64]) -> Vec<String> {
    let viewers = &series.viewers;
    let orders = crate::baseline::prefix(&series.orders);
    let sum = |from: usize, to: usize| {
        orders[to.min(orders.len() - 1)] - orders[from.min(orders.len() - 1)]
    };
    let mut notes = Vec::new();
    // Before that the audience is still gathering.
    let mut second = 2 * BEFORE_S;
    while second < viewers.len() {
        let mut before = viewers[second - BEFORE_S..second - ARRIVAL_S].to_vec();
        let middle = before.len() / 2;
        let level = *before.select_nth_unstable_by(middle, f64::total_cmp).1;
        let sudden = viewers[second - ARRIVAL_S] < GONE_TIMES * level;
        if level < 1.0 || viewers[second] < CROWD_TIMES * level || !sudden {
            second += 10;
            continue;
        }
        let last = (second + CROWD_MOST_S).min(viewers.len());
        let length = viewers[second..last].iter().take_while(|v| **v >= GONE_TIMES * level).count();
        let end = second + length;
        if end == last {
            // It stays, so it is no raid; or nobody knows what it did after the end.
            second += ARRIVAL_S;
            continue;
        }
        // In as many seconds before the crowd.
        let usual = sum(second - 2 * BEFORE_S, second) / (2 * BEFORE_S) as f64 * length as f64;
        let crowd = viewers[second..end].iter().sum::<f64>() / length.max(1) as f64;
        let theirs = usual * (crowd / level - 1.0);
        let came = sum(second + ORDERS_LATE_S, end + ORDERS_LATE_S);
        if theirs >= ORDERS_LEAST && came < usual + 0.25 * theirs {
            for exposure in &mut exposure[second..end] {
                *exposure = exposure.min(level);
            }
            notes.push(format!(
                "the crowd of {} ({:.0} viewers, {level:.0} before) bought nothing and counts as no \
                 audience until {}",
                MediaTime::from_seconds(second as f64),
                crowd,
                MediaTime::from_seconds(end as f64)
            ));
        }
        second = end.max(second + 10);
    }
    notes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_like_counter_that_jumps_is_cut() {
        let mut likes = vec![2.0; 1000];
        assert_eq!(cap_likes(&mut likes), None);
        likes[500] = 50_000.0;
        let note = cap_likes(&mut likes).unwrap();
        assert!(likes[500] == 40.0 && note.starts_with("49960 likes of 1 seconds"), "{note}");
        assert_eq!(cap_likes(&mut []), None);
    }

    #[test]
    fn a_crowd_counts_where_it_buys() {
        let watching = |second| if (1000..1600).contains(&second) { 900.0 } else { 300.0 };
        let session = |buys: f64| {
            let orders = |second| if (1000..1600).contains(&second) { 0.1 * buys } else { 0.1 };
            let series = Series {
                viewers: (0..3600).map(watching).collect(),
                orders: (0..3600).map(orders).collect(),
                ..Series::default()
            };
            let mut exposure = series.viewers.clone();
            let notes = leave_out_raids(&series, &mut exposure);
            (exposure[1300], notes.len())
        };
        assert_eq!(session(1.0), (300.0, 1));
        assert_eq!(session(3.0), (900.0, 0));
    }
}
