//! What a monitor watches and when it speaks.

use std::collections::BTreeMap;

use mlcore::stats::Correction;
use mlcore::{Error, Result};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};

use super::preset::{MAX_EXACT_N, Preset, is_discrete};
use super::spending::WindowCorrection;
use crate::catalog::{Catalog, TestSpec, names_and_values, read_by_name, read_named};
use crate::sample::{Kind, Sample};
use crate::two_sample::{DriftTest, MissingRate};

/// Options of a [`Monitor`](super::Monitor) and of a [`Report`](crate::report::Report). The defaults, with their reasons:
///
/// | option | default | why |
/// |---|---|---|
/// | `preset` | [`Preset::Default`] | Kolmogorov-Smirnov and chi-square, for the reasons that stand there; Evidently's and NannyML's decisions are the others |
/// | `minimum_effect` | per test: D 0.05, V 0.05, PSI 0.1, missing rate 0.02 | a p-value alone rejects 0.01 standard deviations at a million rows |
/// | `max_exact_n` | [`MAX_EXACT_N`] | an exact p-value of each column of each window takes its time |
/// | `alpha` | 0.05 | the expected share of false alarms among the alarms of a window; where nothing changed, the share of windows that alarm |
/// | `drift_share` | none: one drifted column is enough | p-values are corrected for the number of columns already; Evidently's default is 0.5, after which one column in three may drift unseen |
/// | `correction` | Benjamini-Hochberg | with 50 columns at 0.05 and none, 92 of 100 windows would alarm falsely |
/// | `window_correction` | [`WindowCorrection::None`] | each window by itself, as who looks at one expects; one quiet window in twenty alarms |
/// | `window_rows` | 1,000 | a shift of 0.2 standard deviations is seen in nearly every window |
/// | `thin` | 1 | every row; more where [rows depend on each other](crate::monitor#rows-must-be-independent) |
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
///
/// They stand in a configuration file as well; what is not named there has its default:
///
/// ```
/// use mlcore_drift::Monitor;
/// use mlcore_drift::monitor::MonitorOptions;
///
/// let json = r#"{
///     "window_rows": 500,
///     "correction": "holm",
///     "numeric_test": {"name": "psi", "bins": 20},
///     "categorical_test": "chi_square",
///     "minimum_effects": {"psi": 0.2},
///     "column_options": {"zip": {"kind": "categorical"}}
/// }"#;
/// let options: MonitorOptions = serde_json::from_str(json).unwrap();
/// assert_eq!(options.numeric_test.unwrap().name(), "psi");
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MonitorOptions {
    /// Which test a column gets for which no test is given below. In a configuration it sets what its rule decides by, too, where
    /// that is not named: `correction`, `drift_share` and `min_samples`.
    pub preset: Preset,
    /// The test of numeric columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numeric_test: Option<TestSpec>,
    /// The test of numeric columns with at most [`MOST_DISCRETE_VALUES`](super::MOST_DISCRETE_VALUES) distinct values in
    /// the reference; `None` for `numeric_test`, and the preset's without that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discrete_test: Option<TestSpec>,
    /// The test of categorical columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categorical_test: Option<TestSpec>,
    /// Up to this many values the tests of the preset compute p-values exactly where that takes its time.
    pub max_exact_n: usize,
    /// The error rate, over all tests of a window, that the correction controls.
    pub alpha: f64,
    /// How p-values are corrected for the number of tests of a window.
    pub correction: Correction,
    /// The share of the compared columns, above 0 and up to 1, from which on the data as a whole drifted; `None` for one column.
    /// A test of whole rows that finds drift is enough in either case. Evidently's option of this name has the default 0.5.
    pub drift_share: Option<f64>,
    /// What is controlled over many windows.
    pub window_correction: WindowCorrection,
    /// The rows of a tumbling window.
    pub window_rows: usize,
    /// Thinning: of every so many rows of traffic and reference one is taken, so that the rows that are taken depend less on
    /// each other. Windows count the rows that are taken.
    pub thin: usize,
    /// The fewest values of either sample that a test is made with.
    pub min_samples: u64,
    /// The most distinct categories of a column that a window keeps apart.
    pub max_categories: usize,
    /// The columns to watch; `None` for all whose type is supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// What is different for single columns.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub column_options: BTreeMap<String, ColumnOptions>,
    /// Smallest effects by name of test, instead of [`DriftTest::default_minimum_effect`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub minimum_effects: BTreeMap<String, f64>,
    /// The tests that names stand for; no part of what is written.
    #[serde(skip)]
    pub catalog: Catalog,
}

