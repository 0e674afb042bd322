//! A session's folder in the store: what is written in which order, and what is swept.
//!
//! `<seller>/<session id>/` holds `clips/<clip id>/`, `rejected/<clip id>/`, `report.html`,
//! `session.json`, the stage results in `.stages/` and the runs' manifests in `.runs/`. A clip
//! exists once its `clip.json` does; a run counts once `session.json` names it.

use std::collections::BTreeSet;

use reprise_model::clip::Clip;
use reprise_model::outcome::SessionOutcome;
use reprise_model::{Error, Kind, Result};
use reprise_store::{Key, ObjectStore, PutOptions, Version};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::run::RunManifest;
use crate::takedown;

/// Which folder a clip lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClipFolder {
    /// `clips/`: it may be posted.
    Shipped,
    /// `rejected/`: kept on request, to see why.
    Rejected,
}

impl ClipFolder {
    /// Name of the folder.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shipped => "clips",
            Self::Rejected => "rejected",
        }
    }
}

/// The files of a clip beside its `clip.json`.
#[derive(Clone, Debug, Default)]
pub struct ClipFiles<'a> {
    /// `clip.mp4`.
    pub mp4: &'a [u8],
    /// `cover.jpg`.
    pub cover: Option<&'a [u8]>,
    /// Pictures by file name (`freeze-01.jpg`, or with `evidence/` in front, as verdicts name them).
    pub evidence: Vec<(String, Vec<u8>)>,
    /// Further files by name, such as what was measured.
    pub more: Vec<(&'static str, Vec<u8>)>,
    /// `captions.vtt`.
    pub captions_vtt: Option<String>,
    /// `captions.srt`.
    pub captions_srt: Option<String>,
}

/// What [`SessionFolder::finish`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Whether this call wrote the run's manifest; `false` where the run was finished before.
    pub first: bool,
    /// Objects that no run names any more and that were removed.
    pub swept: usize,
    /// Where `session.json` is, for people.
    pub session_json: String,
    /// Where `report.html` is, for people.
    pub report: String,
}

/// Says whose a session's folder is, also before there is a `session.json`.
pub(crate) const CREATOR: &str = "creator.json";

/// The newest run, or that it was taken down.
const SESSION: &str = "session.json";

/// What [`CREATOR`] says.
#[derive(Serialize, Deserialize)]
pub(crate) struct Whose {
    pub(crate) creator: String,
}

/// How often a run is published anew when another was published at the same time.
const COMMITS_MAX: usize = 8;
/// Objects that are removed before one looks again whose run is the newest.
const SWEPT_AT_ONCE: usize = 16;

/// What stood there before a run was published.
struct Seen {
    report: Option<Version>,
    session: Option<Version>,
}

/// The folder of one session.
pub struct SessionFolder<'a> {
    store: &'a dyn ObjectStore,
    prefix: String,
    /// Seller and creator, where a takedown counts.
    of: Option<(String, String)>,
}

impl<'a> SessionFolder<'a> {
    /// The folder `<seller>/<session id>`. Both are one part of a key each; a name that is not is
    /// refused by the first call that uses it.
    pub fn new(store: &'a dyn ObjectStore, seller: &str, session_id: &str) -> Self {
        // A `/` inside would reach another seller's folder; an empty part is refused by `Key`.
        let part = |name: &str| if name.contains('/') { String::new() } else { name.to_owned() };
        Self { store, prefix: format!("{}/{}", part(seller), part(session_id)), of: None }
    }

    /// The same as what a worker writes for this creator: nothing, once it was taken down, and what
    /// was just written is removed again.
    #[must_use]
    pub fn by(mut self, creator: &str) -> Self {
        let seller = self.prefix.split('/').next().unwrap_or_default().to_owned();
        self.of = Some((seller, creator.to_owned()));
        self
    }

    /// Says whose the folder is, before anything else is written into it.
    ///
    /// # Errors
    /// [`Kind::Usage`] where what is the creator's was taken down; the store's.
    pub fn begin(&self) -> Result<()> {
        let Some((_, creator)) = &self.of else { return Ok(()) };
        self.must_be_wanted(&[])?;
        let (key, bytes) = (self.key(CREATOR)?, to_json(&Whose { creator: creator.clone() })?);
        if self.store.get(&key)?.as_ref() == Some(&bytes) {
            return Ok(());
        }
        self.while_wanted(&[CREATOR], || self.store.put(&key, &bytes, PutOptions::for_key(&key)))
    }

