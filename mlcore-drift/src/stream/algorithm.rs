//! A rule for changes in a stream of numbers, and a stream that it watches.

use std::fmt::{self, Debug, Display};

use mlcore::{Error, Result, interrupt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::state::{DetectorState, Progress};
use super::{Counts, FalseAlarms, Found, Signal, StreamDetector, is_finite_number};
use crate::catalog::TestOptions;

/// A rule that looks for changes in a stream of numbers, one value at a time; its fields are its parameters.
///
/// This is what a new detector implements. [`start`](Self::start) makes a [`Stream`] of it, which has all that is the same
/// for every detector: values that are no numbers, counts, the restart after a detection, slices, saving and restoring.
///
/// ```
/// use mlcore::Result;
/// use mlcore_drift::stream::{Algorithm, Flags, StreamDetector};
/// use serde::{Deserialize, Serialize};
///
/// /// Speaks once a value is larger than all before it by `margin`.
/// #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
/// struct NewHeight {
///     margin: f64,
/// }
///
/// impl Algorithm for NewHeight {
///     const NAME: &'static str = "new_height";
///     const LEGEND: &'static str = "Records: values above all that came before.";
///     type Constants = ();
///     type State = Option<f64>;
///
///     fn prepare(&self) -> Result<()> {
///         Ok(())
///     }
///
///     fn begin(&self, _: &()) -> Option<f64> {
///         None
///     }
///
///     fn step(&self, _: &(), highest: &mut Option<f64>, value: f64) -> Flags {
///         let drift = highest.is_some_and(|highest| value > highest + self.margin);
///         *highest = Some(highest.map_or(value, |highest| highest.max(value)));
///         Flags { drift, warning: false }
///     }
///
///     fn fits(&self, _: &(), highest: &Option<f64>) -> bool {
///         highest.is_none_or(f64::is_finite)
///     }
/// }
///
/// let mut heights = NewHeight { margin: 5.0 }.start()?;
/// assert_eq!(heights.update_many(&[1.0, 3.0, 2.0, 9.0])?.drifts, [3]);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait Algorithm:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The name in configurations and saved states.
    const NAME: &'static str;

    /// What it watches, in one sentence.
    const LEGEND: &'static str;

    /// What follows from the parameters alone and is computed once.
    type Constants: Clone + Debug + Send + Sync;

    /// All that it remembers of the stream; its size is bounded by the parameters, or by the logarithm of the stream.
    type State: Clone + Debug + Serialize + DeserializeOwned + Send + Sync;

    /// Checks the parameters and computes the constants.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a parameter out of range.
    fn prepare(&self) -> Result<Self::Constants>;

    /// The state before the first value.
    fn begin(&self, constants: &Self::Constants) -> Self::State;

    /// The state with which a stream goes on after a detection: as before the first value, unless it says otherwise.
    fn begin_again(&self, constants: &Self::Constants, _ended: &Self::State) -> Self::State {
        self.begin(constants)
    }

    /// Takes a finite value of the [domain](Self::domain), at most [`LARGEST`](super::LARGEST) in size.
    fn step(&self, constants: &Self::Constants, state: &mut Self::State, value: f64) -> Flags;

    /// Whether a state that was read from outside can be one of this detector: [`step`](Self::step) is safe on it.
    fn fits(&self, constants: &Self::Constants, state: &Self::State) -> bool;

    /// The values that it takes.
    fn domain(&self) -> Domain {
        Domain::Numbers
    }

    /// Whether the value after a detection begins anew.
    fn restarts(&self) -> bool {
        true
    }

    /// How often it speaks where nothing changes, as far as that is promised.
    fn false_alarms(&self) -> FalseAlarms {
        FalseAlarms::NotPromised
    }

    /// Named numbers of the state, for people and charts.
    fn statistics(&self, _constants: &Self::Constants, _state: &Self::State) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// A stream that is watched with these parameters.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a parameter out of range.
    fn start(self) -> Result<Stream<Self>> {
        Stream::new(self)
    }
}

