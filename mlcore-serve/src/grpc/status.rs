use std::fmt::Write as _;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use mlcore::Error;

use crate::auth::Denied;

/// How a call ended: a code, and one sentence where it is not [`OK`](Code::Ok).
#[derive(Clone, Debug)]
pub(super) struct Status {
    pub(super) code: Code,
    pub(super) message: String,
}

/// The codes that are answered here, with their numbers in gRPC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Code {
    Ok = 0,
    Cancelled = 1,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Aborted = 10,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl Code {
    /// The names of all, as gRPC writes them.
    #[cfg(feature = "metrics")]
    pub(super) const NAMES: [&'static str; 14] = [
        Self::Ok.name(),
        Self::Cancelled.name(),
        Self::InvalidArgument.name(),
        Self::DeadlineExceeded.name(),
        Self::NotFound.name(),
        Self::AlreadyExists.name(),
        Self::PermissionDenied.name(),
        Self::ResourceExhausted.name(),
        Self::Aborted.name(),
        Self::Unimplemented.name(),
        Self::Internal.name(),
        Self::Unavailable.name(),
        Self::DataLoss.name(),
        Self::Unauthenticated.name(),
    ];

    /// Whether it means that the server failed, by OpenTelemetry's conventions.
    pub(super) const fn is_failure(self) -> bool {
        match self {
            Self::DeadlineExceeded
            | Self::Unimplemented
            | Self::Internal
            | Self::Unavailable
            | Self::DataLoss => true,
            Self::Ok
            | Self::Cancelled
            | Self::InvalidArgument
            | Self::NotFound
            | Self::AlreadyExists
            | Self::PermissionDenied
            | Self::ResourceExhausted
            | Self::Aborted
            | Self::Unauthenticated => false,
        }
    }

    /// Its name in gRPC.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::Aborted => "ABORTED",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

impl Status {
    pub(super) const OK: Self = Self { code: Code::Ok, message: String::new() };

    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The fields that end a call.
    pub(super) fn put(&self, fields: &mut HeaderMap) {
        fields.insert(STATUS, HeaderValue::from(self.code as u16));
        if !self.message.is_empty()
            && let Ok(message) = HeaderValue::try_from(escaped(&self.message))
        {
            fields.insert(MESSAGE, message);
        }
    }
}

/// One table from meaning to code.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::NotFound(_) => Code::NotFound,
            Error::AlreadyExists(_) => Code::AlreadyExists,
            Error::PermissionDenied(_) => Code::PermissionDenied,
            Error::Overloaded(_) => Code::ResourceExhausted,
            Error::Unavailable(_) | Error::Interrupted(_) => Code::Unavailable,
            Error::Timeout(_) => Code::DeadlineExceeded,
            Error::Conflict(_) => Code::Aborted,
            Error::Unsupported(_) => Code::Unimplemented,
            Error::Corrupt(_) => Code::DataLoss,
            Error::InvalidModel(_) => Code::InvalidArgument,
            error if error.is_caller_fault() => Code::InvalidArgument,
            _ => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<Denied> for Status {
    fn from(denied: Denied) -> Self {
        let code = match denied {
            Denied::Unknown => Code::Unauthenticated,
            Denied::Role(..) | Denied::Resource(_) | Denied::WithoutKeys => Code::PermissionDenied,
            Denied::KeyInQuery => Code::InvalidArgument,
            Denied::Failed(error) => return error.into(),
        };
        Self::new(code, denied.message())
    }
}

/// A message as a header holds it: printable ASCII, and every other byte by its number. What many clients would refuse as too
/// large is cut.
fn escaped(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for character in message.chars() {
        if text.len() > MOST_MESSAGE_BYTES {
            text.push_str("...");
            break;
        }
        match character {
            ' '..='~' if character != '%' => text.push(character),
            _ => {
                let mut bytes = [0; 4];
                for byte in character.encode_utf8(&mut bytes).bytes() {
                    // Writing to a text cannot fail.
                    let _ = write!(text, "%{byte:02X}");
                }
            }
        }
    }
    text
}

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// Of all fields together, clients take 8 KiB by default.
const MOST_MESSAGE_BYTES: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_escaped_and_cut() {
        assert_eq!(escaped("100 % é\n"), "100 %25 %C3%A9%0A");
        let long = escaped(&"x".repeat(1 << 20));
        assert!(long.ends_with("...") && long.len() < 5000);
        let mut fields = HeaderMap::new();
        Status::from(Error::not_found("find model", "m", "there is none")).put(&mut fields);
        assert_eq!(fields["grpc-status"], "5");
        assert_eq!(fields["grpc-message"], "find model m: there is none");
    }
}
