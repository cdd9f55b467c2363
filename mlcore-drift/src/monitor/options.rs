//! What a monitor watches and when it speaks.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlcore::stats::{Correction, KsOptions};
use mlcore::{Error, Result};

use crate::sample::Kind;
use crate::two_sample::{ChiSquare, DriftTest, KolmogorovSmirnov, MissingRate};

/// Options of a [`Monitor`](super::Monitor) and of a [`Report`](crate::report::Report). The defaults, with their reasons:
///
/// | option | default | why |
/// |---|---|---|
/// | `numeric_test` | [`KolmogorovSmirnov`], exact up to [`MAX_EXACT_N`] values | sees shifts, spreads and shapes without a choice of bins |
/// | `discrete_test` | [`ChiSquare`] | Kolmogorov-Smirnov is blind on heavily tied columns |
/// | `categorical_test` | [`ChiSquare`] | |
/// | `minimum_effect` | per test: D 0.05, V 0.05, PSI 0.1, missing rate 0.02 | a p-value alone rejects 0.01 standard deviations at a million rows |
/// | `alpha` | 0.05 | the expected share of false alarms among the alarms of a window |
/// | `correction` | Benjamini-Hochberg | with 50 columns at 0.05 and none, 92 of 100 windows would alarm falsely |
/// | `window_rows` | 1,000 | a shift of 0.2 standard deviations is seen in nearly every window |
/// | `min_samples` | 100 | below it only changes of a quarter of the rows could be told from chance |
/// | `max_categories` | 10,000 | bounds the memory of a window whatever categories arrive |
///
/// ```
/// use mlcore_drift::monitor::{ColumnOptions, MonitorOptions};
/// use mlcore_drift::two_sample::Psi;
///
/// let options = MonitorOptions::default()
///     .with_window_rows(2000)
///     .with_column("amount", ColumnOptions::default().with_test(Psi::default()).with_minimum_effect(0.2));
/// assert_eq!(options.window_rows, 2000);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MonitorOptions {
    /// The test of numeric columns.
    pub numeric_test: Arc<dyn DriftTest>,
    /// The test of numeric columns with at most [`MOST_DISCRETE_VALUES`] distinct values in the reference.
    pub discrete_test: Arc<dyn DriftTest>,
    /// The test of categorical columns.
    pub categorical_test: Arc<dyn DriftTest>,
    /// The error rate, over all tests of a window, that the correction controls.
    pub alpha: f64,
    /// How p-values are corrected for the number of tests of a window.
    pub correction: Correction,
    /// The rows of a tumbling window.
    pub window_rows: usize,
    /// The fewest values of either sample that a test is made with.
    pub min_samples: u64,
    /// The most distinct categories of a column that a window keeps apart.
    pub max_categories: usize,
    /// The columns to watch; `None` for all whose type is supported.
    pub columns: Option<Vec<String>>,
    /// What is different for single columns.
    pub overrides: BTreeMap<String, ColumnOptions>,
    /// Smallest effects by name of test, instead of [`DriftTest::default_minimum_effect`].
    pub minimum_effects: BTreeMap<String, f64>,
}

/// Up to this many values of the reference and the window a monitor computes the exact p-value of Kolmogorov-Smirnov.
///
/// Beyond, it takes the asymptotic one, `method="asymp"` in scipy: the exact one takes time in proportion to the product of
/// the sizes, for every column of every window, to change digits that no alarm depends on. A report, made once, stays
/// with scipy's 10,000; a monitor does with `MonitorOptions::numeric_test(KolmogorovSmirnov::default())`.
pub const MAX_EXACT_N: usize = 1_000;

/// A numeric column with at most this many distinct values is compared by value.
pub const MOST_DISCRETE_VALUES: usize = 20;

impl Default for MonitorOptions {
    fn default() -> Self {
        Self {
            numeric_test: Arc::new(KolmogorovSmirnov::new(KsOptions::default().with_max_auto_n(MAX_EXACT_N))),
            discrete_test: Arc::new(ChiSquare::default()),
            categorical_test: Arc::new(ChiSquare::default()),
            alpha: 0.05,
            correction: Correction::BenjaminiHochberg,
            window_rows: 1000,
            min_samples: 100,
            max_categories: 10_000,
            columns: None,
            overrides: BTreeMap::new(),
            minimum_effects: BTreeMap::new(),
        }
    }
}

impl MonitorOptions {
    /// Sets the test of numeric columns, discrete ones included.
    #[must_use]
    pub fn with_numeric_test(mut self, test: impl DriftTest + 'static) -> Self {
        self.numeric_test = Arc::new(test);
        self.discrete_test = self.numeric_test.clone();
        self
    }

