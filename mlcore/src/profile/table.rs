//! The profile of a table.

use std::collections::{BTreeMap, BTreeSet};

use super::codec::{Held, Reader, Writer};
use super::column::{ColumnProfile, check_rows};
use super::kind::ColumnKind;
use super::options::{Bins, ProfileOptions};
use super::read::{Pace, has_values};
use super::{MOST_ROWS, OPERATION};
use crate::arrow::array::{ArrayRef, RecordBatch};
use crate::arrow::datatypes::DataType;
use crate::batch::{ColumnView, Row};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::schema::Schema;

/// What a table looks like, column by column. See the [module](super) for an example, and for what is exact.
///
/// # Columns that come and go
/// Columns are found by name, in any order. A profile has every column that any of its batches had; the rows of batches
/// without it are [absent](Self::absent) from it, which is not the same as null.
///
/// # All or nothing
/// A batch that is refused, such as one with text where numbers were, changes nothing; nor does a call that is
/// [interrupted](crate::interrupt).
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Profile {
    rows: u64,
    columns: BTreeMap<Box<str>, ColumnProfile>,
}

impl Profile {
    /// A profile of no row, that counts what the options ask for.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] that names the column of edges that are not in ascending order, or of too many bins.
    pub fn new(options: &ProfileOptions) -> Result<Self> {
        let mut profile = Self::default();
        for (name, bins) in options.bins() {
            bins.check(name)?;
            profile.columns.insert(name.into(), ColumnProfile::new(bins.clone()));
        }
        Ok(profile)
    }

