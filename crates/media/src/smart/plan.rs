//! Which coded pictures of a stretch can be copied as they are, and which must be encoded.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use reprise_model::{MediaDuration, MediaTime};

use super::coded::{Coded, CodedPicture};
use crate::encode::Layout;
use crate::h264::{self, Framing, Slice, Sps, unit};

/// Less than this is not worth a seam.
const COPIED_MIN_S: f64 = 1.0;
/// How far a picture may be from its tick, as a share of it. Containers round to a millisecond,
/// which is 6 % at 60 pictures a second; from 50 % on the nearest tick is another.
const OFF_GRID_MAX: f64 = 0.4;

/// What becomes of each picture of a clip. Pictures are numbered as they are shown, from 0.
#[derive(Debug)]
pub(crate) struct Plan {
    /// When picture 0 is shown in the recording.
    pub start: MediaTime,
    /// Pictures.
    pub count: u64,
    /// Places of the copied pictures in the order of decoding.
    pub copied: Range<usize>,
    /// Numbers of the copied pictures; those before and after are encoded.
    pub kept: Range<u64>,
    /// Number of the picture at each place, for those that are in the clip.
    pub numbers: Vec<Option<u64>>,
    /// The copied pictures' sequence parameter set.
    pub sps: Vec<u8>,
    /// What it says.
    pub shape: Sps,
    /// The copied pictures' picture parameter sets.
    pub pps: Vec<Vec<u8>>,
    /// A number that no parameter set of the recording has.
    pub free_id: u32,
    /// Pictures that may be decoded before one that is shown earlier.
    pub reorder: u32,
    /// Number that the first copied IDR picture gives itself.
    pub first_idr: u32,
}

/// Why nothing is copied.
pub(crate) type Reason = String;

impl Plan {
    /// Plans a clip.
    pub fn new(coded: &Coded, layout: &Layout) -> Result<Self, Reason> {
        let grid = Grid::new(&coded.pictures, layout)?;
        let (copied, kept) = copied(&coded.pictures, &grid, layout)?;
        let mut sets = Sets::default();
        for set in &coded.sets {
            sets.add(set)?;
        }
        for picture in &coded.pictures[..copied.start] {
            sets.follow(picture, coded.framing)?;
        }
        let mut used = Used::default();
        for picture in &coded.pictures[copied.clone()] {
            used.picture(picture, coded.framing, &mut sets)?;
        }
        let shape = used.sps.ok_or("no sequence parameter set is there")?;
        let size = (shape.width, shape.height);
        if size != layout.size {
            let (width, height) = layout.size;
            return Err(format!("its pictures are {}x{}, not {width}x{height}", size.0, size.1));
        }
        let taken: BTreeSet<u32> = sets.sps.keys().chain(sets.pps.keys()).copied().collect();
        let free_id = (0..32).find(|id| !taken.contains(id));
        let pps = used.pps.iter().filter_map(|id| sets.pps.get(id).map(|(_, set)| set.clone()));
        Ok(Self {
            start: grid.start,
            count: layout.count,
            copied,
            kept,
            numbers: grid.numbers,
            sps: sets.sps.get(&shape.id).cloned().unwrap_or_default(),
            pps: pps.collect(),
            free_id: free_id.ok_or("it uses all numbers of parameter sets")?,
            reorder: match shape.reorder {
                _ if shape.order_type == 2 => 0,
                Some(stated) => stated,
                None => reordering(&coded.pictures),
            },
            shape,
            first_idr: used.first_idr.unwrap_or(0),
        })
    }

    /// Whether a picture of the clip is copied.
    pub fn is_copied(&self, number: u64) -> bool {
        self.kept.contains(&number)
    }
}

/// Pictures that are decoded before one that is shown earlier, at most.
fn reordering(pictures: &[CodedPicture]) -> u32 {
    let mut most = 0;
    for (place, picture) in pictures.iter().enumerate() {
        let from = place.saturating_sub(16);
        let earlier = pictures[from..place].iter().filter(|p| p.at > picture.at).count();
        most = most.max(earlier as u32);
    }
    most
}

/// The clip's ticks, and which picture stands on which.
struct Grid {
    start: MediaTime,
    numbers: Vec<Option<u64>>,
}

