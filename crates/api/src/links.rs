//! Links to media: signed by the store where it can, else by us; they end by themselves.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reprise_model::Result;
use reprise_store::{Key, ObjectStore};
use url::form_urlencoded;

/// For how long a link holds.
const HOLDS: Duration = Duration::from_secs(15 * 60);
/// Links made within so long of each other are the same, so that a browser's cache knows them.
const STEP_S: u64 = 5 * 60;

/// Where our own links lead.
pub(crate) const MEDIA: &str = "/media/";

/// A link to an object: the store's, where it signs some, or our own.
pub(crate) fn link(store: &dyn ObjectStore, secret: &[u8; 32], key: &Key) -> Result<String> {
    match store.presigned(key, HOLDS)? {
        Some(signed) => Ok(signed),
        None => Ok(own_link(secret, key)),
    }
}

/// A link to this server.
pub(crate) fn own_link(secret: &[u8; 32], key: &Key) -> String {
    let until = (now() + HOLDS.as_secs()).div_ceil(STEP_S) * STEP_S;
    let encode = |part: &str| form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
    // `+` is a space in a query alone.
    let path: Vec<String> = key.parts().map(|part| encode(part).replace('+', "%20")).collect();
    format!("{MEDIA}{until}.{}/{}", sign(secret, until, key), path.join("/"))
}

/// The key that a link's path (decoded, without [`MEDIA`]) gives a right to.
pub(crate) fn opened(secret: &[u8; 32], path: &str) -> Option<Key> {
    let (ticket, name) = path.split_once('/')?;
    let (until, signature) = ticket.split_once('.')?;
    let until: u64 = until.parse().ok()?;
    let key = Key::new(name).ok()?;
    let wanted = blake3::Hash::from(mac(secret, until, &key));
    let given: [u8; 32] = URL_SAFE_NO_PAD.decode(signature).ok()?.try_into().ok()?;
    // `Hash` compares in constant time.
    (wanted == blake3::Hash::from(given) && now() < until && !key.is_intermediate()).then_some(key)
}

fn sign(secret: &[u8; 32], until: u64, key: &Key) -> String {
    URL_SAFE_NO_PAD.encode(mac(secret, until, key))
}

fn mac(secret: &[u8; 32], until: u64, key: &Key) -> [u8; 32] {
    blake3::keyed_hash(secret, format!("media {until} {key}").as_bytes()).into()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_its_object_alone_and_for_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = reprise_store::open(folder.path().to_str().unwrap()).unwrap();
        let (secret, key) = ([7; 32], Key::new("acme/s 1/clips/ä+b/clip.mp4").unwrap());
        let link = link(store.as_ref(), &secret, &key).unwrap();
        assert!(link.starts_with(MEDIA) && link.is_ascii() && !link.contains(' '), "{link}");
        let ticket = link[MEDIA.len()..].split('/').next().unwrap().to_owned();
        let open = |ticket: &str, name: &str| opened(&secret, &format!("{ticket}/{name}"));
        assert_eq!(open(&ticket, key.as_str()), Some(key.clone()));
        assert!(open(&ticket, "acme/s 1/clips/ä+b/clip.json").is_none());
        assert!(open(&ticket, "../acme/s 1/clips/ä+b/clip.mp4").is_none());
        assert!(opened(&[8; 32], &format!("{ticket}/{key}")).is_none());
        let (until, signature) = ticket.split_once('.').unwrap();
        let later = until.parse::<u64>().unwrap() + 1;
        assert!(open(&format!("{later}.{signature}"), key.as_str()).is_none());
        let over = format!("{}.{}", now() - 1, sign(&secret, now() - 1, &key));
        assert!(open(&over, key.as_str()).is_none());
        for hostile in ["", "/", ".", "1.", "x.y/z", "1.2/", "99999999999999999999.a/b"] {
            assert!(opened(&secret, hostile).is_none(), "{hostile}");
        }
    }
}
