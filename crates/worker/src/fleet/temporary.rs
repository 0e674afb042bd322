//! A worker's folder for temporary files, and the end of those that dead workers left.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use reprise_model::{Error, Kind, Result};

/// What the folders of workers are called, with the worker's name behind it.
const PREFIX: &str = "reprise-worker-";
/// The file in each that its worker holds locked while it lives.
const LOCK: &str = "lock";
/// How often a folder is made anew that another worker swept before it was locked.
const ATTEMPTS_MAX: u32 = 16;

/// A folder of this worker's own, removed in the end.
#[derive(Debug)]
pub(super) struct Temporary {
    folder: PathBuf,
    /// Locked; a process that ends, however it ends, lets go of it.
    _lock: File,
}

impl Temporary {
    /// Makes the folder of the worker `name` in `parent`, empty, and removes those of this user's
    /// workers that died.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where a worker of that name lives on this machine; [`Kind::Io`].
    pub(super) fn take(parent: &Path, name: &str) -> Result<Self> {
        fs::create_dir_all(parent)
            .map_err(|error| Error::io(parent.display().to_string(), error))?;
        let folder = parent.join(format!("{PREFIX}{name}"));
        let failed = |error| Error::io(folder.display().to_string(), error);
        let mut attempt = 1;
        let lock = loop {
            match DirBuilder::new().mode(0o700).create(&folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(failed(error));
                }
                _ => {}
            }
            if !is_ours(&folder) {
                let message = "is no folder of this user's: name the worker otherwise (--name)";
                return Err(
                    Error::new(Kind::Conflict, message).in_file(folder.display().to_string())
                );
            }
            let lock =
                OpenOptions::new().create(true).append(true).mode(0o600).open(folder.join(LOCK));
            match lock {
                Ok(lock) => match lock.try_lock() {
                    // A sweeper may have removed what was just locked.
                    Ok(()) if folder.join(LOCK).exists() => break lock,
                    Ok(()) => {}
                    Err(TryLockError::WouldBlock) => {
                        let message = format!(
                            "a worker named `{name}` runs on this machine: name this one otherwise (--name)"
                        );
                        return Err(Error::new(Kind::Conflict, message));
                    }
                    Err(TryLockError::Error(error)) => return Err(failed(error)),
                },
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
            attempt += 1;
            if attempt > ATTEMPTS_MAX {
                return Err(Error::new(Kind::Io, "is removed again and again")
                    .in_file(folder.display().to_string()));
            }
        };
        let taken = Self { folder, _lock: lock };
        taken.empty();
        sweep(parent, &taken.folder);
        Ok(taken)
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes what an earlier worker of the same name left.
    fn empty(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.file_name() == LOCK {
                continue;
            }
            // What cannot be removed is in nobody's way.
            let _ = match entry.file_type() {
                Ok(kind) if kind.is_dir() => fs::remove_dir_all(entry.path()),
                _ => fs::remove_file(entry.path()),
            };
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Removed while it is locked; what remains the next worker sweeps.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes the folders of workers that do not live any more.
fn sweep(parent: &Path, own: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let folder = entry.path();
        let named = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if !named || folder == own || !is_ours(&folder) {
            continue;
        }
        // Without the file it is none of a worker's, or one that is just being made.
        let Ok(lock) = File::open(folder.join(LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

/// Whether it is a folder, no link, and this user's.
fn is_ours(folder: &Path) -> bool {
    let user = rustix::process::geteuid().as_raw();
    fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir() && found.uid() == user)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_living_keep_theirs_and_the_dead_lose_theirs() {
        let parent = std::env::temp_dir().join(format!("reprise-temporary-{}", std::process::id()));
        let living = Temporary::take(&parent, "living").unwrap();
        fs::write(living.folder().join("file"), "1").unwrap();
        // As a killed worker leaves it: nobody holds the lock.
        let dead = parent.join("reprise-worker-dead");
        fs::create_dir_all(dead.join("job-1/deep")).unwrap();
        fs::write(dead.join("job-1/deep/file"), "1").unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        // What is none of a worker's.
        let target = parent.join("target");
        fs::create_dir_all(&target).unwrap();
        fs::write(target.join("file"), "1").unwrap();
        fs::write(target.join(LOCK), "").unwrap();
        std::os::unix::fs::symlink(&target, parent.join("reprise-worker-link")).unwrap();
        std::os::unix::fs::symlink(&target, dead.join("link")).unwrap();
        fs::create_dir_all(parent.join("reprise-worker-unmarked")).unwrap();

        let other = Temporary::take(&parent, "other").unwrap();
        assert!(!dead.exists());
        assert!(living.folder().join("file").exists() && target.join("file").exists());
        assert!(parent.join("reprise-worker-unmarked").exists());
        assert_eq!(Temporary::take(&parent, "living").unwrap_err().kind, Kind::Conflict);
        assert_eq!(Temporary::take(&parent, "link").unwrap_err().kind, Kind::Conflict);
        drop(living);
        assert!(!parent.join("reprise-worker-living").exists());
        fs::create_dir_all(parent.join("reprise-worker-living/left")).unwrap();
        let again = Temporary::take(&parent, "living").unwrap();
        assert!(!again.folder().join("left").exists());
        drop((other, again));
        fs::remove_dir_all(&parent).unwrap();
    }
}