    /// Sets the test of categorical columns.
    #[must_use]
    pub fn with_categorical_test(mut self, test: impl DriftTest + 'static) -> Self {
        self.categorical_test = Arc::new(test);
        self
    }

    /// Sets the error rate.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets the correction for many tests.
    #[must_use]
    pub fn with_correction(mut self, correction: Correction) -> Self {
        self.correction = correction;
        self
    }

    /// Sets the rows of a window.
    #[must_use]
    pub fn with_window_rows(mut self, rows: usize) -> Self {
        self.window_rows = rows;
        self
    }

    /// Sets the fewest values that a test is made with.
    #[must_use]
    pub fn with_min_samples(mut self, values: u64) -> Self {
        self.min_samples = values;
        self
    }

    /// Sets how many categories a window keeps apart.
    #[must_use]
    pub fn with_max_categories(mut self, most: usize) -> Self {
        self.max_categories = most;
        self
    }

    /// Watches only these columns.
    #[must_use]
    pub fn with_columns(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.columns = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Sets what is different for one column.
    #[must_use]
    pub fn with_column(mut self, name: impl Into<String>, options: ColumnOptions) -> Self {
        self.overrides.insert(name.into(), options);
        self
    }

    /// Sets the smallest effect that counts as drift for the test of this name (`ks`, `psi`, `chi_square`,
    /// `missing_rate`).
    #[must_use]
    pub fn with_minimum_effect(mut self, test: impl Into<String>, effect: f64) -> Self {
        self.minimum_effects.insert(test.into(), effect);
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let problem = |subject: &str, problem: String| Err(Error::invalid_input(OPERATION, subject, problem));
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return problem("alpha", format!("{} is not between 0 and 1", self.alpha));
        }
        if self.window_rows == 0 {
            return problem("window_rows", "a window of 0 rows never ends".into());
        }
        if self.window_rows > MOST_WINDOW_ROWS {
            return problem("window_rows", format!("{} rows; at most {MOST_WINDOW_ROWS}", self.window_rows));
        }
        let effects = self.overrides.values().filter_map(|column| column.minimum_effect);
        if let Some(bad) =
            effects.chain(self.minimum_effects.values().copied()).find(|e| e.is_nan() || *e < 0.0)
        {
            return problem("minimum effect", format!("{bad} is no size of an effect; it starts at 0"));
        }
        self.check_test_names()
    }

    /// A threshold for a test that nobody makes would be ignored in silence.
    fn check_test_names(&self) -> Result<()> {
        let missing_rate = MissingRate;
        let shared = [&self.numeric_test, &self.discrete_test, &self.categorical_test];
        let own = self.overrides.values().filter_map(|column| column.test.as_ref());
        let mut names: Vec<&str> = shared.into_iter().chain(own).map(|test| test.name()).collect();
        names.push(missing_rate.name());
        names.sort_unstable();
        names.dedup();
        match self.minimum_effects.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(unknown) => {
                let problem = format!("no column is tested by it; the tests are {}", names.join(", "));
                Err(Error::invalid_input(OPERATION, format!("minimum effect of {unknown}"), problem))
            }
        }
    }

    /// The smallest effect that counts for `test` on the column `name`.
    pub(super) fn minimum_effect_of(&self, name: &str, test: &dyn DriftTest) -> f64 {
        let own = self.overrides.get(name).and_then(|column| column.minimum_effect);
        own.or_else(|| self.minimum_effects.get(test.name()).copied())
            .unwrap_or_else(|| test.default_minimum_effect())
    }
}

pub(super) const OPERATION: &str = "make monitor";
/// A window is kept in memory, eight bytes per numeric value: this many rows are two gigabytes for a single column.
const MOST_WINDOW_ROWS: usize = 1 << 28;

/// What is different for one column.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ColumnOptions {
    /// Its test.
    pub test: Option<Arc<dyn DriftTest>>,
    /// The smallest effect of that test that counts as drift.
    pub minimum_effect: Option<f64>,
    /// Its kind, where the type suggests another: integers that are codes.
    pub kind: Option<Kind>,
}

impl ColumnOptions {
    /// Sets the test.
    #[must_use]
    pub fn with_test(mut self, test: impl DriftTest + 'static) -> Self {
        self.test = Some(Arc::new(test));
        self
    }

    /// Sets the smallest effect that counts as drift.
    #[must_use]
    pub fn with_minimum_effect(mut self, effect: f64) -> Self {
        self.minimum_effect = Some(effect);
        self
    }

    /// Reads the column as this kind.
    #[must_use]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }
}
