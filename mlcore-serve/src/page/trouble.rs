//! Why a page cannot be shown.

use http::StatusCode;
use mlcore::Error;

/// A status, and what a reader is told.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) status: StatusCode,
    pub(super) message: String,
    pub(super) remedy: Option<String>,
}

pub(super) type Result<T> = std::result::Result<T, Trouble>;

impl Trouble {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), remedy: None }
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// The heading of the page that tells it.
    pub(super) fn title(&self) -> &'static str {
        match self.status {
            StatusCode::BAD_REQUEST => "That cannot be asked",
            StatusCode::UNAUTHORIZED => "Who are you?",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::METHOD_NOT_ALLOWED => "Pages are only read",
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => "Not at the moment",
            _ => "Something went wrong",
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Overloaded(_) | Error::Unavailable(_) | Error::Interrupted(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Error::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
            // Of what is stored: nothing that the reader sent.
            Error::PermissionDenied(_) => StatusCode::INTERNAL_SERVER_ERROR,
            error if error.is_caller_fault() => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let context = error.context();
        if status.is_server_error() {
            // Files and hosts are named in the log only.
            tracing::error!(%error, "a page cannot be shown");
            return Self::new(status, format!("{}: the server's log says more.", context.operation()));
        }
        let subject = context.subject();
        let begin = if subject.is_empty() { String::new() } else { format!("{subject}: ") };
        let message = format!("{begin}{}.", context.problem());
        Self { status, message, remedy: context.remedy().map(str::to_owned) }
    }
}
