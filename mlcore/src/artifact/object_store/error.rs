//! What a server's refusals mean. Nothing of an error of the crate beneath is shown: it repeats addresses, which may hold
//! signatures.

use std::sync::{Arc, PoisonError};

use ureq::http::HeaderMap;

use super::http::{Noted, taken};
use crate::error::{Error, Result};

tokio::task_local! {
    static NOTED: Noted;
}

/// Why a request came to nothing.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// The server answered so.
    Answered { status: u16, code: String, message: String, request_id: String },
    /// There was no answer, or its end is missing.
    Unreached { is_timeout: bool, problem: String },
}

impl Refusal {
    /// Reads an answer that is no success: S3's and Azure's XML, Google's JSON.
    pub(super) fn answered(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let header = |names: &[&str]| {
            let found = names.iter().find_map(|name| headers.get(*name)?.to_str().ok());
            plain(found.unwrap_or_default())
        };
        let code = element(&text, "Code").map_or_else(|| header(&["x-ms-error-code"]), plain);
        let message = element(&text, "Message").map(plain).unwrap_or_default();
        let request_id = header(&["x-amz-request-id", "x-ms-request-id", "x-guploader-uploadid"]);
        Self::Answered { status, code, message, request_id }
    }
}

/// Keeps the last refusal of the running task, and forgets it where the next request succeeds.
pub(super) fn note(refusal: Option<Refusal>) {
    // Outside of a task that asks, nobody reads it.
    let _ = NOTED.try_with(|noted| *noted.lock().unwrap_or_else(PoisonError::into_inner) = refusal);
}

/// Waits for a request, and says in our words what became of it.
pub(super) async fn asked<T>(
    operation: &'static str,
    url: &str,
    request: impl Future<Output = object_store::Result<T>>,
) -> Result<T> {
    let noted = Noted::default();
    let answer = NOTED.scope(Arc::clone(&noted), request).await;
    answer.map_err(|cause| meaning(operation, url, &cause, taken(&noted)))
}

fn meaning(
    operation: &'static str,
    url: &str,
    cause: &object_store::Error,
    refusal: Option<Refusal>,
) -> Error {
    use object_store::Error as Below;
    match refusal {
        Some(Refusal::Unreached { is_timeout: true, problem }) => {
            Error::timeout(operation, url, problem).remedy("repeat it, or allow more time with idle_timeout")
        }
        Some(Refusal::Unreached { is_timeout: false, problem }) => {
            Error::unavailable(operation, url, problem)
                .remedy("check that the endpoint runs and can be reached, and repeat it")
        }
        Some(Refusal::Answered { status, code, message, request_id }) => {
            let mut problem = format!("the server answered {status}");
            for (before, word) in [(" ", &code), (": ", &message)] {
                if !word.is_empty() {
                    problem.push_str(before);
                    problem.push_str(word);
                }
            }
            if !request_id.is_empty() {
                problem.push_str(&format!(" (request id {request_id})"));
            }
            of_status(operation, url, status, &code, problem)
        }
        None => match cause {
            Below::NotFound { .. } => Error::not_found(operation, url, "nothing is there"),
            Below::AlreadyExists { .. } => Error::already_exists(operation, url, "it is there already"),
            Below::NotSupported { .. } | Below::NotImplemented { .. } => {
                Error::unsupported(operation, url, "the store does not offer this")
            }
            _ => Error::unavailable(operation, url, "what the server answered cannot be understood")
                .remedy("check that the endpoint is that of an object store"),
        },
    }
}

fn of_status(operation: &'static str, url: &str, status: u16, code: &str, problem: String) -> Error {
    match (status, code) {
        (_, "NoSuchBucket" | "ContainerNotFound") => {
            Error::not_found(operation, url, problem).remedy("create the bucket first, or name another")
        }
        (_, "SlowDown" | "ServerBusy") => Error::overloaded(operation, url, problem),
        (_, "ExpiredToken" | "InvalidToken") => {
            Error::permission_denied(operation, url, problem).remedy("ask with new credentials")
        }
        (_, "RequestTimeTooSkewed") => {
            Error::permission_denied(operation, url, problem).remedy("set the clock of this machine")
        }
        (401 | 403, _) => Error::permission_denied(operation, url, problem)
            .remedy("check the credentials, and what they may do with the bucket"),
        (404, _) => Error::not_found(operation, url, problem),
        (409 | 412, _) => Error::already_exists(operation, url, problem),
        (408 | 504, _) => Error::timeout(operation, url, problem),
        (507, _) | (_, "QuotaExceeded") => Error::storage_full(operation, url, problem),
        (501, _) => Error::unsupported(operation, url, problem),
        (301 | 302 | 307 | 308, _) => Error::invalid_input(operation, url, problem)
            .remedy("name the region or the endpoint of the bucket: redirects are not followed"),
        (429 | 500.., _) => {
            Error::unavailable(operation, url, problem).remedy("repeat it once the server is well")
        }
        _ => Error::invalid_input(operation, url, problem),
    }
}

/// The text of the first element of this name, without looking into it.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(inner, _)| inner)
}

/// A short line of visible characters.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MOST_CHARS).collect::<String>().trim().to_owned()
}

const MOST_CHARS: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_and_only_their_code_and_message_are_shown() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-request-id", "TX1".parse().unwrap());
        let body = b"<Error><Code>SignatureDoesNotMatch</Code><Message>no\nmatch</Message><StringToSign>s3cret</StringToSign></Error>";
        let refusal = Refusal::answered(403, &headers, body);
        let below =
            object_store::Error::NotImplemented { operation: String::new(), implementer: String::new() };
        let error = meaning("put artifact", "s3://b", &below, Some(refusal));
        let text = error.to_string();
        assert!(matches!(error, Error::PermissionDenied(_)), "{text}");
        assert!(text.contains("403 SignatureDoesNotMatch: nomatch (request id TX1)"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
        let missing = of_status("open", "s3://b", 404, "NoSuchBucket", String::new());
        assert!(missing.to_string().contains("create the bucket"), "{missing}");
        for (status, kind) in [
            (404, "not_found"),
            (412, "already_exists"),
            (503, "unavailable"),
            (301, "invalid_input"),
            (507, "storage_full"),
        ] {
            assert_eq!(of_status("put", "s3://b", status, "", String::new()).kind(), kind, "{status}");
        }
    }
}
