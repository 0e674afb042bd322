//! What an S3 server's refusal means, in plain words.

use std::error::Error as StdError;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use reprise_model::Kind;

use crate::source::remote::Failure;

/// Longest text of a server that is repeated.
const TEXT_MAX: usize = 200;

/// The failure that `error` is, of a request that needs the permission `needs`. An empty range is
/// [`Kind::Limit`], for the caller to judge.
pub(crate) fn explain<E>(error: &SdkError<E, HttpResponse>, needs: &str) -> Failure
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match error {
        SdkError::ServiceError(refusal) => {
            let raw = refusal.raw();
            let region = raw.headers().get("x-amz-bucket-region");
            let code = refusal.err().code().unwrap_or_default();
            of_answer(raw.status().as_u16(), code, refusal.err().message(), region, needs)
        }
        SdkError::TimeoutError(_) => Failure::passing("its server is too slow"),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            Failure::passing("its server is too slow")
        }
        // A connection that ends before the answer is of no kind that the SDK names.
        SdkError::DispatchFailure(failure) if !failure.is_user() => {
            Failure::passing(format!("its server cannot be reached ({})", deepest(error)))
        }
        SdkError::ResponseError(_) => {
            Failure::passing(format!("its server's answer cannot be read ({})", deepest(error)))
        }
        _ => {
            let what = format!("cannot be asked for ({})", deepest(error));
            Failure::new(Kind::Unavailable, what)
        }
    }
}

/// The failure that an answer of `status` with S3's error `code` is.
fn of_answer(
    status: u16,
    code: &str,
    message: Option<&str>,
    region: Option<&str>,
    needs: &str,
) -> Failure {
    let unavailable = |what: String| Failure::refused(Kind::Unavailable, what);
    match (status, code) {
        (_, "NoSuchBucket") => Failure::refused(Kind::Missing, "there is no such bucket"),
        (404, _) => Failure {
            absent: true,
            ..Failure::refused(Kind::Missing, "does not exist in its bucket")
        },
        (412, _) => Failure::changed(),
        (416, _) => Failure::new(Kind::Limit, "holds no byte there"),
        (301 | 307 | 400, _) if region.is_some() => {
            let region = region.map(text).unwrap_or_default();
            unavailable(format!("its bucket is in the region {region}: set AWS_REGION={region}"))
        }
        (_, "InvalidObjectState") => {
            unavailable("is archived: restore it first, then run again".to_owned())
        }
        (_, "RequestTimeTooSkewed") => {
            unavailable("this machine's clock is wrong, so its requests are refused".to_owned())
        }
        (_, "ExpiredToken" | "TokenRefreshRequired") => {
            unavailable("may not be used: the S3 credentials have expired".to_owned())
        }
        (_, "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken") => {
            unavailable(format!("may not be used: the S3 credentials are wrong ({})", text(code)))
        }
        (401 | 403, _) => unavailable(format!(
            "may not be used with these S3 credentials: they need {needs} on it"
        )),
        (408 | 429 | 500.., _) | (_, "RequestTimeout" | "SlowDown") => Failure::passing(format!(
            "its server is not able to answer now ({status} {})",
            text(code)
        )),
        _ => {
            let message = message.map(|message| format!(": {}", text(message))).unwrap_or_default();
            unavailable(format!("its server refuses it ({status} {}{message})", text(code)))
        }
    }
}

/// The innermost cause, which says most.
fn deepest(error: &dyn StdError) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    text(&cause.to_string())
}

/// A foreign text as a part of a message: one line, not long.
fn text(foreign: &str) -> String {
    foreign.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_MAX).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do() {
        for (status, code, kind, again, words) in [
            (404, "NoSuchKey", Kind::Missing, false, "does not exist"),
            (404, "NoSuchBucket", Kind::Missing, false, "no such bucket"),
            (403, "AccessDenied", Kind::Unavailable, false, "s3:GetObject"),
            (403, "InvalidAccessKeyId", Kind::Unavailable, false, "credentials are wrong"),
            (400, "ExpiredToken", Kind::Unavailable, false, "have expired"),
            (403, "RequestTimeTooSkewed", Kind::Unavailable, false, "clock"),
            (403, "InvalidObjectState", Kind::Unavailable, false, "restore it first"),
            (412, "PreconditionFailed", Kind::TryAgain, false, "changed while it was read"),
            (416, "InvalidRange", Kind::Limit, false, "no byte"),
            (429, "", Kind::TryAgain, true, "not able to answer"),
            (503, "SlowDown", Kind::TryAgain, true, "not able to answer"),
            (418, "Tea\npot", Kind::Unavailable, false, "418 Tea pot"),
        ] {
            let failure = of_answer(status, code, None, None, "s3:GetObject");
            assert_eq!((failure.kind, failure.again), (kind, again), "{code}");
            assert!(failure.message.contains(words), "{code}: {}", failure.message);
        }
        let elsewhere = of_answer(301, "PermanentRedirect", None, Some("ap-southeast-3"), "");
        assert!(elsewhere.message.contains("AWS_REGION=ap-southeast-3"), "{}", elsewhere.message);
    }
}
