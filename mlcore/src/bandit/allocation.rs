use crate::name::Arm;
use crate::rollout::Draw;

/// The arms of a bandit with the probabilities that they have at one time: what is published to those who assign.
///
/// An assignment reads it and changes nothing, so that any number of threads may share one.
///
/// ```
/// use mlcore::bandit::{Bandit, BanditOptions, EpsilonGreedy};
/// use mlcore::name::Arm;
/// use mlcore::rollout::Draw;
///
/// let arms = [Arm::new("a")?, Arm::new("b")?];
/// let bandit = Bandit::new(BanditOptions::new(EpsilonGreedy::default()), arms)?;
/// let (position, propensity) = bandit.allocation().draw(Draw::new(u64::MAX));
/// assert_eq!((bandit.allocation().arms()[position].as_str(), propensity), ("b", 0.5));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Allocation {
    arms: Vec<Arm>,
    probabilities: Vec<f64>,
}

impl Allocation {
    pub(crate) fn new(arms: Vec<Arm>, probabilities: Vec<f64>) -> Self {
        Self { arms, probabilities }
    }

    /// The arms, in the order of their names.
    #[must_use]
    pub fn arms(&self) -> &[Arm] {
        &self.arms
    }

    /// The probability of each arm: of 0 or more, with a sum of 1.
    #[must_use]
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// The probability of `arm`; 0 of one that is not among the arms.
    #[must_use]
    pub fn probability(&self, arm: &Arm) -> f64 {
        let position = self.arms.binary_search(arm).ok();
        position.and_then(|position| self.probabilities.get(position)).copied().unwrap_or(0.0)
    }

    /// The position of the arm that a draw means, and its probability, which is above 0.
    #[must_use]
    pub fn draw(&self, draw: Draw) -> (usize, f64) {
        drawn(self.probabilities.iter().copied(), draw.unit_interval())
    }
}

/// The position at which a place in `[0, 1)` falls when probabilities stand one after the other, and the probability there.
pub(crate) fn drawn(probabilities: impl Iterator<Item = f64>, place: f64) -> (usize, f64) {
    let (mut end, mut last) = (0.0, (0, 1.0));
    for (position, probability) in probabilities.enumerate().filter(|(_, probability)| *probability > 0.0) {
        end += probability;
        last = (position, probability);
        if place < end {
            break;
        }
    }
    // Rounding may leave the last end a little below 1.
    last
}
