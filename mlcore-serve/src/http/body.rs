//! Bodies: read whole within limits, and packed or unpacked as the headers say.

use std::fmt;
use std::io::Read;
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
pub(super) enum Coding {
    Gzip,
    /// What HTTP calls deflate is zlib's format.
    Deflate,
}

/// Reads a body of at most `most` bytes, unpacked.
pub(super) async fn read<B>(headers: &HeaderMap, body: B, most: usize) -> Result<Bytes, Refusal>
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
        Some(coding) => unpack(coding, &body, most),
    }
}

/// The coding of a request's body.
fn coding_of(headers: &HeaderMap) -> Result<Option<Coding>, Refusal> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(None) };
    match value.as_bytes() {
        coding if coding.eq_ignore_ascii_case(b"gzip") => Ok(Some(Coding::Gzip)),
        coding if coding.eq_ignore_ascii_case(b"deflate") => Ok(Some(Coding::Deflate)),
        coding if coding.eq_ignore_ascii_case(b"identity") => Ok(None),
        _ => {
            let message = "read request body: its Content-Encoding is not one of gzip, deflate and identity";
            Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
        }
    }
}

/// Unpacks a body to at most `most` bytes, and to at most so many times its own size.
fn unpack(coding: Coding, body: &[u8], most: usize) -> Result<Bytes, Refusal> {
    let most = most.min(body.len().saturating_mul(MOST_RATIO).max(ALWAYS_UNPACKED));
    let mut unpacked = Vec::new();
    let read = match coding {
        Coding::Gzip => GzDecoder::new(body).take(most as u64 + 1).read_to_end(&mut unpacked),
        Coding::Deflate => ZlibDecoder::new(body).take(most as u64 + 1).read_to_end(&mut unpacked),
    };
    read.map_err(|cause| {
        Refusal::new(StatusCode::BAD_REQUEST, format!("read request body: it does not unpack: {cause}"))
    })?;
    if unpacked.len() > most {
        let message =
            format!("read request body: it unpacks to more than the {most} bytes that are taken of it");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    Ok(unpacked.into())
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
            name if name.eq_ignore_ascii_case("gzip") => Some(Coding::Gzip),
            name if name.eq_ignore_ascii_case("deflate") => Some(Coding::Deflate),
            _ => None,
        }
    })
}

/// Packs an answer.
pub(super) fn pack(coding: Coding, body: &[u8]) -> Option<(Bytes, &'static str)> {
    let mut packed = Vec::with_capacity(body.len() / 2);
    let level = Compression::fast();
    let (name, read) = match coding {
        Coding::Gzip => ("gzip", GzEncoder::new(body, level).read_to_end(&mut packed)),
        Coding::Deflate => ("deflate", ZlibEncoder::new(body, level).read_to_end(&mut packed)),
    };
    read.ok().map(|_| (packed.into(), name))
}

/// Numbers in JSON unpack to some tens of times their packed size; a thousand times is what an attack looks like.
const MOST_RATIO: usize = 100;
/// Small bodies may unpack to this, whatever their ratio.
const ALWAYS_UNPACKED: usize = 1 << 20;
