//! Profiles of columns as samples.

use mlcore::batch::OwnedValue;
use mlcore::profile::{CategoryCounts, ColumnKind, ColumnProfile, Ranks};
use mlcore::{Error, Result};

use super::{Bounds, Categories, Kind, Sample, Sketch, Spelling, float_text};

impl Sketch for Ranks {
    fn len(&self) -> u64 {
        Self::len(self)
    }

    fn range(&self) -> (f64, f64) {
        Self::range(self)
    }

    fn below(&self, edge: f64) -> Bounds {
        let (low, high) = Self::below(self, edge);
        Bounds::between(low, high)
    }

    fn landmarks(&self) -> Vec<f64> {
        Self::landmarks(self)
    }
}

impl Sample {
    /// The column that a [profile](mlcore::profile) was made of, as the kind that its values suggest: numbers as a
    /// [summary](Sketch), text and truth values as counted categories.
    ///
    /// Scores are those of the rows where the profile is exact at what the compiled test
    /// [needs](crate::two_sample::CompiledTest::needs): missing rows always, bins and categories that the profile was
    /// given, and everything of a column of at most 1,024 distinct values. Kolmogorov-Smirnov takes the profile's rank error into
    /// the p-value, so that it never alarms, and compares two profiles, too. Integers past 2^53 are the nearest floats in a profile.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for dates and times, and for types that a profile does not look at;
    /// [`Error::InvalidInput`] for a text of more distinct values than are counted, without categories that were given.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mlcore::arrow::array::{Float64Array, RecordBatch};
    /// use mlcore::profile::{Profile, ProfileOptions};
    /// use mlcore_drift::sample::Sample;
    /// use mlcore_drift::two_sample::{DriftTest, Needs, Psi};
    ///
    /// let reference: Vec<f64> = (0..10_000).map(f64::from).collect();
    /// let psi = Psi::default().compile(&Sample::numeric(&reference))?;
    /// let Needs::CountsBelow(edges) = psi.needs() else { unreachable!() };
    /// let options = ProfileOptions::default().with_edges("age", edges);
    ///
    /// // Each replica profiles its rows; the profiles add up.
    /// let mut fleet = Profile::new(&options)?;
    /// let current: Vec<f64> = reference.iter().map(|age| age * 0.9).collect();
    /// for rows in current.chunks(1000) {
    ///     let ages = Float64Array::from(rows.to_vec());
    ///     let mut replica = Profile::new(&options)?;
    ///     replica.add(&RecordBatch::try_from_iter([("age", Arc::new(ages) as _)])?)?;
    ///     fleet.merge(&replica)?;
    /// }
    /// let sample = Sample::from_profile(fleet.column("age").unwrap())?;
    /// assert_eq!(psi.compare(&sample)?, psi.compare(&Sample::numeric(&current))?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_profile(column: &ColumnProfile) -> Result<Self> {
        let kind = match column.kind() {
            ColumnKind::Boolean | ColumnKind::Text => Kind::Categorical,
            _ => Kind::Numeric,
        };
        Self::from_profile_as(column, kind)
    }

    /// As [`from_profile`](Self::from_profile), as the given kind: few distinct numbers may be categories. A column of which
    /// only nulls came is a sample of any kind whose rows are all missing.
    ///
    /// # Errors
    /// As [`from_profile`](Self::from_profile); [`Error::SchemaMismatch`] for text as numbers, and [`Error::InvalidInput`] for
    /// more than 1,024 distinct numbers as categories.
    pub fn from_profile_as(column: &ColumnProfile, kind: Kind) -> Result<Self> {
        let (nulls, nans) = (column.nulls(), column.nans());
        let counted = |categories| {
            let mut sample = Self::from_categories(categories, nulls);
            sample.nans = nans;
            sample
        };
        match (column.kind(), kind) {
            (ColumnKind::Nothing, Kind::Numeric) => {
                Ok(Self::from_present(Vec::new(), Default::default(), nulls, nans))
            }
            (ColumnKind::Nothing, Kind::Categorical) => Ok(counted(Categories::default())),
            (ColumnKind::Number, Kind::Numeric) => match column.ranks() {
                Some(ranks) => Ok(Self::from_sketch(ranks, nulls, nans)),
                None => Err(Error::internal(OPERATION, SUBJECT, "a column of numbers has no ranks")),
            },
            (ColumnKind::Number, Kind::Categorical) => match column.distinct_numbers() {
                Some(numbers) => {
                    let texts = numbers.into_iter().map(|(number, count)| (text(&number), count));
                    Ok(counted(Categories::new(texts).spelled(Spelling::Number)))
                }
                None => Err(uncounted("numbers").remedy("compare it as numbers")),
            },
            (ColumnKind::Boolean | ColumnKind::Text, Kind::Categorical) => match column.categories() {
                Some(CategoryCounts { counts, others, .. }) => {
                    let is_text = *column.kind() == ColumnKind::Text;
                    let spelling = if is_text { Spelling::Text } else { Spelling::Boolean };
                    Ok(counted(Categories::with_overflow(counts, others).spelled(spelling)))
                }
                None => Err(uncounted("texts").remedy("give the reference's categories to the profile")),
            },
            (ColumnKind::Boolean | ColumnKind::Text, Kind::Numeric) => {
                let problem = format!("numbers are expected, and the column is of kind {}", column.kind());
                Err(Error::schema_mismatch(OPERATION, SUBJECT, problem).remedy("compare it as categories"))
            }
            (other, _) => {
                let problem = format!("columns of kind {other} are not compared");
                Err(Error::unsupported(OPERATION, SUBJECT, problem)
                    .remedy("derive a number or a category first, such as an hour, a weekday or an age"))
            }
        }
    }
}

const OPERATION: &str = "read sample";
const SUBJECT: &str = "profile";

fn uncounted(values: &str) -> Error {
    let problem = format!("it has more distinct {values} than a profile counts one by one");
    Error::invalid_input(OPERATION, SUBJECT, problem)
}

/// A number as a category is spelled.
fn text(number: &OwnedValue) -> String {
    match number {
        OwnedValue::Float(value) => float_text(*value),
        other => other.to_string(),
    }
}
