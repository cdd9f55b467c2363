//! One column of data, as drift tests see it: values without the missing ones, and how many were missing.

mod categories;
mod column;
mod counter;
mod number_counts;
mod profile;
mod remainders;
mod runs;
mod sketch;
mod spelling;
mod stored;

use std::borrow::Cow;
use std::sync::Arc;

use mlcore::arrow::array::Array;
use mlcore::arrow::buffer::ScalarBuffer;
use mlcore::arrow::datatypes::DataType;
use mlcore::{Error, Result, interrupt};
use serde::{Deserialize, Serialize};

pub use self::categories::Categories;
pub(crate) use self::categories::count_numbers;
pub(crate) use self::counter::{CategoryCounter, CounterState, priority};
pub use self::number_counts::NumberCounts;
pub(crate) use self::remainders::{Remainders, is_exact};
use self::remainders::{order, ranks, whole};
use self::runs::Resemblance;
pub(crate) use self::sketch::CountsBelow;
pub use self::sketch::{Bounds, EdgeCounts, Sketch};
pub(crate) use self::spelling::{Spelling, float_text, write_float};
pub(crate) use self::stored::StoredSample;
use crate::vector::extent;

/// The most rows that counts from outside may have: floats hold every whole number up to here, and sums of some of them stay
/// within 64 bits.
pub(crate) const MOST_ROWS: u64 = 1 << 53;

/// What the values of a column are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// Numbers, which have an order and distances.
    Numeric,
    /// Categories, which are equal or not.
    Categorical,
}

mlcore::words! { Kind, "kind": Numeric = "numeric", Categorical = "categorical" }

/// The values of one column, or a [summary](Sketch) of them, and the number of its missing rows.
///
/// Nulls and NaNs are both missing: pandas turns one into the other and polars keeps them apart, and a verdict must not
/// depend on who delivered the frame. They are counted, and compared as a rate of their own
/// ([`MissingRate`](crate::two_sample::MissingRate)), and never enter a test of values. Infinities are values.
///
/// Categories are counted by value, never by dictionary code nor by type: 1, 1.0, a decimal 1.00 and, beside numbers, `true`
/// are one category, and integers past 2^53 keep their digits. A sample is a cheap clone, and a `Float64` column without
/// missing values is shared, not copied.
///
/// ```
/// use mlcore_drift::sample::{Kind, Sample};
///
/// let ages = Sample::numeric(&[31.0, f64::NAN, 45.5]);
/// assert_eq!((ages.kind(), ages.rows(), ages.len(), ages.nans()), (Kind::Numeric, 3, 2, 1));
/// let plans = Sample::categorical(["free", "pro", "free"]);
/// assert_eq!(plans.categories().unwrap().count("free"), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Sample {
    values: Values,
    nulls: u64,
    nans: u64,
}

#[derive(Clone, Debug)]
enum Values {
    Numeric(Numbers),
    Sketched(Arc<dyn Sketch>),
    Categorical(Categories),
}

#[derive(Clone, Debug)]
struct Numbers {
    values: ScalarBuffer<f64>,
    precision: Precision,
    /// The smallest and the largest value, infinity and minus infinity for none; `None` if nobody has looked yet.
    range: Option<(f64, f64)>,
    /// What the values lack of integers past 2^53.
    remainders: Arc<Remainders>,
}

/// The number type a numeric column came in, which numpy's bin edges depend on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Precision {
    Float64,
    Float32,
    Integer,
}

impl Sample {
    /// A numeric sample; NaN counts as missing.
    #[must_use]
    pub fn numeric(values: &[f64]) -> Self {
        Self::from_numbers(values.to_vec())
    }

    /// As [`numeric`](Self::numeric), taking the values over.
    #[must_use]
    pub fn from_numbers(values: Vec<f64>) -> Self {
        column::from_floats(ScalarBuffer::from(values), 0, Precision::Float64)
    }

    /// A categorical sample: one category per row, or `None` where it is missing.
    #[must_use]
    pub fn categorical<'a, C: Into<Option<&'a str>>>(values: impl IntoIterator<Item = C>) -> Self {
        let mut counter = CategoryCounter::unbounded();
        let mut nulls = 0;
        for value in values {
            match value.into() {
                Some(text) => counter.add(text),
                None => nulls += 1,
            }
        }
        Self::from_categories(counter.categories(), nulls)
    }

    /// A categorical sample that has been counted already, and the number of missing rows beside it.
    #[must_use]
    pub fn from_categories(categories: Categories, nulls: u64) -> Self {
        Self { values: Values::Categorical(categories), nulls, nans: 0 }
    }

