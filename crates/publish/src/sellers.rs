//! What a seller entered: planned LIVEs in `~plans/`, a brand's picture in `~brand/`, and edits of clips in a session's `edits/`.

use reprise_model::edits::ClipEdits;
use reprise_model::plan::Plan;
use reprise_model::{Error, Kind, Result};
use reprise_store::{Key, ObjectStore, PutOptions};

use crate::folder::{SessionFolder, one_part, to_json};

/// Where plans lie, in the seller's folder. No session has a `~` in its name.
const PLANS: &str = "~plans";

/// The planned LIVEs of a seller.
pub struct Plans<'a> {
    store: &'a dyn ObjectStore,
    seller: &'a str,
}

impl<'a> Plans<'a> {
    /// Those of `seller`, which is one part of a key.
    pub fn new(store: &'a dyn ObjectStore, seller: &'a str) -> Self {
        Self { store, seller }
    }

    fn key(&self, name: &str) -> Result<Key> {
        Key::new(format!("{}/{PLANS}/{}", one_part(self.seller)?, name))
    }

    /// All of them, the soonest first. What is no plan is left out.
    ///
    /// # Errors
    /// The store's.
    pub fn all(&self) -> Result<Vec<Plan>> {
        let mut plans: Vec<Plan> = Vec::new();
        for entry in self.store.list(&format!("{}/{PLANS}/", one_part(self.seller)?))? {
            let Some(bytes) = self.store.get(&entry.key)? else { continue };
            plans.extend(serde_json::from_slice::<Plan>(&bytes));
        }
        plans.sort_by(|a, b| (a.starts_at, &a.id).cmp(&(b.starts_at, &b.id)));
        Ok(plans)
    }

    /// One; `None` where there is none.
    ///
    /// # Errors
    /// The store's; [`Kind::Malformed`] where it is no plan.
    pub fn get(&self, id: &str) -> Result<Option<Plan>> {
        let key = self.key(&format!("{}.json", one_part(id)?))?;
        let Some(bytes) = self.store.get(&key)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            let place = self.store.location(&key);
            Error::new(Kind::Malformed, "is no plan").in_file(place).caused_by(error)
        })
    }

    /// Writes one, also in the place of another of its name; `true` where it is new.
    ///
    /// # Errors
    /// The store's.
    pub fn put(&self, plan: &Plan) -> Result<bool> {
        let key = self.key(&format!("{}.json", plan.id))?;
        let is_new = !self.store.exists(&key)?;
        self.store.put(&key, &to_json(plan)?, PutOptions::for_key(&key))?;
        Ok(is_new)
    }

    /// Removes one; `false` where there is none.
    ///
    /// # Errors
    /// The store's.
    pub fn remove(&self, id: &str) -> Result<bool> {
        let key = self.key(&format!("{}.json", one_part(id)?))?;
        let was = self.store.exists(&key)?;
        self.store.delete(&key)?;
        Ok(was)
    }
}

/// A seller's brand picture, `~brand/logo`: PNG, JPEG or WebP.
pub struct Brand<'a> {
    store: &'a dyn ObjectStore,
    seller: &'a str,
}

impl<'a> Brand<'a> {
    /// Its name below the folder of brands, as jobs name it.
    pub const NAME: &'static str = "logo";

    /// That of `seller`, which is one part of a key.
    pub fn new(store: &'a dyn ObjectStore, seller: &'a str) -> Self {
        Self { store, seller }
    }

    /// Its object.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a name that no object can have.
    pub fn key(&self) -> Result<Key> {
        Key::new(format!("{}/~brand/{}", one_part(self.seller)?, Self::NAME))
    }

    /// The picture; `None` where there is none.
    ///
    /// # Errors
    /// The store's.
    pub fn get(&self) -> Result<Option<Vec<u8>>> {
        self.store.get(&self.key()?)
    }

    /// Whether there is one.
    ///
    /// # Errors
    /// The store's.
    pub fn is_there(&self) -> Result<bool> {
        self.store.exists(&self.key()?)
    }

    /// Writes it, also in the place of another.
    ///
    /// # Errors
    /// The store's.
    pub fn put(&self, picture: &[u8]) -> Result<()> {
        let key = self.key()?;
        self.store.put(&key, picture, PutOptions::for_key(&key))
    }

    /// Removes it.
    ///
    /// # Errors
    /// The store's.
    pub fn remove(&self) -> Result<()> {
        self.store.delete(&self.key()?)
    }
}

impl SessionFolder<'_> {
    /// What the seller changed about a clip; nothing where there is nothing that this version reads.
    ///
    /// # Errors
    /// The store's.
    pub fn edits(&self, clip_id: &str) -> Result<ClipEdits> {
        let found = self.store().get(&self.key(&edits_name(clip_id)?)?)?;
        Ok(found.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }

    /// Keeps what the seller changed about a clip.
    ///
    /// # Errors
    /// The store's; [`Kind::Usage`] where the creator was taken down.
    pub fn put_edits(&self, clip_id: &str, edits: &ClipEdits) -> Result<()> {
        let name = edits_name(clip_id)?;
        let key = self.key(&name)?;
        self.while_wanted(&[&name], || {
            self.store().put(&key, &to_json(edits)?, PutOptions::for_key(&key))
        })
    }
}

fn edits_name(clip_id: &str) -> Result<String> {
    Ok(format!("edits/{}.json", one_part(clip_id)?))
}
