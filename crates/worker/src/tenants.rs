//! Whose job may read and write where, for workers that many sellers share.

use std::path::{Component, Path, PathBuf};

use reprise_ingest::Location;
use reprise_model::bytes::without_secrets;
use reprise_model::{Error, Kind, Result};
use serde::Deserialize;
use url::Url;

/// Largest file of tenants, bytes.
const FILE_MAX: u64 = 16 << 20;

/// The sellers that a worker works for, from a TOML file:
///
/// ```toml
/// [[tenants]]
/// seller = "acme"
/// inputs = ["/srv/lives/acme", "s3://lives/acme", "https://media.example/acme"]
/// outputs = ["s3://clips?endpoint=http://s3:9000"]
/// ```
///
/// A place is allowed with all below it, at a `/`. Links and `..` are followed before a file is held
/// against it. An S3 place holds for the same endpoint and region alone. What a web server redirects
/// to is its owner's choice: name only servers that you trust. Keys of results begin with the seller
/// anyhow, so several sellers may have the same place for them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenants {
    tenants: Vec<Tenant>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tenant {
    seller: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

impl Tenants {
    /// Reads the file.
    ///
    /// # Errors
    /// [`Kind::Malformed`] with the line for what it should not say, [`Kind::Io`].
    pub fn read(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let length = std::fs::metadata(path).map_err(|error| Error::io(file.clone(), error))?.len();
        if length > FILE_MAX {
            return Err(Error::new(Kind::Limit, "is larger than 16 MiB").in_file(file));
        }
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(file.clone(), error))?;
        let tenants: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            Error::new(Kind::Malformed, error.message().to_owned())
                .in_file(file.clone())
                .at_line(line as u64)
        })?;
        for tenant in &tenants.tenants {
            for place in tenant.inputs.iter().chain(&tenant.outputs) {
                if Place::of(place, false).is_none() {
                    let message = format!(
                        "`{}` of {} is no place: write an absolute folder, s3://bucket/prefix or https://host/path",
                        without_secrets(place),
                        tenant.seller
                    );
                    return Err(Error::new(Kind::Malformed, message).in_file(file));
                }
            }
        }
        Ok(tenants)
    }

    fn of(&self, seller: &str) -> Result<&Tenant> {
        let found = self.tenants.iter().find(|tenant| tenant.seller == seller);
        found.ok_or_else(|| {
            Error::new(Kind::Usage, format!("this worker does not work for the seller `{seller}`"))
        })
    }

    /// Whether a seller's job may read there.
    ///
    /// # Errors
    /// [`Kind::Usage`] where it may not.
    pub fn may_read(&self, seller: &str, place: &Location) -> Result<()> {
        let text = match place {
            Location::File(path) => match path.to_str() {
                Some(text) => text,
                None => return Err(refused(seller, &place.to_string())),
            },
            Location::Remote(text) => text,
        };
        allowed(&self.of(seller)?.inputs, text, seller)
    }

    /// Whether a seller's results may go there.
    ///
    /// # Errors
    /// [`Kind::Usage`] where they may not.
    pub fn may_write(&self, seller: &str, dest: &str) -> Result<()> {
        allowed(&self.of(seller)?.outputs, dest, seller)
    }
}

fn allowed(places: &[String], asked: &str, seller: &str) -> Result<()> {
    let within = |asked: &Place| {
        places.iter().filter_map(|place| Place::of(place, true)).any(|place| place.holds(asked))
    };
    match Place::of(asked, true) {
        Some(asked) if within(&asked) => Ok(()),
        _ => Err(refused(seller, asked)),
    }
}

fn refused(seller: &str, asked: &str) -> Error {
    let message = format!("lies in no place of the seller `{seller}`");
    Error::new(Kind::Usage, message).in_file(without_secrets(asked))
}

/// A place in a form in which two can be held against each other.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Folder(PathBuf),
    /// Scheme, host and port, or bucket with what its query says; then the parts of the path.
    Far(String, Vec<String>),
}

