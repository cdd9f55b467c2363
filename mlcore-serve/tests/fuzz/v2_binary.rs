//! Bytes as a request whose tensors follow the JSON: two bytes say how long that is, as the header of HTTP does, and the rest is the
//! body.

use mlcore_serve::v2::InferRequest;

use crate::again::{again, limits, read};

/// Reads a request; says whether the bytes are one.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let Some((length, body)) = bytes.split_first_chunk() else { return false };
    let json_bytes = usize::from(u16::from_le_bytes(*length));
    let Some(request) = read(InferRequest::read(body, Some(json_bytes), &limits())) else { return false };
    again(&request, false);
    again(&request, true);
    true
}
