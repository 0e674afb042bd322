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

/// What is to be taken down.
#[derive(Clone, Debug)]
pub struct Takedown {
    /// Whose. One part of a key.
    pub seller: String,
    /// Of which creator.
    pub creator: String,
    /// This session alone, which may then be made again; without it all, and none is made again.
    pub session: Option<String>,
    /// Why, for the record.
    pub reason: String,
    /// Who wishes it, for the record.
    pub by: String,
    /// Now.
    pub at: WallTime,
}

/// The mark of a creator that was taken down, `<seller>/~takedowns/<creator>.json`.
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
}

/// The mark of a creator, where there is one.
pub(crate) fn mark_of(
    store: &dyn ObjectStore,
    seller: &str,
    creator: &str,
) -> Result<Option<Mark>> {
    let key = mark_key(seller, creator)?;
    let Some(bytes) = store.get(&key)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        let message = "is no mark of a takedown, and so nothing is written: mend or remove it";
        Error::new(Kind::Malformed, message).in_file(store.location(&key)).caused_by(error)
    })
}

/// What stands in the place of `session.json` afterwards.
#[derive(Serialize, Deserialize)]
struct Tombstone {
    taken_down: Mark,
}

pub(crate) fn is_tombstone(session_json: &[u8]) -> bool {
    serde_json::from_slice::<Tombstone>(session_json).is_ok()
}

impl Takedown {
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

    /// Marks the creator, so that nothing of theirs is written any more; what is there stays for now.
    /// Of one session nothing is marked.
    ///
    /// # Errors
    /// The store's; [`Kind::Usage`] for names that no key can have.
    pub fn begin(&self, store: &dyn ObjectStore) -> Result<()> {
        self.put_record(store, &self.record("takedown"))?;
        if self.session.is_none() {
            let key = mark_key(&self.seller, &self.creator)?;
            // An earlier one stays, with its time.
            store.put_if_absent(&key, &to_json(&self.mark())?, PutOptions::for_key(&key))?;
        }
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
        for _ in 0..PASSES_MAX {
            let listed = self.listed(store)?;
            if listed.is_empty() {
                record.sessions = sessions.into_iter().collect();
                record.finished = true;
                let place = self.put_record(store, &record)?;
                return Ok((record, place));
            }
            for (session, mut objects) in listed {
                let tombstone = to_json(&Tombstone { taken_down: self.mark() })?;
                let key = Key::new(format!("{}/{session}/session.json", self.seller))?;
                store.put(&key, &tombstone, PutOptions::for_key(&key))?;
                sessions.insert(session);
                objects.sort_by_key(|object| way(&object.key));
                for object in objects {
                    if object.key != key.as_str() {
                        store.delete(&Key::new(object.key.clone())?)?;
                    }
                    record.removed.push(object);
                }
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
        let key = mark_key(&self.seller, &self.creator)?;
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
                let object = Removed { key: entry.key.to_string(), bytes: entry.len };
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

/// What leads to others goes first; whose it is, last.
fn way(key: &str) -> u8 {
    match key {
        key if key.ends_with("/session.json") => 0,
        key if key.ends_with("/report.html") => 1,
        key if key.ends_with("/clip.json") => 2,
        key if key.ends_with(&format!("/{CREATOR}")) => 4,
        _ => 3,
    }
}

fn mark_key(seller: &str, creator: &str) -> Result<Key> {
    for name in [seller, creator] {
        if name.contains('/') || name.starts_with('~') {
            let message = format!("`{name}` is no name: letters, digits, `.`, `_`, `-`");
            return Err(Error::new(Kind::Usage, message));
        }
    }
    Key::new(format!("{seller}/{MARKS}/{creator}.json"))
}
