//! Simulated requests: what the suite's policies are asked, and what then comes of it.

use std::ops::Range;
use std::time::Duration;

use crate::name::{Arm, UnitId, Version};
use crate::rollout::{
    Ask, Assignment, Candidate, Candidates, Decision, Draw, Observation, Outcome, RolloutPolicy,
};
use crate::time::Timestamp;

/// How the arms behave.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Traffic {
    /// All arms answer alike.
    Alike,
    /// Every arm but the default fails on half of its requests, and is the slower and the more wrong on the others.
    Harmful,
    /// Only the default fails so.
    Saving,
    /// All arms answer alike until a monitor finds each arm but the default unfit.
    Breached,
}

impl Traffic {
    pub(super) const ALL: [Self; 4] = [Self::Alike, Self::Harmful, Self::Saving, Self::Breached];

    /// What is seen of request `number`, which `position` answered.
    fn observations(self, number: u64, position: usize) -> Vec<Observation> {
        let bad = match self {
            Self::Alike | Self::Breached => false,
            Self::Harmful => position > 0,
            Self::Saving => position == 0,
        };
        if bad && draw(number).another().unit_interval() < 0.5 {
            return vec![Observation::Failed];
        }
        let worse = u32::from(bad);
        vec![
            Observation::answered(Duration::from_millis(1) * (1 + 400 * worse)),
            Observation::scored((number % 7) as f64 / 10.0 + f64::from(worse)),
        ]
    }
}

/// What a policy did: everything that somebody outside sees of it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Trace {
    pub(super) assignments: Vec<Assignment>,
    pub(super) decisions: Vec<Decision>,
}

impl Trace {
    /// The same without the reasons, whose numbers may differ in their last digit.
    pub(super) fn without_reasons(self) -> Self {
        let bare = |decision: Decision| match decision {
            Decision::Hold { .. } => Decision::hold(""),
            Decision::Step { arm, share, .. } => Decision::step(arm, share, ""),
            Decision::Promote { arm, .. } => Decision::promote(arm, ""),
            Decision::RollBack { arm, .. } => Decision::roll_back(arm, ""),
        };
        Self { assignments: self.assignments, decisions: self.decisions.into_iter().map(bare).collect() }
    }
}

/// Requests sent to one policy after another, with outcomes that follow from who answered; the policy is asked for a
/// decision every 50 requests, a second of its clock after the other.
pub(super) fn play(
    policy: &impl RolloutPolicy,
    traffic: Traffic,
    requests: Range<u64>,
    clock: &mut Duration,
) -> Trace {
    let candidates = candidates(&["champion", "challenger", "third"]);
    let mut trace = Trace::default();
    for number in requests {
        let assignment = policy.assign(&Ask::new(&unit(number), &candidates, draw(number)));
        check(&assignment, &candidates);
        let arm = &candidates.at(assignment.position).arm;
        let told = |observation: Observation, arm: &Arm| {
            let outcome = Outcome::new(arm, observation).with_epoch(assignment.epoch);
            policy.observe(&outcome.with_propensity(assignment.propensity));
        };
        for observation in traffic.observations(number, assignment.position) {
            told(observation, arm);
        }
        if traffic == Traffic::Breached && number % BREACH_EVERY == BREACH_EVERY - 1 {
            for candidate in candidates.as_slice().iter().skip(1) {
                told(Observation::breach("the suite's monitor found it unfit"), &candidate.arm);
            }
        }
        trace.assignments.push(assignment);
        if number % 50 == 49 {
            *clock += Duration::from_secs(1);
            policy.tell_time(wall(number));
            trace.decisions.push(policy.decide(*clock));
        }
    }
    trace
}

/// As [`play`], on a clock that begins now.
pub(super) fn play_anew(policy: &impl RolloutPolicy, traffic: Traffic, requests: Range<u64>) -> Trace {
    play(policy, traffic, requests, &mut Duration::default())
}

/// Holds one assignment to what no request may break.
pub(super) fn check(assignment: &Assignment, candidates: &Candidates) {
    let arms = candidates.as_slice().len();
    assert!(assignment.position < arms, "position {} of {arms} candidates", assignment.position);
    let propensity = assignment.propensity;
    assert!(propensity > 0.0 && propensity <= 1.0, "a propensity of {propensity}");
    for shadow in assignment.shadows.iter() {
        assert!(
            shadow < arms && shadow != assignment.position,
            "shadow {shadow} beside arm {}, of {arms} candidates",
            assignment.position
        );
    }
}

/// What a clock on the wall shows at request `number`: a second after each, from a Monday morning on, whatever the policy's clock
/// shows.
pub(super) fn wall(number: u64) -> Timestamp {
    const BEGIN_SECONDS: i64 = 1_780_308_000;
    Timestamp::from_millis((BEGIN_SECONDS + number as i64) * 1_000)
}

pub(super) fn arm(name: &str) -> Arm {
    Arm::new(name).unwrap()
}

pub(super) fn candidates(arms: &[&str]) -> Candidates {
    Candidates::new(arms.iter().map(|name| Candidate::new(arm(name), Version::FIRST))).unwrap()
}

pub(super) fn unit(number: u64) -> UnitId {
    UnitId::new(format!("unit-{number}")).unwrap()
}

/// A fixed sequence of well-mixed bits.
pub(super) fn draw(number: u64) -> Draw {
    Draw::new(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).another()
}

/// Late enough for a policy to have learnt something.
const BREACH_EVERY: u64 = 700;
