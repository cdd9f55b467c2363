//! Why a request is not answered, as Feast's client reads it: a JSON string that holds `module`, `class` and `message` as JSON. The client
//! raises the class.

use http::StatusCode;
use mlcore::Error;
use serde_json::json;

/// A refusal in Feast's form.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// The class of Feast's module of errors.
    class: &'static str,
    message: String,
    /// Seconds after which it may be tried again.
    pub(super) retry_after: Option<u64>,
    /// What is answered instead of the class and the message.
    instead: Option<String>,
}

/// What handlers answer with.
pub(super) type Result<T> = std::result::Result<T, Refusal>;

impl Refusal {
    pub(super) fn new(status: StatusCode, class: &'static str, message: impl Into<String>) -> Self {
        Self { status, class, message: message.into(), retry_after: None, instead: None }
    }

    /// A request that cannot be used.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, ANY, message)
    }

    /// Something that is larger than a limit.
    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, ANY, message)
    }

    /// Views that are being materialised. Feast answers an object then.
    pub(super) fn materialising(views: &[&str]) -> Self {
        let message = format!(
            "materialise features: {} is materialised at this moment; wait for its end, or add ?force=true",
            views.join(", ")
        );
        let instead = json!({ "error": message, "feature_views": views }).to_string();
        Self { instead: Some(instead), ..Self::new(StatusCode::CONFLICT, ANY, message) }
    }

    /// The same as another class of Feast's.
    pub(super) fn of_class(self, status: StatusCode, class: &'static str) -> Self {
        Self { status, class, ..self }
    }

    pub(super) fn body(&self) -> String {
        match &self.instead {
            Some(instead) => instead.clone(),
            None => detail(self.class, &self.message),
        }
    }
}

/// A refusal of another part of the server, written as Feast's are.
pub(crate) fn written(status: StatusCode, message: &str) -> String {
    let is_denied = status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN;
    detail(if is_denied { PERMISSION } else { ANY }, message)
}

fn detail(class: &str, message: &str) -> String {
    let detail = json!({ "module": "feast.errors", "class": class, "message": message }).to_string();
    json!(detail).to_string()
}

/// The one table from an error's meaning to a status and a class.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (status, class) = match &error {
            Error::NotFound(_) => (StatusCode::NOT_FOUND, NOT_FOUND),
            Error::PermissionDenied(_) => (StatusCode::FORBIDDEN, PERMISSION),
            Error::Conflict(_) => (StatusCode::CONFLICT, ANY),
            Error::Unsupported(_) => (StatusCode::NOT_IMPLEMENTED, ANY),
            Error::Overloaded(_) => (StatusCode::TOO_MANY_REQUESTS, ANY),
            Error::Unavailable(_) | Error::Interrupted(_) => (StatusCode::SERVICE_UNAVAILABLE, ANY),
            Error::Timeout(_) => (StatusCode::GATEWAY_TIMEOUT, ANY),
            error if error.is_caller_fault() => (StatusCode::UNPROCESSABLE_ENTITY, ANY),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, ANY),
        };
        let retry_after = error.is_transient().then_some(1);
        Self { retry_after, ..Self::new(status, class, error.to_string()) }
    }
}

/// What all of Feast's errors are.
const ANY: &str = "FeastError";
const NOT_FOUND: &str = "FeastObjectNotFoundException";
const PERMISSION: &str = "FeastPermissionError";
