use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::Full;
use mlcore::Error;
use serde_json::json;

use crate::auth::Denied;

/// Why a request is not answered: a status and one sentence, which stock clients read from `{"error": ..}`.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    /// Seconds after which it may be tried again.
    retry_after: Option<u64>,
    /// The methods that the path takes.
    allow: Option<&'static str>,
    /// Whether the client is told how to say who it is.
    asks_for_key: bool,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after: None, allow: None, asks_for_key: false }
    }

    pub(super) fn other_method(methods: &'static str) -> Self {
        let message = format!("this path takes {methods}");
        Self { allow: Some(methods), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, message) }
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let body = json!({ "error": self.message }).to_string();
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        // Exactly this: a stock client shows the message only then.
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(methods) = self.allow {
            headers.insert(header::ALLOW, header::HeaderValue::from_static(methods));
        }
        if self.asks_for_key {
            for scheme in ["Bearer realm=\"mlcore\"", "Basic realm=\"mlcore\", charset=\"UTF-8\""] {
                headers.append(header::WWW_AUTHENTICATE, header::HeaderValue::from_static(scheme));
            }
        }
        response
    }
}

/// One table from meaning to status.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::PermissionDenied(_) => StatusCode::FORBIDDEN,
            Error::Overloaded(_) => StatusCode::TOO_MANY_REQUESTS,
            Error::Unavailable(_) | Error::Interrupted(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
            Error::Conflict(_) => StatusCode::CONFLICT,
            // What cannot be done here was asked for by the client.
            Error::Unsupported(_) | Error::InvalidModel(_) => StatusCode::BAD_REQUEST,
            error if error.is_caller_fault() => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let retry_after = error.is_transient().then_some(1);
        Self { retry_after, ..Self::new(status, error.to_string()) }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied.status() {
            Some(status) => {
                let asks_for_key = status == StatusCode::UNAUTHORIZED;
                Self { asks_for_key, ..Self::new(status, denied.message()) }
            }
            None => match denied {
                Denied::Failed(error) => error.into(),
                denied => Self::new(StatusCode::FORBIDDEN, denied.message()),
            },
        }
    }
}