/// What an [`Algorithm`] says after a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Flags {
    /// A change was detected.
    pub drift: bool,
    /// A change may be on its way.
    pub warning: bool,
}

/// The values that a detector takes.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Domain {
    /// Any number.
    Numbers,
    /// 0 and 1, nothing between them.
    Bits,
    /// Numbers from the first to the second, both included.
    Between(f64, f64),
}

impl Domain {
    #[inline]
    fn admits(self, value: f64) -> bool {
        match self {
            Self::Numbers => true,
            Self::Bits => value == 0.0 || value == 1.0,
            Self::Between(low, high) => (low..=high).contains(&value),
        }
    }
}

impl Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbers => f.write_str("numbers"),
            Self::Bits => f.write_str("0 and 1"),
            Self::Between(low, high) => write!(f, "numbers from {low} to {high}"),
        }
    }
}

/// A stream of numbers that an [`Algorithm`] watches.
#[derive(Clone, Debug)]
pub struct Stream<A: Algorithm> {
    algorithm: A,
    constants: A::Constants,
    state: A::State,
    counts: Counts,
    flags: Flags,
    /// The next number begins anew.
    restart: bool,
}

impl<A: Algorithm> Stream<A> {
    /// A stream before its first value.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a parameter out of range.
    pub fn new(algorithm: A) -> Result<Self> {
        let constants = algorithm.prepare()?;
        let state = algorithm.begin(&constants);
        let (counts, flags) = (Counts::default(), Flags::default());
        Ok(Self { algorithm, constants, state, counts, flags, restart: false })
    }

    /// The detector with its parameters.
    pub fn algorithm(&self) -> &A {
        &self.algorithm
    }

    pub(super) fn state(&self) -> &A::State {
        &self.state
    }

    pub(super) fn constants(&self) -> &A::Constants {
        &self.constants
    }

    /// A stream that goes on where `state` was saved.
    ///
    /// # Errors
    /// As [`StreamDetector::restore`], and [`Error::InvalidInput`] for parameters out of range.
    pub(super) fn restored(state: &DetectorState) -> Result<Self> {
        let mut stream = Self::new(state.parameters(A::NAME)?)?;
        stream.restore(state)?;
        Ok(stream)
    }

    fn refuse(&self, position: Option<usize>, value: f64) -> Error {
        let subject = position.map_or_else(|| "value".to_owned(), |at| format!("value {at}"));
        let problem = format!("it is {value}, and {} takes {}", A::NAME, self.algorithm.domain());
        Error::invalid_input("update detector", subject, problem)
            .remedy("scale the values, or choose a detector for numbers such as adwin")
    }

    #[inline]
    fn advance(&mut self, value: f64) -> Flags {
        if !is_finite_number(value) {
            self.counts.ignored += 1;
            self.flags = Flags::default();
            return self.flags;
        }
        if self.restart {
            self.state = self.algorithm.begin_again(&self.constants, &self.state);
            self.restart = false;
        }
        self.counts.values += 1;
        self.flags = self.algorithm.step(&self.constants, &mut self.state, value);
        if self.flags.drift {
            self.counts.detections += 1;
            self.restart = self.algorithm.restarts();
        }
        self.flags
    }

    fn advance_all(&mut self, values: &[f64], offset: usize, found: &mut Found) {
        let mut left = values;
        while let Some(first) = left.first() {
            let (taken, flags) = if self.restart || !is_finite_number(*first) {
                (1, self.advance(*first))
            } else {
                self.advance_until_flagged(left)
            };
            left = left.get(taken..).unwrap_or_default();
            let position = offset + values.len() - left.len() - 1;
            if flags.drift {
                found.drifts.push(position);
            }
            if flags.warning {
                found.warnings.push(position);
            }
        }
    }

