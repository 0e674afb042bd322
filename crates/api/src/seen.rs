//! What was read of sessions a moment ago, so that many who look ask the store once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reprise_model::Result;
use reprise_model::outcome::SessionOutcome;
use reprise_publish::SessionFolder;
use reprise_store::ObjectStore;

use crate::shapes::Brief;

/// A session as it was read is good for so long.
const SESSION_GOOD: Duration = Duration::from_secs(2);
/// A list is good for so long.
const LIST_GOOD: Duration = Duration::from_secs(5);
/// A session of a list whose file has the same length is read again after so long.
const BRIEF_GOOD: Duration = Duration::from_secs(120);
/// Sessions that are kept at most.
const SESSIONS_MAX: usize = 128;

/// Seller and session.
type Name = (String, String);
/// A session as it was read, and when.
type Read = (Instant, Option<Arc<SessionOutcome>>);

/// What was read.
#[derive(Default)]
pub(crate) struct Seen {
    lists: Mutex<HashMap<String, Arc<Mutex<List>>>>,
    sessions: Mutex<HashMap<Name, Read>>,
}

#[derive(Default)]
struct List {
    read: Option<Instant>,
    sessions: BTreeMap<String, Listed>,
}

struct Listed {
    len: u64,
    read: Instant,
    brief: Arc<Brief>,
}

impl Seen {
    /// A seller's sessions that have a result.
    pub(crate) fn list(&self, store: &dyn ObjectStore, seller: &str) -> Result<Vec<Arc<Brief>>> {
        let list = {
            let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(lists.entry(seller.to_owned()).or_default())
        };
        // Held while it is read: whoever asks meanwhile waits for the same answer.
        let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
        if list.read.is_none_or(|read| read.elapsed() > LIST_GOOD) {
            list.refresh(store, seller)?;
        }
        Ok(list.sessions.values().map(|listed| Arc::clone(&listed.brief)).collect())
    }

    /// One session; `None` where it has no result.
    pub(crate) fn one(
        &self,
        store: &dyn ObjectStore,
        seller: &str,
        id: &str,
    ) -> Result<Option<Arc<SessionOutcome>>> {
        let name = (seller.to_owned(), id.to_owned());
        {
            let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((read, found)) = sessions.get(&name)
                && read.elapsed() < SESSION_GOOD
            {
                return Ok(found.clone());
            }
        }
        let found = SessionFolder::new(store, seller, id).newest()?.map(Arc::new);
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= SESSIONS_MAX {
            sessions.retain(|_, (read, _)| read.elapsed() < SESSION_GOOD);
        }
        if sessions.len() < SESSIONS_MAX {
            sessions.insert(name, (Instant::now(), found.clone()));
        }
        Ok(found)
    }

    /// What is known of a seller is read anew.
    pub(crate) fn forget(&self, seller: &str) {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).remove(seller);
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|(of, _), _| of != seller);
    }
}

impl List {
    fn refresh(&mut self, store: &dyn ObjectStore, seller: &str) -> Result<()> {
        let mut sessions = BTreeMap::new();
        for entry in store.list(&format!("{seller}/"))? {
            let mut parts = entry.key.parts().skip(1);
            let (Some(id), Some("session.json"), None) = (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let known = self.sessions.remove(id);
            let known =
                known.filter(|known| known.len == entry.len && known.read.elapsed() < BRIEF_GOOD);
            let listed = match known {
                Some(known) => known,
                None => match SessionFolder::new(store, seller, id).newest() {
                    Ok(Some(outcome)) => {
                        let brief = Arc::new(Brief::of(&outcome));
                        Listed { len: entry.len, read: Instant::now(), brief }
                    }
                    Ok(None) => continue,
                    // One that cannot be read hides no other.
                    Err(error) => {
                        tracing::warn!("{error}");
                        continue;
                    }
                },
            };
            sessions.insert(id.to_owned(), listed);
        }
        *self = Self { read: Some(Instant::now()), sessions };
        Ok(())
    }
}
