//! What is compared with what, and in which order the sides take turns.

use crate::Result;
use crate::jobs::{Jobs, Run};
use crate::recording::Window;
use crate::report::{Comparison, Side};

/// Clips at given times, as `reprise cut` makes them of a source that complies.
///
/// # Errors
/// Where a side fails.
pub fn smart(jobs: &Jobs, windows: &[Window], pairs: u32) -> Result<Comparison> {
    let names = ["`reprise cut --jobs 1`", "`reprise cut`", "`reprise cut --isolation off`"];
    let mut sides: Vec<Side> = names.into_iter().chain(["script", "D1"]).map(side).collect();
    for pair in 1..=pairs {
        add(&mut sides[0], pair, || jobs.cut(windows, Some(1)))?;
        add(&mut sides[3], pair, || jobs.script(windows))?;
        add(&mut sides[1], pair, || jobs.cut(windows, None))?;
        add(&mut sides[4], pair, || jobs.decode(windows))?;
        let open = ["--isolation", "off"];
        add(&mut sides[2], pair, || jobs.cut_of(&jobs.recording.live, windows, Some(1), &open))?;
    }
    let clips_s = windows.iter().map(|window| window.length_s).sum();
    Ok(Comparison {
        title: format!("{} clips at given times, smart cut", windows.len()),
        about: format!(
            "{clips_s:.0} s of clips: cut to the picture, checked, with a cover; what complies is \
             copied, only the edges are encoded. Without `--jobs`, `reprise cut` works on one clip \
             a core. Without isolation the same work is done in one process."
        ),
        clips_s,
        sides,
        ratios: vec![(0, 3), (1, 3), (0, 2)],
        decode: Some(4),
    })
}

/// Clips at given times that are encoded from the first picture to the last; the script and the
/// plain decode are those of `smart`, which were measured just before.
///
/// # Errors
/// Where a side fails.
pub fn encoded(
    jobs: &Jobs,
    windows: &[Window],
    pairs: u32,
    smart: &Comparison,
) -> Result<Comparison> {
    let profile = jobs.encoding_profile()?;
    let options = ["--profile", profile.as_str()];
    let names = ["`reprise cut --jobs 1`, all encoded", "plain ffmpeg"];
    let mut sides: Vec<Side> = names.into_iter().map(side).collect();
    sides.extend(smart.sides.iter().skip(3).take(2).cloned());
    let live = &jobs.recording.live;
    for pair in 1..=pairs {
        add(&mut sides[0], pair, || jobs.cut_of(live, windows, Some(1), &options))?;
        add(&mut sides[1], pair, || jobs.plain(windows))?;
    }
    let clips_s = windows.iter().map(|window| window.length_s).sum();
    Ok(Comparison {
        title: format!("{} clips at given times, encoded", windows.len()),
        about:
            "The same clips with `smart_cut = false` in the profile: what a source gets that does \
                not comply. Plain ffmpeg cuts with the same encoder settings and checks nothing. The script and D1 are those \
                measured just before."
                .to_owned(),
        clips_s,
        sides,
        ratios: vec![(0, 1), (0, 2)],
        decode: Some(3),
    })
}

/// The whole job for a LIVE.
///
/// # Errors
/// Where a side fails, or clips differ from one time to the next.
pub fn run(jobs: &Jobs, pairs: u32) -> Result<Comparison> {
    let profile = jobs.encoding_profile()?;
    let options = ["--profile", profile.as_str()];
    let names = ["`reprise run`", "`reprise run`, all encoded", "plain ffmpeg", "script", "D1"];
    let mut sides: Vec<Side> = names.into_iter().map(side).collect();
    let mut shipped: Option<Vec<Window>> = None;
    for pair in 1..=pairs {
        let mut windows = Vec::new();
        for (index, options) in [(0, &[][..]), (1, &options[..])] {
            let mut found = Vec::new();
            add(&mut sides[index], pair, || {
                let (run, shipped) = jobs.run(options)?;
                found = shipped;
                Ok(run)
            })?;
            if index == 0 {
                windows = found;
            }
        }
        if shipped.as_ref().is_some_and(|before| *before != windows) {
            return Err("`reprise run` shipped other clips than the time before".into());
        }
        add(&mut sides[2], pair, || jobs.plain(&windows))?;
        add(&mut sides[3], pair, || jobs.script(&windows))?;
        add(&mut sides[4], pair, || jobs.decode(&windows))?;
        shipped = Some(windows);
    }
    let windows = shipped.unwrap_or_default();
    let clips_s = windows.iter().map(|window| window.length_s).sum();
    Ok(Comparison {
        title: "The whole job for one LIVE".to_owned(),
        about: format!(
            "Our side reads the event log, finds the moments, looks around each of them for the cut, and makes the clips and the \
             report. The others are told the times of the {} clips ({clips_s:.0} s) that shipped.",
            windows.len()
        ),
        clips_s,
        sides,
        ratios: vec![(0, 3), (1, 2), (1, 3)],
        decode: Some(4),
    })
}

/// A side that has not run yet.
pub fn side(name: &str) -> Side {
    Side { name: name.to_owned(), runs: Vec::new() }
}

/// Runs a side once more.
///
/// # Errors
/// Its own, with the side's name.
pub fn add(side: &mut Side, pair: u32, run: impl FnOnce() -> Result<Run>) -> Result<()> {
    let run = run().map_err(|error| format!("{}: {error}", side.name))?;
    let usage = run.usage;
    eprintln!("pair {pair}  {}: {:.1} s CPU, {:.1} s wall", side.name, usage.cpu_s, usage.wall_s);
    side.runs.push(run);
    Ok(())
}
