//! One column of both sides.

use mlcore::arrow::array::{Array, ArrayRef, RecordBatch};
use mlcore::batch::{ColumnView, OwnedValue, Value};
use mlcore::interrupt::Pace;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};

use super::OPERATION;
use super::report::{ColumnSkew, Difference};

/// A feature as it was served and as history has it, in the same type.
pub(super) struct Compared<'a> {
    pub(super) name: &'a str,
    pub(super) online: ArrayRef,
    pub(super) offline: ArrayRef,
    /// When each request was.
    pub(super) requests: &'a [Option<Timestamp>],
    /// When the row of history was that each value comes from; empty for a feature that is computed.
    pub(super) events: Vec<Option<Timestamp>>,
}

/// What a column holds in a row.
enum Cells<'a> {
    Values(ColumnView<'a>),
    /// A list is compared as it lies in memory, and shown as text.
    Lists(&'a ArrayRef),
}

impl<'a> Cells<'a> {
    fn of(name: &str, array: &'a ArrayRef) -> Result<Self> {
        if array.data_type().is_nested() {
            return Ok(Self::Lists(array));
        }
        Ok(Self::Values(ColumnView::new(name, array.as_ref())?))
    }

    fn shown(&self, row: usize) -> OwnedValue {
        match self {
            Self::Values(view) => view.value(row).into_owned(),
            Self::Lists(array) if array.is_null(row) => OwnedValue::Null,
            Self::Lists(array) => OwnedValue::Text(format!("{:?}", array.slice(row, 1))),
        }
    }

    fn is_missing(&self, row: usize) -> bool {
        match self {
            Self::Values(view) => view.value(row).is_null(),
            Self::Lists(array) => array.is_null(row),
        }
    }
}

impl Compared<'_> {
    pub(super) fn skew(&self, rows: &RecordBatch, keys: &[&str], most: usize) -> Result<ColumnSkew> {
        let (online, offline) = (Cells::of(self.name, &self.online)?, Cells::of(self.name, &self.offline)?);
        let mut skew = ColumnSkew {
            name: self.name.to_owned(),
            equal: 0,
            differing: 0,
            only_online: 0,
            only_offline: 0,
            greatest_difference: None,
            differences: Vec::new(),
        };
        let mut pace = Pace::default();
        for row in 0..rows.num_rows() {
            pace.check(OPERATION, 4)?;
            let is_equal = match (online.is_missing(row), offline.is_missing(row)) {
                (true, true) => true,
                (false, true) => {
                    skew.only_online += 1;
                    false
                }
                (true, false) => {
                    skew.only_offline += 1;
                    false
                }
                (false, false) => {
                    let is_same = same(&online, &offline, row);
                    if !is_same {
                        skew.differing += 1;
                        let difference = difference(&online, &offline, row);
                        skew.greatest_difference = match (skew.greatest_difference, difference) {
                            (Some(known), Some(own)) => Some(known.max(own)),
                            (known, own) => known.or(own),
                        };
                    }
                    is_same
                }
            };
            if is_equal {
                skew.equal += 1;
            } else if skew.differences.len() < most {
                skew.differences.push(Difference {
                    row: row as u64,
                    key: key(rows, keys, row)?,
                    requested_at: self.requests.get(row).copied().flatten(),
                    online: online.shown(row),
                    offline: offline.shown(row),
                    event_time: self.events.get(row).copied().flatten(),
                });
            }
        }
        Ok(skew)
    }
}

/// Whether both have the same bits; any NaN equals any.
fn same(online: &Cells<'_>, offline: &Cells<'_>, row: usize) -> bool {
    match (online, offline) {
        (Cells::Values(online), Cells::Values(offline)) => match (online.value(row), offline.value(row)) {
            (Value::Float(one), Value::Float(other)) => {
                one.to_bits() == other.to_bits() || (one.is_nan() && other.is_nan())
            }
            (one, other) => one == other,
        },
        (Cells::Lists(online), Cells::Lists(offline)) => {
            online.slice(row, 1).to_data() == offline.slice(row, 1).to_data()
        }
        (Cells::Values(_), Cells::Lists(_)) | (Cells::Lists(_), Cells::Values(_)) => false,
    }
}

/// How far two numbers are apart; `None` for what is no number, and beside NaN.
fn difference(online: &Cells<'_>, offline: &Cells<'_>, row: usize) -> Option<f64> {
    let (Cells::Values(online), Cells::Values(offline)) = (online, offline) else { return None };
    let (one, other) = (online.value(row).as_f64()?, offline.value(row).as_f64()?);
    Some((one - other).abs()).filter(|difference| !difference.is_nan())
}

/// The join keys of a row, in words.
fn key(rows: &RecordBatch, keys: &[&str], row: usize) -> Result<String> {
    let mut parts = Vec::with_capacity(keys.len());
    for name in keys {
        let column = rows
            .column_by_name(name)
            .ok_or_else(|| Error::internal(OPERATION, *name, "the join was made by it"))?;
        let plain = ColumnView::plain(name, column)?;
        parts.push(format!("{name}={}", ColumnView::new(name, plain.as_ref())?.value(row).into_owned()));
    }
    Ok(parts.join(", "))
}
