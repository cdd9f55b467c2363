//! What can be expected.

use serde::{Deserialize, Serialize};

use super::{Bounds, Literal};

/// Which rows an expectation about several columns passes over.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IgnoreRowIf {
    /// Rows without any value: `both_values_are_missing` of a pair.
    #[default]
    AllMissing,
    /// Rows that lack a value: `either_value_is_missing` of a pair.
    AnyMissing,
    /// None: `neither` of a pair.
    Never,
}
mlcore::words! {
    IgnoreRowIf, "ignore_row_if":
    AllMissing = "all_values_are_missing", AnyMissing = "any_value_is_missing", Never = "never",
}

/// How a quantile between two values is computed: numpy's and pandas' words.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Interpolation {
    /// On the line between both.
    Linear,
    /// The lower one.
    Lower,
    /// The higher one.
    Higher,
    /// The mean of both.
    Midpoint,
    /// The nearer one, which Great Expectations takes unless it is told otherwise.
    #[default]
    Nearest,
}
mlcore::words! {
    Interpolation, "interpolation":
    Linear = "linear", Lower = "lower", Higher = "higher", Midpoint = "midpoint", Nearest = "nearest",
}

/// How a column is compared with its reference.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// The p-value of the two-sample Kolmogorov-Smirnov test of numbers, which must exceed the threshold (0.05).
    Ks,
    /// The p-value of the chi-square test of the counts of both, which must exceed the threshold (0.05).
    ChiSquare,
    /// The population stability index over ten bins of equal share of the reference, or over categories, which must be below
    /// the threshold (0.1).
    Psi,
}
mlcore::words! { Measure, "measure": Ks = "ks", ChiSquare = "chi_square", Psi = "psi" }

impl Measure {
    /// The threshold where none is given: 0.05 for p-values, and for the stability index 0.1, below which its literature
    /// speaks of no change.
    pub(super) const fn default_threshold(self) -> f64 {
        match self {
            Self::Ks | Self::ChiSquare => 0.05,
            Self::Psi => 0.1,
        }
    }
}

/// Between which values a quantile lies.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantileRange {
    /// The quantile's share, from 0 to 1.
    pub quantile: f64,
    /// The least value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_value: Option<f64>,
    /// The greatest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_value: Option<f64>,
}

impl QuantileRange {
    /// The range of one quantile.
    #[must_use]
    pub const fn new(quantile: f64, min_value: Option<f64>, max_value: Option<f64>) -> Self {
        Self { quantile, min_value, max_value }
    }
}

const fn yes() -> bool {
    true
}

const fn is_true(flag: &bool) -> bool {
    *flag
}

