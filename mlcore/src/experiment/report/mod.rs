//! What an experiment found, in all metrics and segments, as text, JSON and a page.

mod experiment;
mod finding;
mod metric;
mod page;
mod text;
mod warning;

use serde::{Deserialize, Serialize};

pub use self::experiment::{Arm, Experiment};
pub use self::finding::{Decision, Finding};
pub use self::metric::Metric;
pub use self::warning::Warning;

use super::{Answer, Effect, EffectOptions, Trend};
use crate::error::{Error, Result};
use crate::stats::Correction;

/// What an [`Experiment`] found. Warnings come first: where units were not assigned as planned no decision is made.
///
/// ```
/// use mlcore::experiment::{Arm, Decision, Experiment, Metric, PreferredDirection};
///
/// let mut experiment = Experiment::new("banner", [Arm::new("off", 1.0, 5_000), Arm::new("on", 1.0, 5_000)])?;
/// experiment.add(Metric::new("clicked", PreferredDirection::Increase).proportions([(500, 5_000), (620, 5_000)]))?;
/// let report = experiment.report()?;
/// assert_eq!(report.findings[0].decision, Decision::Better);
/// assert!(report.warnings.is_empty() && report.to_html().contains("clicked"));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The experiment.
    pub name: String,
    /// The arms; the first is the control.
    pub arms: Vec<Arm>,
    /// How effects were compared.
    pub options: EffectOptions,
    /// How p-values were corrected for being many.
    pub correction: Correction,
    /// The p-value of "units were assigned by the weights".
    pub srm_pvalue: f64,
    /// What to know before any number is believed, the gravest first.
    pub warnings: Vec<Warning>,
    /// A finding for each metric, segment and treatment, in the order they were added.
    pub findings: Vec<Finding>,
    /// The effects of single days, of metrics that have them.
    pub days: Vec<Daily>,
}

/// The effects of single days on one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Daily {
    /// The metric.
    pub metric: String,
    /// Day and effect.
    pub effects: Vec<(f64, Answer<Effect>)>,
    /// Their trend.
    pub trend: Answer<Trend>,
}

impl Report {
    /// The report as text of at most some lines for each finding.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::render(self)
    }

    /// The report as JSON, which [`from_json`](Self::from_json) reads.
    ///
    /// # Errors
    /// [`Error::Internal`] where it cannot be written.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|cause| Error::internal("write report", &self.name, cause.to_string()).caused_by(cause))
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for any other text.
    pub fn from_json(json: &str) -> Result<Self> {
        serde_json::from_str(json)
            .map_err(|cause| Error::corrupt("read report", "", cause.to_string()).caused_by(cause))
    }

    /// The report as one page that loads and runs nothing, with the intervals drawn. Every name is escaped.
    #[must_use]
    pub fn to_html(&self) -> String {
        page::page(self).to_html()
    }

    /// The report as a piece of another page, such as a notebook's output.
    #[must_use]
    pub fn to_fragment(&self) -> String {
        page::page(self).to_fragment()
    }
}
