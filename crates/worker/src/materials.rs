//! What a session's checks are given besides the recording: pictures of products, overlays and logos.

use reprise_checks::{GrayPicture, LookFor, NamedPicture, ProductReference};
use reprise_ingest::{LoadedSession, Location, is_picture, resolve};
use reprise_model::{ByteSource, Error, Kind, Result};

use crate::recording::open_bytes;

/// Largest file of a picture that is read, bytes.
const PICTURE_MAX: u64 = 32 << 20;
/// Pictures of one product that are used at most: more hardly find more and cost as much again each.
const PICTURES_A_PRODUCT: usize = 6;

/// Reads the pictures that the manifest and the product list name. What cannot be read is left out
/// and told.
pub fn look_for(loaded: &LoadedSession) -> (LookFor, Vec<String>) {
    let mut told = Vec::new();
    let mut read = |name: &str| match picture(&loaded.base, name) {
        Ok(picture) => Some(picture),
        Err(error) => {
            told.push(format!("{error}; it is left out"));
            None
        }
    };
    let mut found = LookFor::default();
    for product in &loaded.products {
        let names = product.pictures.iter().take(PICTURES_A_PRODUCT);
        let pictures: Vec<GrayPicture> = names.filter_map(|name| read(name)).collect();
        if !pictures.is_empty() {
            found.products.push(ProductReference { id: product.id.clone(), pictures });
        }
    }
    // A brand may be a name or a picture; names are looked for in texts.
    let brands = loaded.manifest.brands.iter().filter(|brand| is_picture(brand));
    for name in loaded.manifest.overlays.iter().chain(brands) {
        if let Some(picture) = read(name) {
            found.own.push(NamedPicture { name: name.clone(), picture });
        }
    }
    (found, told)
}

/// A digest of all pictures with their names.
pub fn digest_of(look_for: &LookFor) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut take = |name: &str, picture: &GrayPicture| {
        hasher.update(name.as_bytes()).update(&[0]);
        hasher.update(&(picture.width as u64).to_le_bytes()).update(&picture.pixels);
    };
    for product in &look_for.products {
        product.pictures.iter().for_each(|picture| take(&product.id, picture));
    }
    for (kind, named) in [("own", &look_for.own), ("foreign", &look_for.foreign)] {
        named.iter().for_each(|named| take(&format!("{kind} {}", named.name), &named.picture));
    }
    hasher.finalize().to_hex().to_string()
}

/// Reads one picture, a file beside the manifest or an address.
fn picture(base: &Location, name: &str) -> Result<GrayPicture> {
    let source = open_bytes(&resolve(base, name))?;
    let length = source.len();
    if length > PICTURE_MAX {
        let words = format!("has {length} bytes, more than {PICTURE_MAX} for a picture");
        return Err(Error::new(Kind::Limit, words).in_file(source.name()));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let mut at = 0;
    while at < bytes.len() {
        match source.read_at(at as u64, &mut bytes[at..]) {
            Ok(0) => break,
            Ok(count) => at += count,
            Err(error) => return Err(Error::io(source.name(), error)),
        }
    }
    GrayPicture::read(&bytes[..at], source.name())
}