impl Place {
    /// `None` for what is none, or cannot be told.
    fn of(text: &str, on_disk: bool) -> Option<Self> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::folder(Path::new(text), on_disk);
        };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => {
                let path = rest.strip_prefix("localhost").unwrap_or(rest);
                Self::folder(Path::new(path), on_disk)
            }
            "s3" => {
                let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                if bucket.is_empty() {
                    return None;
                }
                // The order of a query means nothing.
                let mut about: Vec<(String, String)> =
                    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
                about.sort();
                Some(Self::Far(format!("s3 {bucket} {about:?}"), parts(key)?))
            }
            "http" | "https" => {
                // Dots, plain or encoded, are resolved as the client that fetches it does.
                let url = Url::parse(text).ok()?;
                let host = url.host_str()?;
                let port = url.port_or_known_default()?;
                let whose = format!("{} {host} {port} {}", url.scheme(), url.username());
                Some(Self::Far(whose, parts(url.path().trim_start_matches('/'))?))
            }
            _ => None,
        }
    }

    fn folder(path: &Path, on_disk: bool) -> Option<Self> {
        if !path.is_absolute() && !on_disk {
            return None;
        }
        if !on_disk {
            return Some(Self::Folder(path.to_owned()));
        }
        // What is not there yet, a folder for results, lies where its nearest parent does.
        let mut base = std::path::absolute(path).ok()?;
        let mut missing = Vec::new();
        loop {
            match std::fs::canonicalize(&base) {
                Ok(real) => {
                    let whole = missing.iter().rev().fold(real, |path, part| path.join(part));
                    return Some(Self::Folder(whole));
                }
                // A link to nowhere leads who knows where later.
                Err(_) if base.is_symlink() => return None,
                Err(_) => match base.components().next_back() {
                    Some(Component::Normal(part)) => {
                        missing.push(part.to_owned());
                        base.pop();
                    }
                    // `..` below what is not there.
                    _ => return None,
                },
            }
        }
    }

    fn holds(&self, asked: &Self) -> bool {
        match (self, asked) {
            (Self::Folder(place), Self::Folder(asked)) => asked.starts_with(place),
            (Self::Far(whose, place), Self::Far(others, asked)) => {
                whose == others && asked.starts_with(place)
            }
            _ => false,
        }
    }
}

