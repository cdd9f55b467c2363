use std::time::Duration;

use crate::name::Arm;

/// What one assignment earned.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::bandit::Reward;
/// use mlcore::name::Arm;
///
/// let arm = Arm::new("challenger")?;
/// let reward = Reward::new(&arm, 1.0).with_propensity(0.25).at(Duration::from_secs(1_700_000_000));
/// assert_eq!((reward.reward, reward.propensity), (1.0, 0.25));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reward<'a> {
    /// The arm that was assigned.
    pub arm: &'a Arm,
    /// What it earned: more is better.
    pub reward: f64,
    /// The propensity of the assignment when it was made, whatever it is now.
    pub propensity: f64,
    /// When the assignment was made, on the clock that replicas share.
    pub time: Duration,
}

impl<'a> Reward<'a> {
    /// What `arm` earned when it was assigned with certainty, at time zero.
    #[must_use]
    pub fn new(arm: &'a Arm, reward: f64) -> Self {
        Self { arm, reward, propensity: 1.0, time: Duration::ZERO }
    }

    /// The same of an assignment that had this propensity.
    #[must_use]
    pub fn with_propensity(mut self, propensity: f64) -> Self {
        self.propensity = propensity;
        self
    }

    /// The same of an assignment at this time.
    #[must_use]
    pub fn at(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }
}