macro_rules! checks {
    ($($(#[doc = $doc:literal])+ $variant:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* })+) => {
        /// What is expected of a table. Names, parameters and defaults are Great Expectations', without `expect_`; what has no
        /// counterpart there says so.
        ///
        /// ```
        /// use mlcore_features::validate::{Bounds, Check};
        ///
        /// let check = Check::ColumnMeanToBeBetween { column: "age".into(), bounds: Bounds::at_least(18) };
        /// let json = serde_json::to_string(&check)?;
        /// assert_eq!(json, r#"{"expect":"column_mean_to_be_between","column":"age","bounds":{"min_value":18}}"#);
        /// # Ok::<(), serde_json::Error>(())
        /// ```
        ///
        /// *Missing* is null or NaN. Bounds and values are given in the type of the column; dates and times as text.
        #[non_exhaustive]
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
        #[serde(tag = "expect", rename_all = "snake_case", deny_unknown_fields)]
        pub enum Check {
            $($(#[doc = $doc])+ $variant { $($(#[$meta])* $field: $type,)* },)+
        }
    };
}

checks! {
    /// The column is there; at this position, where one is given, the first being 0.
    ColumnToExist {
        /// The column.
        column: String,
        /// Its position.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        column_index: Option<usize>,
    }
    /// The columns are these, in any order; with `exact_match = false` there may be others.
    TableColumnsToMatchSet {
        /// The columns.
        column_set: Vec<String>,
        /// Whether there may be no others.
        #[serde(default = "yes", skip_serializing_if = "is_true")]
        exact_match: bool,
    }
    /// The columns are these, in this order.
    TableColumnsToMatchOrderedList {
        /// The columns.
        column_list: Vec<String>,
    }
    /// There are so many columns.
    TableColumnCountToEqual {
        /// Their number.
        value: u64,
    }
    /// The number of columns is within bounds.
    TableColumnCountToBeBetween {
        /// The bounds.
        bounds: Bounds,
    }
    /// There are so many rows.
    TableRowCountToEqual {
        /// Their number.
        value: u64,
    }
    /// The number of rows is within bounds.
    TableRowCountToBeBetween {
        /// The bounds.
        bounds: Bounds,
    }
    /// The column has this type, by the names of mlcore's types: `int64`, `string`, `timestamp[us, tz=UTC]`.
    ColumnValuesToBeOfType {
        /// The column.
        column: String,
        /// The name of the type.
        type_: String,
    }
    /// The column has one of these types.
    ColumnValuesToBeInTypeList {
        /// The column.
        column: String,
        /// The names of the types.
        type_list: Vec<String>,
    }
    /// Every value is missing.
    ColumnValuesToBeNull {
        /// The column.
        column: String,
    }
    /// No value is missing.
    ColumnValuesToNotBeNull {
        /// The column.
        column: String,
    }
    /// Values are within bounds.
    ColumnValuesToBeBetween {
        /// The column.
        column: String,
        /// The bounds.
        bounds: Bounds,
    }
    /// Values are of a set.
    ColumnValuesToBeInSet {
        /// The column.
        column: String,
        /// The set.
        value_set: Vec<Literal>,
    }
    /// Values are not of a set.
    ColumnValuesToNotBeInSet {
        /// The column.
        column: String,
        /// The set.
        value_set: Vec<Literal>,
    }
    /// A regular expression is found in each text.
    ColumnValuesToMatchRegex {
        /// The column.
        column: String,
        /// The regular expression.
        regex: String,
    }
    /// A regular expression is found in no text.
    ColumnValuesToNotMatchRegex {
        /// The column.
        column: String,
        /// The regular expression.
        regex: String,
    }
    /// One, or with `match_all` every one, of several regular expressions is found in each text.
    ColumnValuesToMatchRegexList {
        /// The column.
        column: String,
        /// The regular expressions.
        regex_list: Vec<String>,
        /// Whether all must be found: Great Expectations' `match_on = "all"`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        match_all: bool,
    }
    /// None of several regular expressions is found in any text.
    ColumnValuesToNotMatchRegexList {
        /// The column.
        column: String,
        /// The regular expressions.
        regex_list: Vec<String>,
    }
    /// Texts have so many characters.
    ColumnValueLengthsToEqual {
        /// The column.
        column: String,
        /// The number of characters.
        value: u64,
    }
    /// The number of characters of texts is within bounds.
    ColumnValueLengthsToBeBetween {
        /// The column.
        column: String,
        /// The bounds.
        bounds: Bounds,
    }
    /// Values are among the keys of a [reference](super::References). Not in Great Expectations.
    ColumnValuesToBeInReference {
        /// The column.
        column: String,
        /// The name of the reference.
        reference: String,
    }
    /// No value occurs twice. Every row of a value that does is unexpected, the first one too.
    ColumnValuesToBeUnique {
        /// The column.
        column: String,
    }
    /// Each value is at least the one before it, missing ones left out; more than it, where `strictly`.
    ColumnValuesToBeIncreasing {
        /// The column.
        column: String,
        /// Whether equal neighbours are unexpected.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        strictly: bool,
    }
    /// Each value is at most the one before it, missing ones left out; less than it, where `strictly`.
    ColumnValuesToBeDecreasing {
        /// The column.
        column: String,
        /// Whether equal neighbours are unexpected.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        strictly: bool,
    }
    /// Numbers are less than so many standard deviations from the mean of the column; with `double_sided = false` above it only.
    ColumnValueZScoresToBeLessThan {
        /// The column.
        column: String,
        /// The number of standard deviations.
        threshold: f64,
        /// Whether both sides count.
        #[serde(default = "yes", skip_serializing_if = "is_true")]
        double_sided: bool,
    }
    /// The smallest value is within bounds.
    ColumnMinToBeBetween {
        /// The column.
        column: String,
        /// The bounds.
        bounds: Bounds,
    }
    /// The greatest value is within bounds.
    ColumnMaxToBeBetween {
        /// The column.
        column: String,
        /// The bounds.
        bounds: Bounds,
    }
    /// The mean is within bounds.
    ColumnMeanToBeBetween {
        /// The column.
        column: String,
        /// The bounds.
        bounds: Bounds,
    }
    /// The median is within bounds.
    ColumnMedianToBeBetween {
        /// The column.
        column: String,
        /// The bounds.
        bounds: Bounds,
    }
    /// The standard deviation, with n - 1, is within bounds.
    ColumnStdevToBeBetween {
        /// The column.
        column: String,
        /// The bounds.
        bounds: Bounds,
    }
    /// The sum is within bounds; of no value it is 0.
    ColumnSumToBeBetween {
        /// The column.
        column: String,
        /// The bounds.
        bounds: Bounds,
    }
    /// Quantiles are within ranges, or next to them: within 1e-4 of an end, relative to it, as Great Expectations has it.
    ColumnQuantileValuesToBeBetween {
        /// The column.
        column: String,
        /// The ranges.
        quantile_ranges: Vec<QuantileRange>,
        /// How a quantile between two values is computed: Great Expectations' `allow_relative_error`.
        #[serde(default)]
        interpolation: Interpolation,
    }
    /// The number of distinct values is within bounds.
    ColumnUniqueValueCountToBeBetween {
        /// The column.
        column: String,
        /// The bounds.
        bounds: Bounds,
    }
    /// The number of distinct values over that of values is within bounds; 0 where there is none.
    ColumnProportionOfUniqueValuesToBeBetween {
        /// The column.
        column: String,
        /// The bounds.
        bounds: Bounds,
    }
    /// The share of rows whose value is not missing is within bounds; 0 where there is no row.
    ColumnProportionOfNonNullValuesToBeBetween {
        /// The column.
        column: String,
        /// The bounds.
        bounds: Bounds,
    }
    /// All distinct values are of a set.
    ColumnDistinctValuesToBeInSet {
        /// The column.
        column: String,
        /// The set.
        value_set: Vec<Literal>,
    }
    /// All values of a set occur.
    ColumnDistinctValuesToContainSet {
        /// The column.
        column: String,
        /// The set.
        value_set: Vec<Literal>,
    }
    /// The distinct values are those of a set.
    ColumnDistinctValuesToEqualSet {
        /// The column.
        column: String,
        /// The set.
        value_set: Vec<Literal>,
    }
    /// The most common value is of a set; where several are, one of them with `ties_okay`, and otherwise it fails.
    ColumnMostCommonValueToBeInSet {
        /// The column.
        column: String,
        /// The set.
        value_set: Vec<Literal>,
        /// Whether several values may be the most common ones.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        ties_okay: bool,
    }
    /// The newest date or timestamp is at most so old, by the [clock that is handed in](super::RunOptions::with_now). A date is its
    /// first moment, and what has no zone is in UTC. Not in Great Expectations' core.
    ColumnNewestValueToBeWithin {
        /// The column.
        column: String,
        /// The age in seconds.
        max_age_seconds: f64,
    }
    /// The column looks like a [reference](super::References). Not in Great Expectations' paved path.
    ColumnDistributionToMatchReference {
        /// The column.
        column: String,
        /// The name of the reference.
        reference: String,
        /// How they are compared.
        measure: Measure,
        /// The threshold of the measure, where it is not the measure's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        threshold: Option<f64>,
    }
    /// Both values are equal.
    ColumnPairValuesToBeEqual {
        /// The first column.
        #[serde(alias = "column_A")]
        column_a: String,
        /// The second column.
        #[serde(alias = "column_B")]
        column_b: String,
        /// Which rows are passed over.
        #[serde(default)]
        ignore_row_if: IgnoreRowIf,
    }
    /// The first value is greater than the second, or equal to it with `or_equal`.
    ColumnPairValuesAToBeGreaterThanB {
        /// The first column.
        #[serde(alias = "column_A")]
        column_a: String,
        /// The second column.
        #[serde(alias = "column_B")]
        column_b: String,
        /// Whether they may be equal.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        or_equal: bool,
        /// Which rows are passed over.
        #[serde(default)]
        ignore_row_if: IgnoreRowIf,
    }
    /// The pair of values is one of these.
    ColumnPairValuesToBeInSet {
        /// The first column.
        #[serde(alias = "column_A")]
        column_a: String,
        /// The second column.
        #[serde(alias = "column_B")]
        column_b: String,
        /// The pairs.
        value_pairs_set: Vec<(Literal, Literal)>,
        /// Which rows are passed over.
        #[serde(default)]
        ignore_row_if: IgnoreRowIf,
    }
    /// The values of a row add up to this.
    MulticolumnSumToEqual {
        /// The columns.
        column_list: Vec<String>,
        /// The sum.
        sum_total: f64,
        /// Which rows are passed over.
        #[serde(default)]
        ignore_row_if: IgnoreRowIf,
    }
    /// The values of a row are equal; missing ones are equal to each other.
    MulticolumnValuesToBeEqual {
        /// The columns.
        column_list: Vec<String>,
        /// Which rows are passed over.
        #[serde(default)]
        ignore_row_if: IgnoreRowIf,
    }
    /// The values of a row are all different; missing ones are equal to each other.
    SelectColumnValuesToBeUniqueWithinRecord {
        /// The columns.
        column_list: Vec<String>,
        /// Which rows are passed over.
        #[serde(default)]
        ignore_row_if: IgnoreRowIf,
    }
    /// No two rows have the same values in these columns; missing ones are equal to each other.
    CompoundColumnsToBeUnique {
        /// The columns.
        column_list: Vec<String>,
        /// Which rows are passed over.
        #[serde(default)]
        ignore_row_if: IgnoreRowIf,
    }
}