    /// A numeric sample of which a summary is left, and the numbers of its rows that were null or NaN.
    #[must_use]
    pub fn from_sketch(sketch: impl Sketch + 'static, nulls: u64, nans: u64) -> Self {
        Self { values: Values::Sketched(Arc::new(sketch)), nulls, nans }
    }

    /// A column of an Arrow table, with the kind its type suggests: numbers are numeric; text, booleans and
    /// dictionaries are categorical.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for dates and timestamps, which move by themselves: every later sample would have drifted. Times
    /// of day are refused too, because no test here knows that midnight lies beside 23:59; so are nested and binary types.
    pub fn from_array(array: &dyn Array) -> Result<Self> {
        let kind = Self::natural_kind(array).ok_or_else(|| column::unsupported(array.data_type()))?;
        Self::from_array_as(array, kind)
    }

    /// A column of an Arrow table as the given kind: integers may be categories. A column of type `Null` is a sample of
    /// any kind whose rows are all missing.
    ///
    /// # Errors
    /// [`Error::Unsupported`] as [`from_array`](Self::from_array); [`Error::SchemaMismatch`] for text as numbers.
    pub fn from_array_as(array: &dyn Array, kind: Kind) -> Result<Self> {
        interrupt::check("read sample")?;
        let sample = match kind {
            Kind::Numeric => column::numbers(array),
            Kind::Categorical => column::categories(array),
        };
        // A column that was being counted is half counted then.
        interrupt::check("read sample")?;
        sample
    }

    /// The kind that the type of `array` suggests; `None` if it is not supported.
    #[must_use]
    pub fn natural_kind(array: &dyn Array) -> Option<Kind> {
        column::natural_kind(array.data_type())
    }

