//! Freezes, lag and black screens on pictures made here: what must be found, and what must not be
//! mistaken for it.
#![allow(clippy::unwrap_used)]

mod common;

use common::near;
use reprise_checks::{Evidence, EvidenceCollector, LookFor, NoAdviser, Policy};
use reprise_media::view::{Observer, PictureView};
use reprise_model::{MediaDuration, MediaTime};

const WIDTH: usize = 360;
const HEIGHT: usize = 640;

/// A picture as it is drawn; 30 a second unless times are given.
struct Canvas {
    luma: Vec<u8>,
    seed: u64,
}

impl Canvas {
    fn new() -> Self {
        Self { luma: vec![0; WIDTH * HEIGHT], seed: 1 }
    }

    fn random(&mut self) -> f64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.seed >> 33) as f64 / (1u64 << 31) as f64
    }

    /// A room with a pattern, so that shifts show.
    fn room(&mut self) {
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                self.luma[y * WIDTH + x] = (110 + (x / 23 + y / 31) % 3 * 25) as u8;
            }
        }
    }

    /// A host whose outline lies at `x`, `y` (with parts of a pixel) and whose mouth is `open`.
    fn host(&mut self, x: f64, y: f64, open: f64) {
        self.ellipse(x, y + 200.0, 120.0, 150.0, 60.0);
        self.ellipse(x, y, 55.0, 75.0, 180.0);
        self.ellipse(x, y + 35.0, 16.0, 2.0 + 8.0 * open, 70.0);
    }

    fn ellipse(&mut self, x: f64, y: f64, rx: f64, ry: f64, level: f64) {
        let reach = |middle: f64, radius: f64, end: usize| {
            (middle - radius - 2.0).max(0.0) as usize..((middle + radius + 2.0) as usize).min(end)
        };
        for row in reach(y, ry, HEIGHT) {
            for column in reach(x, rx, WIDTH) {
                let (dx, dy) = ((column as f64 - x) / rx, (row as f64 - y) / ry);
                // A soft edge a pixel wide carries parts of a pixel.
                let inside =
                    ((1.0 - (dx * dx + dy * dy).sqrt()) * rx.min(ry) + 0.5).clamp(0.0, 1.0);
                let at = &mut self.luma[row * WIDTH + column];
                *at = (f64::from(*at) * (1.0 - inside) + level * inside).round() as u8;
            }
        }
    }

    /// Noise that is fresh in each picture, of this standard deviation in levels.
    fn noise(&mut self, deviation: f64) {
        for index in 0..self.luma.len() {
            let gauss = (0..4).map(|_| self.random()).sum::<f64>() - 2.0;
            let noisy = f64::from(self.luma[index]) + gauss * 1.732 * deviation;
            self.luma[index] = noisy.round().clamp(0.0, 255.0) as u8;
        }
    }
}

/// Evidence of pictures that `draw` makes, picture by picture, at `times`.
fn watch_at(
    times: impl Iterator<Item = MediaTime>,
    mut draw: impl FnMut(usize, &mut Canvas),
) -> Evidence {
    let mut canvas = Canvas::new();
    let mut collector = EvidenceCollector::new(&LookFor::default());
    for (index, time) in times.enumerate() {
        draw(index, &mut canvas);
        collector.picture(&PictureView {
            time,
            duration: MediaDuration::from_ticks(1, 1, 30),
            width: WIDTH,
            height: HEIGHT,
            luma: &canvas.luma,
            luma_stride: WIDTH,
            blue: &[],
            red: &[],
            chroma_stride: 0,
            chroma_width: 0,
            chroma_height: 0,
            full_range: false,
            corrupt: false,
        });
    }
    collector.finish(&NoAdviser).unwrap()
}

fn watch(seconds: usize, draw: impl FnMut(usize, &mut Canvas)) -> Evidence {
    watch_at((0..seconds as i64 * 30).map(|n| MediaTime::from_ticks(n, 1, 30)), draw)
}

/// A host who talks and moves as people do, at `t` seconds.
fn talking(canvas: &mut Canvas, t: f64) {
    canvas.room();
    let (x, y) = (180.0 + 12.0 * (t * 1.3).sin(), 200.0 + 5.0 * (t * 2.1).sin());
    canvas.host(x, y, (t * 9.0).sin().abs());
}

#[test]
fn a_frozen_picture_with_fresh_noise_is_a_freeze() {
    let evidence = watch(5, |n, canvas| {
        let t = n as f64 / 30.0;
        talking(canvas, if (1.5..3.5).contains(&t) { 1.5 } else { t });
        canvas.noise(2.0);
    });
    let freezes = evidence.freezes(&Policy::default());
    assert!(near(&freezes, (1.5, 3.5), 0.07), "{freezes:?}");
}

#[test]
fn a_host_who_sits_still_is_no_freeze() {
    // Breathes (2 px), blinks now and then by the size of the mouth; says nothing.
    let evidence = watch(8, |n, canvas| {
        let t = n as f64 / 30.0;
        canvas.room();
        canvas.host(180.0, 200.0 + 2.0 * (t * 1.6).sin(), 0.1);
        canvas.noise(1.0);
    });
    assert_eq!(evidence.freezes(&Policy::default()), []);
    assert_eq!(evidence.lags(&Policy::default()), []);
}