    /// Takes numbers, of which there is at least one, until there is something to say. A loop that calls nothing keeps the
    /// state in registers, which halves its time.
    fn advance_until_flagged(&mut self, values: &[f64]) -> (usize, Flags) {
        let (mut taken, mut flags) = (0, Flags::default());
        for value in values {
            if !is_finite_number(*value) {
                break;
            }
            taken += 1;
            flags = self.algorithm.step(&self.constants, &mut self.state, *value);
            if flags.drift | flags.warning {
                break;
            }
        }
        self.counts.values += taken as u64;
        self.counts.detections += u64::from(flags.drift);
        self.restart = flags.drift && self.algorithm.restarts();
        self.flags = flags;
        (taken, flags)
    }
}

impl<A: Algorithm> StreamDetector for Stream<A> {
    fn name(&self) -> &'static str {
        A::NAME
    }

    fn legend(&self) -> &'static str {
        A::LEGEND
    }

    fn parameters(&self) -> Result<TestOptions> {
        TestOptions::of(&self.algorithm)
    }

    fn domain(&self) -> Domain {
        self.algorithm.domain()
    }

    fn false_alarms(&self) -> FalseAlarms {
        self.algorithm.false_alarms()
    }

    #[inline]
    fn update(&mut self, value: f64) -> Result<Signal> {
        if is_finite_number(value) && !self.algorithm.domain().admits(value) {
            return Err(self.refuse(None, value));
        }
        let flags = self.advance(value);
        Ok(match flags {
            _ if !is_finite_number(value) => Signal::Ignored,
            Flags { drift: true, .. } => Signal::Drift,
            Flags { warning: true, .. } => Signal::Warning,
            Flags { drift: false, warning: false } => Signal::Quiet,
        })
    }

    fn update_many(&mut self, values: &[f64]) -> Result<Found> {
        let domain = self.algorithm.domain();
        let foreign = |value: &f64| is_finite_number(*value) && !domain.admits(*value);
        if let Some((position, value)) = values.iter().enumerate().find(|(_, value)| foreign(value)) {
            return Err(self.refuse(Some(position), *value));
        }
        let ignored = self.counts.ignored;
        let mut found = Found::default();
        if values.len() <= BLOCK {
            self.advance_all(values, 0, &mut found);
        } else {
            // A call that is interrupted has changed nothing.
            let mut ahead = self.clone();
            for (block, part) in values.chunks(BLOCK).enumerate() {
                interrupt::check("update detector")?;
                ahead.advance_all(part, block * BLOCK, &mut found);
            }
            *self = ahead;
        }
        found.ignored = self.counts.ignored - ignored;
        Ok(found)
    }

    fn drift_detected(&self) -> bool {
        self.flags.drift
    }

    fn warning_detected(&self) -> bool {
        self.flags.warning
    }

    fn counts(&self) -> Counts {
        self.counts
    }

    fn statistics(&self) -> Vec<(&'static str, f64)> {
        self.algorithm.statistics(&self.constants, &self.state)
    }

    fn reset(&mut self) {
        self.state = self.algorithm.begin(&self.constants);
        (self.counts, self.flags, self.restart) = (Counts::default(), Flags::default(), false);
    }

    fn save(&self) -> Result<DetectorState> {
        let progress = Progress { counts: self.counts, flags: self.flags, restart: self.restart };
        DetectorState::new(A::NAME, &self.algorithm, progress, &self.state)
    }

    fn restore(&mut self, state: &DetectorState) -> Result<()> {
        let (progress, memory) = state.read::<A, A::State>(A::NAME, &self.algorithm)?;
        if !self.algorithm.fits(&self.constants, &memory) {
            return Err(state.damaged("its numbers do not fit together"));
        }
        self.state = memory;
        (self.counts, self.flags, self.restart) = (progress.counts, progress.flags, progress.restart);
        Ok(())
    }

    fn boxed_clone(&self) -> Box<dyn StreamDetector> {
        Box::new(self.clone())
    }
}

/// So many values are taken between two questions whether to go on; a call of no more is never interrupted.
const BLOCK: usize = 1 << 16;
