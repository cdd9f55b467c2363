//! Requests to an MLflow server.

use std::fmt;
use std::io::{Read, Write};
use std::time::Duration;

use mlcore::{Error, Result};
use serde::de::DeserializeOwned;
use ureq::{Agent, Body};

use super::options::{MlflowCredentials, MlflowOptions};
use super::wire::Failure;
use crate::trust::tls;

/// Asks one server.
pub(super) struct Client {
    agent: Agent,
    /// `http://host:port/path`, without a slash at the end.
    base: String,
    authorization: Option<String>,
    file_timeout: Duration,
}

impl Client {
    pub(super) fn open(options: &MlflowOptions) -> Result<Self> {
        let base = base_of(&options.url)?;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT.min(options.timeout)))
            .timeout_global(Some(options.timeout))
            .max_redirects(MOST_REDIRECTS)
            .user_agent(concat!("mlcore-serve/", env!("CARGO_PKG_VERSION")));
        if base.starts_with("https:") {
            let file = "MLFLOW_TRACKING_SERVER_CERT_PATH";
            config = config.tls_config(tls(options.authorities.as_deref(), "open registry", file)?);
        }
        let authorization = options.credentials.as_ref().map(header_of).transpose()?;
        let agent = config.build().new_agent();
        Ok(Self { agent, base, authorization, file_timeout: options.file_timeout })
    }

    /// The address of the server, which holds no secret.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// What the server answers to `GET path?query`. `subject` is what errors call it.
    pub(super) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        subject: &str,
    ) -> Result<T> {
        let url = format!("{}{path}", self.base);
        let mut request = self.agent.get(&url);
        if let Some(value) = &self.authorization {
            request = request.header("authorization", value);
        }
        for (key, value) in query {
            request = request.query(*key, *value);
        }
        let mut answer = request.call().map_err(|cause| self.unreached(cause))?;
        let text = answer.body_mut().with_config().limit(MOST_ANSWER_BYTES).read_to_string();
        let text = text.map_err(|cause| self.unreached(cause))?;
        if !answer.status().is_success() {
            return Err(self.refused(answer.status().as_u16(), &text, subject));
        }
        serde_json::from_str(&text).map_err(|cause| {
            let problem = format!("what it answers to {path} is none of MLflow's messages: {cause}");
            Error::invalid_input(ASK, self.base.as_str(), problem)
                .remedy("name the address of an MLflow server")
        })
    }

    /// Writes the file at this URL of the server to `file`; answers its size, which is at most `most` bytes.
    pub(super) fn download(&self, url: &str, file: &mut dyn Write, most: u64, subject: &str) -> Result<u64> {
        let mut request = self.agent.get(url);
        if let Some(value) = &self.authorization {
            request = request.header("authorization", value);
        }
        let request = request.config().timeout_global(Some(self.file_timeout)).build();
        let mut answer = request.call().map_err(|cause| self.unreached(cause))?;
        let status = answer.status();
        if !status.is_success() {
            let text = answer.body_mut().with_config().limit(MOST_ANSWER_BYTES).read_to_string();
            return Err(self.refused(status.as_u16(), &text.unwrap_or_default(), subject));
        }
        copy(answer.body_mut(), file, most, subject)
    }

    /// Why there is no answer.
    fn unreached(&self, cause: ureq::Error) -> Error {
        let problem = match &cause {
            ureq::Error::Timeout(_) => {
                let problem = "it did not answer in time";
                return Error::timeout(ASK, self.base.as_str(), problem).caused_by(cause);
            }
            ureq::Error::BodyExceedsLimit(most) => {
                let problem = format!("it answered more than the {most} bytes that are read of it");
                return Error::invalid_input(ASK, self.base.as_str(), problem);
            }
            ureq::Error::Io(io) => format!("it cannot be reached: {io}"),
            cause => format!("it cannot be reached: {cause}"),
        };
        Error::unavailable(ASK, self.base.as_str(), problem).caused_by(cause)
    }

    /// What an answer that is no success means.
    fn refused(&self, status: u16, text: &str, subject: &str) -> Error {
        let failure: Failure = serde_json::from_str(text).unwrap_or_default();
        let (code, said) = (failure.error_code, failure.message);
        let said: String = match said.is_empty() {
            true => format!("it answered the status {status}"),
            false => said.lines().next().unwrap_or_default().chars().take(MOST_SHOWN).collect(),
        };
        let subject = format!("{subject} at {}", self.base);
        match (status, code.as_str()) {
            (401 | 403, _) => Error::permission_denied(ASK, subject, said).remedy(
                "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, to those of somebody who may \
                 read it",
            ),
            (404, _) | (_, "RESOURCE_DOES_NOT_EXIST") => Error::not_found(ASK, subject, said),
            (429 | 500.., _) => Error::unavailable(ASK, subject, said),
            _ => Error::invalid_input(ASK, subject, said),
        }
    }
}