    /// Two columns that are to be compared, both of the kind that their types suggest.
    ///
    /// A column of truth values or a dictionary of numbers is compared with a column of numbers by value, as categories. A
    /// column of type `Null` is of the other's kind.
    ///
    /// # Errors
    /// As [`from_array`](Self::from_array), for either.
    ///
    /// ```
    /// use mlcore::arrow::array::{BooleanArray, Int64Array};
    /// use mlcore_drift::sample::Sample;
    /// use mlcore_drift::two_sample::{ChiSquare, DriftTest};
    ///
    /// let (flags, bits) = (BooleanArray::from(vec![true, false, true]), Int64Array::from(vec![1, 0, 1]));
    /// let (reference, current) = Sample::pair(&flags, &bits)?;
    /// assert_eq!(ChiSquare::default().compare(&reference, &current)?.effect.value, 0.0);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub fn pair(reference: &dyn Array, current: &dyn Array) -> Result<(Self, Self)> {
        let kinds = [reference, current].map(Self::natural_kind);
        let is_text = |array: &dyn Array| Spelling::of(array.data_type()) == Spelling::Text;
        let shared = match kinds {
            [Some(Kind::Categorical), Some(Kind::Numeric)] if !is_text(reference) => Some(Kind::Categorical),
            [Some(Kind::Numeric), Some(Kind::Categorical)] if !is_text(current) => Some(Kind::Categorical),
            [Some(kind), None] if *current.data_type() == DataType::Null => Some(kind),
            [None, Some(kind)] if *reference.data_type() == DataType::Null => Some(kind),
            _ => None,
        };
        match shared {
            Some(kind) => Ok((Self::from_array_as(reference, kind)?, Self::from_array_as(current, kind)?)),
            None => Ok((Self::from_array(reference)?, Self::from_array(current)?)),
        }
    }

    /// A numeric sample of values none of which is NaN, with what they lack of larger integers, and the numbers of missing
    /// rows beside it.
    pub(crate) fn from_present(values: Vec<f64>, remainders: Remainders, nulls: u64, nans: u64) -> Self {
        let remainders = Arc::new(remainders);
        let numbers =
            Numbers { values: values.into(), precision: Precision::Float64, range: None, remainders };
        Self { values: Values::Numeric(numbers), nulls, nans }
    }

    /// The memory of a numeric sample that nobody else holds.
    pub(crate) fn into_values(self) -> Option<Vec<f64>> {
        match self.values {
            Values::Numeric(numbers) => numbers.values.into_inner().into_vec().ok(),
            Values::Sketched(_) | Values::Categorical(_) => None,
        }
    }

    /// What the values are.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.values {
            Values::Numeric(_) | Values::Sketched(_) => Kind::Numeric,
            Values::Categorical(_) => Kind::Categorical,
        }
    }

    /// The number of values, the missing ones not counted.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.values {
            Values::Numeric(numbers) => numbers.values.len() as u64,
            Values::Sketched(sketch) => sketch.len(),
            Values::Categorical(categories) => categories.total(),
        }
    }

    /// Whether it has no value. Its rows may all be missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of rows, missing ones included.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.len() + self.missing()
    }

    /// The rows that were null.
    #[must_use]
    pub fn nulls(&self) -> u64 {
        self.nulls
    }

    /// The rows that were NaN.
    #[must_use]
    pub fn nans(&self) -> u64 {
        self.nans
    }

    /// The rows without a value: nulls and NaNs.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.nulls + self.nans
    }

    /// The share of rows without a value, 0 for a sample without rows.
    #[must_use]
    pub fn missing_rate(&self) -> f64 {
        if self.rows() == 0 { 0.0 } else { self.missing() as f64 / self.rows() as f64 }
    }

    /// The values of a numeric sample, none of them NaN; `None` for categories, and where only a summary is left. Integers
    /// past 2^53 are the nearest floats here; tests compare them exactly.
    #[must_use]
    pub fn values(&self) -> Option<&[f64]> {
        match &self.values {
            Values::Numeric(numbers) => Some(&numbers.values),
            Values::Sketched(_) | Values::Categorical(_) => None,
        }
    }

    /// The summary, where it is all that is left of the values.
    #[must_use]
    pub fn sketch(&self) -> Option<&dyn Sketch> {
        match &self.values {
            Values::Sketched(sketch) => Some(&**sketch),
            Values::Numeric(_) | Values::Categorical(_) => None,
        }
    }

    /// The counts of a categorical sample.
    #[must_use]
    pub fn categories(&self) -> Option<&Categories> {
        match &self.values {
            Values::Numeric(_) | Values::Sketched(_) => None,
            Values::Categorical(categories) => Some(categories),
        }
    }

    /// The counts by value of a sample that has any: those of categories, or of the distinct numbers.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] that names `operation` and `side` (`reference` or `current`) for a sample without values, or
    /// of which only a summary is left.
    pub fn require_counts(&self, operation: &'static str, side: &'static str) -> Result<Cow<'_, Categories>> {
        self.require_values(operation, side)?;
        match &self.values {
            Values::Numeric(numbers) => {
                Ok(Cow::Owned(Categories::of_numbers(&numbers.values, &numbers.remainders)))
            }
            Values::Sketched(sketch) => {
                sketch.counts().map(Cow::Borrowed).ok_or_else(|| summarised(operation, side))
            }
            Values::Categorical(categories) => Ok(Cow::Borrowed(categories)),
        }
    }

    /// What the values lack of integers past 2^53; `None` where they lack nothing.
    pub(crate) fn remainders(&self) -> Option<&Remainders> {
        match &self.values {
            Values::Numeric(numbers) => Some(&*numbers.remainders).filter(|taken| !taken.is_empty()),
            Values::Sketched(_) | Values::Categorical(_) => None,
        }
    }

    /// Ranks in the place of values of two numeric samples, where either holds integers that floats do not tell apart:
    /// a test of order sees the same.
    pub(crate) fn ranked(&self, other: &Self) -> Option<(Self, Self)> {
        self.remainders().or(other.remainders())?;
        let (Values::Numeric(x), Values::Numeric(y)) = (&self.values, &other.values) else { return None };
        let (x, y) = ranks(x.remainders.beside(&x.values), y.remainders.beside(&y.values));
        Some((Self::from_numbers(x), Self::from_numbers(y)))
    }

    /// The smallest value of a sample with integers that floats do not tell apart.
    pub(crate) fn origin(&self) -> Option<i128> {
        let values = self.values()?;
        whole(self.remainders()?.beside(values).min_by(order)?)
    }

    /// A numeric sample as distances from `origin`, which are exact for near integers however large.
    pub(crate) fn distances(&self, origin: i128) -> Self {
        let Values::Numeric(numbers) = &self.values else { return self.clone() };
        let distance = |number| match whole(number) {
            Some(whole) => (whole - origin) as f64,
            None => number.0 - origin as f64,
        };
        let distances = numbers.remainders.beside(&numbers.values).map(distance).collect();
        Self::from_present(distances, Remainders::default(), self.nulls, self.nans)
    }

    /// The finite values of a numeric sample; its infinities are missing then.
    pub(crate) fn finite(&self) -> Cow<'_, Self> {
        let Values::Numeric(numbers) = &self.values else { return Cow::Borrowed(self) };
        let (low, high) = self.range();
        if numbers.values.is_empty() || (low.is_finite() && high.is_finite()) {
            return Cow::Borrowed(self);
        }
        let values: Vec<f64> = numbers.values.iter().copied().filter(|value| value.is_finite()).collect();
        let dropped = (numbers.values.len() - values.len()) as u64;
        // What has infinities came as floats, which lack nothing.
        let finite =
            Numbers { values: values.into(), range: None, remainders: Arc::default(), ..numbers.clone() };
        Cow::Owned(Self { values: Values::Numeric(finite), nulls: self.nulls, nans: self.nans + dropped })
    }

    /// How alike neighbouring rows are, in the order in which they came; `None` where that is not known. The autocorrelation
    /// of numbers is exact where the p-value is at most `level`.
    pub(crate) fn resemblance(&self, level: f64) -> Option<Resemblance> {
        match &self.values {
            Values::Numeric(numbers) => runs::of_numbers(&numbers.values, level),
            Values::Sketched(_) => None,
            Values::Categorical(categories) => categories.resemblance(),
        }
    }

    /// Whether this is a sample of few numbers, each of which occurs often.
    pub(crate) fn is_discrete(&self, most_values: usize, least_repeated: f64) -> bool {
        let Values::Numeric(numbers) = &self.values else { return false };
        let Some(counts) = count_numbers(&numbers.values, most_values) else { return false };
        let counts: Vec<u64> = match numbers.remainders.is_empty() {
            true => counts.into_iter().map(|(_, count)| count).collect(),
            false => {
                let exact = Categories::of_numbers(&numbers.values, &numbers.remainders);
                exact.iter().map(|(_, count)| count).collect()
            }
        };
        let repeated: u64 = counts.iter().filter(|count| **count > 1).sum();
        counts.len() <= most_values && repeated as f64 > least_repeated * numbers.values.len() as f64
    }

    pub(crate) fn precision(&self) -> Precision {
        match self.values {
            Values::Numeric(ref numbers) => numbers.precision,
            Values::Sketched(_) | Values::Categorical(_) => Precision::Float64,
        }
    }

    /// The smallest and the largest value of a numeric sample that has any.
    pub(crate) fn range(&self) -> (f64, f64) {
        match &self.values {
            Values::Numeric(numbers) => numbers.range.unwrap_or_else(|| {
                let ends = extent(&numbers.values);
                (ends.low, ends.high)
            }),
            Values::Sketched(sketch) => sketch.range(),
            Values::Categorical(_) => (f64::INFINITY, f64::NEG_INFINITY),
        }
    }

    /// The values of a numeric sample that has any.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] that names `operation` and `side` (`reference` or `current`) for a sample of categories,
    /// without values, or of which only a summary is left.
    pub fn require_numbers(&self, operation: &'static str, side: &'static str) -> Result<&[f64]> {
        self.require_values(operation, side)?;
        match &self.values {
            Values::Numeric(numbers) => Ok(&numbers.values),
            Values::Sketched(_) => Err(summarised(operation, side)),
            Values::Categorical(_) => Err(Error::invalid_input(
                operation,
                side,
                "it holds categories, and this test compares numbers",
            )
            .remedy("choose a test of categories, such as chi_square or psi")),
        }
    }

    /// Checks that there is a value. Every test asks for its samples so, and stops here when its [caller](interrupt) wants it to.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] that names `operation` and `side` (`reference` or `current`) for a sample without values;
    /// [`Error::Interrupted`].
    pub fn require_values(&self, operation: &'static str, side: &'static str) -> Result<()> {
        interrupt::check(operation)?;
        if !self.is_empty() {
            return Ok(());
        }
        let problem = match self.missing() {
            0 => "the sample is empty".to_owned(),
            missing => format!("the sample has no value: all {missing} rows are missing"),
        };
        Err(Error::invalid_input(operation, side, problem).remedy("pass at least one value in each sample"))
    }

    /// Checks that a current sample is of the reference's kind.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] that names `operation` for one of another kind.
    pub fn require_kind(&self, operation: &'static str, reference: Kind) -> Result<()> {
        if self.kind() == reference {
            return Ok(());
        }
        let problem = format!("the reference is {reference}, the current sample is {}", self.kind());
        Err(Error::invalid_input(operation, "current", problem)
            .remedy("read both columns as the same kind, numeric or categorical"))
    }
}

fn summarised(operation: &'static str, side: &'static str) -> Error {
    Error::invalid_input(
        operation,
        side,
        "only a summary of its numbers is left, and this test needs each of them",
    )
    .remedy("keep the values, or choose a test of bins that were counted, such as psi")
}

impl From<Vec<f64>> for Sample {
    fn from(values: Vec<f64>) -> Self {
        Self::from_numbers(values)
    }
}
