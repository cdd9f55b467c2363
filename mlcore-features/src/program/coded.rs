//! Texts of a column read as keys, which is where most of the time of a plan over text columns goes.

use std::ops::Range;

use mlcore::arrow::array::{GenericStringArray, OffsetSizeTrait};
use mlcore::batch::{ColumnView, Texts};

use super::encoder::{Encoder, TextTable};
use super::lookup::Key;

/// What a row of a column of texts holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'a> {
    Missing,
    /// A text of which the key is all.
    Key(Key),
    /// Any text.
    Text(&'a str),
}

/// Writes the codes of the texts from row `start` on. `words` holds the code of each word of a dictionary, or nothing.
pub(super) fn texts(
    encoder: &Encoder<TextTable>,
    column: &ColumnView<'_>,
    fill: Option<&str>,
    words: &[u32],
    start: usize,
    codes: &mut [u32],
) {
    let missing = encoder.code(fill);
    match column.texts() {
        Some(Texts::Dictionary(coded)) if !words.is_empty() => {
            for (row, code) in (start..).zip(codes) {
                *code = if column.is_null(row) {
                    missing
                } else {
                    let word = coded.codes().get(row).and_then(|key| words.get(*key as usize));
                    word.copied().unwrap_or(missing)
                };
            }
        }
        _ => {
            let mut codes = codes.iter_mut();
            each(column, start..start + codes.len(), |_, found| {
                if let Some(code) = codes.next() {
                    *code = match found {
                        Found::Missing => missing,
                        Found::Key(key) => encoder.code_of_key(key),
                        Found::Text(text) => encoder.code(Some(text)),
                    };
                }
            });
        }
    }
}

/// Hands each of these rows of a column of texts over, in order.
#[inline(always)]
pub(crate) fn each<'a>(column: &ColumnView<'a>, rows: Range<usize>, mut take: impl FnMut(usize, Found<'a>)) {
    let has_nulls = column.has_nulls();
    let is_null = |row: usize| has_nulls && column.is_null(row);
    match column.texts() {
        Some(Texts::Utf8(texts)) => adjacent(texts, rows, is_null, take),
        Some(Texts::Large(texts)) => adjacent(texts, rows, is_null, take),
        Some(Texts::View(texts)) => {
            let views = texts.views().get(rows.start..).unwrap_or_default();
            for (row, view) in rows.zip(views) {
                match Key::of_view(*view) {
                    _ if is_null(row) => take(row, Found::Missing),
                    Some(key) => take(row, Found::Key(key)),
                    None => take(row, Found::Text(texts.value(row))),
                }
            }
        }
        _ => {
            for row in rows {
                take(row, column.text(row).map_or(Found::Missing, Found::Text));
            }
        }
    }
}

/// The same for texts that lie one behind another.
#[inline(always)]
fn adjacent<'a, O: OffsetSizeTrait>(
    texts: &'a GenericStringArray<O>,
    rows: Range<usize>,
    is_null: impl Fn(usize) -> bool,
    mut take: impl FnMut(usize, Found<'a>),
) {
    let bytes = texts.value_data();
    let offsets = texts.value_offsets().get(rows.start..).unwrap_or_default();
    for (row, ends) in rows.zip(offsets.windows(2)) {
        let [from, to] = ends else { continue };
        match Key::within(bytes, from.as_usize(), to.as_usize()) {
            _ if is_null(row) => take(row, Found::Missing),
            Some(key) => take(row, Found::Key(key)),
            None => take(row, Found::Text(texts.value(row))),
        }
    }
}
