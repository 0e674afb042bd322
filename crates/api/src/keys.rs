//! Bearer keys: who calls, for which seller. The file holds their digests alone.

use std::collections::HashMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reprise_model::session::Slug;
use reprise_model::{Error, Kind, Result, WallTime};
use serde::{Deserialize, Serialize};

/// What begins a key, so that a search for leaked secrets finds it.
const PREFIX: &str = "rpk_";
/// Random bytes of a key, and of the secret that signs links.
const KEY_BYTES: usize = 32;
/// Largest file, bytes.
const FILE_MAX: u64 = 16 << 20;
/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Longest name of a key, characters.
const NAME_MAX: usize = 80;

/// What a key may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// All that is the seller's.
    #[default]
    Owner,
    /// Look at LIVEs whose manifest gives consent; figures as estimated ranges.
    Guest,
}

impl Role {
    /// As the file spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Guest => "guest",
        }
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The key's id, which is no secret.
    pub id: String,
    /// For which seller.
    pub seller: String,
    /// What it may do.
    pub role: Role,
    /// What the key is called.
    pub name: String,
}

/// A key in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// Eight hex digits.
    pub id: String,
    /// Whose.
    pub seller: Slug,
    /// What it may do.
    #[serde(default)]
    pub role: Role,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Since when.
    pub created_at: WallTime,
    /// BLAKE3 of the key, hex. A key has 256 random bits: no slow hash is needed.
    blake3: String,
}

/// The file of keys (TOML), readable by its owner alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// Signs links to media; base64url of 32 bytes.
    secret: String,
    /// The keys.
    #[serde(default)]
    pub keys: Vec<KeyEntry>,
}

impl KeyFile {
    /// A file without keys.
    ///
    /// # Errors
    /// `Unavailable` where the machine has no random numbers.
    pub fn new() -> Result<Self> {
        Ok(Self { secret: random()?, keys: Vec::new() })
    }

    /// Reads a file; `None` where there is none.
    ///
    /// # Errors
    /// `Malformed` with the line; `Io`; `Limit`.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let file = path.display().to_string();
        let length = match std::fs::metadata(path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(file, error)),
        };
        if length > FILE_MAX {
            return Err(Error::new(Kind::Limit, "is larger than 16 MiB").in_file(file));
        }
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(file.clone(), error))?;
        let read: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            // The text of the error would show the line, and with it a secret.
            Error::new(Kind::Malformed, error.message().to_owned())
                .in_file(file.clone())
                .at_line(line as u64)
        })?;
        if URL_SAFE_NO_PAD.decode(&read.secret).map_or(0, |bytes| bytes.len()) != KEY_BYTES {
            let message =
                "`secret` is not 32 bytes in base64url: move the file away and make keys anew";
            return Err(Error::new(Kind::Malformed, message).in_file(file));
        }
        Ok(Some(read))
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// `Io`.
    pub fn write(&self, path: &Path) -> Result<()> {
        let failed = |error| Error::io(path.display().to_string(), error);
        let text = toml::to_string(self)
            .map_err(|error| Error::new(Kind::Bug, "keys are no TOML").caused_by(error))?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}", std::process::id()));
        let beside = PathBuf::from(beside);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let written = options.open(&beside).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&beside, path)
        });
        written.map_err(failed)
    }

    /// Adds a key, and gives it: it is not kept, and cannot be shown again.
    ///
    /// # Errors
    /// `Usage` for a name that is too long; `Unavailable` where the machine has no random numbers.
    pub fn add(&mut self, seller: Slug, role: Role, name: &str, at: WallTime) -> Result<String> {
        if name.chars().count() > NAME_MAX || name.contains(char::is_control) {
            let message = format!("a key's name has at most {NAME_MAX} characters, on one line");
            return Err(Error::new(Kind::Usage, message));
        }
        let key = format!("{PREFIX}{}", random()?);
        let digest = blake3::hash(key.as_bytes()).to_hex().to_string();
        let id = digest[..8].to_owned();
        let name = name.to_owned();
        self.keys.push(KeyEntry { id, seller, role, name, created_at: at, blake3: digest });
        Ok(key)
    }

    /// Takes a key away; `false` where there is none of that id.
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.keys.len();
        self.keys.retain(|key| key.id != id);
        self.keys.len() < before
    }
}

