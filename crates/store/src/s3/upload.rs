//! One object on its way into a bucket: in one request or in parts, for all or for the first only.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use base64::Engine as _;
use reprise_model::Kind;
use sha2::{Digest, Sha256};

use super::Place;
use super::explain::explain;
use crate::PutOptions;
use crate::source::remote::Failure;

/// Objects up to here go in one request, bytes; larger ones in parts of this size. S3 wants 5 MiB
/// to 5 GiB; over a slow line (the built-in limit of a request is 30 s) 8 MiB are 280 kB/s.
const PART: usize = 8 << 20;
/// The metadata that tells one's own write from another's.
const WRITE: &str = "reprise-write";
/// The tag that a bucket's lifecycle rule can look for.
const INTERMEDIATE: &str = "reprise=intermediate";
/// Needed to write.
const PUT: &str = "s3:PutObject";

/// One object to be written.
pub(super) struct Upload<'a> {
    place: &'a Arc<Place>,
    key: String,
    bytes: &'a [u8],
    options: PutOptions,
    /// Another each time.
    token: String,
}

/// A text that nobody else has: of a process's own random keys.
pub(super) fn token() -> String {
    let half = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", half(), half())
}

fn sha256(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(bytes))
}

/// When an object is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum When {
    Always,
    /// Only the first.
    Absent,
    /// Only over this one, by its `ETag`.
    Still(String),
}

impl When {
    fn none_match(&self) -> Option<String> {
        (*self == Self::Absent).then(|| "*".to_owned())
    }

    fn matches(&self) -> Option<String> {
        match self {
            Self::Still(tag) => Some(tag.clone()),
            _ => None,
        }
    }
}

/// How a conditional write ended.
enum Ended {
    Written,
    /// Somebody was first, or we were, and the answer was lost.
    Refused,
}

impl<'a> Upload<'a> {
    pub(super) fn new(
        place: &'a Arc<Place>,
        key: String,
        bytes: &'a [u8],
        options: PutOptions,
    ) -> Self {
        Self { place, key, bytes, options, token: token() }
    }

