//! Bytes as a request in JSON: it is refused, or its tensors come back equal from an answer, in JSON and in bytes.

use mlcore_serve::v2::InferRequest;

use crate::again::{again, limits, read};

/// Reads a request; says whether the bytes are one.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let Some(request) = read(InferRequest::read(bytes, None, &limits())) else { return false };
    again(&request, false);
    again(&request, true);
    true
}