    /// Adds the rows of a table.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] that names a column of another kind than before, [`Error::InvalidInput`] for two columns of one
    /// name or a date that is no whole day, [`Error::Interrupted`]; nothing is added then.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        interrupt::check(OPERATION)?;
        check_rows(OPERATION, "batch", self.rows, batch.num_rows() as u64)?;
        let columns = self.checked(batch)?;
        if batch.num_rows() <= MOST_ROWS_AT_ONCE {
            for (name, array) in columns {
                self.column_of(name).add_array(array.as_ref(), Pace::Whole)?;
            }
        } else {
            // What takes long can be stopped, and is added when it is whole.
            let mut added = Vec::with_capacity(columns.len());
            for (name, array) in columns {
                let bins = self.columns.get(name).map_or(Bins::None, |own| own.bins.clone());
                let mut column = ColumnProfile::new(bins);
                column.add_array(array.as_ref(), Pace::Stoppable)?;
                added.push((name, column));
            }
            added.into_iter().for_each(|(name, column)| self.merge_column(name, column));
        }
        self.rows = self.rows.saturating_add(batch.num_rows() as u64);
        Ok(())
    }

    /// The columns of a batch in a layout that can be read, if all of them can be added.
    fn checked<'b>(&self, batch: &'b RecordBatch) -> Result<Vec<(&'b str, ArrayRef)>> {
        let mut names = BTreeSet::new();
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let name = field.name().as_str();
            if !names.insert(name) {
                return Err(Error::invalid_input(OPERATION, name, "two columns have this name")
                    .remedy("rename one of them"));
            }
            let kind = ColumnKind::of_arrow(array.data_type());
            if let Some(own) = self.columns.get(name).filter(|own| own.kind != kind)
                && has_values(array.as_ref())
            {
                own.check_kind(name, &kind)?;
            }
            let array = match kind {
                ColumnKind::Other(_) | ColumnKind::Nothing => ArrayRef::clone(array),
                _ => ColumnView::plain(name, array)?,
            };
            if matches!(array.data_type(), DataType::Dictionary(..)) {
                // What cannot be read is found out before anything is added.
                ColumnView::new(name, array.as_ref())?;
            }
            columns.push((name, array));
        }
        Ok(columns)
    }

    /// Adds one raw record: the values of the fields of `schema`, in their order. A value that nobody sent is absent.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] that names a field of another kind than before, or whose value does not fit; nothing is added
    /// then.
    ///
    /// ```
    /// use mlcore::batch::{Row, Value};
    /// use mlcore::profile::Profile;
    /// use mlcore::schema::{DType, Field, Schema};
    ///
    /// let schema = Schema::new([Field::column("age", DType::Float64).nullable()])?;
    /// let mut profile = Profile::default();
    /// for age in [Value::Float(41.5), Value::Null, Value::Int(30)] {
    ///     profile.add_row(Row::new(&[age], &schema)?, &schema)?;
    /// }
    /// let age = profile.column("age").unwrap();
    /// assert_eq!((age.rows(), age.nulls(), age.mean()), (3, 1, Some(35.75)));
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub fn add_row(&mut self, row: Row<'_>, schema: &Schema) -> Result<()> {
        row.check_names(OPERATION, schema.names_digest())?;
        check_rows(OPERATION, "row", self.rows, 1)?;
        let (values, fields) = (row.values(), schema.fields());
        if values.len() != fields.len() {
            let problem = format!("expected {} values, got {}", fields.len(), values.len());
            return Err(Error::schema_mismatch(OPERATION, "row", problem));
        }
        for (field, value) in fields.iter().zip(values) {
            let fits = value.fits(field.dtype()) || (value.is_number() && field.dtype().is_numeric());
            if !fits {
                let problem = format!("expected {}, got {}", field.dtype(), value.described());
                return Err(Error::schema_mismatch(OPERATION, field.name(), problem));
            }
            if let Some(own) = self.columns.get(field.name()).filter(|_| !value.is_missing()) {
                own.check_kind(field.name(), &ColumnKind::of(field.dtype()))?;
            }
        }
        for (place, (field, value)) in fields.iter().zip(values).enumerate() {
            if !row.absent().contains(&place) {
                self.column_of(field.name()).add_value(*value, field.dtype());
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Adds the rows of another profile, which has the same columns or others.
    ///
    /// A profile without rows and bins changes nothing. What is exact does not depend on which of two is merged into the other.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] that names a column of another kind, [`Error::InvalidInput`] that names one with other bins, or
    /// for more rows than are counted; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        check_rows("merge profiles", "rows", self.rows, other.rows)?;
        for (name, theirs) in &other.columns {
            if let Some(own) = self.columns.get(name) {
                own.check_merge(name, theirs)?;
            }
        }
        for (name, theirs) in &other.columns {
            match self.columns.get_mut(name) {
                Some(own) => own.merge_checked(theirs),
                None => {
                    self.columns.insert(name.clone(), theirs.clone());
                }
            }
        }
        self.rows = self.rows.saturating_add(other.rows);
        Ok(())
    }

    fn merge_column(&mut self, name: &str, column: ColumnProfile) {
        match self.columns.get_mut(name) {
            Some(own) if own.rows > 0 => own.merge_checked(&column),
            Some(own) => *own = column,
            None => {
                self.columns.insert(name.into(), column);
            }
        }
    }

    fn column_of(&mut self, name: &str) -> &mut ColumnProfile {
        if !self.columns.contains_key(name) {
            self.columns.insert(name.into(), ColumnProfile::new(Bins::None));
        }
        self.columns.entry(name.into()).or_insert_with(|| ColumnProfile::new(Bins::None))
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The profile of a column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.get(name)
    }

    /// Every column, in the order of their names.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = (&str, &ColumnProfile)> {
        self.columns.iter().map(|(name, column)| (&**name, column))
    }

    /// The rows of batches, or records, that did not have the column: all rows for a name that none had.
    #[must_use]
    pub fn absent(&self, name: &str) -> u64 {
        self.rows.saturating_sub(self.columns.get(name).map_or(0, |column| column.rows))
    }

    /// The profile as bytes of this version, with a checksum: equal profiles give equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.write(&mut writer, true);
        writer.sealed(Held::Profile)
    }

    /// The bytes of what neither the order of rows nor the tree of merges changes: two profiles of the same rows agree in them
    /// to the bit, however the rows were cut and merged. They are for comparing, and are not read back.
    #[must_use]
    pub fn exact_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.write(&mut writer, false);
        writer.into_bytes()
    }

    fn write(&self, writer: &mut Writer, whole: bool) {
        writer.u64(self.rows);
        writer.count(self.columns.len());
        for (name, column) in &self.columns {
            writer.text(name);
            column.write_exact(writer);
            if whole {
                column.write_rest(writer);
            }
        }
    }

    /// The profile that these bytes hold.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for bytes that were cut or changed, or that no profile has; [`Error::Unsupported`] for those of
    /// another version; [`Error::InvalidInput`] for those of a single column.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::open(bytes, Held::Profile)?;
        let rows = reader.u64()?;
        reader.require(rows <= MOST_ROWS, "it has more rows than are counted")?;
        let mut profile = Self { rows, columns: BTreeMap::new() };
        let mut last: Option<&str> = None;
        for _ in 0..reader.count(4, usize::MAX)? {
            let name = reader.text(usize::MAX)?;
            reader.require(last.is_none_or(|last| last < name), "its columns are not sorted")?;
            let column = ColumnProfile::read(&mut reader)?;
            reader.require(column.rows <= rows, "a column has more rows than the table")?;
            profile.columns.insert(name.into(), column);
            last = Some(name);
        }
        reader.finish()?;
        Ok(profile)
    }
}

/// So many rows of a column are read in a few milliseconds, without asking whether to go on.
const MOST_ROWS_AT_ONCE: usize = 1 << 18;
