//! Detectors of changes in a stream of numbers, one value at a time, in bounded memory.
//!
//! ```
//! use mlcore_drift::stream::{Adwin, Algorithm, StreamDetector};
//!
//! let mut adwin = Adwin::default().with_delta(0.01).start()?;
//! for i in 0..2000 {
//!     let value = if i < 1000 { 0.2 } else { 0.8 } + f64::from(i % 5) * 0.01;
//!     if adwin.update(value)?.is_drift() {
//!         println!("the mean changed before value {i}; it is {} now", adwin.estimation());
//!     }
//! }
//! assert_eq!(adwin.counts().detections, 1);
//! # Ok::<(), mlcore::Error>(())
//! ```
//!
//! A detector's parameters are a struct such as [`Adwin`], an [`Algorithm`]; [`start`](Algorithm::start) makes a [`Stream`] of
//! it, and every stream is a [`StreamDetector`]. By name and parameters, as configurations and Python have them:
//! [`start_named`].
//!
//! # Which one
//!
//! **One number with a stated rate of false alarms**: [`Watch`]. **A change of any kind, with a bounded probability of ever
//! alarming falsely**: [`ConformalMartingale`]. **The numbers that users of river and frouros know**: the others, detection by
//! detection. Most of these promise no rate: a default threshold that is right for one stream is deaf or noisy for another.
//! [`calibration`] measures it on streams that do not change.
//!
//! | detector | watches | parameters | source | memory | false alarms |
//! |---|---|---|---|---|---|
//! | [`Adwin`] | mean of numbers | `delta`, `clock`, `max_buckets`, `min_window_length`, `grace_period` | river | log of the window | bounded per check |
//! | [`PageHinkley`] | mean of numbers of a known scale | `min_instances`, `delta`, `threshold`, `alpha`, `mode` | river | 5 numbers | not promised |
//! | [`Kswin`] | distribution of numbers | `alpha`, `window_size`, `stat_size`, `seed`, `window` | river | the window | `alpha` per test, a test per value |
//! | [`Ddm`] | error rate, rising | `warm_start`, `warning_threshold`, `drift_threshold` | river | 4 numbers | not promised |
//! | [`Eddm`] | distance of errors, falling | `warm_start`, `alpha`, `beta` | river | 7 numbers | not promised |
//! | [`HddmA`] | mean of numbers in 0..1 | `drift_confidence`, `warning_confidence`, `two_sided_test` | river | 6 numbers | bounded per cut point |
//! | [`HddmW`] | recent mean of numbers in 0..1 | the same, `lambda_val` | river | 17 numbers | bounded per cut point |
//! | [`Fhddm`] | share of right answers, falling | `sliding_window_size`, `confidence_level`, `short_window_size` | river | the window in bits | bounded per window |
//! | [`Cusum`] | numbers of a known scale, rising | `delta`, `lambda_`, `min_num_instances` | frouros | 3 numbers | not promised |
//! | [`GeometricMovingAverage`] | numbers of a known scale, rising | `alpha`, `lambda_`, `min_num_instances` | frouros | 3 numbers | not promised |
//! | [`Stepd`] | share of right answers | `alpha_d`, `alpha_w`, `min_num_instances` | frouros | the window in bits | `alpha_d` per test, a test per value |
//! | [`Rddm`] | error rate, rising | `warning_level`, `drift_level`, sizes | frouros | `min_concept_size` bits | not promised |
//! | [`EcddWt`] | recent error rate, rising | `lambda_`, `average_run_length`, `warning_level` | frouros | 3 numbers | `average_run_length`, fitted |
//! | [`Bocd`] | mean of normal numbers of a known variance | prior, `data_var`, `hazard`, `max_run_lengths` | frouros | `max_run_lengths` runs | not promised |
//! | [`ConformalMartingale`] | order of numbers of any distribution | `alpha`, `strangeness`, `betting`, `memory`, `seed` | Vovk | the bag | **`alpha`, ever** |
//! | [`Watch`] | one bounded number against a baseline | `baseline`, `direction`, `delta`, range, budget | Shin, Ramdas, Rinaldo | 16 numbers | **the budget** |
//!
//! Measured at the defaults, in false alarms per 1,000 values, over 2,000 streams of 1,000 unchanged values (normal ones, ones at a
//! rate of 0.1, uniform ones from 0 to 1; the topic `calibration` of the benches, by [`calibration`]): none by ADWIN, HDDM_A, HDDM_W,
//! FHDDM and GMA; `Watch` 0.05 (promised 0.1), CUSUM 0.2, Page-Hinkley 0.4, STEPD 0.4 (nominally 3), DDM 0.7, KSWIN 1.2 (nominally
//! 5), RDDM 2.0, EDDM 2.2, BOCD 2.3, ECDD 2.6 (nominally 2.5); the martingale in 1 of 1,000 streams (promised 10).
//!
//! Every value costs some nanoseconds, but for KSWIN (microseconds), the martingale (a fraction of one) and BOCD (at most some
//! microseconds).
//!
//! # What is the same for all
//!
//! - **After a detection** the next number begins a new stream, as in river. frouros' detectors go on telling every value
//!   until somebody resets them; `restart = false` does that. RDDM restarts by itself.
//! - **NaN and infinities, and numbers beyond [`LARGEST`]**, are no values: they are ignored and counted
//!   ([`Counts::ignored`]), answered [`Signal::Ignored`], and change nothing else. A sensor that sends nothing else is seen in
//!   that count. (A NaN makes most detectors of river deaf for ever.)
//! - **Values that a detector does not take**, such as 0.5 for an error, are
//!   [`Error::InvalidInput`], and change nothing. (river and frouros compute with them.)
//! - **Constants** and ties are ordinary streams.
//! - **Saved and restored**, a detector goes on bit for bit ([`DetectorState`]).
//!
//! # What differs from river 0.26.1 and frouros 0.9
//!
//! | detector | there | here | why |
//! |---|---|---|---|
//! | `ADWIN.n_detections` | begins at 0 after every detection | counts all of them | it is documented as the total |
//! | `ADWIN.variance` | documented as a variance, and a sum of squared deviations | the same number; `variance_in_window` is a variance | |
//! | `ADWIN(max_buckets=1)` | fails once it cuts | works | |
//! | `KSWIN` without a seed | another one in every process | 0 | repeatable |
//! | `KSWIN(stat_size)` above half the window | fails at the first full window | refused when it is made | |
//! | `FHDDM(short_window_size)` above the window | fails | refused when it is made | |
//! | `BOCD` | keeps every run length, and their history: memory of the square of the stream | keeps `max_run_lengths` | bounded memory, same detections |
//! | `STEPD` | tells streams of one value as changed | the same, and `absolute = false` does not | see [`Stepd`] |
//! | CUSUM, GMA, STEPD, ECDD, BOCD | do not begin anew | begin anew; `restart = false` does not | one contract |
//! | parameters out of range | often taken | refused with words | |

