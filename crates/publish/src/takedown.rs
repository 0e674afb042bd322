//! Takes down what is of a creator: removed from a store, never written again, and on record.
//!
//! A mark is written first; whoever writes for the creator looks for it after each write. Then what is
//! there is listed and removed, the ways to it first: `session.json`, the report, the clips' metadata,
//! and then the rest. A takedown that was killed is done again from the beginning.

use std::collections::{BTreeMap, BTreeSet};

use reprise_model::{Error, Kind, Result, WallTime};
use reprise_store::{Key, ObjectStore, PutOptions};
use serde::{Deserialize, Serialize};

use crate::folder::{CREATOR, Whose, to_json};

/// Where marks lie, in the seller's folder. No session has a `~` in its name.
const MARKS: &str = "~takedowns";
/// Where records lie.
const RECORDS: &str = "~audit";
/// How often what is there is listed anew; each time but the last finds what slipped in.
const PASSES_MAX: u32 = 16;
/// Requests to the store at once.
const AT_ONCE: usize = 8;

/// What is to be taken down.
#[derive(Clone, Debug)]
pub struct Takedown {
    /// Whose. One part of a key.
    pub seller: String,
    /// Of which creator.
    pub creator: String,
    /// This session alone; without it all.
    pub session: Option<String>,
    /// Why, for the record.
    pub reason: String,
    /// Who wishes it, for the record.
    pub by: String,
    /// Now.
    pub at: WallTime,
}

/// The mark of a creator that was taken down, `<seller>/~takedowns/<creator>.json`, or of one session of
/// theirs, `<creator>~<session>.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Since when.
    pub at: WallTime,
    /// Why.
    pub reason: String,
    /// Who wished it.
    pub by: String,
}

/// The record, `<seller>/~audit/<time>-<what>-<creator>.json`: written before anything is removed, and
/// again with what was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// `takedown` or `lift`.
    pub what: String,
    /// Of which creator.
    pub creator: String,
    /// Of this session alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// When it was wished.
    pub at: WallTime,
    /// Why.
    pub reason: String,
    /// Who wished it.
    pub by: String,
    /// Whether it was finished; a record without was interrupted.
    pub finished: bool,
    /// Jobs that were stopped.
    pub jobs_cancelled: Vec<String>,
    /// Sessions that were touched.
    pub sessions: Vec<String>,
    /// What was removed, or would be.
    pub removed: Vec<Removed>,
}

/// An object that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Its key.
    pub key: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Which bytes it had: their BLAKE3 in a folder, the ETag in S3. Not known before it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// The mark of a creator, where there is one.
pub(crate) fn mark_of(
    store: &dyn ObjectStore,
    seller: &str,
    creator: &str,
    session: &str,
) -> Result<Option<Mark>> {
    for session in [None, Some(session)] {
        let key = mark_key(seller, creator, session)?;
        let Some(bytes) = store.get(&key)? else { continue };
        return serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            let message = "is no mark of a takedown, and so nothing is written: mend or remove it";
            Error::new(Kind::Malformed, message).in_file(store.location(&key)).caused_by(error)
        });
    }
    Ok(None)
}

/// What stands in the place of `session.json` afterwards.
#[derive(Serialize, Deserialize)]
struct Tombstone {
    taken_down: Mark,
}

/// `session.json` of what was taken down.
pub(crate) fn tombstone(mark: &Mark) -> Result<Vec<u8>> {
    to_json(&Tombstone { taken_down: mark.clone() })
}

pub(crate) fn is_tombstone(session_json: &[u8]) -> bool {
    serde_json::from_slice::<Tombstone>(session_json).is_ok()
}

impl Takedown {
    fn mark_key(&self) -> Result<Key> {
        mark_key(&self.seller, &self.creator, self.session.as_deref())
    }

    fn mark(&self) -> Mark {
        Mark { at: self.at, reason: self.reason.clone(), by: self.by.clone() }
    }

