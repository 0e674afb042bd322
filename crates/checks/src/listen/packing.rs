//! Stretches of speech put together for a model that always hears 30 s, and back again.

use super::Stretch;

/// What the model hears at once, samples at 16 kHz.
pub(super) const WINDOW: usize = 30 * 16_000;
/// Silence between two stretches that were further apart, samples (0.3 s): a pause, not a word.
const JOINT: usize = 4_800;
/// A language is asked for once in so much speech, samples (3 to 15 s): the model needs some seconds,
/// and each asking costs as much as half a minute of listening, so a clip gets about eight.
const UNIT: std::ops::RangeInclusive<usize> = 3 * 16_000..=15 * 16_000;
const ASKED: usize = 8;

/// Some stretches that are heard as one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pack {
    /// Where each lies in the sound, and where it begins in the pack.
    pub(super) parts: Vec<(Stretch, usize)>,
    /// Samples of the pack.
    pub(super) length: usize,
}

impl Pack {
    fn fits(&self, stretch: Stretch) -> bool {
        self.parts.is_empty() || self.length + JOINT + stretch.len() <= WINDOW
    }

    fn push(&mut self, stretch: Stretch) {
        if let Some((last, _)) = self.parts.last_mut()
            && last.to == stretch.from
        {
            last.to = stretch.to;
            self.length += stretch.len();
            return;
        }
        let gap = match self.parts.last() {
            Some((last, _)) => (stretch.from - last.to).min(JOINT),
            None => 0,
        };
        self.parts.push((stretch, self.length + gap));
        self.length += gap + stretch.len();
    }

    /// Samples of speech.
    pub(super) fn speech(&self) -> usize {
        self.parts.iter().map(|(stretch, _)| stretch.len()).sum()
    }

    /// The sound of the pack; what was short between two stretches stays as it was.
    pub(super) fn samples(&self, sound: &[f32]) -> Vec<f32> {
        let mut samples = vec![0.0; self.length];
        let mut before: Option<(Stretch, usize)> = None;
        for &(stretch, at) in &self.parts {
            if let Some((last, begin)) = before {
                let end = begin + last.len();
                if stretch.from - last.to == at - end {
                    samples[end..at].copy_from_slice(&sound[last.to..stretch.from]);
                }
            }
            samples[at..at + stretch.len()].copy_from_slice(&sound[stretch.from..stretch.to]);
            before = Some((stretch, at));
        }
        samples
    }

    /// Where `from..to` of the pack lies in the sound; inside one stretch, that of its middle.
    pub(super) fn source(&self, from: usize, to: usize) -> Option<(usize, usize)> {
        let middle = from + to.saturating_sub(from) / 2;
        let near = |&&(stretch, at): &&(Stretch, usize)| {
            at.saturating_sub(middle).max(middle.saturating_sub(at + stretch.len()))
        };
        let &(stretch, at) = self.parts.iter().min_by_key(near)?;
        let back = |sample: usize| {
            (stretch.from + sample.saturating_sub(at)).clamp(stretch.from, stretch.to)
        };
        let (from, to) = (back(from), back(to));
        Some((from, to.max(from)))
    }
}

/// Units in which a language is asked for: an eighth of the speech, 3 to 15 s, at most 30 s.
pub(super) fn units(stretches: &[Stretch]) -> Vec<Pack> {
    let mut units: Vec<Pack> = Vec::new();
    let speech: usize = stretches.iter().map(|stretch| stretch.len()).sum();
    let least = (speech / ASKED).clamp(*UNIT.start(), *UNIT.end());
    for stretch in stretches.iter().flat_map(|&stretch| pieces(stretch, 2 * least)) {
        match units.last_mut() {
            Some(unit) if unit.speech() < least && unit.fits(stretch) => unit.push(stretch),
            _ => {
                let mut unit = Pack::default();
                unit.push(stretch);
                units.push(unit);
            }
        }
    }
    // A short rest says little of its language: it belongs to what came before.
    if let [.., before, last] = units.as_slice()
        && last.speech() < least / 2
        && last.parts.iter().all(|&(stretch, _)| before.fits(stretch))
        && before.length + JOINT + last.length <= WINDOW
    {
        let last = units.pop().unwrap_or_default();
        if let Some(before) = units.last_mut() {
            last.parts.iter().for_each(|&(stretch, _)| before.push(stretch));
        }
    }
    units
}

