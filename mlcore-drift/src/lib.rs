#![doc = include_str!("../README.md")]
//!
//! # The nouns
//!
//! - A [`Sample`] is one column: its values or counted categories, and how many rows were missing.
//! - A [`DriftTest`](two_sample::DriftTest) compares two samples and answers a [`Score`](two_sample::Score): statistic,
//!   p-value and an effect size. There are [Kolmogorov-Smirnov](two_sample::KolmogorovSmirnov),
//!   [chi-square](two_sample::ChiSquare), the [population stability index](two_sample::psi), the
//!   [missing rate](two_sample::MissingRate), and those that scipy, Evidently, NannyML and frouros have for numbers: see
//!   [`two_sample`].
//! - [`bins`] count two samples in the same bins, for every test that compares histograms.
//! - A [`TableTest`](table::TableTest) compares whole rows and names the columns that carry a change.
//! - A [`Catalog`](catalog::Catalog) finds tests by name, for configurations.
//! - A [`Monitor`] compiles a reference once, gathers a stream of rows into windows and answers each window with a
//!   [`Verdict`].
//! - A [`Report`] compares two tables once, as data, as JSON, or as one self-contained HTML page.
//! - A [`StreamDetector`](stream::StreamDetector) watches one stream of numbers, value by value, in bounded memory.
//!
//! # How it decides
//!
//! A column drifted if its change is certain *and* large: the p-value, corrected for the number of columns, is at most
//! alpha, and the effect size reaches a threshold. A p-value alone alarms for a shift of a hundredth of a standard
//! deviation as soon as there are a million rows; an effect size alone alarms for noise while there are few. The defaults
//! and their reasons stand at [`MonitorOptions`].
//!
//! # What p-values need
//!
//! **Rows must be independent.** Where each row resembles the one before it, as readings of a sensor do, a window says less
//! than its rows are many, and alarms come far too often: [`monitor`] says how often, how a verdict shows it and what helps.
//! **Every window is a test**: by default one quiet window in twenty alarms where no effect is too small to matter
//! ([`WindowCorrection`](monitor::WindowCorrection) holds the rate over all windows).
//!
//! Everything is synchronous and deterministic; nothing starts a thread, reads a clock or opens a file.
//!
//! | feature | adds |
//! |---|---|
//! | `report` (default) | `Report::to_html` and the building blocks of pages, `html` |
//! | `classifier` | `table::DomainClassifier`, by forests of smartcore |
//! | `conformance` | the contracts of `DriftTest`, `TableTest` and `StreamDetector` as test suites, `conformance` |

pub mod bins;
pub mod catalog;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod monitor;
pub mod report;
pub mod sample;
pub mod stream;
pub mod table;
mod tail;
mod text;
pub mod two_sample;
mod vector;

/// The building blocks of pages, which stand in `mlcore`.
#[cfg(feature = "report")]
pub use mlcore::html;

pub use crate::monitor::{Monitor, MonitorOptions, Verdict};
pub use crate::report::{Report, ReportOptions, report};
pub use crate::sample::Sample;
