//! One row of features as compact bytes.
//!
//! | bytes | content |
//! |---|---|
//! | 1 | the version of this format: 1 |
//! | 3 | zeros |
//! | 4 | a digest of the features' names and types, little-endian |
//! | 16 | the [`Stamp`], big-endian and ordered, so that a server can compare it without knowing more |
//! | 4 | the high half of XXH3-64 over the bytes before, and the low half of that over the bytes behind, xor, little-endian |
//! | 1 per 8 features | a bit for each feature that is null, the lowest first |
//! | fixed | a slot for each feature: its number little-endian, or where its text or list ends |
//! | the rest | texts and lists, one behind another, in the order of the features |
//!
//! A null feature has a slot of zeros; a null text or list ends where it begins. So one row has one spelling.

mod columns;
mod layout;
pub(crate) mod number;
mod pack;
mod view;

pub(crate) use self::columns::pack_columns;
pub(crate) use self::layout::Layout;
pub use self::pack::PackedRow;
pub(crate) use self::pack::pack;
pub(crate) use self::view::Fault;
pub use self::view::RowView;

use xxhash_rust::xxh3::xxh3_64;

use super::Stamp;

/// The version of the format that this code writes.
const VERSION: u8 = 1;
/// The bytes before the null bits.
const HEADER: usize = 28;
/// Where the stamp is.
const STAMP: std::ops::Range<usize> = 8..24;
/// Where the checksum is.
const CHECKSUM: std::ops::Range<usize> = 24..28;

/// The stamp of a stored row. Its other bytes are not looked at; `None` where there are too few.
pub(crate) fn stamp_of(bytes: &[u8]) -> Option<Stamp> {
    bytes.get(STAMP)?.try_into().ok().map(Stamp::from_bytes)
}

/// Says whether a row with the stamp `new` replaces what is stored. Bytes that are no row are replaced by any.
pub(crate) fn replaces(new: Stamp, stored: &[u8]) -> bool {
    stamp_of(stored).is_none_or(|stored| new >= stored)
}

/// The digest of all bytes but those of the checksum. Two short hashes: the state of a running one takes longer than a row.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    let hash = |bytes: Option<&[u8]>| xxh3_64(bytes.unwrap_or_default());
    let (before, after) = (hash(bytes.get(..CHECKSUM.start)), hash(bytes.get(CHECKSUM.end..)));
    ((after ^ (before >> 32)) as u32).to_le_bytes()
}