#[test]
fn a_mouth_that_moves_is_no_freeze() {
    let evidence = watch(5, |n, canvas| {
        canvas.room();
        canvas.host(180.0, 200.0, (n as f64 / 30.0 * 9.0).sin().abs());
        canvas.noise(1.0);
    });
    assert_eq!(evidence.freezes(&Policy::default()), []);
}

#[test]
fn a_still_inset_beside_a_moving_one_is_no_freeze() {
    let evidence = watch(5, |n, canvas| {
        canvas.room();
        // Most of the picture is a still screen; the host is small in a corner.
        canvas.ellipse(300.0 + 6.0 * (n as f64 / 30.0 * 2.0).sin(), 580.0, 30.0, 40.0, 200.0);
        canvas.noise(1.0);
    });
    assert_eq!(evidence.freezes(&Policy::default()), []);
}

#[test]
fn slow_movement_is_no_freeze() {
    let evidence = watch(6, |n, canvas| {
        canvas.room();
        canvas.host(150.0 + 4.0 * n as f64 / 30.0, 200.0, 0.0);
        canvas.noise(0.5);
    });
    assert_eq!(evidence.freezes(&Policy::default()), []);
}

#[test]
fn a_slow_camera_in_a_fast_stream_does_not_lag() {
    for camera in [15, 20, 24, 25] {
        let evidence = watch(5, |n, canvas| {
            talking(canvas, (n * camera / 30) as f64 / camera as f64);
        });
        assert_eq!(evidence.lags(&Policy::default()), [], "{camera} in 30");
    }
}

#[test]
fn pictures_that_repeat_irregularly_are_lag() {
    // Holds of 0.1 to 0.5 s between 2 and 4 s.
    let holds = [60, 66, 80, 84, 99, 105, 112];
    let evidence = watch(6, |n, canvas| {
        let held =
            if (60..120).contains(&n) { *holds.iter().rfind(|&&h| h <= n).unwrap() } else { n };
        talking(canvas, held as f64 / 30.0);
    });
    let lags = evidence.lags(&Policy::default());
    assert!(
        lags.iter().any(|span| span.start.seconds() >= 1.9 && span.end.seconds() <= 4.1),
        "{lags:?}"
    );
    assert!(
        lags.iter().all(|span| span.start.seconds() >= 1.9 && span.end.seconds() <= 4.1),
        "{lags:?}"
    );
}

#[test]
fn pictures_that_never_came_are_lag() {
    let times = (0..150).filter(|n| !(60..72).contains(n)).map(|n| MediaTime::from_ticks(n, 1, 30));
    let shown: Vec<i64> = (0..150).filter(|n| !(60..72).contains(n)).collect();
    let evidence = watch_at(times, |n, canvas| talking(canvas, shown[n] as f64 / 30.0));
    let lags = evidence.lags(&Policy::default());
    assert!(near(&lags, (59.0 / 30.0, 72.0 / 30.0), 0.05), "{lags:?}");
}

#[test]
fn black_with_noise_is_black_and_a_dark_room_is_not() {
    let evidence = watch(4, |n, canvas| {
        talking(canvas, n as f64 / 30.0);
        if (30..48).contains(&n) {
            canvas.luma.fill(17);
        }
        canvas.noise(2.0);
    });
    let blacks = evidence.blacks(&Policy::default());
    assert!(near(&blacks, (1.0, 1.6), 0.04), "{blacks:?}");
    let dark = watch(2, |n, canvas| {
        canvas.luma.fill(20);
        canvas.ellipse(180.0 + n as f64, 200.0, 40.0, 50.0, 90.0);
    });
    assert_eq!(dark.blacks(&Policy::default()), []);
}

#[test]
fn a_cut_is_found_and_movement_is_none() {
    let evidence = watch(3, |n, canvas| {
        talking(canvas, n as f64 / 30.0);
        if n >= 45 {
            canvas.luma.iter_mut().for_each(|level| *level = 255 - *level);
        }
    });
    let cuts: Vec<f64> = evidence.scene_cuts().iter().map(|time| time.seconds()).collect();
    assert_eq!(cuts, [1.5]);
}

#[test]
fn odd_pictures_do_no_harm() {
    let mut collector = EvidenceCollector::new(&LookFor::default());
    for (width, height) in [(0, 0), (1, 1), (7, 3), (16, 16), (33, 9), (1920, 2)] {
        collector.picture(&PictureView {
            time: MediaTime::ZERO,
            duration: MediaDuration::ZERO,
            width,
            height,
            // Shorter than it claims to be.
            luma: &vec![128; width * height / 2],
            luma_stride: width,
            blue: &[],
            red: &[],
            chroma_stride: 0,
            chroma_width: 0,
            chroma_height: 0,
            full_range: true,
            corrupt: true,
        });
    }
    let evidence = collector.finish(&NoAdviser).unwrap();
    let policy = Policy::default();
    let _ = (evidence.freezes(&policy), evidence.lags(&policy), evidence.scene_cuts());
    assert_eq!(evidence.pictures.samples.len(), 6);
}
