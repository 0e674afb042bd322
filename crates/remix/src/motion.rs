//! How things come, go and move meanwhile: easing curves over time.

use serde::{Deserialize, Serialize};

/// How something comes; going, the same backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Motion {
    /// At once.
    #[default]
    None,
    /// Becomes opaque.
    Fade,
    /// Grows, a little too far, and back.
    Pop,
    /// Comes from below.
    Rise,
    /// Comes from the left.
    FromLeft,
    /// Comes from the right.
    FromRight,
    /// Comes from above.
    Drop,
}

/// What something does while it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Idle {
    /// Nothing.
    #[default]
    None,
    /// Grows and shrinks a little, twice in quick order, every few seconds.
    Pulse,
    /// Sways up and down.
    Float,
}

/// How something that rests in its place is drawn at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// Around its middle; 1 is its own size.
    pub scale: f64,
    /// 0 to 1.
    pub opacity: f64,
    /// Away from its place, as a share of the picture's short side.
    pub offset: [f64; 2],
}

/// At rest.
pub const REST: Pose = Pose { scale: 1.0, opacity: 1.0, offset: [0.0, 0.0] };

/// Seconds that coming and going take.
pub const MOTION_S: f64 = 0.4;
/// How far things slide, as a share of the short side.
const SLIDE: f64 = 0.07;
/// How far things sway.
const SWAY: f64 = 0.008;
/// How much a pulse adds. What pulses is drawn so much smaller in its slot.
pub const PULSE: f64 = 0.06;
/// Seconds from one pulse to the next.
const PULSE_EVERY_S: f64 = 2.4;

impl Motion {
    /// `share` of the way in, 0 to 1.
    pub fn pose(self, share: f64) -> Pose {
        let share = share.clamp(0.0, 1.0);
        let left = 1.0 - ease_out(share);
        match self {
            Self::None => REST,
            Self::Fade => Pose { opacity: ease_out(share), ..REST },
            Self::Pop => Pose {
                scale: 0.55 + 0.45 * back_out(share),
                opacity: (share * 3.0).min(1.0),
                ..REST
            },
            Self::Rise => slid(share, [0.0, SLIDE * left]),
            Self::Drop => slid(share, [0.0, -SLIDE * left]),
            Self::FromLeft => slid(share, [-SLIDE * left, 0.0]),
            Self::FromRight => slid(share, [SLIDE * left, 0.0]),
        }
    }
}

fn slid(share: f64, offset: [f64; 2]) -> Pose {
    Pose { opacity: ease_out(share), offset, ..REST }
}

impl Idle {
    /// `since_s` after it came.
    pub fn pose(self, since_s: f64) -> Pose {
        match self {
            Self::None => REST,
            Self::Pulse => {
                let at = since_s.rem_euclid(PULSE_EVERY_S) / 0.8;
                let beat = if at < 1.0 { (at * std::f64::consts::TAU).sin().abs() } else { 0.0 };
                Pose { scale: 1.0 + PULSE * beat * (1.0 - at * 0.5).max(0.0), ..REST }
            }
            Self::Float => {
                let sway = (since_s * std::f64::consts::TAU / 3.0).sin();
                Pose { offset: [0.0, SWAY * sway], ..REST }
            }
        }
    }
}

/// The pose of something shown from `from_s` to `until_s`; `None` where it is not there.
pub fn pose(
    (enter, leave, idle): (Motion, Motion, Idle),
    (from_s, until_s): (f64, f64),
    at_s: f64,
) -> Option<Pose> {
    if at_s < from_s || at_s >= until_s {
        return None;
    }
    let length = MOTION_S.min((until_s - from_s) / 2.0).max(1e-6);
    let (since, left) = (at_s - from_s, until_s - at_s);
    let mut pose = if since < length {
        enter.pose(since / length)
    } else if left < length {
        leave.pose(left / length)
    } else {
        REST
    };
    // Eases in and out, so that nothing jumps where coming ends and going begins.
    let share = ease_in_out(((since - length) / length).min(left / length - 1.0));
    let idle = idle.pose((since - length).max(0.0));
    pose.scale *= 1.0 + (idle.scale - 1.0) * share;
    pose.offset[1] += idle.offset[1] * share;
    Some(pose)
}

/// Fast, then slow: cubic.
pub fn ease_out(share: f64) -> f64 {
    1.0 - (1.0 - share.clamp(0.0, 1.0)).powi(3)
}

/// Slow, fast, slow: cubic.
pub fn ease_in_out(share: f64) -> f64 {
    let share = share.clamp(0.0, 1.0);
    if share < 0.5 { 4.0 * share.powi(3) } else { 1.0 - (2.0 - 2.0 * share).powi(3) / 2.0 }
}

/// Beyond its end and back, by a tenth (Penner's "back" curve).
fn back_out(share: f64) -> f64 {
    const OVER: f64 = 1.70158;
    let left = share - 1.0;
    1.0 + (OVER + 1.0) * left.powi(3) + OVER * left.powi(2)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_and_goes_is_at_rest_between_and_never_jumps() {
        let all = [Motion::Fade, Motion::Pop, Motion::Rise, Motion::FromLeft, Motion::Drop];
        for motion in all {
            for idle in [Idle::None, Idle::Pulse, Idle::Float] {
                let at = |s: f64| pose((motion, motion, idle), (1.0, 5.0), s);
                assert_eq!(at(0.99), None);
                assert_eq!(at(5.0), None);
                let mut last = at(1.0).unwrap();
                assert!(last.opacity < 0.01, "{motion:?}");
                for step in 1..4000 {
                    let now = at(1.0 + f64::from(step) / 1000.0).unwrap();
                    let moved = (now.scale - last.scale).abs()
                        + (now.opacity - last.opacity).abs()
                        + (now.offset[0] - last.offset[0]).abs()
                        + (now.offset[1] - last.offset[1]).abs();
                    assert!(moved < 0.05, "{motion:?} {idle:?} at {step} ms: {moved}");
                    last = now;
                }
            }
        }
    }

    #[test]
    fn curves_begin_and_end_where_they_must() {
        for curve in [ease_out, ease_in_out, back_out] {
            assert!(curve(0.0).abs() < 1e-9 && (curve(1.0) - 1.0).abs() < 1e-9);
        }
    }
}