impl Default for MonitorOptions {
    fn default() -> Self {
        Self {
            preset: Preset::default(),
            numeric_test: None,
            discrete_test: None,
            categorical_test: None,
            max_exact_n: MAX_EXACT_N,
            alpha: 0.05,
            correction: Correction::BenjaminiHochberg,
            drift_share: None,
            window_correction: WindowCorrection::default(),
            window_rows: 1000,
            thin: 1,
            min_samples: 100,
            max_categories: 10_000,
            columns: None,
            column_options: BTreeMap::new(),
            minimum_effects: BTreeMap::new(),
            catalog: Catalog::default(),
        }
    }
}

impl MonitorOptions {
    /// Sets which test a column gets for which no test is given, and with it [`correction`](Self::correction),
    /// [`drift_share`](Self::drift_share) and [`min_samples`](Self::min_samples): call it before what changes one of these.
    ///
    /// ```
    /// use mlcore_drift::monitor::{MonitorOptions, Preset};
    ///
    /// let options = MonitorOptions::default().with_preset(Preset::Evidently).with_alpha(0.01);
    /// assert_eq!((options.correction.name(), options.drift_share, options.min_samples), ("none", Some(0.5), 1));
    /// let read: MonitorOptions = serde_json::from_str(r#"{"preset": "evidently", "drift_share": 0.3}"#).unwrap();
    /// assert_eq!((read.correction.name(), read.drift_share), ("none", Some(0.3)));
    /// ```
    #[must_use]
    pub fn with_preset(mut self, preset: Preset) -> Self {
        self.preset = preset;
        self.correction = preset.correction();
        self.drift_share = preset.drift_share();
        self.min_samples = preset.min_samples();
        self
    }

    /// Sets up to how many values the tests of the preset are exact.
    #[must_use]
    pub fn with_max_exact_n(mut self, values: usize) -> Self {
        self.max_exact_n = values;
        self
    }

    /// Sets the test of numeric columns, discrete ones included.
    #[must_use]
    pub fn with_numeric_test(mut self, test: impl Into<TestSpec>) -> Self {
        self.numeric_test = Some(test.into());
        self.discrete_test = None;
        self
    }

    /// Sets the test of numeric columns with few distinct values.
    #[must_use]
    pub fn with_discrete_test(mut self, test: impl Into<TestSpec>) -> Self {
        self.discrete_test = Some(test.into());
        self
    }

    /// Sets the test of categorical columns.
    #[must_use]
    pub fn with_categorical_test(mut self, test: impl Into<TestSpec>) -> Self {
        self.categorical_test = Some(test.into());
        self
    }

