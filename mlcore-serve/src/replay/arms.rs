use std::time::Duration;

use mlcore::rollout::Draw;

use crate::log::LoggedPrediction;

/// A request of the log, as a function sees it that says what an arm does with it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct SimulatedRequest<'a> {
    /// Its number in the order of the log, from 0.
    pub number: u64,
    /// The time since the first request, when it is decided.
    pub elapsed: Duration,
    /// The row of the log, with the unit, the context and the raw features; without outputs and tensors.
    pub logged: &'a LoggedPrediction,
    /// Randomness for this request, which is the same for all arms, so that they are compared by the same luck.
    pub draw: Draw,
}

/// What an arm does with a request.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore_serve::replay::SimulatedAnswer;
///
/// let answer = SimulatedAnswer::answered(Duration::from_millis(3)).with_loss(0.25, Duration::from_secs(3600));
/// assert_eq!(answer.loss, Some((0.25, Duration::from_secs(3600))));
/// assert!(SimulatedAnswer::failed(Duration::from_millis(3)).has_failed);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SimulatedAnswer {
    /// Whether the arm fails.
    pub has_failed: bool,
    /// From the decision to the answer.
    pub latency: Duration,
    /// The loss that becomes known, and how long after the answer. A failure has none.
    pub loss: Option<(f64, Duration)>,
}

impl SimulatedAnswer {
    /// The arm answers in this time.
    #[must_use]
    pub fn answered(latency: Duration) -> Self {
        Self { has_failed: false, latency, loss: None }
    }

    /// The arm fails after this time.
    #[must_use]
    pub fn failed(latency: Duration) -> Self {
        Self { has_failed: true, latency, loss: None }
    }

    /// The same, and `delay` after the answer it is known that it was wrong by `loss`.
    #[must_use]
    pub fn with_loss(mut self, loss: f64, delay: Duration) -> Self {
        self.loss = Some((loss, delay));
        self
    }
}