/// Copies at most `most` bytes.
pub(super) fn copy_limited(from: impl Read, file: &mut dyn Write, most: u64, subject: &str) -> Result<u64> {
    let failed = |cause| Error::from_io(FETCH, subject.to_owned(), cause);
    let copied = std::io::copy(&mut from.take(most.saturating_add(1)), file).map_err(failed)?;
    if copied > most {
        let problem = format!("it has more than the {most} bytes that a model may have here");
        return Err(Error::invalid_input(FETCH, subject.to_owned(), problem));
    }
    file.flush().map_err(failed)?;
    Ok(copied)
}

fn copy(body: &mut Body, file: &mut dyn Write, most: u64, subject: &str) -> Result<u64> {
    // Before the first byte is written.
    if body.content_length().is_some_and(|length| length > most) {
        let problem = format!("it has more than the {most} bytes that a model may have here");
        return Err(Error::invalid_input(FETCH, subject.to_owned(), problem));
    }
    let announced = body.content_length();
    let copied = copy_limited(body.as_reader(), file, most, subject)?;
    if announced.is_some_and(|length| length != copied) {
        let problem = format!("it ended after {copied} bytes");
        return Err(Error::unavailable(FETCH, subject.to_owned(), problem));
    }
    Ok(copied)
}

/// The address as requests are sent to it.
fn base_of(url: &str) -> Result<String> {
    let refused = |problem: &str, remedy: &str| {
        Err(Error::invalid_input("open registry", shown(url), problem.to_owned()).remedy(remedy.to_owned()))
    };
    let base = url.strip_prefix("mlflow+").unwrap_or(url).trim_end_matches('/');
    let Some((scheme @ ("http" | "https"), rest)) = base.split_once("://") else {
        return refused(
            "it is no address of an MLflow server",
            "write mlflow+http://host:port or mlflow+https://host:port",
        );
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        let remedy = "leave them out, and set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD";
        return refused("it holds a name and a password", remedy);
    }
    if authority.is_empty() || rest.contains(['?', '#', ' ']) {
        return refused("it is no address of a server", "write mlflow+http://host:port");
    }
    Ok(format!("{scheme}://{rest}"))
}

/// The address as an error may show it.
fn shown(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://***@{host}"),
        _ => url.to_owned(),
    }
}

/// The value of the header `Authorization`.
fn header_of(credentials: &MlflowCredentials) -> Result<String> {
    let value = match credentials {
        MlflowCredentials::Token(token) => format!("Bearer {token}"),
        MlflowCredentials::Basic { user, password } => {
            format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
        }
    };
    if ureq::http::HeaderValue::try_from(&value).is_err() {
        let problem = "it holds what no header can";
        return Err(Error::invalid_input("open registry", "credentials of MLflow", problem));
    }
    Ok(value)
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits =
            (0..3).fold(0_u32, |bits, place| bits << 8 | u32::from(group.get(place).copied().unwrap_or(0)));
        for place in 0..4 {
            let digit = DIGITS.get((bits >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// Shows no secret.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

const ASK: &str = "ask MLflow";
pub(super) const FETCH: &str = "fetch file";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Far above a page of versions.
const MOST_ANSWER_BYTES: u64 = 32 << 20;
const MOST_REDIRECTS: u32 = 5;
/// So many characters of what a server says are repeated.
const MOST_SHOWN: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_secrets_not_shown() {
        for (url, base) in [
            ("mlflow+http://mlflow:5000", "http://mlflow:5000"),
            ("mlflow+https://mlflow.example/ml/", "https://mlflow.example/ml"),
            ("http://[::1]:5000/", "http://[::1]:5000"),
        ] {
            assert_eq!(base_of(url).unwrap(), base);
        }
        for url in
            ["mlflow+ftp://host", "mlflow", "http://", "http:///path", "http://host/?a=1", "http://a b"]
        {
            assert!(base_of(url).is_err(), "{url}");
        }
        let error = base_of("mlflow+http://ana:secret@host:5000").unwrap_err().to_string();
        assert!(error.contains("***@host:5000") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_name_and_a_password_become_a_header() {
        let basic = |user: &str, password: &str| {
            header_of(&MlflowCredentials::Basic { user: user.into(), password: password.into() })
        };
        // The example of RFC 7617.
        assert_eq!(basic("Aladdin", "open sesame").unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(basic("a", "b").unwrap(), "Basic YTpi");
        assert_eq!(header_of(&MlflowCredentials::Token("t".into())).unwrap(), "Bearer t");
        assert!(header_of(&MlflowCredentials::Token("t\n".into())).is_err());
    }
}