    /// Sets the tests that names stand for: those of this crate and your own.
    #[must_use]
    pub fn with_catalog(mut self, catalog: Catalog) -> Self {
        self.catalog = catalog;
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

    /// Sets the share of drifted columns from which on the data as a whole drifted.
    #[must_use]
    pub fn with_drift_share(mut self, share: f64) -> Self {
        self.drift_share = Some(share);
        self
    }

    /// Sets what is controlled over many windows.
    #[must_use]
    pub fn with_window_correction(mut self, correction: WindowCorrection) -> Self {
        self.window_correction = correction;
        self
    }

    /// Takes one of every so many rows.
    #[must_use]
    pub fn with_thin(mut self, rows: usize) -> Self {
        self.thin = rows;
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
        self.column_options.insert(name.into(), options);
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
        if let Some(share) = self.drift_share.filter(|share| !(*share > 0.0 && *share <= 1.0)) {
            let problem = format!("{share} is no share of the columns above 0 and up to 1");
            return Err(Error::invalid_input(OPERATION, "drift_share", problem)
                .remedy("leave it out: then one drifted column is enough"));
        }
        if self.window_rows == 0 {
            return problem("window_rows", "a window of 0 rows never ends".into());
        }
        if self.thin == 0 {
            return problem("thin", "every 0th row is none; 1 takes every row".into());
        }
        if self.window_rows > MOST_WINDOW_ROWS {
            return problem("window_rows", format!("{} rows; at most {MOST_WINDOW_ROWS}", self.window_rows));
        }
        let effects = self.column_options.values().filter_map(|column| column.minimum_effect);
        if let Some(bad) =
            effects.chain(self.minimum_effects.values().copied()).find(|e| !(e.is_finite() && *e >= 0.0))
        {
            let problem = format!("{bad} is no size of an effect: a number from 0 on");
            return Err(Error::invalid_input(OPERATION, "minimum effect", problem)
                .remedy("leave columns out that should never drift: set the option columns"));
        }
        self.check_test_names()
    }

    /// A threshold for a test that nobody makes would be ignored in silence.
    fn check_test_names(&self) -> Result<()> {
        let shared = [&self.numeric_test, &self.discrete_test, &self.categorical_test];
        let own = self.column_options.values().map(|column| &column.test);
        let named = shared.into_iter().chain(own).flatten().map(|test| test.name().to_owned());
        let mut names: Vec<String> = named.chain([MissingRate::default().name().to_owned()]).collect();
        if self.numeric_test.is_none() || self.categorical_test.is_none() {
            names.extend(self.preset.names());
        }
        names.sort_unstable();
        names.dedup();
        match self.minimum_effects.keys().find(|name| !names.contains(name)) {
            None => Ok(()),
            Some(unknown) => {
                let problem = format!("no column is tested by it; the tests are {}", names.join(", "));
                Err(Error::invalid_input(OPERATION, format!("minimum effect of {unknown}"), problem))
            }
        }
    }

    /// The test of the column `name` that is asked for; `None` for the preset's.
    pub(super) fn given_test(&self, name: &str, reference: &Sample) -> Option<TestSpec> {
        let own = self.column_options.get(name).and_then(|own| own.test.as_ref());
        let by_kind = || match reference.kind() {
            Kind::Categorical => self.categorical_test.as_ref(),
            Kind::Numeric if self.discrete_test.is_some() && is_discrete(reference) => {
                self.discrete_test.as_ref()
            }
            Kind::Numeric => self.numeric_test.as_ref(),
        };
        own.or_else(by_kind).cloned()
    }

    /// The smallest effect that counts for `test` on the column `name`, where one is asked for.
    pub(super) fn given_minimum_effect(&self, name: &str, test: &dyn DriftTest) -> Option<f64> {
        let own = self.column_options.get(name).and_then(|column| column.minimum_effect);
        own.or_else(|| self.minimum_effects.get(test.name()).copied())
    }
}

impl Serialize for MonitorOptions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for MonitorOptions {
    /// What is not named has the default of the preset that is.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut named = names_and_values(deserializer)?;
        if let Some(Ok(preset)) = named.get("preset").map(Preset::deserialize) {
            let rule = [
                ("correction", preset.correction().name().into()),
                ("drift_share", preset.drift_share().into()),
                ("min_samples", preset.min_samples().into()),
            ];
            for (option, value) in rule {
                named.entry(option).or_insert(value);
            }
        }
        read_named(named, |named| Self::deserialize(named)).map_err(D::Error::custom)
    }
}

pub(super) const OPERATION: &str = "make monitor";
/// A window is kept in memory, eight bytes per numeric value: this many rows are two gigabytes for a single column.
const MOST_WINDOW_ROWS: usize = 1 << 28;

/// What is different for one column.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ColumnOptions {
    /// Its test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<TestSpec>,
    /// The smallest effect of that test that counts as drift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_effect: Option<f64>,
    /// Its kind, where the type suggests another: integers that are codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
}

read_by_name!(ColumnOptions);

impl ColumnOptions {
    /// Sets the test.
    #[must_use]
    pub fn with_test(mut self, test: impl Into<TestSpec>) -> Self {
        self.test = Some(test.into());
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
