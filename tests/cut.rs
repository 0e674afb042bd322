//! Cuts at random points, in every container: the right picture first, the right number of
//! pictures, sound in sync.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use reprise_media::{ClipRequest, EncodeSettings, FileSource, cut_clip, probe};
use reprise_model::Span;
use reprise_tests::{live, readback};

const CONTAINERS: [&str; 5] =
    ["live.flv", "live.ts", "live.mp4", "live-fragmented.mp4", "live.mkv"];
const CUTS: usize = 20;

#[test]
fn twenty_random_cuts_are_exact_in_every_container() {
    let settings: EncodeSettings =
        toml::from_str(include_str!("../pipelines/profiles/h264-720p-fast.toml")).unwrap();
    let folder = live::folder();
    let out = tempfile::tempdir().unwrap();
    let mut seed = 0x5eed_u64;
    let mut random = move || {
        // Knuth's linear congruential generator (MMIX); the upper bits are good enough here.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as f64 / f64::from(1u32 << 31)
    };
    let mut worst_sync = 0f64;
    for index in 0..CUTS {
        let container = CONTAINERS[index % CONTAINERS.len()];
        let (start, length) = std::iter::repeat_with(|| (random() * 230.0, 0.5 + random() * 5.0))
            .find(|&(start, length)| every_picture_is_new(start, length))
            .unwrap();
        let source = FileSource::open(&folder.join(container)).unwrap();
        let media = probe(source.clone()).unwrap();
        let span = Span::from_seconds(start, start + length);
        let request = ClipRequest { span, settings: &settings, stills: &[], damaged_packets: 0 };
        let clip = cut_clip(source, &media, &request, None, &mut |_| {}).unwrap();
        let path = out.path().join(format!("{index}.mp4"));
        std::fs::write(&path, &clip.mp4).unwrap();
        let read = readback::read(&path);
        let what = format!("{container} from {start:.4} for {length:.4} s");

        let frame = 1.0 / 30.0;
        let first = read.numbers[0].unwrap_or_else(|| panic!("{what}: no frame number"));
        let shown = f64::from(first) * frame;
        assert!((shown - start).abs() <= frame / 2.0 + 0.0006, "{what}: starts at {shown:.4}");
        assert!((clip.span.start.seconds() - shown).abs() < 0.002, "{what}: {:?}", clip.span);
        assert_eq!(read.numbers.len(), (length * 30.0).round() as usize, "{what}");
        for (offset, number) in read.numbers.iter().enumerate() {
            assert_eq!(*number, Some(first + offset as u32), "{what}: picture {offset}");
        }
        assert!(read.times[0].abs() < 1e-6, "{what}: starts at {}", read.times[0]);
        for pair in read.times.windows(2) {
            assert!((pair[1] - pair[0] - frame).abs() < 1e-3, "{what}: not a constant rate");
        }
        // A tick sounds on every picture whose number is a multiple of 30.
        let expected: Vec<f64> = read
            .numbers
            .iter()
            .enumerate()
            .filter(|(_, number)| number.unwrap() % 30 == 0)
            .map(|(offset, _)| offset as f64 * frame)
            .collect();
        let ticks = reprise_fixtures::ticks::find(&read.samples, readback::SAMPLE_RATE);
        for &at in expected.iter().filter(|&&at| at > 0.05 && at < length - 0.1) {
            let second = (shown + at).round();
            if muted(second) {
                continue;
            }
            let error = ticks.iter().map(|tick| (tick - at).abs()).fold(f64::INFINITY, f64::min);
            assert!(error < 0.020, "{what}: no tick near {at:.3}, sound is off; {ticks:?}");
            worst_sync = worst_sync.max(error);
        }
        let heard = read.samples.len() as f64 / f64::from(readback::SAMPLE_RATE);
        let total = read.numbers.len() as f64 * frame;
        assert!((heard - total).abs() < 0.025, "{what}: {heard:.4} s of sound for {total:.4} s");
    }
    eprintln!("worst distance between tick and picture: {:.2} ms", worst_sync * 1000.0);
}

/// Whether the recording itself shows a new, readable picture every time.
fn every_picture_is_new(start: f64, length: f64) -> bool {
    let faults = &live::truth().faults;
    [faults.freeze, faults.black, faults.lag]
        .iter()
        .all(|&[from, to]| start + length + 0.1 < from || start - 0.1 > to)
}

fn muted(second: f64) -> bool {
    let faults = &live::truth().faults;
    [faults.mute, faults.clipping]
        .iter()
        .any(|&[from, to]| second >= from - 0.1 && second <= to + 0.1)
}