mod adwin;
mod algorithm;
mod bits;
mod bocd;
pub mod calibration;
mod cusum;
mod ddm;
mod ecdd;
mod eddm;
mod fhddm;
mod geometric_moving_average;
mod hddm_a;
mod hddm_w;
mod kswin;
mod martingale;
mod mean;
mod mersenne;
mod page_hinkley;
mod parameters;
mod rddm;
mod state;
mod stepd;
mod watch;

use std::fmt;

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

pub use self::algorithm::{Algorithm, Domain, Flags, Stream};
pub use self::martingale::{Betting, Strangeness};
pub use self::page_hinkley::Mode;
pub use self::state::{DETECTOR_STATE_VERSION, DetectorState};
pub use self::watch::{Baseline, Direction};
use crate::catalog::TestOptions;

/// The list of detectors: each gets its type in this module, and its name. Golden cases, the contract, calibration and the
/// Python classes are looked for by the names in there.
macro_rules! stream_detectors {
    ($($module:ident::$detector:ident),+ $(,)?) => {
        $(pub use self::$module::$detector;)+

        /// The names of the detectors.
        pub const NAMES: &[&str] = &[$($detector::NAME),+];

        /// The detector of this name with these parameters, before its first value.
        ///
        /// # Errors
        /// [`Error::NotFound`] for a name that no detector has, [`Error::InvalidInput`] for a parameter that it does not have or
        /// that is out of range.
        ///
        /// ```
        /// use mlcore_drift::catalog::TestOptions;
        /// use mlcore_drift::stream;
        ///
        /// for name in stream::NAMES {
        ///     let detector = stream::start_named(name, &TestOptions::default())?;
        ///     assert_eq!(detector.name(), *name);
        /// }
        /// # Ok::<(), mlcore::Error>(())
        /// ```
        pub fn start_named(name: &str, parameters: &TestOptions) -> Result<Box<dyn StreamDetector>> {
            match name {
                $($detector::NAME => started::<$detector>(parameters),)+
                unknown => Err(no_such(unknown)),
            }
        }

        /// The detector that was saved, where it stood.
        ///
        /// # Errors
        /// [`Error::NotFound`] for a name that no detector has, and as [`StreamDetector::restore`].
        pub fn restored(state: &DetectorState) -> Result<Box<dyn StreamDetector>> {
            match state.detector() {
                $($detector::NAME => Ok(Box::new(Stream::<$detector>::restored(state)?)),)+
                unknown => Err(no_such(unknown)),
            }
        }
    };
}

