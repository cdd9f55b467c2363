//! Bodies: read whole within limits, and packed or unpacked as the headers say.

use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder, ZlibDecoder, ZlibEncoder};
use http::StatusCode;
use http::header::{self, HeaderMap};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::refusal::Refusal;

/// A body that did not arrive in the time that a server gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late(pub(crate) Duration);

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it did not arrive within {:?}", self.0)
    }
}

impl std::error::Error for Late {}

/// How a body is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Coding {
    Gzip,
    /// What HTTP calls deflate is zlib's format.
    Deflate,
}

/// Reads a body of at most `most` bytes, unpacked.
pub(crate) async fn read<B>(headers: &HeaderMap, body: B, most: usize) -> Result<Bytes, Refusal>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let too_large = || {
        let message = format!("read request body: it is larger than the {most} bytes that are taken here");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    // Before the first byte is read.
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let collected = Limited::new(body, most).collect().await.map_err(|cause| {
        if cause.downcast_ref::<LengthLimitError>().is_some() {
            return too_large();
        }
        let status = if cause.is::<Late>() { StatusCode::REQUEST_TIMEOUT } else { StatusCode::BAD_REQUEST };
        Refusal::new(status, format!("read request body: {cause}"))
    })?;
    let body = collected.to_bytes();
    match coding_of(headers)? {
        None => Ok(body),
        Some(coding) => coding.unpack(&body, most).map_err(|problem| {
            let status = match problem {
                Unpacked::Broken(_) => StatusCode::BAD_REQUEST,
                Unpacked::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            };
            Refusal::new(status, format!("read request body: {problem}"))
        }),
    }
}

impl Coding {
    /// The coding of this name.
    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        match name {
            name if name.eq_ignore_ascii_case(b"gzip") => Some(Self::Gzip),
            name if name.eq_ignore_ascii_case(b"deflate") => Some(Self::Deflate),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// Unpacks a body to at most `most` bytes, and to at most so many times its own size.
    pub(crate) fn unpack(self, body: &[u8], most: usize) -> Result<Bytes, Unpacked> {
        let most = most.min(body.len().saturating_mul(MOST_RATIO).max(ALWAYS_UNPACKED));
        let mut unpacked = Vec::new();
        let read = match self {
            Self::Gzip => GzDecoder::new(body).take(most as u64 + 1).read_to_end(&mut unpacked),
            Self::Deflate => ZlibDecoder::new(body).take(most as u64 + 1).read_to_end(&mut unpacked),
        };
        match read {
            Err(cause) => Err(Unpacked::Broken(cause)),
            Ok(_) if unpacked.len() > most => Err(Unpacked::TooLarge(most)),
            Ok(_) => Ok(unpacked.into()),
        }
    }

    /// Packs an answer behind `head`, which is not packed.
    pub(crate) fn pack(self, mut head: Vec<u8>, body: &[u8]) -> io::Result<Vec<u8>> {
        head.reserve(body.len() / 2);
        let level = Compression::fast();
        match self {
            Self::Gzip => GzEncoder::new(body, level).read_to_end(&mut head)?,
            Self::Deflate => ZlibEncoder::new(body, level).read_to_end(&mut head)?,
        };
        Ok(head)
    }
}

/// Why a body does not unpack.
#[derive(Debug)]
pub(crate) enum Unpacked {
    Broken(io::Error),
    TooLarge(usize),
}

impl fmt::Display for Unpacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(cause) => write!(f, "it does not unpack: {cause}"),
            Self::TooLarge(most) => {
                write!(f, "it unpacks to more than the {most} bytes that are taken of it")
            }
        }
    }
}

/// A page of another site can make a browser send text without asking: that is not taken for JSON. Stock clients send no type,
/// or one of these.
pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let name = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if ["application/json", "application/octet-stream"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return Ok(());
    }
    let message = "its Content-Type is not one of application/json and application/octet-stream";
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

/// The coding of a request's body.
fn coding_of(headers: &HeaderMap) -> Result<Option<Coding>, Refusal> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(None) };
    let value = value.as_bytes();
    let coding = Coding::of(value);
    if coding.is_none() && !value.eq_ignore_ascii_case(b"identity") {
        let message = "read request body: its Content-Encoding is not one of gzip, deflate and identity";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    Ok(coding)
}

/// The coding that a client wants its answer in, if it names one.
pub(super) fn accepted(headers: &HeaderMap) -> Option<Coding> {
    let value = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    value.split(',').find_map(|part| {
        let mut words = part.split(';').map(str::trim);
        let name = words.next()?;
        let is_refused = words
            .any(|word| matches!(word.replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        match name {
            _ if is_refused => None,
            name => Coding::of(name.as_bytes()),
        }
    })
}

/// Numbers in JSON unpack to some tens of times their packed size; a thousand times is what an attack looks like.
const MOST_RATIO: usize = 100;
/// Small bodies may unpack to this, whatever their ratio.
const ALWAYS_UNPACKED: usize = 1 << 20;
/// What fits into one packet is not packed: many clients say that they could unpack it and do not care.
pub(crate) const SMALL_ANSWER: usize = 1400;