impl Grid {
    fn new(pictures: &[CodedPicture], layout: &Layout) -> Result<Self, Reason> {
        let nearest = pictures
            .iter()
            .map(|picture| picture.at)
            .min_by_key(|&at| ((at - layout.wanted.start).abs(), at))
            .filter(|&at| (at - layout.wanted.start).abs() <= layout.near);
        let start = nearest.ok_or("no picture is near the in-point")?;
        let (num, den) = (layout.rate.1, layout.rate.0);
        let tick = MediaDuration::from_ticks(1, num, den).seconds();
        let mut seen = vec![false; usize::try_from(layout.count).unwrap_or(0)];
        let mut numbers = Vec::with_capacity(pictures.len());
        for picture in pictures {
            let number = (picture.at - start).ticks(num, den);
            let on = start + MediaDuration::from_ticks(number, num, den);
            let index = usize::try_from(number).ok().filter(|&number| number < seen.len());
            if let Some(index) = index {
                let off = (picture.at - on).seconds().abs();
                if off > OFF_GRID_MAX * tick {
                    return Err(format!(
                        "the picture at {} is {:.1} ms off a constant rate",
                        picture.at,
                        off * 1000.0
                    ));
                }
                if std::mem::replace(&mut seen[index], true) {
                    return Err(format!("two pictures are shown at {}", picture.at));
                }
            }
            numbers.push(index.map(|index| index as u64));
        }
        if let Some(missing) = seen.iter().position(|seen| !seen) {
            let at = start + MediaDuration::from_ticks(missing as i64, num, den);
            return Err(format!("no picture is shown at {at}"));
        }
        Ok(Self { start, numbers })
    }
}

/// The longest run in the order of decoding, from the first IDR picture on, that is a run in the
/// order shown too: its places and its numbers.
fn copied(
    pictures: &[CodedPicture],
    grid: &Grid,
    layout: &Layout,
) -> Result<(Range<usize>, Range<u64>), Reason> {
    let fps = f64::from(layout.rate.0) / f64::from(layout.rate.1);
    let enough = (COPIED_MIN_S * fps).ceil() as u64;
    let first = (0..pictures.len()).find(|&p| pictures[p].is_idr && grid.numbers[p].is_some());
    let Some(first) = first else {
        let keys = pictures.iter().any(|picture| picture.packet.is_key());
        let open = if keys && !pictures.iter().any(|p| p.is_idr) { " (open GOPs)" } else { "" };
        return Err(format!("no IDR picture lies in it{open}"));
    };
    let from = grid.numbers[first].unwrap_or(0);
    if pictures[..first].iter().any(|picture| picture.at > pictures[first].at) {
        return Err("pictures before an IDR picture are shown after it".to_owned());
    }
    let (mut best, mut highest, mut idr) = (first, from, from);
    for (place, picture) in pictures.iter().enumerate().skip(first) {
        let Some(number) = grid.numbers[place] else {
            // Shown after the clip; no run that holds it counts. Before it: out of order.
            if picture.at < pictures[first].at {
                return Err("pictures after an IDR picture are shown before it".to_owned());
            }
            break;
        };
        if number < idr {
            return Err("pictures after an IDR picture are shown before it".to_owned());
        }
        highest = highest.max(number);
        if picture.is_idr {
            if number < highest {
                return Err("pictures before an IDR picture are shown after it".to_owned());
            }
            idr = number;
        }
        if highest - from == (place - first) as u64 {
            best = place + 1;
        }
    }
    // Two IDR pictures in a row would have to differ in a number that ours may share.
    if best < first + (layout.count - from) as usize && best > first && pictures[best - 1].is_idr {
        best -= 1;
    }
    let length = (best - first) as u64;
    if length < enough {
        return Err(format!("only {:.2} s in it could be copied", length as f64 / fps));
    }
    Ok((first..best, from..from + length))
}

/// Parameter sets as they hold at one place.
#[derive(Default)]
struct Sets {
    sps: BTreeMap<u32, Vec<u8>>,
    /// With the number of the sequence parameter set.
    pps: BTreeMap<u32, (u32, Vec<u8>)>,
}

impl Sets {
    /// Takes a set in; true where it changes one.
    fn add(&mut self, set: &[u8]) -> Result<bool, Reason> {
        let changed = match h264::kind(set) {
            unit::SPS => {
                let sps = Sps::parse(set).ok_or("a sequence parameter set cannot be read")?;
                self.sps.insert(sps.id, set.to_vec()).is_some_and(|old| old != set)
            }
            unit::PPS => {
                let (id, sps) =
                    h264::pps_ids(set).ok_or("a picture parameter set cannot be read")?;
                let old = self.pps.insert(id, (sps, set.to_vec()));
                old.is_some_and(|(_, old)| old != set)
            }
            _ => false,
        };
        Ok(changed)
    }