    /// Writes below `names`, and removes it again where the creator was taken down meanwhile, also where
    /// the writing failed half way. A takedown marks first and then lists what is there, so either it
    /// finds what was written, or its mark is found here.
    pub(crate) fn while_wanted<T>(
        &self,
        names: &[&str],
        write: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let written = write();
        self.must_be_wanted(names)?;
        written
    }

    fn must_be_wanted(&self, names: &[&str]) -> Result<()> {
        let Some((seller, creator)) = &self.of else { return Ok(()) };
        let session = self.prefix.get(seller.len() + 1..).unwrap_or_default();
        let Some(mark) = takedown::mark_of(self.store, seller, creator, session)? else {
            return Ok(());
        };
        for name in names {
            for entry in self.store.list(&format!("{}/{name}", self.prefix))? {
                self.store.delete(&entry.key)?;
            }
            if *name == SESSION {
                // What the takedown left there may be what was just removed.
                let key = self.key(SESSION)?;
                self.store.put(&key, &takedown::tombstone(&mark)?, PutOptions::for_key(&key))?;
            }
        }
        let message = format!(
            "what is of the creator `{creator}` was taken down at {}: see `reprise takedown --lift`",
            mark.at
        );
        Err(Error::new(Kind::Usage, message).in_file(self.prefix.clone()))
    }

    /// Removes what is there where the creator was taken down: what a process wrote that was ended before
    /// it looked for the mark.
    ///
    /// # Errors
    /// The store's.
    pub fn tidy(&self) -> Result<()> {
        let Some((seller, creator)) = &self.of else { return Ok(()) };
        let session = self.prefix.get(seller.len() + 1..).unwrap_or_default();
        let Some(mark) = takedown::mark_of(self.store, seller, creator, session)? else {
            return Ok(());
        };
        let tombstone = self.key(SESSION)?;
        for entry in self.store.list(&format!("{}/", self.prefix))? {
            if entry.key != tombstone {
                self.store.delete(&entry.key)?;
            } else if !self.store.get(&tombstone)?.is_some_and(|it| takedown::is_tombstone(&it)) {
                let bytes = takedown::tombstone(&mark)?;
                self.store.put(&tombstone, &bytes, PutOptions::for_key(&tombstone))?;
            }
        }
        Ok(())
    }

    pub(crate) fn store(&self) -> &dyn ObjectStore {
        self.store
    }

    /// `<seller>/<session id>`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Where an object of the folder is, for people; `name` as in `clips/m-01/clip.mp4`.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a name that no object can have.
    pub fn location(&self, name: &str) -> Result<String> {
        Ok(self.store.location(&self.key(name)?))
    }

    /// Writes a clip: its files first, `clip.json` last, so that a clip with a `clip.json` has all
    /// of them. Files of an earlier clip of that name are removed.
    ///
    /// # Errors
    /// [`Kind::Bug`] where `clip.source.clip_blake3` is not that of `files.mp4`; the store's.
    pub fn put_clip(&self, folder: ClipFolder, clip: &Clip, files: &ClipFiles<'_>) -> Result<()> {
        let base = self.clip_name(folder, &clip.clip_id)?;
        if !is_digest_of(&clip.source.clip_blake3, files.mp4) {
            let message = "the digest in the clip's metadata is not that of its file";
            return Err(Error::new(Kind::Bug, message).in_file(format!("{base}/clip.mp4")));
        }
        self.while_wanted(&[&format!("{base}/")], || self.put_files(&base, clip, files))
    }

    fn put_files(&self, base: &str, clip: &Clip, files: &ClipFiles<'_>) -> Result<()> {
        let metadata = to_json(clip)?;
        let metadata_key = self.key(&format!("{base}/clip.json"))?;
        // While files of two clips are mixed, neither is there.
        if self.store.get(&metadata_key)?.is_some_and(|found| found != metadata) {
            self.store.delete(&metadata_key)?;
        }

        let mut kept = BTreeSet::from([metadata_key.clone()]);
        let mut put = |name: &str, bytes: &[u8]| -> Result<()> {
            let key = self.key(&format!("{base}/{name}"))?;
            self.store.put(&key, bytes, PutOptions::for_key(&key))?;
            kept.insert(key);
            Ok(())
        };
        put("clip.mp4", files.mp4)?;
        if let Some(cover) = files.cover {
            put("cover.jpg", cover)?;
        }
        if let Some(vtt) = &files.captions_vtt {
            put("captions.vtt", vtt.as_bytes())?;
        }
        if let Some(srt) = &files.captions_srt {
            put("captions.srt", srt.as_bytes())?;
        }
        for (name, bytes) in &files.more {
            put(one_part(name)?, bytes)?;
        }
        for (name, bytes) in &files.evidence {
            let name = one_part(name.strip_prefix("evidence/").unwrap_or(name))?;
            put(&format!("evidence/{name}"), bytes)?;
        }
        for entry in self.store.list(&format!("{}/{base}/", self.prefix))? {
            if !kept.contains(&entry.key) {
                self.store.delete(&entry.key)?;
            }
        }
        self.store.put(&metadata_key, &metadata, PutOptions::for_key(&metadata_key))
    }