stream_detectors! {
    adwin::Adwin,
    page_hinkley::PageHinkley,
    kswin::Kswin,
    ddm::Ddm,
    eddm::Eddm,
    hddm_a::HddmA,
    hddm_w::HddmW,
    fhddm::Fhddm,
    cusum::Cusum,
    geometric_moving_average::GeometricMovingAverage,
    stepd::Stepd,
    rddm::Rddm,
    ecdd::EcddWt,
    bocd::Bocd,
    martingale::ConformalMartingale,
    watch::Watch,
}

/// A detector of changes in a stream of numbers.
///
/// Implement [`Algorithm`], of which a [`Stream`] is a detector, unless you wrap one.
///
/// # Contract
/// `mlcore_drift::conformance::stream_detector` (feature `conformance`) demands what stands here and nothing else.
///
/// - **Repeatable.** The same values give the same answers to the bit; a detector that draws random numbers takes a seed.
/// - **A slice is its values.** [`update_many`](Self::update_many) answers and leaves what [`update`](Self::update) does, value
///   by value; `drifts` are the positions at which [`drift_detected`](Self::drift_detected) was true, `warnings` those of
///   [`warning_detected`](Self::warning_detected).
/// - **Ignored.** NaN, infinities and numbers beyond [`LARGEST`] answer [`Signal::Ignored`], are counted, clear both flags, and
///   change nothing else: what follows is as if they had not come.
/// - **Refused** as [`Error::InvalidInput`] are numbers outside [`domain`](Self::domain), with their position in a slice; the
///   whole slice then changes nothing.
/// - **Saved and restored**, also as JSON text, it goes on to the bit. The state of another detector or of other parameters is
///   refused as [`Error::InvalidInput`] that names both, one that has been tampered with as [`Error::Corrupt`], or taken
///   where it could have come about; nothing panics then or later.
/// - **Reset** is as before the first value.
/// - **Bounded.** The saved state of a long stream is not much larger than that of a tenth of it.
/// - **Odd streams** (constants, ties, numbers at the limits, one value) are answered; no named number is NaN.
///
/// ```
/// use mlcore_drift::stream::{Algorithm, Ddm, PageHinkley, Signal, StreamDetector};
///
/// let mut detectors: Vec<Box<dyn StreamDetector>> =
///     vec![Box::new(Ddm::default().start()?), Box::new(PageHinkley::default().start()?)];
/// for detector in &mut detectors {
///     assert_eq!(detector.update(f64::NAN)?, Signal::Ignored);
///     assert_eq!(detector.update(1.0)?, Signal::Quiet);
/// }
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait StreamDetector: fmt::Debug + Send + Sync {
    /// The name in configurations and states.
    fn name(&self) -> &str;

    /// What it watches, in one sentence.
    fn legend(&self) -> &str;

    /// All parameters, as names and values.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for parameters that are no names and values.
    fn parameters(&self) -> Result<TestOptions>;

    /// The values that it takes.
    fn domain(&self) -> Domain;

    /// How often it speaks where nothing changes, as far as that is promised.
    fn false_alarms(&self) -> FalseAlarms;

    /// Takes the next value.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a number outside the [domain](Self::domain).
    fn update(&mut self, value: f64) -> Result<Signal>;

    /// Takes the next values, and answers where in the slice changes and warnings are.
    ///
    /// # Errors
    /// As [`update`](Self::update), and [`Error::Interrupted`]; nothing is changed then.
    fn update_many(&mut self, values: &[f64]) -> Result<Found>;

    /// Whether a change was detected at the latest value.
    fn drift_detected(&self) -> bool;

    /// Whether there was a warning at the latest value; some detectors may warn and detect at once.
    fn warning_detected(&self) -> bool;

    /// What was counted since the first value.
    fn counts(&self) -> Counts;

    /// Named numbers of the state, such as a window's width.
    fn statistics(&self) -> Vec<(&'static str, f64)>;

    /// Forgets everything.
    fn reset(&mut self);

    /// How far it is.
    ///
    /// # Errors
    /// [`Error::Internal`] for what JSON cannot hold.
    fn save(&self) -> Result<DetectorState>;

    /// Goes on where a detector of this kind and these parameters was saved.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for the state of another detector or of other parameters, [`Error::Unsupported`] for one of a
    /// later version, [`Error::Corrupt`] for one that cannot have been saved. Nothing is changed then.
    fn restore(&mut self, state: &DetectorState) -> Result<()>;

    /// A copy, with its memory.
    fn boxed_clone(&self) -> Box<dyn StreamDetector>;
}

/// What a detector says to one value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// Nothing.
    Quiet,
    /// A change may be on its way.
    Warning,
    /// A change was detected.
    Drift,
    /// It was no number.
    Ignored,
}

