use serde::{Deserialize, Serialize};

use super::{Ask, Assignment, Candidates, PolicyState, Requirements, RolloutPolicy, StateFormat, bucket};
use crate::error::{Error, Result};
use crate::name::Arm;

/// Assigns units to arms by weight; a unit always gets the same arm.
///
/// Units stand on a line by [`bucket`], and each arm owns a stretch of it, in the order given: changing a weight moves
/// only the units at the stretches' borders. The share of an arm that cannot answer falls to the default arm.
#[derive(Clone, Debug)]
pub struct Weighted {
    options: Weights,
    /// The arm and the end of its stretch in `[0, 1]`.
    stretches: Vec<(Arm, f64)>,
}

/// What a weighted policy is built from, as it is saved.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weights {
    salt: String,
    weights: Vec<(Arm, f64)>,
}

impl Weighted {
    /// The format in which its state is saved.
    pub const FORMAT: StateFormat = StateFormat::new("weighted", 1);

    /// Arms with weights in any unit; only their ratios count. Each experiment wants a salt of its own.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a weight that is negative or not finite, weights whose sum is 0 or not finite, and an
    /// arm that occurs twice.
    pub fn new(salt: impl Into<String>, weights: impl IntoIterator<Item = (Arm, f64)>) -> Result<Self> {
        let weights: Vec<(Arm, f64)> = weights.into_iter().collect();
        let refuse =
            |subject: &str, problem: String| Err(Error::invalid_input("build weights", subject, problem));
        for (position, (arm, weight)) in weights.iter().enumerate() {
            if !(weight.is_finite() && *weight >= 0.0) {
                return refuse(
                    arm.as_str(),
                    format!("{weight} is no weight; it must be 0 or more, and finite"),
                );
            }
            if weights.iter().take(position).any(|(earlier, _)| earlier == arm) {
                return refuse(arm.as_str(), "the arm occurs twice".into());
            }
        }
        let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
        if !(total.is_finite() && total > 0.0) {
            return refuse("weights", format!("their sum is {total}; it must be positive and finite"));
        }
        let mut sum = 0.0;
        let stretches = weights.iter().map(|(arm, weight)| {
            sum += weight;
            (arm.clone(), sum / total)
        });
        let stretches = stretches.collect();
        Ok(Self { options: Weights { salt: salt.into(), weights }, stretches })
    }

    /// The salt that the policy was built with.
    #[must_use]
    pub fn salt(&self) -> &str {
        &self.options.salt
    }

    /// The arms and weights that the policy was built with.
    #[must_use]
    pub fn weights(&self) -> &[(Arm, f64)] {
        &self.options.weights
    }

    /// The policy that `state` was saved by.
    ///
    /// # Errors
    /// As [`PolicyState::options`] and [`Weighted::new`].
    pub fn from_state(state: &PolicyState) -> Result<Self> {
        let Weights { salt, weights } = state.options(Self::FORMAT)?;
        Self::new(salt, weights)
    }

    /// The share of units that fall to the default arm, given who can answer: its own and those of absent arms.
    fn default_share(&self, candidates: &Candidates) -> f64 {
        let mut start = 0.0;
        let mut share = 0.0;
        for (arm, end) in &self.stretches {
            if candidates.position(arm).unwrap_or(0) == 0 {
                share += end - start;
            }
            start = *end;
        }
        share
    }
}

impl RolloutPolicy for Weighted {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        let place = bucket(&self.options.salt, ask.unit);
        let mut start = 0.0;
        for (arm, end) in &self.stretches {
            if place < *end {
                match ask.candidates.position(arm) {
                    None | Some(0) => break,
                    Some(position) => {
                        return Assignment::certain(position).with_propensity(end - start);
                    }
                }
            }
            start = *end;
        }
        Assignment::certain(0).with_propensity(self.default_share(ask.candidates))
    }

    fn probability(&self, ask: &Ask<'_>, position: usize) -> Option<f64> {
        if position == 0 {
            return Some(self.default_share(ask.candidates));
        }
        let mut start = 0.0;
        for (arm, end) in &self.stretches {
            if ask.candidates.position(arm) == Some(position) {
                return Some(end - start);
            }
            start = *end;
        }
        Some(0.0)
    }

    fn requirements(&self) -> Requirements {
        let weighted = self.options.weights.iter().filter(|(_, weight)| *weight > 0.0);
        Requirements::of_arms(weighted.map(|(arm, _)| arm.clone()))
    }

    fn save(&self) -> Result<PolicyState> {
        PolicyState::new(Self::FORMAT, &self.options, &())
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        state.progress(Self::FORMAT, &self.options)
    }

    /// Nothing is learnt, so that there is nothing to add.
    fn merge(&self, state: &PolicyState) -> Result<()> {
        self.restore(state)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::conformance::Stickiness;
    use crate::name::UnitId;
    use crate::rollout::Draw;
    use crate::rollout::testing::{arm, candidates, hold, positions};

    pub(crate) fn contract() {
        for [champion, challenger, third] in [[0.6, 0.3, 0.1], [0.0, 5.0, 0.0], [1.0, 0.0, 2.0]] {
            let weights = [("champion", champion), ("challenger", challenger), ("third", third)];
            let weights = weights.map(|(name, weight)| (arm(name), weight));
            hold(|| Weighted::new("salt", weights.clone()).unwrap(), Stickiness::Unit);
        }
    }

    #[test]
    fn shares_follow_the_weights_and_a_change_moves_few() {
        let two = candidates(&["a", "b"]);
        let before = positions(&Weighted::new("s", [(arm("a"), 3.0), (arm("b"), 1.0)]).unwrap(), &two);
        let share = before.iter().filter(|position| **position == 1).count();
        assert!((2_300..2_700).contains(&share), "{share}");
        let after = positions(&Weighted::new("s", [(arm("a"), 0.7), (arm("b"), 0.3)]).unwrap(), &two);
        let moved = before.iter().zip(&after).filter(|(a, b)| a != b).count();
        assert!((400..600).contains(&moved), "{moved}");
        assert!(before.iter().zip(&after).all(|(a, b)| a <= b), "only the growing arm gains units");
    }

    #[test]
    fn an_absent_arm_leaves_its_share_to_the_default() {
        let policy = Weighted::new("s", [(arm("a"), 1.0), (arm("gone"), 1.0)]).unwrap();
        let only = candidates(&["a", "b"]);
        assert!(positions(&policy, &only).iter().all(|position| *position == 0));
        let unit = UnitId::new("u").unwrap();
        assert_eq!(policy.assign(&Ask::new(&unit, &only, Draw::new(0))).propensity, 1.0);
    }

    #[test]
    fn odd_weights_are_refused() {
        for weights in [[f64::NAN, 1.0], [-1.0, 2.0], [0.0, 0.0], [f64::INFINITY, 1.0], [f64::MAX, f64::MAX]]
        {
            assert!(
                Weighted::new("s", [(arm("a"), weights[0]), (arm("b"), weights[1])]).is_err(),
                "{weights:?}"
            );
        }
        assert!(Weighted::new("s", [(arm("a"), 1.0), (arm("a"), 1.0)]).is_err());
        assert!(Weighted::new("s", []).is_err());
    }
}
