//! The profile of one column.

use super::codec::{Held, Reader, Writer};
use super::kind::ColumnKind;
use super::numbers::Numbers;
use super::options::Bins;
use super::texts::Texts;
use super::vector::BLOCK;
use super::{MOST_ROWS, OPERATION};
use crate::error::{Error, Result};

/// What one column looks like. What can be asked of it stands at [the answers](ColumnProfile#impl-ColumnProfile-1); a
/// [`Profile`](super::Profile) makes one for each column.
///
/// # Memory
/// Up to 32 KB while there are few distinct values. From 1,025 distinct numbers on 100 KB: numbers that wait to be sorted, those that
/// are frequent, registers for distinct values, exact sums; and 8 KB for each doubling of the rows beyond 4,096, 250 KB at a
/// billion rows. A column of text keeps up to 2,048 texts of at most 256 bytes, and those that are given.
#[derive(Clone, Debug)]
pub struct ColumnProfile {
    pub(super) kind: ColumnKind,
    pub(super) bins: Bins,
    pub(super) rows: u64,
    pub(super) nulls: u64,
    pub(super) nans: u64,
    pub(super) values: Values,
}

impl PartialEq for ColumnProfile {
    /// Whether their bytes are equal.
    fn eq(&self, other: &Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

/// The values of a column that are not missing.
#[derive(Clone, Debug)]
pub(super) enum Values {
    Nothing,
    /// How many are false, and how many are true.
    Booleans(u64, u64),
    /// Also dates and times, as the integers that they are stored by.
    Numbers(Box<Numbers>),
    Texts(Box<Texts>),
    /// Counted and not looked at.
    Other,
}

impl Values {
    fn of(kind: &ColumnKind, bins: &Bins) -> Self {
        match kind {
            ColumnKind::Nothing => Self::Nothing,
            ColumnKind::Boolean => Self::Booleans(0, 0),
            ColumnKind::Number
            | ColumnKind::Date
            | ColumnKind::Time(_)
            | ColumnKind::DateTime(_)
            | ColumnKind::Timestamp(_) => Self::Numbers(Box::default()),
            ColumnKind::Text => Self::Texts(Box::new(Texts::new(bins.categories()))),
            ColumnKind::Other(_) => Self::Other,
        }
    }
}

impl ColumnProfile {
    /// Of no row.
    pub(super) fn new(bins: Bins) -> Self {
        let (kind, values) = (ColumnKind::Nothing, Values::Nothing);
        Self { kind, bins, rows: 0, nulls: 0, nans: 0, values }
    }

    /// Of no row, to which [floats](Self::add_floats) come.
    pub(crate) fn of_floats() -> Self {
        Self::new(Bins::None)
    }

    /// Adds rows of a column of floats, to which nothing else was added.
    pub(crate) fn add_floats(&mut self, values: &[f64]) {
        self.rows = self.rows.saturating_add(values.len() as u64);
        if values.iter().any(|value| !value.is_nan()) {
            self.become_kind(&ColumnKind::Number);
        }
        let nans = match &mut self.values {
            Values::Numbers(numbers) => {
                numbers.has_floats = true;
                values.chunks(BLOCK).map(|block| numbers.add(block, self.bins.edges())).sum()
            }
            Values::Nothing | Values::Booleans(..) | Values::Texts(_) | Values::Other => values.len() as u64,
        };
        self.nans = self.nans.saturating_add(nans);
    }

    /// Whether its values are counted in no bins of their own.
    pub(crate) fn has_no_bins(&self) -> bool {
        self.bins == Bins::None
    }

    /// Makes sure that values of this kind can be added.
    pub(super) fn check_kind(&self, column: &str, kind: &ColumnKind) -> Result<()> {
        if self.kind == *kind || self.kind == ColumnKind::Nothing || *kind == ColumnKind::Nothing {
            return Ok(());
        }
        let problem = format!("the column was of kind {}, and now it is of kind {kind}", self.kind);
        Err(Error::schema_mismatch(OPERATION, column, problem)
            .remedy("cast the columns to one type, or profile them under two names"))
    }

    /// Takes the kind of values that are about to be added, after [`check_kind`](Self::check_kind).
    pub(super) fn become_kind(&mut self, kind: &ColumnKind) {
        if self.kind == ColumnKind::Nothing && *kind != ColumnKind::Nothing {
            self.values = Values::of(kind, &self.bins);
            self.kind = kind.clone();
        }
    }

    /// Makes sure that another profile can be merged into this one.
    pub(super) fn check_merge(&self, column: &str, other: &Self) -> Result<()> {
        self.check_kind(column, &other.kind)?;
        if self.bins != other.bins {
            let problem = "the two profiles count it in different bins";
            return Err(Error::invalid_input("merge profiles", column, problem)
                .remedy("make both with the options of one reference"));
        }
        check_rows("merge profiles", column, self.rows, other.rows)
    }

    /// Adds the rows of another profile of the column, after [`check_merge`](Self::check_merge).
    pub(super) fn merge_checked(&mut self, other: &Self) {
        self.become_kind(&other.kind);
        self.rows = self.rows.saturating_add(other.rows);
        self.nulls = self.nulls.saturating_add(other.nulls);
        self.nans = self.nans.saturating_add(other.nans);
        match (&mut self.values, &other.values) {
            (Values::Booleans(falses, trues), Values::Booleans(more_falses, more_trues)) => {
                *falses = falses.saturating_add(*more_falses);
                *trues = trues.saturating_add(*more_trues);
            }
            (Values::Numbers(own), Values::Numbers(other)) => own.merge(other, self.bins.edges()),
            (Values::Texts(own), Values::Texts(other)) => own.merge(other),
            // The kinds are the same by now, or the other one has no value.
            (
                Values::Nothing
                | Values::Other
                | Values::Booleans(..)
                | Values::Numbers(_)
                | Values::Texts(_),
                _,
            ) => {}
        }
    }

    /// Adds the rows of another profile of the same column.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a column of another kind, [`Error::InvalidInput`] for other bins; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        self.check_merge("column", other)?;
        self.merge_checked(other);
        Ok(())
    }

    /// The profile as bytes of this version, with a checksum: equal profiles give equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.write_exact(&mut writer);
        self.write_rest(&mut writer);
        writer.sealed(Held::Column)
    }