/// The parts of a path; `None` where one means another folder, or might after decoding.
fn parts(path: &str) -> Option<Vec<String>> {
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    if path.trim_end_matches('/').is_empty() {
        return Some(Vec::new());
    }
    let decoded = |part: &str| part.to_ascii_lowercase().replace("%2e", ".");
    let plain = |part: &&str| {
        let lower = part.to_ascii_lowercase();
        !part.is_empty()
            && !matches!(decoded(part).as_str(), "." | "..")
            && !lower.contains("%2f")
            && !lower.contains("%25")
            && !part.contains('\\')
    };
    parts.iter().all(plain).then(|| parts.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    /// Tenants whose folders lie in `base`.
    fn tenants(base: &Path) -> Tenants {
        let file = base.join("tenants.toml");
        let text = format!(
            "[[tenants]]\nseller = \"acme\"\ninputs = [\"{0}/acme\", \"s3://lives/acme/\", \
             \"s3://other/x?endpoint=http://h:1&region=r\", \"https://media.example/acme\"]\n\
             outputs = [\"{0}/out\", \"s3://clips\"]\n\
             [[tenants]]\nseller = \"evil\"\ninputs = [\"{0}/evil\"]\noutputs = []\n",
            base.display()
        );
        std::fs::write(&file, text).unwrap();
        Tenants::read(&file).unwrap()
    }

    fn ground() -> PathBuf {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let base =
            std::env::temp_dir().join(format!("reprise-tenants-{}-{number}", std::process::id()));
        for folder in ["acme/live", "acme-evil", "evil", "out"] {
            std::fs::create_dir_all(base.join(folder)).unwrap();
        }
        for file in ["acme/live/a.flv", "acme-evil/a.flv", "evil/a.flv", "secret"] {
            std::fs::write(base.join(file), "x").unwrap();
        }
        std::os::unix::fs::symlink(base.join("evil"), base.join("acme/link")).unwrap();
        std::os::unix::fs::symlink(base.join("secret"), base.join("acme/live/secret")).unwrap();
        std::os::unix::fs::symlink("/nowhere/at/all", base.join("acme/nowhere")).unwrap();
        std::os::unix::fs::symlink(base.join("acme/live/a.flv"), base.join("acme/own")).unwrap();
        std::fs::canonicalize(base).unwrap()
    }

    #[test]
    fn a_seller_reads_ones_own_and_nothing_else() {
        let base = ground();
        let tenants = tenants(&base);
        let live = base.join("acme/live");
        let at = |text: &str| text.replace("BASE", base.to_str().unwrap());
        let mine = [
            "BASE/acme/live/a.flv",
            "BASE/acme/live/../live/a.flv",
            "BASE/acme/own",
            "BASE/acme/live/not-there.flv",
            "file://BASE/acme/live/a.flv",
            "FILE://localhostBASE/acme/live/a.flv",
            "s3://lives/acme/a.flv",
            "S3://lives/acme/deep/a.flv",
            "s3://other/x/a.flv?region=r&endpoint=http://h:1",
            "https://media.example/acme/a.flv?X-Amz-Signature=0",
            "https://media.example:443/acme/x/../a.flv",
            "HTTPS://MEDIA.example/acme/a.flv",
        ];
        let others = [
            "BASE/evil/a.flv",
            "BASE/acme-evil/a.flv",
            "BASE/acme/../evil/a.flv",
            "BASE/acme/live/../../evil/a.flv",
            "BASE/acme/link/a.flv",
            "BASE/acme/live/secret",
            "BASE/acme/nowhere",
            "BASE/acme/nowhere/x",
            "BASE/acme/not-there/../../evil/a.flv",
            "/etc/passwd",
            "/proc/self/environ",
            "file:///etc/passwd",
            "file://localhost/etc/passwd",
            "file://elsewhereBASE/acme/live/a.flv",
            "s3://lives/acme-evil/a.flv",
            "s3://lives/evil/a.flv",
            "s3://lives/a.flv",
            "s3://lives/",
            "s3://Lives/acme/a.flv",
            "s3://lives-evil/acme/a.flv",
            "s3://lives/acme/../evil/a.flv",
            "s3://lives/acme/%2e%2e/evil/a.flv",
            "s3://lives/acme/..%2fevil/a.flv",
            "s3://lives/acme//a.flv",
            "s3://lives/acme/a.flv?endpoint=http://elsewhere:1",
            "s3://other/x/a.flv",
            "s3://other/x/a.flv?endpoint=http://h:2&region=r",
            "s3:///acme/a.flv",
            "http://media.example/acme/a.flv",
            "https://media.example:444/acme/a.flv",
            "https://media.example/evil/a.flv",
            "https://media.example/acme/../evil/a.flv",
            "https://media.example/acme/%2e%2e/evil/a.flv",
            "https://media.example/acme/%252e%252e/evil/a.flv",
            "https://media.example/acme/..%2fevil/a.flv",
            "https://media.example.evil/acme/a.flv",
            "https://media.example@evil/acme/a.flv",
            "https://evil@media.example/acme/a.flv",
            "https://media.example\\@evil/acme/../x",
            "ftp://media.example/acme/a.flv",
            "gopher://lives/acme",
            "",
        ];
        let location = |text: &str| reprise_ingest::resolve(&live.as_path().into(), &at(text));
        for text in mine {
            let told = tenants.may_read("acme", &location(text));
            assert!(told.is_ok(), "{text}: {}", told.unwrap_err());
            assert!(tenants.may_read("evil", &location(text)).is_err(), "{text}");
            assert!(tenants.may_read("nobody", &location(text)).is_err(), "{text}");
        }
        // The empty name is the manifest's own folder, which is the seller's.
        for text in others.into_iter().filter(|text| !text.is_empty()) {
            let error = tenants.may_read("acme", &location(text)).unwrap_err();
            assert_eq!(error.kind, Kind::Usage, "{text}");
        }
        std::fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn results_go_where_the_seller_may_write() {
        let base = ground();
        let tenants = tenants(&base);
        let at = |text: &str| text.replace("BASE", base.to_str().unwrap());
        for dest in ["BASE/out", "BASE/out/new/folder", "s3://clips", "s3://clips/any"] {
            assert!(tenants.may_write("acme", &at(dest)).is_ok(), "{dest}");
            assert!(tenants.may_write("evil", &at(dest)).is_err(), "{dest}");
        }
        let elsewhere = [
            "BASE",
            "BASE/outside",
            "BASE/out/../evil",
            "s3://clips-evil",
            "s3://clips?endpoint=http://h",
        ];
        for dest in elsewhere {
            assert!(tenants.may_write("acme", &at(dest)).is_err(), "{dest}");
        }
        std::fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn a_file_that_says_something_else_is_refused() {
        let base = ground();
        let file = base.join("t.toml");
        for (text, words) in [
            ("[[tenants]]\nseller = \"a\"\ninputs = []\n", "outputs"),
            ("[[tenants]]\nseller = \"a\"\ninputs = [\"rel\"]\noutputs = []\n", "`rel` of a"),
            ("[[tenants]]\nseller = \"a\"\ninputs = []\noutputs = []\nextra = 1\n", "extra"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = Tenants::read(&file).unwrap_err();
            assert!(error.kind == Kind::Malformed && error.to_string().contains(words), "{error}");
        }
        std::fs::remove_dir_all(base).unwrap();
    }
}
