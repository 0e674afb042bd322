//! A file whose length and SHA-256 are known, fetched once over HTTP: resumed where it broke off, and
//! never there under its name before its bytes are what they should be.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reprise_model::bytes::without_secrets;
use reprise_model::{Error, Kind, Result};
use sha2::{Digest, Sha256};
use ureq::Body;
use ureq::http::{Response, StatusCode, header};
use url::Url;

use crate::source::NetworkOptions;
use crate::source::http::{agent, content_range, failed, follows, identity, refusal};
use crate::source::remote::Failure;

/// Redirects that are followed for one request.
const REDIRECTS_MAX: usize = 5;
/// A request of a download may take so many times `NetworkOptions::request`: ten minutes by default.
const PATIENCE: u32 = 20;

/// What a file must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// Its length.
    pub bytes: u64,
    /// SHA-256, 64 hexadecimal digits.
    pub sha256: String,
}

/// What a download did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The file was there and is what it should be; nothing was asked for.
    There,
    /// It was fetched; so many of its bytes were there from an earlier try.
    Now {
        /// Bytes that did not have to be fetched again.
        resumed_from: u64,
    },
}

/// Whether the file at `path` is what it should be. Nothing is fetched.
///
/// # Errors
/// [`Kind::Missing`] where it is not there, [`Kind::Malformed`] where it is another,
/// [`Kind::Io`] where it cannot be read.
pub fn verify(path: &Path, pinned: &Pinned) -> Result<()> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| Error::io(&name, error))?;
    let length = file.metadata().map_err(|error| Error::io(&name, error))?.len();
    let other = |what: String| Err(Error::new(Kind::Malformed, what).in_file(&name));
    if length != pinned.bytes {
        return other(format!("is {length} bytes long instead of {}", pinned.bytes));
    }
    let found = sha256_of(file).map_err(|error| Error::io(&name, error))?;
    if !found.eq_ignore_ascii_case(&pinned.sha256) {
        return other(format!("has SHA-256 {found} instead of {}", pinned.sha256));
    }
    Ok(())
}

/// Fetches `address` to `path`, unless a file that is what it should be is there. `progress` hears
/// how many bytes are there. What was fetched before a failure stays beside it as `.part`, and the
/// next try goes on from there. Blocks.
///
/// # Errors
/// [`Kind::Missing`] where the server does not have it, [`Kind::Malformed`] where it is another file
/// than it should be (it is removed then), [`Kind::TryAgain`] and [`Kind::Unavailable`] where the
/// network or the server fails, [`Kind::Io`] where it cannot be written.
pub fn download(
    address: &str,
    path: &Path,
    pinned: &Pinned,
    options: &NetworkOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Fetched> {
    if verify(path, pinned).is_ok() {
        return Ok(Fetched::There);
    }
    let shown = without_secrets(address);
    let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let Some(url) = url else {
        return Err(Error::new(Kind::Usage, "is no http or https address").in_file(shown));
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| Error::io(folder.display().to_string(), error))?;
    }
    let part = Part { path: beside(path, ".part"), tag: beside(path, ".part.etag"), pinned };
    let resumed_from = part.usable()?;
    let mut pause = options.pause;
    let mut tried = 1;
    let mut furthest = resumed_from;
    loop {
        match part.go_on(&url, options, progress) {
            Ok(()) => break,
            Err(Stop::Disk(error)) => return Err(error),
            Err(Stop::Network(failure)) => {
                // As long as it comes further than before, it goes on.
                let there = part.length();
                tried = if there > furthest { 1 } else { tried + 1 };
                furthest = furthest.max(there);
                if !failure.again || tried > options.attempts {
                    return Err(Error::from(failure).in_file(shown));
                }
                std::thread::sleep(failure.wait.map_or(pause, |wait| wait.min(pause * 8)));
                pause = pause.saturating_mul(2).min(options.pause * 8);
            }
        }
    }
    if let Err(error) = verify(&part.path, pinned) {
        part.remove();
        let what = format!("is not the file that is listed, and was removed ({})", error.message);
        return Err(Error::new(error.kind, what).in_file(shown));
    }
    let name = path.display().to_string();
    let synced = File::open(&part.path).and_then(|file| file.sync_all());
    synced
        .and_then(|()| std::fs::rename(&part.path, path))
        .map_err(|error| Error::io(&name, error))?;
    part.remove();
    Ok(Fetched::Now { resumed_from })
}

/// Why a try ended.
enum Stop {
    Network(Failure),
    Disk(Error),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Network(failure)
    }
}

/// What is there of a file.
struct Part<'a> {
    path: PathBuf,
    /// The ETag of the version that it is of.
    tag: PathBuf,
    pinned: &'a Pinned,
}

