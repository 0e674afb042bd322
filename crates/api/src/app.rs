//! What all requests share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reprise_checks::{Phrases, Policy};
use reprise_model::{Result, WallTime};
use reprise_publish::posting::Accounts;
use reprise_queue::Queue;
use reprise_remix::Remixer;
use reprise_store::{Key, ObjectStore};
use url::Url;

use crate::ServeOptions;
use crate::keys::Keys;
use crate::limit::Limiter;
use crate::seen::Seen;

/// How many more requests a key may make at once than in a second: a page asks for some ten when it opens.
const BURST: f64 = 5.0;
/// Requests a second, and at once, of an address that has no right key.
const OF_A_STRANGER: (f64, f64) = (1.0, 20.0);
/// Previews that are drawn at once; each takes a core for about half a second.
const PREVIEWS_AT_ONCE: usize = 2;
/// Jobs that one key follows at once.
const FOLLOWS_AT_ONCE: usize = 16;

pub(crate) struct App {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// Where results lie, as jobs name it.
    pub(crate) out: String,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) keys: Keys,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) callers: Limiter<String>,
    pub(crate) strangers: Limiter<IpAddr>,
    pub(crate) seen: Seen,
    pub(crate) remixer: Remixer,
    pub(crate) previews: Turns,
    pub(crate) follows: PerKey,
    /// What rules ask and hosts say, for parts of clips.
    pub(crate) policy: Policy,
    pub(crate) phrases: Phrases,
    /// Where media lie, for the page's policy; absent where we serve them.
    pub(crate) media_origin: Option<String>,
    /// Whether media are served here though the store signs links.
    pub(crate) own_media: bool,
    pub(crate) openapi: Vec<u8>,
}

impl App {
    pub(crate) fn new(options: &ServeOptions, openapi: Vec<u8>) -> Result<Self> {
        let store: Arc<dyn ObjectStore> = Arc::from(reprise_store::open(&options.out)?);
        let probe = store.presigned(&Key::new("origin")?, Duration::from_secs(60))?;
        let rate = f64::from(options.rate);
        let origin = |link: String| Some(Url::parse(&link).ok()?.origin().ascii_serialization());
        Ok(Self {
            media_origin: probe.filter(|_| !options.own_media).and_then(origin),
            own_media: options.own_media,
            store,
            out: options.out.clone(),
            queue: Arc::clone(&options.queue),
            keys: Keys::open(&options.keys)?,
            accounts: Arc::clone(&options.accounts),
            callers: Limiter::new(rate, rate * BURST),
            strangers: Limiter::new(OF_A_STRANGER.0, OF_A_STRANGER.1),
            seen: Seen::default(),
            remixer: options.remixer.clone(),
            policy: options.policy.clone(),
            phrases: options.phrases.clone(),
            previews: Turns::default(),
            follows: PerKey::default(),
            openapi,
        })
    }
}

/// Now.
pub(crate) fn now() -> WallTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let micros = since.unwrap_or_default().as_micros();
    WallTime::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// Who draws a preview now.
#[derive(Default)]
pub(crate) struct Turns(Mutex<usize>);

/// One of the turns, until it is dropped.
pub(crate) struct Turn<'a>(&'a Mutex<usize>);

impl Turns {
    /// A turn, where one is free.
    pub(crate) fn take(&self) -> Option<Turn<'_>> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (*taken < PREVIEWS_AT_ONCE).then(|| {
            *taken += 1;
            Turn(&self.0)
        })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
    }
}

/// How many jobs each key follows.
#[derive(Clone, Default)]
pub(crate) struct PerKey(Arc<Mutex<HashMap<String, usize>>>);

/// One of them, until it is dropped.
pub(crate) struct Following(PerKey, String);

impl PerKey {
    /// One more, unless there are too many.
    pub(crate) fn take(&self, key: &str) -> Option<Following> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key.to_owned()).or_default();
        (*count < FOLLOWS_AT_ONCE).then(|| {
            *count += 1;
            Following(self.clone(), key.to_owned())
        })
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut counts = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.1);
            }
        }
    }
}
