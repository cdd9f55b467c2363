//! Bytes as a request of Feast's client: it is refused, or its columns become a table of as many rows.

use mlcore_serve::feast::check_request;

/// Reads a request of any route; says whether the bytes are one.
pub(crate) fn check(bytes: &[u8]) -> bool {
    check_request(bytes)
}