    /// Replaces the metadata of a clip whose files stay as they are.
    ///
    /// # Errors
    /// The store's; [`Kind::Usage`] for names that no object can have.
    pub fn put_clip_json(&self, folder: ClipFolder, clip: &Clip) -> Result<()> {
        let name = format!("{}/clip.json", self.clip_name(folder, &clip.clip_id)?);
        let (key, bytes) = (self.key(&name)?, to_json(clip)?);
        self.while_wanted(&[&name], || self.store.put(&key, &bytes, PutOptions::for_key(&key)))
    }

    /// The clip, where it is there and `clip.mp4` is the file that `clip.json` speaks of. `None`
    /// where it must be made (again), also after metadata of another version.
    ///
    /// # Errors
    /// The store's.
    pub fn clip_is_whole(&self, folder: ClipFolder, clip_id: &str) -> Result<Option<Clip>> {
        Ok(self.whole_clip(folder, clip_id)?.map(|(clip, _)| clip))
    }

    /// The metadata of a clip that ships; `None` where there are none that this version reads.
    ///
    /// # Errors
    /// The store's; [`Kind::Usage`] for a name that no object can have.
    pub fn clip_json(&self, clip_id: &str) -> Result<Option<Clip>> {
        let found = self.store.get(&self.clip_key(clip_id, "clip.json")?)?;
        Ok(found.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// The object of a file of a clip that ships, such as `clip.mp4`.
    ///
    /// # Errors
    /// [`Kind::Usage`] for names that no object can have.
    pub fn clip_key(&self, clip_id: &str, file: &str) -> Result<Key> {
        self.key(&format!("{}/{}", self.clip_name(ClipFolder::Shipped, clip_id)?, one_part(file)?))
    }

    /// A clip with its file, where it is there and whole.
    ///
    /// # Errors
    /// The store's; [`Kind::Usage`] for a name that no object can have.
    pub fn clip(&self, clip_id: &str) -> Result<Option<(Clip, Vec<u8>)>> {
        self.whole_clip(ClipFolder::Shipped, clip_id)
    }

    fn whole_clip(&self, folder: ClipFolder, clip_id: &str) -> Result<Option<(Clip, Vec<u8>)>> {
        let base = self.clip_name(folder, clip_id)?;
        let get = |name: &str| self.store.get(&self.key(&format!("{base}/{name}"))?);
        let (Some(metadata), Some(mp4)) = (get("clip.json")?, get("clip.mp4")?) else {
            return Ok(None);
        };
        let Ok(clip) = serde_json::from_slice::<Clip>(&metadata) else { return Ok(None) };
        let whole = clip.clip_id == clip_id && is_digest_of(&clip.source.clip_blake3, &mp4);
        Ok(whole.then_some((clip, mp4)))
    }

    /// The result of a stage, by what made it. `None` where there is none or it cannot be read, so
    /// that the stage runs again.
    ///
    /// # Errors
    /// The store's; [`Kind::Usage`] for names that no object can have.
    pub fn stage_get<T: DeserializeOwned>(&self, stage: &str, key: &str) -> Result<Option<T>> {
        let found = self.store.get(&self.stage_key(stage, key)?)?;
        Ok(found.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Keeps the result of a stage under what made it. Name it as `<stage>/<key>` in
    /// [`RunManifest::stages`], or it is swept when the run is finished.
    ///
    /// # Errors
    /// The store's; [`Kind::Usage`] for names that no object can have; [`Kind::Bug`] for a value
    /// that JSON cannot hold.
    pub fn stage_put<T: Serialize + ?Sized>(
        &self,
        stage: &str,
        key: &str,
        value: &T,
    ) -> Result<()> {
        let (key, bytes) = (self.stage_key(stage, key)?, to_json(value)?);
        let name = key.as_str().get(self.prefix.len() + 1..).unwrap_or_default();
        self.while_wanted(&[name], || self.store.put(&key, &bytes, PutOptions::for_key(&key)))
    }

    /// Makes a run the session's result: its manifest (if absent), the report, then `session.json`,
    /// which is the moment it counts; after that everything that the run does not name is swept.
    /// Safe to repeat, after a crash at any point and by several workers at once.
    ///
    /// `may_commit` is asked after looking at what is there and before anything of it is replaced; what
    /// another replaced since is not touched, and it is asked again. So a worker that stood still and
    /// lost its lease meanwhile changes nothing.
    ///
    /// # Errors
    /// [`Kind::Bug`] where `run` and `outcome` speak of different things, [`Kind::TryAgain`] where a
    /// clip that the run names is gone (another run swept it meanwhile) or others keep publishing; the
    /// store's and those of `may_commit`.
    pub fn finish(
        &self,
        run: &RunManifest,
        outcome: &SessionOutcome,
        report_html: &str,
        may_commit: &dyn Fn() -> Result<()>,
    ) -> Result<Finished> {
        self.agree(run, outcome)?;
        let names = [&format!(".runs/{}.json", one_part(&run.run)?), "report.html", SESSION];
        for _ in 0..COMMITS_MAX {
            let seen = self.seen()?;
            may_commit()?;
            self.must_be_wanted(&[])?;
            let commit = || self.commit(&seen, run, outcome, report_html);
            if let Some(finished) = self.while_wanted(&names, commit)? {
                return Ok(finished);
            }
        }
        let message = "other runs of this session keep being published: run it again later";
        Err(Error::new(Kind::TryAgain, message).in_file(self.prefix.clone()))
    }

    fn seen(&self) -> Result<Seen> {
        Ok(Seen {
            report: self.store.version(&self.key("report.html")?)?,
            session: self.store.version(&self.key("session.json")?)?,
        })
    }

    /// `None` where another run was published since.
    fn commit(
        &self,
        seen: &Seen,
        run: &RunManifest,
        outcome: &SessionOutcome,
        report_html: &str,
    ) -> Result<Option<Finished>> {
        for (folder, ids) in
            [(ClipFolder::Shipped, &run.clips), (ClipFolder::Rejected, &run.rejected)]
        {
            for id in ids {
                self.must_be_there(folder, id)?;
            }
        }

        let run_key = self.run_key(&run.run)?;
        let manifest = to_json(run)?;
        let first = self.store.put_if_absent(&run_key, &manifest, PutOptions::for_key(&run_key))?;
        if !first && self.store.get(&run_key)?.is_none_or(|found| found != manifest) {
            // Equal keys mean equal results. Where it is not so (a window that was given up, a file
            // damaged by hand), what is about to be published is what counts.
            self.store.put(&run_key, &manifest, PutOptions::for_key(&run_key))?;
        }
        let report_key = self.key("report.html")?;
        let session_key = self.key("session.json")?;
        let replaced = |key: &Key, bytes: &[u8], version: Option<&Version>| {
            self.store.put_if_version(key, bytes, PutOptions::for_key(key), version)
        };
        // Both or none: whoever changed one of them has looked at the other before.
        if !replaced(&report_key, report_html.as_bytes(), seen.report.as_ref())?
            || !replaced(&session_key, &to_json(outcome)?, seen.session.as_ref())?
        {
            return Ok(None);
        }
        Ok(Some(Finished {
            first,
            swept: self.sweep(run)?,
            session_json: self.store.location(&session_key),
            report: self.store.location(&report_key),
        }))
    }

    /// Whether the session has a report.
    ///
    /// # Errors
    /// The store's.
    pub fn has_report(&self) -> Result<bool> {
        self.store.exists(&self.key("report.html")?)
    }

    /// `session.json`, where there is one.
    ///
    /// # Errors
    /// [`Kind::Malformed`] where it is not what this version reads; the store's.
    pub fn newest(&self) -> Result<Option<SessionOutcome>> {
        let key = self.key("session.json")?;
        let Some(bytes) = self.store.get(&key)? else { return Ok(None) };
        if takedown::is_tombstone(&bytes) {
            return Ok(None);
        }
        self.parsed(&key, &bytes).map(Some)
    }

    /// The manifest of the run that `session.json` names. It is read even where `session.json` is of
    /// another version.
    ///
    /// # Errors
    /// [`Kind::Malformed`] where the manifest is not what this version reads; the store's.
    pub fn newest_run(&self) -> Result<Option<RunManifest>> {
        match self.newest_name()? {
            Some(run) => self.read(&self.run_key(&run)?),
            None => Ok(None),
        }
    }

    /// Removes what the run does not name. Within a clip `clip.json` goes first.
    fn sweep(&self, run: &RunManifest) -> Result<usize> {
        let mut kept_folders = BTreeSet::new();
        for id in &run.clips {
            kept_folders.insert(format!("{}/", self.clip_name(ClipFolder::Shipped, id)?));
        }
        for id in &run.rejected {
            kept_folders.insert(format!("{}/", self.clip_name(ClipFolder::Rejected, id)?));
        }
        let mut kept = BTreeSet::from([self.run_key(&run.run)?]);
        for stage in &run.stages {
            kept.insert(self.key(&format!(".stages/{stage}.json"))?);
        }

        let mut swept = Vec::new();
        for folder in ["clips/", "rejected/", ".stages/", ".runs/"] {
            for entry in self.store.list(&format!("{}/{folder}", self.prefix))? {
                let name = &entry.key.as_str()[self.prefix.len() + 1..];
                let in_kept =
                    name.match_indices('/').any(|(at, _)| kept_folders.contains(&name[..=at]));
                if !in_kept && !kept.contains(&entry.key) {
                    swept.push(entry.key);
                }
            }
        }
        swept.sort_by_key(|key| !key.as_str().ends_with("/clip.json"));
        for (count, keys) in swept.chunks(SWEPT_AT_ONCE).enumerate() {
            // Another run may have taken over by now; then what it names is not ours to sweep.
            if self.newest_name()?.as_deref() != Some(&run.run) {
                return Ok(count * SWEPT_AT_ONCE);
            }
            for key in keys {
                self.store.delete(key)?;
            }
        }
        Ok(swept.len())
    }

    fn agree(&self, run: &RunManifest, outcome: &SessionOutcome) -> Result<()> {
        let named: Vec<&String> = outcome.clips.iter().map(|clip| &clip.clip_id).collect();
        let why = if run.run != outcome.run {
            "the run's manifest and the session's result have different keys"
        } else if named != run.clips.iter().collect::<Vec<_>>() {
            "the run's manifest and the session's result name different clips"
        } else if self.prefix != format!("{}/{}", outcome.seller, outcome.session_id) {
            "the session's result is of another session"
        } else {
            return Ok(());
        };
        Err(Error::new(Kind::Bug, why).in_file(self.prefix.clone()))
    }

    fn must_be_there(&self, folder: ClipFolder, clip_id: &str) -> Result<()> {
        let base = self.clip_name(folder, clip_id)?;
        for file in ["clip.mp4", "clip.json"] {
            let key = self.key(&format!("{base}/{file}"))?;
            if !self.store.exists(&key)? {
                let message = "is gone: another run of this session removed it; run it again";
                return Err(Error::new(Kind::TryAgain, message).in_file(self.store.location(&key)));
            }
        }
        Ok(())
    }

    fn newest_name(&self) -> Result<Option<String>> {
        let Some(bytes) = self.store.get(&self.key("session.json")?)? else { return Ok(None) };
        let value: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
        let run = value.as_ref().and_then(|value| value.get("run")).and_then(|run| run.as_str());
        Ok(run.map(str::to_owned))
    }

    fn read<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>> {
        let Some(bytes) = self.store.get(key)? else { return Ok(None) };
        self.parsed(key, &bytes).map(Some)
    }

    fn parsed<T: DeserializeOwned>(&self, key: &Key, bytes: &[u8]) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|error| {
            Error::new(Kind::Malformed, "is not what this version of Reprise writes")
                .in_file(self.store.location(key))
                .caused_by(error)
        })
    }

    pub(crate) fn key(&self, name: &str) -> Result<Key> {
        Key::new(format!("{}/{name}", self.prefix))
    }

    fn run_key(&self, run: &str) -> Result<Key> {
        self.key(&format!(".runs/{}.json", one_part(run)?))
    }

    fn stage_key(&self, stage: &str, key: &str) -> Result<Key> {
        self.key(&format!(".stages/{}/{}.json", one_part(stage)?, one_part(key)?))
    }

    fn clip_name(&self, folder: ClipFolder, clip_id: &str) -> Result<String> {
        Ok(format!("{}/{}", folder.as_str(), one_part(clip_id)?))
    }
}

/// A name that is one part of a key, so that it cannot reach another folder.
pub(crate) fn one_part(name: &str) -> Result<&str> {
    if name.is_empty() || name.contains('/') {
        let message =
            format!("a name inside a session's folder is one part, without `/`: {name:?}");
        return Err(Error::new(Kind::Usage, message));
    }
    Ok(name)
}

pub(crate) fn is_digest_of(digest: &str, bytes: &[u8]) -> bool {
    blake3::hash(bytes).to_hex().as_str() == digest
}

pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| {
        Error::new(Kind::Bug, "a result cannot be written as JSON").caused_by(error)
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}