    fn record(&self, what: &str) -> Record {
        Record {
            what: what.to_owned(),
            creator: self.creator.clone(),
            session: self.session.clone(),
            at: self.at,
            reason: self.reason.clone(),
            by: self.by.clone(),
            finished: false,
            jobs_cancelled: Vec::new(),
            sessions: Vec::new(),
            removed: Vec::new(),
        }
    }

    fn put_record(&self, store: &dyn ObjectStore, record: &Record) -> Result<String> {
        let time = self.at.to_string().replace(':', "");
        let name =
            format!("{}/{RECORDS}/{time}-{}-{}.json", self.seller, record.what, self.creator);
        let key = Key::new(name)?;
        store.put(&key, &to_json(record)?, PutOptions::for_key(&key))?;
        Ok(store.location(&key))
    }

    /// What there is of the creator.
    ///
    /// # Errors
    /// The store's.
    pub fn found(&self, store: &dyn ObjectStore) -> Result<Record> {
        let mut record = self.record("takedown");
        for (session, objects) in self.listed(store)? {
            record.sessions.push(session);
            record.removed.extend(objects);
        }
        Ok(record)
    }

    /// Marks the creator, or the one session, so that nothing of it is written any more; what is there
    /// stays for now.
    ///
    /// # Errors
    /// The store's; [`Kind::Usage`] for names that no key can have.
    pub fn begin(&self, store: &dyn ObjectStore) -> Result<()> {
        self.put_record(store, &self.record("takedown"))?;
        let key = self.mark_key()?;
        // An earlier one stays, with its time.
        store.put_if_absent(&key, &to_json(&self.mark())?, PutOptions::for_key(&key))?;
        Ok(())
    }

    /// Removes what there is, after [`Takedown::begin`], and gives the record with where it lies.
    ///
    /// # Errors
    /// The store's; [`Kind::TryAgain`] where others keep writing.
    pub fn remove(
        &self,
        store: &dyn ObjectStore,
        jobs_cancelled: &[String],
    ) -> Result<(Record, String)> {
        let mut record = self.record("takedown");
        record.jobs_cancelled = jobs_cancelled.to_vec();
        let mut sessions = BTreeSet::new();
        let mark = tombstone(&self.mark())?;
        for _ in 0..PASSES_MAX {
            let listed = self.listed(store)?;
            record.finished = listed.is_empty();
            sessions.extend(listed.keys().cloned());
            record.sessions = sessions.iter().cloned().collect();
            let objects: Vec<Removed> = listed.values().flatten().cloned().collect();
            let objects = side_by_side(&objects, |object| {
                let version = store.version(&Key::new(object.key.clone())?)?;
                let digest = version.map(|version| version.as_str().trim_matches('"').to_owned());
                Ok(Removed { digest, ..object.clone() })
            })?;
            // On record before it is gone, so that a takedown that dies leaves word of what it removed.
            record.removed.extend(objects.iter().cloned());
            let place = self.put_record(store, &record)?;
            if record.finished {
                return Ok((record, place));
            }
            let listed: Vec<String> = listed.into_keys().collect();
            side_by_side(&listed, |session| {
                let key = Key::new(format!("{}/{session}/session.json", self.seller))?;
                store.put(&key, &mark, PutOptions::for_key(&key))
            })?;
            for step in 1..=LAST {
                let those = objects.iter().filter(|object| way(&object.key) == step);
                let those: Vec<&String> = those.map(|object| &object.key).collect();
                side_by_side(&those, |key| store.delete(&Key::new(key.as_str())?))?;
            }
        }
        let message = "somebody keeps writing what is to be taken down: name the queue (--queue), \
                       or stop the workers, and run it again";
        Err(Error::new(Kind::TryAgain, message))
    }