    /// The profile that these bytes hold.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for bytes that were cut or changed, or that no profile has; [`Error::Unsupported`] for those of
    /// another version; [`Error::InvalidInput`] for those of a table.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::open(bytes, Held::Column)?;
        let column = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(column)
    }

    /// The part that neither the order of rows nor the tree of merges changes: counts, missing ones, range, sums, histogram,
    /// lengths and registers of distinct values; while a column has few distinct values, all of it.
    pub(super) fn write_exact(&self, writer: &mut Writer) {
        self.kind.write(writer);
        self.bins.write(writer);
        [self.rows, self.nulls, self.nans].into_iter().for_each(|count| writer.u64(count));
        match &self.values {
            Values::Booleans(falses, trues) => {
                writer.u64(*falses);
                writer.u64(*trues);
            }
            Values::Numbers(numbers) => numbers.write_exact(writer),
            Values::Texts(texts) => texts.write_exact(writer),
            Values::Nothing | Values::Other => {}
        }
    }

    pub(super) fn write_rest(&self, writer: &mut Writer) {
        match &self.values {
            Values::Numbers(numbers) => numbers.write_rest(writer),
            Values::Texts(texts) => texts.write_rest(writer),
            Values::Nothing | Values::Booleans(..) | Values::Other => {}
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let (kind, bins) = (ColumnKind::read(reader)?, Bins::read(reader)?);
        let [rows, nulls, nans] = [reader.u64()?, reader.u64()?, reader.u64()?];
        let missing = nulls.saturating_add(nans);
        reader.require(rows <= MOST_ROWS && missing <= rows, "it has more missing rows than rows")?;
        let present = rows.saturating_sub(missing);
        reader
            .require((kind == ColumnKind::Nothing) == (present == 0), "its kind is not that of its values")?;
        let values = match Values::of(&kind, &bins) {
            Values::Nothing => Values::Nothing,
            Values::Booleans(..) => {
                let (falses, trues) = (reader.u64()?, reader.u64()?);
                reader.require(
                    falses.checked_add(trues) == Some(present),
                    "its truth values are not its rows",
                )?;
                Values::Booleans(falses, trues)
            }
            Values::Numbers(_) => {
                Values::Numbers(Box::new(Numbers::read(reader, bins.edges().len(), present)?))
            }
            Values::Texts(_) => Values::Texts(Box::new(Texts::read(reader, bins.categories(), present)?)),
            Values::Other => Values::Other,
        };
        Ok(Self { kind, bins, rows, nulls, nans, values })
    }
}

/// Makes sure that two numbers of rows add up to one that a profile counts.
pub(super) fn check_rows(operation: &'static str, subject: &str, own: u64, more: u64) -> Result<()> {
    if own.saturating_add(more) <= MOST_ROWS {
        return Ok(());
    }
    let problem = format!("{own} and {more} rows are more than a profile counts");
    Err(Error::invalid_input(operation, subject, problem).remedy("begin another profile"))
}