impl Part<'_> {
    fn length(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_file(&self.tag);
    }

    /// How much of it can be gone on from; what cannot is removed.
    fn usable(&self) -> Result<u64> {
        let length = self.length();
        if length > self.pinned.bytes || (length > 0 && self.etag().is_none()) {
            self.remove();
        }
        if self.path.exists() && self.path.is_dir() {
            let what = "is a folder, where a part of a download should lie";
            return Err(Error::new(Kind::Io, what).in_file(self.path.display().to_string()));
        }
        Ok(self.length())
    }

    fn etag(&self) -> Option<String> {
        let tag = std::fs::read_to_string(&self.tag).ok()?;
        (tag.starts_with('"') && tag.len() < 256 && tag.is_ascii()).then_some(tag)
    }

    /// Fetches what is missing.
    fn go_on(
        &self,
        url: &Url,
        options: &NetworkOptions,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Stop> {
        let mut from = self.usable().map_err(Stop::Disk)?;
        if from == self.pinned.bytes {
            return Ok(());
        }
        let response = self.ask(url, from, options)?;
        let headers = response.headers();
        let tag = headers.get(header::ETAG).and_then(|value| value.to_str().ok());
        let tag = tag.filter(|tag| tag.starts_with('"')).map(str::to_owned);
        match response.status() {
            StatusCode::OK => {
                identity(headers)?;
                from = 0;
            }
            StatusCode::PARTIAL_CONTENT => {
                identity(headers)?;
                let (given, _) = content_range(headers)?;
                if given.start != from || (from > 0 && tag != self.etag()) {
                    self.remove();
                    return Err(Failure::passing("its server gave other bytes than asked").into());
                }
            }
            StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PRECONDITION_FAILED if from > 0 => {
                self.remove();
                return Err(Failure::passing("its server has another version now").into());
            }
            status => return Err(refusal(status, headers).into()),
        }
        self.take(response, from, tag, progress)
    }

    fn ask(
        &self,
        url: &Url,
        from: u64,
        options: &NetworkOptions,
    ) -> Result<Response<Body>, Failure> {
        let mut place = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let patience = options.request.saturating_mul(PATIENCE);
            let mut request = agent()
                .get(place.as_str())
                .config()
                .timeout_connect(Some(options.connect))
                .timeout_recv_response(Some(options.request))
                .timeout_per_call(Some(patience.max(Duration::from_secs(1))))
                .build()
                .header(header::ACCEPT_ENCODING, "identity");
            if let Some(tag) = self.etag().filter(|_| from > 0) {
                let last = self.pinned.bytes.saturating_sub(1);
                request = request
                    .header(header::RANGE, format!("bytes={from}-{last}"))
                    .header(header::IF_RANGE, tag);
            }
            let response = request.call().map_err(failed)?;
            let location = response.headers().get(header::LOCATION);
            let (true, Some(location)) = (follows(response.status()), location) else {
                return Ok(response);
            };
            let next = location.to_str().ok().and_then(|text| place.join(text).ok());
            let safe = |next: &Url| {
                next.scheme() == "https" || (next.scheme() == "http" && place.scheme() == "http")
            };
            let Some(next) = next.filter(safe) else {
                let what = "its server sends to an address that is not safe; refused";
                return Err(Failure::new(Kind::Unsupported, what));
            };
            place = next;
        }
        let what = format!("its server sends on more than {REDIRECTS_MAX} times; refused");
        Err(Failure::new(Kind::Unsupported, what))
    }

    fn take(
        &self,
        response: Response<Body>,
        from: u64,
        tag: Option<String>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Stop> {
        let disk = |path: &Path| {
            let name = path.display().to_string();
            move |error| Stop::Disk(Error::io(name.clone(), error))
        };
        // The tag first: bytes without one are not gone on from.
        match tag {
            Some(tag) => std::fs::write(&self.tag, tag).map_err(disk(&self.tag))?,
            None => drop(std::fs::remove_file(&self.tag)),
        }
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .append(from > 0)
            .truncate(from == 0)
            .open(&self.path)
            .map_err(disk(&self.path))?;
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0u8; 64 << 10];
        let mut there = from;
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => {
                    return Err(match error.downcast::<ureq::Error>() {
                        Ok(known) => failed(known).into(),
                        Err(error) => {
                            let what = format!("its server's answer breaks off ({error})");
                            Failure::passing(what).into()
                        }
                    });
                }
            };
            if there + count as u64 > self.pinned.bytes {
                self.remove();
                let what = format!("is longer than the {} bytes listed", self.pinned.bytes);
                return Err(Failure::new(Kind::Malformed, what).into());
            }
            file.write_all(&buffer[..count]).map_err(disk(&self.path))?;
            there += count as u64;
            progress(there);
        }
        if there < self.pinned.bytes {
            return Err(Failure::passing("its server's answer ends early").into());
        }
        Ok(())
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

fn sha256_of(mut file: File) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
