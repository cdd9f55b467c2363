//! Numbers and names as they appear in sentences.

pub(crate) use mlcore::html::{Grouped, Percent};

/// A name as it may appear in a message: cut where it grows long.
pub(crate) fn clipped(name: &str) -> String {
    const LONGEST: usize = 60;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}