    /// Takes in the sets that a packet brings; true where one changes.
    fn follow(&mut self, picture: &CodedPicture, framing: Framing) -> Result<bool, Reason> {
        let mut changed = false;
        if let Some(description) = picture.packet.new_description() {
            let (_, sets) = h264::described(description)
                .ok_or("the container's parameter sets cannot be read")?;
            for set in &sets {
                changed |= self.add(set)?;
            }
        }
        for unit in h264::units(picture.packet.bytes(), framing).ok_or("it is framed wrongly")? {
            changed |= self.add(unit)?;
        }
        Ok(changed)
    }
}

/// What the copied pictures use, and what must not be in them.
#[derive(Default)]
struct Used {
    sps: Option<Sps>,
    pps: BTreeSet<u32>,
    first_idr: Option<u32>,
    /// `frame_num` of the last picture that others refer to.
    reference: u32,
}

impl Used {
    fn picture(
        &mut self,
        picture: &CodedPicture,
        framing: Framing,
        sets: &mut Sets,
    ) -> Result<(), Reason> {
        let at = picture.at;
        if picture.packet.is_corrupt() || picture.packet.is_discarded() {
            return Err(format!("the picture at {at} is damaged or hidden"));
        }
        if sets.follow(picture, framing)? && self.sps.is_some() {
            return Err(format!("its parameter sets change at {at}"));
        }
        let mut slices = 0;
        for unit in h264::units(picture.packet.bytes(), framing).ok_or("it is framed wrongly")? {
            match h264::kind(unit) {
                unit::SLICE | unit::IDR => {
                    if (h264::kind(unit) == unit::IDR) != picture.is_idr {
                        return Err(format!("the picture at {at} is IDR in part"));
                    }
                    self.slice(unit, slices == 0, at, sets)?;
                    slices += 1;
                }
                // Partitions, extensions of parameter sets, depth, layers.
                unit::PARTITION..=4 | 13..=21 => {
                    return Err(format!("the picture at {at} uses an extension of H.264"));
                }
                _ => {}
            }
        }
        if slices == 0 { Err(format!("the packet at {at} holds no picture")) } else { Ok(()) }
    }

    fn slice(
        &mut self,
        unit: &[u8],
        first: bool,
        at: MediaTime,
        sets: &Sets,
    ) -> Result<(), Reason> {
        if self.sps.is_none() {
            // All have the same; the first slice says which.
            let known = sets.sps.values().next().and_then(|set| Sps::parse(set));
            let probe = known.ok_or("no sequence parameter set is there")?;
            let pps = Slice::parse(unit, &probe).map(|slice| slice.pps);
            let id = pps.and_then(|pps| sets.pps.get(&pps)).map(|(sps, _)| *sps);
            let set = id.and_then(|id| sets.sps.get(&id)).and_then(|set| Sps::parse(set));
            let sps = set.ok_or(format!("the picture at {at} has no parameter sets"))?;
            complies(&sps)?;
            self.sps = Some(sps);
        }
        let Some(sps) = &self.sps else { return Ok(()) };
        let slice = Slice::parse(unit, sps).ok_or(format!("a slice at {at} cannot be read"))?;
        if sets.pps.get(&slice.pps).is_none_or(|(id, _)| *id != sps.id) {
            return Err(format!("the picture at {at} uses a second parameter set"));
        }
        self.pps.insert(slice.pps);
        if slice.begins != first {
            return Err(format!("the packet at {at} holds more or less than one picture"));
        }
        if !first {
            return Ok(());
        }
        if let Some(idr) = slice.idr {
            self.first_idr.get_or_insert(idr);
            self.reference = 0;
            return Ok(());
        }
        let next = (self.reference + 1) % (1 << sps.frame_num_bits);
        if slice.frame_num != next {
            return Err(format!("pictures are missing before {at} (frame_num)"));
        }
        if slice.is_reference {
            self.reference = next;
        }
        Ok(())
    }
}

/// What a sequence parameter set must say for its pictures to be copied.
fn complies(sps: &Sps) -> Result<(), Reason> {
    if !matches!(sps.profile, 66 | 77 | 100) {
        return Err(format!("its H.264 profile is {}", sps.profile));
    }
    if sps.chroma_format != 1 || sps.bit_depth != (8, 8) {
        return Err("it is not 8-bit 4:2:0".to_owned());
    }
    if !sps.frames_only {
        return Err("it may hold fields (interlaced)".to_owned());
    }
    if sps.frame_num_gaps {
        return Err("it allows pictures to be left out (frame_num gaps)".to_owned());
    }
    if !matches!(sps.aspect, (0, _) | (_, 0)) && sps.aspect.0 != sps.aspect.1 {
        return Err("its pixels are not square".to_owned());
    }
    Ok(())
}