    /// Lets the creator's sessions be made again. `false` where nothing was taken down.
    ///
    /// # Errors
    /// The store's.
    pub fn lift(&self, store: &dyn ObjectStore) -> Result<bool> {
        let key = self.mark_key()?;
        if !store.exists(&key)? {
            return Ok(false);
        }
        let mut record = self.record("lift");
        self.put_record(store, &record)?;
        store.delete(&key)?;
        record.finished = true;
        self.put_record(store, &record)?;
        Ok(true)
    }

    /// The creator's sessions with something in them besides a tombstone, and all that is in them.
    fn listed(&self, store: &dyn ObjectStore) -> Result<BTreeMap<String, Vec<Removed>>> {
        let below = match &self.session {
            Some(session) => format!("{}/{session}/", self.seller),
            None => format!("{}/", self.seller),
        };
        let mut sessions: BTreeMap<String, Vec<Removed>> = BTreeMap::new();
        for entry in store.list(&below)? {
            let Some(session) = entry.key.parts().nth(1) else { continue };
            if !session.starts_with('~') {
                let object = Removed { key: entry.key.to_string(), bytes: entry.len, digest: None };
                sessions.entry(session.to_owned()).or_default().push(object);
            }
        }
        let mut found = BTreeMap::new();
        for (session, objects) in sessions {
            let get = |name: &str| -> Result<Option<Vec<u8>>> {
                let key = Key::new(format!("{}/{session}/{name}", self.seller))?;
                if objects.iter().any(|object| object.key == key.as_str()) {
                    store.get(&key)
                } else {
                    Ok(None)
                }
            };
            let session_json = get("session.json")?;
            let is_tombstone = session_json.as_deref().is_some_and(is_tombstone);
            if is_tombstone && objects.len() == 1 {
                continue;
            }
            let whose = |bytes: Vec<u8>| serde_json::from_slice::<Whose>(&bytes).ok();
            let whose = match get(CREATOR)?.and_then(whose) {
                Some(whose) => Some(whose),
                None => session_json.and_then(whose),
            };
            // What is left beside a tombstone was the same creator's: this is what was interrupted.
            let is_theirs = whose.map_or(is_tombstone, |whose| whose.creator == self.creator);
            if is_theirs {
                found.insert(session, objects);
            }
        }
        Ok(found)
    }
}

/// The last step of [`way`].
const LAST: u8 = 4;

/// What leads to others goes first; whose it is, last. In the place of what is 0 comes a tombstone.
fn way(key: &str) -> u8 {
    match key {
        key if key.split('/').skip(2).eq(["session.json"]) => 0,
        key if key.ends_with("/report.html") => 1,
        key if key.ends_with("/clip.json") => 2,
        key if key.ends_with(&format!("/{CREATOR}")) => LAST,
        _ => 3,
    }
}

/// Does `work` with all of them, some at a time; the first error ends it.
fn side_by_side<T: Sync, R: Send>(
    all: &[T],
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let share = all.len().div_ceil(AT_ONCE).max(1);
    let work = &work;
    let parts = std::thread::scope(|scope| {
        let part = |part| scope.spawn(move || <[T]>::iter(part).map(work).collect());
        let started: Vec<_> = all.chunks(share).map(part).collect();
        let ended = |part: std::thread::ScopedJoinHandle<'_, Result<Vec<R>>>| {
            let lost = |_| Err(Error::new(Kind::Bug, "a thread of the takedown ended early"));
            part.join().unwrap_or_else(lost)
        };
        started.into_iter().map(ended).collect::<Result<Vec<Vec<R>>>>()
    })?;
    Ok(parts.into_iter().flatten().collect())
}

fn mark_key(seller: &str, creator: &str, session: Option<&str>) -> Result<Key> {
    for name in [seller, creator].into_iter().chain(session) {
        if name.contains(['/', '~']) {
            let message = format!("`{name}` is no name: letters, digits, `.`, `_`, `-`");
            return Err(Error::new(Kind::Usage, message));
        }
    }
    // No name has a `~` in it.
    let session = session.map(|session| format!("~{session}")).unwrap_or_default();
    Key::new(format!("{seller}/{MARKS}/{creator}{session}.json"))
}