fn random() -> Result<String> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::new(Kind::Unavailable, "this machine gives no random numbers").caused_by(error)
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The keys in use: the file, read again where it changed.
pub(crate) struct Keys {
    path: PathBuf,
    known: RwLock<Known>,
}

struct Known {
    callers: HashMap<String, Arc<Caller>>,
    secret: [u8; 32],
    looked: Instant,
    changed: Option<(SystemTime, u64)>,
}

impl Keys {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let known = load(path)?.ok_or_else(|| {
            Error::new(
                Kind::Missing,
                "there is no such file of keys: make one with `reprise keys add`",
            )
            .in_file(path.display().to_string())
        })?;
        Ok(Self { path: path.to_owned(), known: RwLock::new(known) })
    }

    /// Whose key it is. Found by its digest, so the time it takes says nothing of other keys.
    pub(crate) fn caller(&self, key: &str) -> Option<Arc<Caller>> {
        self.look();
        let digest = blake3::hash(key.as_bytes()).to_hex();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.callers.get(digest.as_str()).cloned()
    }

    /// Signs links.
    pub(crate) fn secret(&self) -> [u8; 32] {
        self.known.read().unwrap_or_else(PoisonError::into_inner).secret
    }

    /// Reads the file again where it changed; one that cannot be read changes nothing.
    fn look(&self) {
        let before = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if known.looked.elapsed() < LOOK_EVERY {
                return;
            }
            known.changed
        };
        let now = if changed(&self.path) == before { Ok(None) } else { load(&self.path) };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.looked = Instant::now();
        match now {
            Ok(Some(read)) => *known = read,
            Ok(None) => {}
            Err(error) => tracing::warn!("the keys stay as they were: {error}"),
        }
    }
}

fn changed(path: &Path) -> Option<(SystemTime, u64)> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

fn load(path: &Path) -> Result<Option<Known>> {
    let changed = changed(path);
    let Some(file) = KeyFile::read(path)? else { return Ok(None) };
    let mut secret = [0; 32];
    let bytes = URL_SAFE_NO_PAD.decode(&file.secret).unwrap_or_default();
    secret.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    let caller = |key: KeyEntry| {
        let (seller, role, name) = (key.seller.to_string(), key.role, key.name);
        (key.blake3, Arc::new(Caller { id: key.id, seller, role, name }))
    };
    let callers = file.keys.into_iter().map(caller).collect();
    Ok(Some(Known { callers, secret, looked: Instant::now(), changed }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_known_until_it_is_taken_away_and_is_nowhere_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/keys.toml");
        let mut file = KeyFile::new().unwrap();
        let seller = Slug::parse("acme").unwrap();
        let key = file.add(seller.clone(), Role::Owner, "phone", WallTime::default()).unwrap();
        let guest = file.add(seller, Role::Guest, "", WallTime::default()).unwrap();
        file.write(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&key) && !text.contains(&key[PREFIX.len()..]), "{text}");

        let keys = Keys::open(&path).unwrap();
        assert_eq!(keys.caller(&key).unwrap().role, Role::Owner);
        assert_eq!(keys.caller(&guest).unwrap().role, Role::Guest);
        assert!(keys.caller("rpk_other").is_none() && keys.caller("").is_none());

        let id = keys.caller(&key).unwrap().id.clone();
        assert!(file.remove(&id) && !file.remove(&id));
        file.write(&path).unwrap();
        std::thread::sleep(LOOK_EVERY + Duration::from_millis(50));
        assert!(keys.caller(&key).is_none() && keys.caller(&guest).is_some());

        // A broken file locks nobody out.
        std::fs::write(&path, "secret = 1").unwrap();
        std::thread::sleep(LOOK_EVERY + Duration::from_millis(50));
        assert!(keys.caller(&guest).is_some());
    }
}
