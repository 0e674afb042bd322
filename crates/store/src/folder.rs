//! The store in a folder: whole files by rename, first-come by hard link.
//!
//! A write goes to a temporary in `.reprise-tmp` at the root, is flushed to the disk, and is then
//! moved to its name, so no name ever shows half a file. The temporaries share one folder so that
//! what a crash left is found at [`FolderStore::open`] without walking the whole store.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reprise_model::{Error, Kind, Result};

use crate::key::{TEMPORARY, check_prefix};
use crate::{Entry, Key, ObjectStore, PutOptions, Version};

/// How old a dead process's temporary is before it is swept. A process that cannot be seen from
/// here (another machine or container on the same folder) has this long to finish one write; one
/// that takes longer writes it again.
const TEMPORARY_AGE_MIN: Duration = Duration::from_secs(60);

/// How often a write is begun anew when a sweep or a removal took its temporary or its folder.
const ATTEMPTS_MAX: u32 = 32;

/// How long one waits for another process that replaces an object, which takes it milliseconds; it may
/// have been stopped just then.
const TURN_MAX: Duration = Duration::from_secs(10);

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Objects as files below one folder. Symbolic links below it are never followed.
#[derive(Debug)]
pub struct FolderStore {
    root: PathBuf,
}

impl FolderStore {
    /// Opens a folder, makes it where it is missing, and removes what dead processes left unfinished.
    ///
    /// # Errors
    /// [`Kind::Usage`] for an empty path, [`Kind::Io`] where the folder cannot be made or used.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        if root.as_os_str().is_empty() {
            return Err(Error::new(Kind::Usage, "the destination is empty: give a folder"));
        }
        fs::create_dir_all(root).map_err(|error| failed(root, error))?;
        // Absolute, so that a later change of the working folder changes nothing.
        let root = fs::canonicalize(root).map_err(|error| failed(root, error))?;
        let store = Self { root };
        store.sweep_temporaries()?;
        Ok(store)
    }

    /// The folder, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.root.join(key.as_str())
    }

    /// The file of a key, after looking for symbolic links on the way. `None` where a folder on the
    /// way, or the file, does not exist.
    fn find(&self, key: &Key) -> Result<Option<(PathBuf, fs::Metadata)>> {
        let mut path = self.root.clone();
        let mut parts = key.parts().peekable();
        while let Some(part) = parts.next() {
            path.push(part);
            let found = match fs::symlink_metadata(&path) {
                Ok(found) => found,
                Err(error) if is_absent(&error) => return Ok(None),
                Err(error) => return Err(failed(&path, error)),
            };
            if found.is_symlink() {
                return Err(link_refused(&path));
            }
            if parts.peek().is_none() {
                return Ok(found.is_file().then_some((path, found)));
            }
            if !found.is_dir() {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Makes the folders on the way to a key's file, each flushed into the one above.
    fn make_parents(&self, key: &Key) -> Result<()> {
        let mut path = self.root.clone();
        let count = key.parts().count();
        for part in key.parts().take(count - 1) {
            let above = path.clone();
            path.push(part);
            match fs::create_dir(&path) {
                Ok(()) => sync_folder(&above)?,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    let found =
                        fs::symlink_metadata(&path).map_err(|error| failed(&path, error))?;
                    if found.is_symlink() {
                        return Err(link_refused(&path));
                    }
                    if !found.is_dir() {
                        return Err(not_a_folder(&path));
                    }
                }
                Err(error) => return Err(failed(&path, error)),
            }
        }
        Ok(())
    }

    /// Writes a temporary and has `place` give it its name, again where another process's sweep or
    /// removal came between.
    fn write(
        &self,
        key: &Key,
        bytes: &[u8],
        place: impl Fn(&Path, &Path) -> std::io::Result<bool>,
    ) -> Result<bool> {
        let path = self.path(key);
        let mut attempt = 1;
        loop {
            let temporary = Temporary::write(&self.root, bytes)?;
            let placed = self.make_parents(key).and_then(|()| {
                place(&temporary.0, &path).map_err(|error| match error.kind() {
                    ErrorKind::IsADirectory => {
                        Error::new(Kind::Io, "is a folder: other objects lie below this name")
                            .in_file(path.display().to_string())
                    }
                    ErrorKind::CrossesDevices => Error::new(
                        Kind::Unsupported,
                        "lies on another file system than the store's folder: make it one",
                    )
                    .in_file(path.display().to_string()),
                    _ => failed(&path, error),
                })
            });
            match placed {
                Err(error) if error.kind == Kind::Missing && attempt < ATTEMPTS_MAX => attempt += 1,
                Err(error) => return Err(error),
                Ok(placed) => {
                    drop(temporary);
                    return match sync_folder(parent_of(&path)) {
                        // Someone removed the object and its folder meanwhile: it was there.
                        Err(error) if error.kind == Kind::Missing => Ok(placed),
                        other => other.map(|()| placed),
                    };
                }
            }
        }
    }

    /// Waits until no other process compares and replaces.
    fn turn(&self) -> std::io::Result<File> {
        let folder = File::open(&self.root)?;
        let until = Instant::now() + TURN_MAX;
        loop {
            match folder.try_lock() {
                Ok(()) => return Ok(folder),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if Instant::now() >= until => {
                    return Err(ErrorKind::WouldBlock.into());
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn leads_through_link(&self, folder: &Path) -> Result<bool> {
        let below = folder.strip_prefix(&self.root).unwrap_or(Path::new(""));
        let mut path = self.root.clone();
        for part in below.components() {
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_symlink() => return Ok(true),
                Ok(_) => {}
                Err(error) if is_absent(&error) => return Ok(false),
                Err(error) => return Err(failed(&path, error)),
            }
        }
        Ok(false)
    }

    fn collect(&self, folder: &Path, key: &str, prefix: &str, out: &mut Vec<Entry>) -> Result<()> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(failed(folder, error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| failed(folder, error))?;
            // A name that is no UTF-8 was not written by a store.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let child = format!("{key}{name}");
            let fits = child.starts_with(prefix) || prefix.starts_with(&format!("{child}/"));
            if !fits || child == TEMPORARY {
                continue;
            }
            // The metadata of the entry itself: links are not followed.
            let found = match entry.metadata() {
                Ok(found) => found,
                Err(error) if is_absent(&error) => continue,
                Err(error) => return Err(failed(&entry.path(), error)),
            };
            if found.is_dir() {
                self.collect(&entry.path(), &format!("{child}/"), prefix, out)?;
            } else if found.is_file()
                && child.starts_with(prefix)
                && let Ok(key) = Key::new(child)
            {
                out.push(Entry { key, len: found.len() });
            }
        }
        Ok(())
    }

    /// Removes temporaries of dead processes. What cannot be removed stays for the next time.
    fn sweep_temporaries(&self) -> Result<()> {
        let folder = self.root.join(TEMPORARY);
        if !is_real_folder(&folder)? {
            return Ok(());
        }
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(failed(&folder, error)),
        };
        for entry in entries.flatten() {
            // Files of other names are not ours.
            let name = entry.file_name();
            let Some(process) = name.to_str().and_then(process_of) else { continue };
            let changed = entry.metadata().and_then(|found| found.modified());
            let age = changed.ok().and_then(|at| at.elapsed().ok());
            if !is_running(process) && age.is_some_and(|age| age >= TEMPORARY_AGE_MIN) {
                let _ = fs::remove_file(entry.path());
            }
        }
        remove_if_empty(&folder);
        Ok(())
    }
}

impl ObjectStore for FolderStore {
    fn put(&self, key: &Key, bytes: &[u8], _options: PutOptions) -> Result<()> {
        self.write(key, bytes, |from, to| fs::rename(from, to).map(|()| true)).map(|_| ())
    }

    fn put_if_absent(&self, key: &Key, bytes: &[u8], _options: PutOptions) -> Result<bool> {
        if self.find(key)?.is_some() {
            return Ok(false);
        }
        self.write(key, bytes, |from, to| match fs::hard_link(from, to) {
            Ok(()) => Ok(true),
            // A folder or a link of that name is no object that someone put first.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(to)?;
                if found.is_dir() {
                    return Err(ErrorKind::IsADirectory.into());
                }
                if found.is_file() { Ok(false) } else { Err(error) }
            }
            Err(error) => Err(error),
        })
    }

    fn version(&self, key: &Key) -> Result<Option<Version>> {
        let bytes = self.get(key)?;
        Ok(bytes.map(|bytes| Version(blake3::hash(&bytes).to_hex().to_string())))
    }

    fn put_if_version(
        &self,
        key: &Key,
        bytes: &[u8],
        options: PutOptions,
        version: Option<&Version>,
    ) -> Result<bool> {
        let Some(version) = version else { return self.put_if_absent(key, bytes, options) };
        self.write(key, bytes, |from, to| {
            // Held from the look to the rename. A process that ends lets go of it.
            let _turn = self.turn()?;
            match fs::read(to) {
                Ok(found) if blake3::hash(&found).to_hex().as_str() == version.0 => {
                    fs::rename(from, to).map(|()| true)
                }
                Ok(_) => Ok(false),
                Err(error) if is_absent(&error) => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>> {
        let Some((path, _)) = self.find(key)? else { return Ok(None) };
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(failed(&path, error)),
        }
    }

    fn exists(&self, key: &Key) -> Result<bool> {
        self.find(key).map(|found| found.is_some())
    }

    fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        check_prefix(prefix)?;
        let mut entries = Vec::new();
        // Begins at the deepest folder that the prefix names, so that one session's listing does
        // not read the others'.
        let (folder, key) = match prefix.rsplit_once('/') {
            Some((folder, _)) => (self.root.join(folder), format!("{folder}/")),
            None => (self.root.clone(), String::new()),
        };
        if self.leads_through_link(&folder)? {
            return Ok(entries);
        }
        self.collect(&folder, &key, prefix, &mut entries)?;
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(entries)
    }

    fn delete(&self, key: &Key) -> Result<()> {
        let Some((path, _)) = self.find(key)? else { return Ok(()) };
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(failed(&path, error)),
        }
        let mut folder = parent_of(&path);
        while folder != self.root && remove_if_empty(folder) {
            folder = parent_of(folder);
        }
        match sync_folder(folder) {
            // Someone else removed the folder meanwhile, which takes the file with it.
            Err(error) if error.kind == Kind::Missing => Ok(()),
            other => other,
        }
    }

    fn location(&self, key: &Key) -> String {
        self.path(key).display().to_string()
    }
}

impl Drop for FolderStore {
    fn drop(&mut self) {
        // Leaves a clean folder behind; others make it again when they need it.
        remove_if_empty(&self.root.join(TEMPORARY));
    }
}

/// A finished temporary; removed when dropped, unless it was moved away.
struct Temporary(PathBuf);

impl Temporary {
    fn write(root: &Path, bytes: &[u8]) -> Result<Self> {
        let folder = root.join(TEMPORARY);
        is_real_folder(&folder)?;
        let mut attempt = 1;
        let (temporary, mut file) = loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{}-{number}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => break (Self(path), file),
                // The folder is not there yet, or another process just tidied it away.
                Err(error) if error.kind() == ErrorKind::NotFound && attempt < ATTEMPTS_MAX => {
                    make_folder(&folder)?;
                }
                // Left by a process that had this one's number.
                Err(error)
                    if error.kind() == ErrorKind::AlreadyExists && attempt < ATTEMPTS_MAX => {}
                Err(error) => return Err(failed(&path, error)),
            }
            attempt += 1;
        };
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(|error| failed(&temporary.0, error))?;
        Ok(temporary)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// `false` where there is nothing of that name.
fn is_real_folder(path: &Path) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(link_refused(path)),
        Ok(found) if found.is_dir() => Ok(true),
        Ok(_) => Err(not_a_folder(path)),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(failed(path, error)),
    }
}