impl Signal {
    /// Whether a change was detected.
    #[must_use]
    pub fn is_drift(self) -> bool {
        self == Self::Drift
    }
}

/// What a detector says to a slice: positions in the slice.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Found {
    /// Where a change was detected.
    pub drifts: Vec<usize>,
    /// Where there was a warning.
    pub warnings: Vec<usize>,
    /// How many were no numbers.
    pub ignored: u64,
}

/// What was counted since the first value, or the last [`reset`](StreamDetector::reset).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Counts {
    /// The values that entered.
    pub values: u64,
    /// NaN, infinities and numbers beyond [`LARGEST`], which did not.
    pub ignored: u64,
    /// The changes that were detected.
    pub detections: u64,
}

/// How often a detector speaks where nothing changes.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum FalseAlarms {
    /// Nominally at this rate per value; its documentation says whether that holds.
    PerValue(f64),
    /// Ever, from a start to the first alarm, with at most this probability.
    Ever(f64),
    /// Nothing is promised.
    NotPromised,
}

/// Larger numbers, either sign, are no values: squares and sums of up to 2^53 of these are finite.
pub const LARGEST: f64 = 1e100;

/// Whether detectors take it for a number.
#[inline]
pub(crate) fn is_finite_number(value: f64) -> bool {
    value.abs() <= LARGEST
}

fn started<A: Algorithm>(parameters: &TestOptions) -> Result<Box<dyn StreamDetector>> {
    let algorithm: A = parameters.read().map_err(|error| {
        let problem = error.context().problem().to_owned();
        Error::invalid_input("make detector", A::NAME, problem).caused_by(error)
    })?;
    Ok(Box::new(algorithm.start()?))
}

fn no_such(name: &str) -> Error {
    let problem = format!("no detector has this name; the detectors are {}", NAMES.join(", "));
    Error::not_found("make detector", name, problem).remedy("use one of them, or start your own")
}