    /// Writes it; `false` where something else is there.
    pub(super) fn send(&self, when: &When) -> Result<bool, Failure> {
        let ended = if self.bytes.len() <= PART {
            self.place.family.retried(|| self.whole(when))
        } else {
            self.in_parts(when)
        };
        match ended {
            Ok(Ended::Written) => Ok(true),
            // Somebody was first, or we were and the answer was lost.
            Ok(Ended::Refused) => self.is_ours(),
            // What was to be replaced is gone.
            Err(failure) if failure.absent && when.matches().is_some() => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Whether this very write is what is there. What was there and is gone was another's.
    fn is_ours(&self) -> Result<bool, Failure> {
        match head(self.place, &self.key) {
            Ok(found) => Ok(found.metadata().and_then(|all| all.get(WRITE)) == Some(&self.token)),
            Err(failure) if failure.absent => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    fn whole(&self, when: &When) -> Result<Ended, Failure> {
        let request = self
            .place
            .client
            .put_object()
            .bucket(&self.place.bucket)
            .key(&self.key)
            .content_type(self.options.content_type)
            .metadata(WRITE, &self.token)
            .checksum_sha256(sha256(self.bytes))
            .set_tagging(self.options.intermediate.then(|| INTERMEDIATE.to_owned()))
            .set_if_none_match(when.none_match())
            .set_if_match(when.matches())
            .body(ByteStream::from(self.bytes.to_vec()));
        self.place.timed(async move { ended(request.send().await.map(|_| ())) })
    }

    fn in_parts(&self, when: &When) -> Result<Ended, Failure> {
        let upload_id = self.place.family.retried(|| self.begin())?;
        let written = self.parts(&upload_id, when);
        if !matches!(written, Ok(Ended::Written)) {
            // Where this fails too, `sweep_unfinished` takes it away later.
            let _ = abort(self.place, self.key.clone(), upload_id);
        }
        written
    }

    fn begin(&self) -> Result<String, Failure> {
        let request = self
            .place
            .client
            .create_multipart_upload()
            .bucket(&self.place.bucket)
            .key(&self.key)
            .content_type(self.options.content_type)
            .metadata(WRITE, &self.token)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .set_tagging(self.options.intermediate.then(|| INTERMEDIATE.to_owned()));
        self.place.timed(async move {
            let output = request.send().await.map_err(|error| explain(&error, PUT))?;
            output.upload_id.ok_or_else(|| {
                Failure::new(Kind::Malformed, "its server gives no id for a write in parts")
            })
        })
    }

    fn parts(&self, upload_id: &str, when: &When) -> Result<Ended, Failure> {
        let mut parts = Vec::new();
        for (number, bytes) in (1..).zip(self.bytes.chunks(PART)) {
            let checksum = sha256(bytes);
            let etag = self.place.family.retried(|| {
                let request = self
                    .place
                    .client
                    .upload_part()
                    .bucket(&self.place.bucket)
                    .key(&self.key)
                    .upload_id(upload_id)
                    .part_number(number)
                    .checksum_sha256(&checksum)
                    .body(ByteStream::from(bytes.to_vec()));
                self.place.timed(async move {
                    let output = request.send().await.map_err(|error| explain(&error, PUT))?;
                    Ok(output.e_tag)
                })
            })?;
            let part = CompletedPart::builder()
                .part_number(number)
                .set_e_tag(etag)
                .checksum_sha256(checksum);
            parts.push(part.build());
        }
        let all = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        self.place.family.retried(|| {
            let request = self
                .place
                .client
                .complete_multipart_upload()
                .bucket(&self.place.bucket)
                .key(&self.key)
                .upload_id(upload_id)
                .set_if_none_match(when.none_match())
                .set_if_match(when.matches())
                .multipart_upload(all.clone());
            let sent = self.place.timed(async move { ended(request.send().await.map(|_| ())) });
            match sent {
                // It may have been completed before, and the answer lost.
                Err(failure) if !failure.again && self.is_ours()? => Ok(Ended::Written),
                other => other,
            }
        })
    }
}

/// The head of an object.
pub(super) fn head(place: &Arc<Place>, key: &str) -> Result<HeadObjectOutput, Failure> {
    place.family.retried(|| {
        let request = place.client.head_object().bucket(&place.bucket).key(key);
        place.timed(async move {
            request.send().await.map_err(|error| explain(&error, "s3:GetObject and s3:ListBucket"))
        })
    })
}

fn ended<E>(sent: Result<(), SdkError<E, HttpResponse>>) -> Result<Ended, Failure>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match sent {
        Ok(()) => Ok(Ended::Written),
        Err(error) => match status(&error) {
            Some(412) => Ok(Ended::Refused),
            // Two conditional writes met, and neither is there yet: S3 wants to be asked again.
            Some(409) => Err(Failure::passing("others write it at the same time")),
            _ => Err(explain(&error, PUT)),
        },
    }
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    match error {
        SdkError::ServiceError(refusal) => Some(refusal.raw().status().as_u16()),
        _ => None,
    }
}

fn abort(place: &Arc<Place>, key: String, upload_id: String) -> Result<(), Failure> {
    place.family.retried(|| {
        let request = place
            .client
            .abort_multipart_upload()
            .bucket(&place.bucket)
            .key(&key)
            .upload_id(&upload_id);
        place.timed(async move {
            let sent = request.send().await;
            sent.map(|_| ()).map_err(|error| explain(&error, "s3:AbortMultipartUpload"))
        })
    })
}

/// Ends the writes in parts below `prefix` that began before a time, and says how many.
pub(super) fn abort_older(
    place: &Arc<Place>,
    prefix: &str,
    before: SystemTime,
) -> Result<u64, Failure> {
    let (mut key_after, mut id_after) = (None, None);
    let mut aborted = 0;
    loop {
        let listed = place.family.retried(|| {
            let request = place
                .client
                .list_multipart_uploads()
                .bucket(&place.bucket)
                .prefix(prefix)
                .set_key_marker(key_after.clone())
                .set_upload_id_marker(id_after.clone());
            place.timed(async move {
                let needs = "s3:ListBucketMultipartUploads";
                request.send().await.map_err(|error| explain(&error, needs))
            })
        })?;
        for upload in listed.uploads() {
            let began = upload.initiated().and_then(|began| SystemTime::try_from(*began).ok());
            let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) else { continue };
            if key.starts_with(prefix) && began.is_some_and(|began| began < before) {
                abort(place, key.to_owned(), id.to_owned())?;
                aborted += 1;
            }
        }
        if listed.is_truncated() != Some(true) {
            return Ok(aborted);
        }
        key_after = listed.next_key_marker().map(str::to_owned);
        id_after = listed.next_upload_id_marker().map(str::to_owned);
        if key_after.is_none() {
            return Ok(aborted);
        }
    }
}
