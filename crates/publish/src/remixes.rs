//! Remixes of a session's clips: `remixes/<clip id>/<remix id>/`, `remix.json` last.

use reprise_model::remix::Remix;
use reprise_model::{Error, Kind, Result};
use reprise_store::{Key, PutOptions};

use crate::folder::{SessionFolder, is_digest_of, one_part, to_json};

/// The folder of all remixes.
const REMIXES: &str = "remixes";

/// The files of a remix.
pub struct RemixFiles<'a> {
    /// `remix.mp4`.
    pub mp4: &'a [u8],
    /// `cover.jpg`.
    pub cover: Option<&'a [u8]>,
}

impl SessionFolder<'_> {
    /// Writes a remix: its files first, `remix.json` last.
    ///
    /// # Errors
    /// [`Kind::Bug`] where `remix.remix_blake3` is not that of the file; [`Kind::Usage`] where the
    /// creator was taken down; the store's.
    pub fn put_remix(&self, remix: &Remix, files: &RemixFiles<'_>) -> Result<()> {
        let base = remix_name(&remix.clip_id, &remix.remix_id)?;
        if !is_digest_of(&remix.remix_blake3, files.mp4) {
            let message = "the digest in the remix's record is not that of its file";
            return Err(Error::new(Kind::Bug, message).in_file(format!("{base}/remix.mp4")));
        }
        let record = to_json(remix)?;
        self.while_wanted(&[&format!("{base}/")], || {
            let put = |name: &str, bytes: &[u8]| -> Result<()> {
                let key = self.key(&format!("{base}/{name}"))?;
                self.store().put(&key, bytes, PutOptions::for_key(&key))
            };
            put("remix.mp4", files.mp4)?;
            if let Some(cover) = files.cover {
                put("cover.jpg", cover)?;
            }
            put("remix.json", &record)
        })
    }

    /// A remix's record; `None` where there is none that this version reads.
    ///
    /// # Errors
    /// The store's; [`Kind::Usage`] for names that no object can have.
    pub fn remix(&self, clip_id: &str, remix_id: &str) -> Result<Option<Remix>> {
        let name = format!("{}/remix.json", remix_name(clip_id, remix_id)?);
        let found = self.store().get(&self.key(&name)?)?;
        Ok(found.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// The records of all remixes, or of one clip's, by their names.
    ///
    /// # Errors
    /// The store's; [`Kind::Usage`] for a name that no object can have.
    pub fn remixes(&self, clip_id: Option<&str>) -> Result<Vec<Remix>> {
        let below = match clip_id {
            Some(clip_id) => format!("{}/{REMIXES}/{}/", self.prefix(), one_part(clip_id)?),
            None => format!("{}/{REMIXES}/", self.prefix()),
        };
        let mut remixes = Vec::new();
        for entry in self.store().list(&below)? {
            if entry.key.as_str().ends_with("/remix.json")
                && let Some(bytes) = self.store().get(&entry.key)?
                && let Ok(remix) = serde_json::from_slice(&bytes)
            {
                remixes.push(remix);
            }
        }
        Ok(remixes)
    }

    /// The object of a remix's file, such as `remix.mp4`.
    ///
    /// # Errors
    /// [`Kind::Usage`] for names that no object can have.
    pub fn remix_key(&self, clip_id: &str, remix_id: &str, file: &str) -> Result<Key> {
        self.key(&format!("{}/{}", remix_name(clip_id, remix_id)?, one_part(file)?))
    }
}

fn remix_name(clip_id: &str, remix_id: &str) -> Result<String> {
    Ok(format!("{REMIXES}/{}/{}", one_part(clip_id)?, one_part(remix_id)?))
}