/// Joins neighbours that `same` says belong together, as many as fit into 30 s.
pub(super) fn joined<T: Clone + PartialEq>(units: Vec<(Pack, T)>) -> Vec<(Pack, T)> {
    let mut packs: Vec<(Pack, T)> = Vec::new();
    for (unit, kind) in units {
        for (stretch, _) in unit.parts {
            match packs.last_mut() {
                Some((pack, of)) if *of == kind && pack.fits(stretch) => pack.push(stretch),
                _ => {
                    let mut pack = Pack::default();
                    pack.push(stretch);
                    packs.push((pack, kind.clone()));
                }
            }
        }
    }
    packs
}

/// A stretch in equal pieces of at most `most` samples.
fn pieces(stretch: Stretch, most: usize) -> impl Iterator<Item = Stretch> {
    let count = stretch.len().div_ceil(most).max(1);
    let at = move |index: usize| stretch.from + stretch.len() * index / count;
    (0..count).map(move |index| Stretch { from: at(index), to: at(index + 1) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn stretch(from_s: f64, to_s: f64) -> Stretch {
        Stretch { from: (from_s * 16e3) as usize, to: (to_s * 16e3) as usize }
    }

    #[test]
    fn short_stretches_share_a_window() {
        let many: Vec<_> =
            (0..60).map(|i| stretch(f64::from(i) * 5.0, f64::from(i) * 5.0 + 1.0)).collect();
        let packs = joined(units(&many).into_iter().map(|unit| (unit, "id")).collect());
        // 60 s of speech and the joints between: three windows, not 60.
        assert_eq!(packs.len(), 3);
        assert!(packs.iter().all(|(pack, _)| pack.length <= WINDOW));
        let all: Vec<_> =
            packs.iter().flat_map(|(p, _)| p.parts.iter().map(|part| part.0)).collect();
        assert_eq!(all, many);
    }

    #[test]
    fn a_pack_is_led_back_to_the_sound() {
        let pack = joined(vec![(units(&[stretch(10.0, 12.0), stretch(20.0, 21.0)])[0].clone(), 0)]);
        let pack = &pack[0].0;
        assert_eq!(pack.source(16_000, 24_000).unwrap(), (11 * 16_000, 11 * 16_000 + 8_000));
        // The second stretch begins 2.3 s into the pack.
        assert_eq!(pack.source(36_800, 40_000).unwrap(), (20 * 16_000, 20 * 16_000 + 3_200));
        // A word that the model stretches over the joint stays where its middle is.
        let (from, to) = pack.source(30_000, 34_000).unwrap();
        assert!(from >= 10 * 16_000 && to <= 12 * 16_000);
    }

    #[test]
    fn long_speech_is_cut_into_pieces_and_a_rest_joins_what_came_before() {
        let found = units(&[stretch(0.0, 50.0), stretch(51.0, 52.0)]);
        assert!(found.iter().all(|unit| unit.length <= WINDOW));
        let speech: usize = found.iter().map(Pack::speech).sum();
        assert_eq!(speech, 51 * 16_000);
        assert!(found.last().unwrap().speech() > 16_000);
        assert_eq!(units(&[]), []);
    }

    #[test]
    fn what_is_short_between_two_stretches_is_heard() {
        let sound: Vec<f32> = (0..32_000).map(|i| i as f32).collect();
        let unit =
            &units(&[Stretch { from: 100, to: 9_000 }, Stretch { from: 10_000, to: 20_000 }])[0];
        assert_eq!(unit.samples(&sound), &sound[100..20_000]);
    }
}