fn make_folder(path: &Path) -> Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(failed(path, error)),
        _ => Ok(()),
    }
}

fn remove_if_empty(folder: &Path) -> bool {
    fs::remove_dir(folder).is_ok()
}

fn parent_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn sync_folder(path: &Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| failed(path, error))
}

/// The process that wrote a temporary, from its name `<process>-<number>`.
fn process_of(name: &str) -> Option<u32> {
    let (process, number) = name.split_once('-')?;
    number.parse::<u64>().ok().and_then(|_| process.parse().ok())
}

fn is_running(process: u32) -> bool {
    // Where there is no `/proc`, age alone decides.
    Path::new("/proc").join(process.to_string()).exists()
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn link_refused(path: &Path) -> Error {
    Error::new(Kind::Io, "is a symbolic link, which the store does not follow: remove it")
        .in_file(path.display().to_string())
}

fn not_a_folder(path: &Path) -> Error {
    Error::new(Kind::Io, "is a file where a folder is needed").in_file(path.display().to_string())
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    let file = path.display().to_string();
    let message = match error.kind() {
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            return not_a_folder(path).caused_by(error);
        }
        ErrorKind::WouldBlock => {
            let message = "another process holds the folder's lock and does not get on: try again";
            return Error::new(Kind::TryAgain, message).in_file(file);
        }
        ErrorKind::ReadOnlyFilesystem => "lies on a file system that is read-only",
        ErrorKind::QuotaExceeded => "this user's share of the disk is used up",
        ErrorKind::PermissionDenied => "may not be read or written by this user",
        _ => return Error::io(file, error),
    };
    Error::new(Kind::Io, message).in_file(file).caused_by(error)
}
