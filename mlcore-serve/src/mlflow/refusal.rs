//! Why a request is not answered, as MLflow's clients read it: `{"error_code": .., "message": ..}`.

use http::StatusCode;
use mlcore::Error;
use serde_json::json;

/// A refusal in MLflow's words.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// Seconds after which it may be tried again.
    pub(crate) retry_after: Option<u64>,
}

/// What handlers answer with.
pub(super) type Result<T> = std::result::Result<T, Refusal>;

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// A value that cannot be used.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID, message)
    }

    /// What breaks a rule between things, such as a model that an output names.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    /// A parameter that must be there.
    pub(super) fn missing(name: &str) -> Self {
        Self::invalid(format!("Missing value for required parameter '{name}'.{SEE_DOCS}"))
    }

    /// Something that is not there.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST", message)
    }

    /// Something whose name is taken.
    pub(super) fn exists(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "RESOURCE_ALREADY_EXISTS", message)
    }

    /// What this server does not offer.
    pub(super) fn not_implemented(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED", message)
    }

    pub(crate) fn body(&self) -> String {
        json!({ "error_code": self.code, "message": self.message }).to_string()
    }
}

/// The one table from an error's meaning to MLflow's status and code. MLflow answers 400 where a name is taken.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::NotFound(_) => (StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST"),
            Error::AlreadyExists(_) => (StatusCode::BAD_REQUEST, "RESOURCE_ALREADY_EXISTS"),
            Error::Conflict(_) => (StatusCode::CONFLICT, "RESOURCE_CONFLICT"),
            Error::PermissionDenied(_) => (StatusCode::FORBIDDEN, "PERMISSION_DENIED"),
            Error::Unsupported(_) => (StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED"),
            Error::Overloaded(_) => (StatusCode::TOO_MANY_REQUESTS, "REQUEST_LIMIT_EXCEEDED"),
            Error::Unavailable(_) | Error::Interrupted(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE")
            }
            Error::Timeout(_) => (StatusCode::GATEWAY_TIMEOUT, "DEADLINE_EXCEEDED"),
            error if error.is_caller_fault() => (StatusCode::BAD_REQUEST, INVALID),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
        };
        let retry_after = error.is_transient().then_some(1);
        Self { retry_after, ..Self::new(status, code, error.to_string()) }
    }
}

const INVALID: &str = "INVALID_PARAMETER_VALUE";
pub(super) const SEE_DOCS: &str = " See the API docs for more information about request parameters.";
