use crate::name::Arm;

/// What a policy needs of its endpoint to come to a decision: an endpoint that lacks some of it refuses the policy, because
/// the release would wait for ever.
///
/// ```
/// use mlcore::name::Arm;
/// use mlcore::rollout::Requirements;
///
/// let (champion, canary) = (Arm::new("champion")?, Arm::new("canary")?);
/// let needs = Requirements::of_arms([champion]).with_trial(canary.clone()).with_losses(true);
/// assert_eq!((needs.arms.len(), &needs.trials[..], needs.losses), (2, &[canary][..], true));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Requirements {
    /// The arms that it assigns units to, or lets run as shadows.
    pub arms: Vec<Arm>,
    /// Those of them that it promotes or withdraws; none of them may be the default arm, which everybody else gets.
    pub trials: Vec<Arm>,
    /// Whether it waits for losses: outcomes that are scored.
    pub losses: bool,
    /// The name under which replicas share what it learns, by [`RolloutPolicy::reconcile`](super::RolloutPolicy::reconcile);
    /// `None` where it shares nothing. Written as the name of a model.
    pub shared_state: Option<String>,
}

impl Requirements {
    /// A policy about these arms, which decides about none of them.
    #[must_use]
    pub fn of_arms(arms: impl IntoIterator<Item = Arm>) -> Self {
        Self { arms: arms.into_iter().collect(), ..Self::default() }
    }

    /// The same, and it promotes or withdraws `arm`.
    #[must_use]
    pub fn with_trial(mut self, arm: Arm) -> Self {
        self.arms.push(arm.clone());
        self.trials.push(arm);
        self
    }

    /// The same, and it waits for losses where `losses` says so.
    #[must_use]
    pub fn with_losses(mut self, losses: bool) -> Self {
        self.losses = losses;
        self
    }

    /// The same, and replicas share what it learns under this name.
    #[must_use]
    pub fn with_shared_state(mut self, name: impl Into<String>) -> Self {
        self.shared_state = Some(name.into());
        self
    }
}
