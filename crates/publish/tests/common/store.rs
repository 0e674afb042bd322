//! A store in memory that fails on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use reprise_model::{Error, Kind, Result};
use reprise_store::{Entry, Key, ObjectStore, PutOptions, Version};

/// The session's folder.
pub const PREFIX: &str = "sim-seller/sim-easy-33";

/// A store in memory that writes down what is done and fails after so many operations.
#[derive(Default)]
pub struct TestStore {
    pub objects: Mutex<BTreeMap<String, Vec<u8>>>,
    pub log: Mutex<Vec<String>>,
    left: Mutex<Option<usize>>,
}

impl TestStore {
    fn operation(&self, name: &str, key: &str) -> Result<()> {
        if let Some(left) = self.left.lock().unwrap().as_mut() {
            if *left == 0 {
                return Err(Error::new(Kind::Io, "the power is out"));
            }
            *left -= 1;
        }
        let key = key.strip_prefix(PREFIX).unwrap_or(key).trim_start_matches('/');
        self.log.lock().unwrap().push(format!("{name} {key}"));
        Ok(())
    }

    pub fn fail_after(&self, operations: Option<usize>) {
        *self.left.lock().unwrap() = operations;
    }

    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.objects.lock().unwrap().clone()
    }

    pub fn names(&self) -> BTreeSet<String> {
        self.files().into_keys().map(|key| key[PREFIX.len() + 1..].to_owned()).collect()
    }

    pub fn writes(&self) -> Vec<String> {
        let log = self.log.lock().unwrap();
        log.iter()
            .filter(|line| line.starts_with("put") || line.starts_with("delete"))
            .cloned()
            .collect()
    }
}

fn version_of(bytes: &[u8]) -> Version {
    Version::new(blake3::hash(bytes).to_hex().as_str())
}

impl ObjectStore for TestStore {
    fn put(&self, key: &Key, bytes: &[u8], _: PutOptions) -> Result<()> {
        self.operation("put", key.as_str())?;
        self.objects.lock().unwrap().insert(key.to_string(), bytes.to_vec());
        Ok(())
    }
    fn put_if_absent(&self, key: &Key, bytes: &[u8], _: PutOptions) -> Result<bool> {
        self.operation("put_if_absent", key.as_str())?;
        let mut objects = self.objects.lock().unwrap();
        if objects.contains_key(key.as_str()) {
            return Ok(false);
        }
        objects.insert(key.to_string(), bytes.to_vec());
        Ok(true)
    }
    fn version(&self, key: &Key) -> Result<Option<Version>> {
        self.operation("version", key.as_str())?;
        let objects = self.objects.lock().unwrap();
        Ok(objects.get(key.as_str()).map(|bytes| version_of(bytes)))
    }
    fn put_if_version(
        &self,
        key: &Key,
        bytes: &[u8],
        _: PutOptions,
        version: Option<&Version>,
    ) -> Result<bool> {
        self.operation("put", key.as_str())?;
        let mut objects = self.objects.lock().unwrap();
        if objects.get(key.as_str()).map(|bytes| version_of(bytes)).as_ref() != version {
            return Ok(false);
        }
        objects.insert(key.to_string(), bytes.to_vec());
        Ok(true)
    }
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>> {
        self.operation("get", key.as_str())?;
        Ok(self.objects.lock().unwrap().get(key.as_str()).cloned())
    }
    fn exists(&self, key: &Key) -> Result<bool> {
        self.operation("exists", key.as_str())?;
        Ok(self.objects.lock().unwrap().contains_key(key.as_str()))
    }
    fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        self.operation("list", prefix)?;
        let objects = self.objects.lock().unwrap();
        let fits = objects.iter().filter(|(key, _)| key.starts_with(prefix));
        fits.map(|(key, bytes)| Ok(Entry { key: Key::new(key)?, len: bytes.len() as u64 }))
            .collect()
    }
    fn delete(&self, key: &Key) -> Result<()> {
        self.operation("delete", key.as_str())?;
        self.objects.lock().unwrap().remove(key.as_str());
        Ok(())
    }
    fn location(&self, key: &Key) -> String {
        key.to_string()
    }
}
