use std::time::{Duration, Instant};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Version};
use mlcore::{Error, Result};

use super::status::{Code, Status};
use crate::http::Coding;

/// What the head of a call says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// How its packed messages are packed, and its answers, where the client takes them so.
    pub(super) coding: Option<Coding>,
    pub(super) answer_coding: Option<Coding>,
    pub(super) deadline: Option<Deadline>,
}

/// How long a call may take, since it arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    timeout: Duration,
    arrived: Instant,
}

/// Why a request is no call of gRPC.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoCall(pub(super) StatusCode);

impl NoCall {
    /// Looks at what every call has.
    pub(super) fn check(parts: &Parts) -> Result<(), Self> {
        if parts.version < Version::HTTP_2 {
            return Err(Self(StatusCode::HTTP_VERSION_NOT_SUPPORTED));
        }
        if parts.method != Method::POST {
            return Err(Self(StatusCode::METHOD_NOT_ALLOWED));
        }
        let kind = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        match kind {
            b"application/grpc" | b"application/grpc+proto" => Ok(()),
            _ => Err(Self(StatusCode::UNSUPPORTED_MEDIA_TYPE)),
        }
    }
}

impl Head {
    pub(super) fn read(headers: &HeaderMap, arrived: Instant) -> Result<Self, Status> {
        let coding = match headers.get(CODING).map(HeaderValue::as_bytes) {
            None | Some(b"identity") => None,
            Some(name) => Some(Coding::of(name).ok_or_else(|| {
                let message =
                    "read request message: its grpc-encoding is not one of gzip, deflate and identity";
                Status::new(Code::Unimplemented, message)
            })?),
        };
        let accepts = |coding: Coding| {
            let named = headers
                .get_all(ACCEPTED)
                .iter()
                .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
            named.map(<[u8]>::trim_ascii).any(|name| Coding::of(name) == Some(coding))
        };
        let deadline = match headers.get(TIMEOUT) {
            None => None,
            Some(value) => Some(Deadline { timeout: timeout_of(value)?, arrived }),
        };
        Ok(Self { coding, answer_coding: coding.filter(|coding| accepts(*coding)), deadline })
    }
}

impl Deadline {
    /// The time that is left for what arrives now.
    ///
    /// # Errors
    /// [`Error::Timeout`] where there is none.
    pub(super) fn left(&self) -> Result<Duration> {
        let left = self.timeout.checked_sub(self.arrived.elapsed()).filter(|left| !left.is_zero());
        left.ok_or_else(|| {
            let problem = format!("its {:?} passed before the model ran", self.timeout);
            Error::timeout("predict", "request", problem)
        })
    }
}

/// So many units of a letter.
fn timeout_of(value: &HeaderValue) -> Result<Duration, Status> {
    let parsed = value.to_str().ok().and_then(|text| {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = Some(digits).filter(|_| is_number)?.parse().ok()?;
        match unit {
            "H" => Some(Duration::from_secs(number * 3600)),
            "M" => Some(Duration::from_secs(number * 60)),
            "S" => Some(Duration::from_secs(number)),
            "m" => Some(Duration::from_millis(number)),
            "u" => Some(Duration::from_micros(number)),
            "n" => Some(Duration::from_nanos(number)),
            _ => None,
        }
    });
    parsed.ok_or_else(|| {
        let message =
            "read request: its grpc-timeout is not up to eight digits and one of H, M, S, m, u and n";
        Status::new(Code::InvalidArgument, message)
    })
}

pub(super) const CODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub(super) const ACCEPTED: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_have_a_number_and_a_unit() {
        let read = |text: &str| timeout_of(&HeaderValue::from_str(text).unwrap()).ok();
        for (text, nanos) in
            [("1H", 3600e9), ("2M", 120e9), ("3S", 3e9), ("99999999m", 99999999e6), ("5u", 5e3), ("0n", 0.0)]
        {
            assert_eq!(read(text).unwrap().as_nanos() as f64, nanos, "{text}");
        }
        for wrong in ["", "1", "S", "123456789S", "-1S", "+1S", "1.5S", "1s", "1 S", "1SS"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
