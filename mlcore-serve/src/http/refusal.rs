use http::{Response, StatusCode, header};
use mlcore::Error;
use serde_json::json;

use super::AnswerBody;
use crate::auth::Denied;

/// Why a request is not answered: a status and one sentence, which stock clients read from `{"error": ..}`.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: String,
    /// Seconds after which it may be tried again.
    retry_after: Option<u64>,
    /// The methods that the path takes.
    allow: Option<&'static str>,
    /// Whether the client is told how to say who it is.
    asks_for_key: bool,
    form: Form,
}

/// How a refusal is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// `{"error": message}`, as Triton and KServe write it.
    Error,
    /// `{"error_code": code, "message": message}`, as MLflow does.
    Mlflow,
    /// The same, of a path that is not there.
    NoEndpoint,
    /// A JSON string that holds JSON, as Feast does.
    #[cfg(feature = "feast")]
    Feast,
    /// The message alone.
    Text,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            retry_after: None,
            allow: None,
            asks_for_key: false,
            form: Form::Error,
        }
    }

    /// The same, written as the message alone.
    pub(super) fn in_text(self) -> Self {
        Self { form: Form::Text, ..self }
    }

    /// The same as MLflow's clients expect it. What is written as text stays so.
    pub(super) fn of_mlflow(self) -> Self {
        let form = if self.form == Form::Text { Form::Text } else { Form::Mlflow };
        Self { form, ..self }
    }

    /// The same as Feast's client expects it.
    #[cfg(feature = "feast")]
    pub(super) fn of_feast(self) -> Self {
        Self { form: Form::Feast, ..self }
    }

    /// What MLflow's clients take for a server that is older than they are.
    pub(super) fn no_endpoint() -> Self {
        let form = Form::NoEndpoint;
        Self { form, ..Self::new(StatusCode::NOT_FOUND, "there is no such path") }
    }

    pub(super) fn other_method(methods: &'static str) -> Self {
        let message = format!("this path takes {methods}");
        Self { allow: Some(methods), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, message) }
    }

    pub(super) fn into_response(self) -> Response<AnswerBody> {
        let (body, kind) = match self.form {
            // Exactly this: a stock client shows the message only then.
            Form::Error => (json!({ "error": self.message }).to_string(), "application/json"),
            Form::Mlflow => {
                let code = mlflow_code(self.status);
                (json!({ "error_code": code, "message": self.message }).to_string(), "application/json")
            }
            #[cfg(feature = "feast")]
            Form::Feast => (crate::feast::written(self.status, &self.message), "application/json"),
            Form::NoEndpoint => {
                let code = "ENDPOINT_NOT_FOUND";
                (json!({ "error_code": code, "message": self.message }).to_string(), "application/json")
            }
            Form::Text => (self.message, "text/plain; charset=utf-8"),
        };
        let mut response = Response::new(AnswerBody::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
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

/// What MLflow calls an error of this status.
fn mlflow_code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "UNAUTHENTICATED",
        StatusCode::FORBIDDEN => "PERMISSION_DENIED",
        StatusCode::NOT_FOUND => "RESOURCE_DOES_NOT_EXIST",
        StatusCode::CONFLICT => "RESOURCE_CONFLICT",
        StatusCode::TOO_MANY_REQUESTS => "REQUEST_LIMIT_EXCEEDED",
        StatusCode::SERVICE_UNAVAILABLE => "TEMPORARILY_UNAVAILABLE",
        StatusCode::GATEWAY_TIMEOUT => "DEADLINE_EXCEEDED",
        status if status.is_server_error() => "INTERNAL_ERROR",
        _ => "BAD_REQUEST",
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
