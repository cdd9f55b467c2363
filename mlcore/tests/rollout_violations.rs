//! The suite for policies notices each broken promise, and says which one it was.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mlcore::Result;
use mlcore::bandit::{BanditOptions, EpsilonGreedy};
use mlcore::conformance::{Stickiness, rollout_policy};
use mlcore::name::{Arm, UnitId};
use mlcore::rollout::{
    ArmSet, Ask, Assignment, BanditRollout, BanditRolloutOptions, Canary, CanaryOptions, Candidates,
    Decision, Guardrail, Metric, Outcome, PolicyState, RampOptions, Requirements, RewardRule, RolloutPolicy,
    StateFormat,
};

/// A promise that a policy breaks.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    None,
    NamesNoCandidate,
    PropensityOfZero,
    PropensityBeyondOne,
    PropensityOfNan,
    OverstatesPropensity,
    TellsSomeProbabilities,
    TellsOtherProbabilities,
    TellsMoreThanAll,
    ShadowThatAnswers,
    ShadowThatIsNoCandidate,
    OwnRandomness,
    OwnClock,
    DrawsEveryRequest,
    PanicsOnOddContexts,
    PanicsOnOddEvidence,
    ShareBeyondOne,
    SaysItOnce,
    SaysItAgainWhenDone,
    AssignsWhatItWithdrew,
    ForgetsForNoReason,
    JudgesTheNextVersion,
    ForgetsItsEvidence,
    ForgetsThatItRolledBack,
    SavesNothing,
    SavesNan,
    TakesAnyState,
    RefusesItsOwnState,
    ChangesWithRefusedStates,
    MergesNothing,
    MergesByReplacing,
    FailsToMerge,
}

/// A canary that breaks one promise.
#[derive(Debug)]
struct Broken {
    honest: Canary,
    fault: Fault,
    started: Instant,
    asked: AtomicU64,
    decided: AtomicBool,
}

impl Broken {
    fn new(fault: Fault) -> Self {
        let guardrail = Guardrail::new(Metric::ErrorRate, 0.05).unwrap().with_limit(0.3).unwrap();
        let ramp = RampOptions::new([guardrail]).with_steps([0.2, 0.5]);
        let options = CanaryOptions::new(arm("champion"), arm("challenger"), "s", ramp);
        let (asked, decided) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { honest: Canary::new(options).unwrap(), fault, started: Instant::now(), asked, decided }
    }

    /// What the promise is broken with.
    fn twisted(&self, ask: &Ask<'_>, honest: Assignment) -> Assignment {
        let odd = self.asked.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        let propensity = |propensity| honest.with_propensity(propensity);
        let certain = |position| Assignment::certain(position).with_epoch(honest.epoch);
        let arms = ask.candidates.as_slice().len();
        let unsafe_features = ask.context.features().iter().any(|feature| feature.is_nan());
        match self.fault {
            Fault::NamesNoCandidate if ask.candidates.position(&arm("champion")).is_none() => certain(arms),
            Fault::PropensityOfZero => propensity(0.0),
            Fault::PropensityBeyondOne => propensity(1.0 + 1e-9),
            Fault::PropensityOfNan => propensity(f64::NAN),
            Fault::OverstatesPropensity => propensity(honest.propensity.sqrt()),
            Fault::ShadowThatAnswers => honest.with_shadows(ArmSet::default().with(honest.position)),
            Fault::ShadowThatIsNoCandidate => honest.with_shadows(ArmSet::default().with(arms)),
            Fault::OwnRandomness if odd => certain(arms - 1),
            Fault::OwnClock => {
                let unit = format!("{} in tick {}", ask.unit, self.started.elapsed().as_millis() / 20);
                let unit = UnitId::new(unit).unwrap();
                self.honest.assign(&Ask::new(&unit, ask.candidates, ask.draw))
            }
            Fault::DrawsEveryRequest => {
                let position = (ask.draw.unit_interval() * arms as f64) as usize;
                certain(position).with_propensity(1.0 / arms as f64)
            }
            Fault::PanicsOnOddContexts => {
                assert!(!unsafe_features, "a feature is not a number");
                honest
            }
            Fault::AssignsWhatItWithdrew if self.honest.ramp().share() == 0.0 => {
                certain(ask.candidates.position(&arm("challenger")).unwrap_or(0))
            }
            _ => honest,
        }
    }
}

impl RolloutPolicy for Broken {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        self.twisted(ask, self.honest.assign(ask))
    }

    fn probability(&self, ask: &Ask<'_>, position: usize) -> Option<f64> {
        let honest = self.honest.probability(ask, position)?;
        let is_own = self.honest.assign(ask).position == position;
        match self.fault {
            Fault::None => Some(honest),
            Fault::TellsSomeProbabilities => is_own.then_some(honest),
            Fault::TellsOtherProbabilities => Some(1.0 / ask.candidates.as_slice().len() as f64),
            Fault::TellsMoreThanAll => Some(if is_own { honest } else { 1.0 }),
            // What the others break is said of their assignments.
            _ => None,
        }
    }

    fn requirements(&self) -> Requirements {
        self.honest.requirements()
    }

    fn follow(&self, candidates: &Candidates) -> Option<String> {
        match self.fault {
            Fault::ForgetsForNoReason => {
                let fresh = Broken::new(Fault::None).honest.save().unwrap();
                self.honest.restore(&fresh).unwrap();
                None
            }
            Fault::JudgesTheNextVersion => None,
            _ => self.honest.follow(candidates),
        }
    }

    fn observe(&self, outcome: &Outcome<'_>) {
        let odd = self.fault == Fault::PanicsOnOddEvidence && outcome.propensity.is_nan();
        assert!(!odd, "a propensity is not a number");
        self.honest.observe(outcome);
    }

    fn decide(&self, now: Duration) -> Decision {
        let decision = self.honest.decide(now);
        let ends = matches!(decision, Decision::Promote { .. } | Decision::RollBack { .. });
        match (self.fault, &decision) {
            (Fault::ShareBeyondOne, Decision::Step { arm, .. }) => {
                Decision::step(arm.clone(), 20.0, "in percent")
            }
            (Fault::SaysItOnce, _) if ends && self.decided.swap(true, Ordering::Relaxed) => {
                Decision::hold("said")
            }
            _ => decision,
        }
    }

    fn settled(&self, done: &Decision, candidates: &Candidates) -> Option<Arc<dyn RolloutPolicy>> {
        if self.fault == Fault::SaysItAgainWhenDone { None } else { self.honest.settled(done, candidates) }
    }

    fn save(&self) -> Result<PolicyState> {
        match self.fault {
            Fault::ForgetsItsEvidence => Broken::new(Fault::None).honest.save(),
            Fault::SavesNothing => PolicyState::new(FORMAT, &(), &()),
            Fault::SavesNan => PolicyState::new(FORMAT, &(), &Nan),
            _ => self.honest.save(),
        }
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        match self.fault {
            Fault::SavesNothing | Fault::SavesNan => state.progress::<Ignored>(FORMAT, &()).map(drop),
            Fault::TakesAnyState => {
                drop(self.honest.restore(state));
                Ok(())
            }
            Fault::ForgetsThatItRolledBack if self.honest.restore(state).is_ok() => {
                if self.honest.ramp().share() == 0.0 {
                    self.honest.restore(&Broken::new(Fault::None).honest.save()?)?;
                }
                Ok(())
            }
            Fault::RefusesItsOwnState => state.progress::<Ignored>(FORMAT, &()).map(drop),
            Fault::ChangesWithRefusedStates => {
                self.honest.freeze("half restored");
                self.honest.restore(state)?;
                self.honest.thaw();
                Ok(())
            }
            _ => self.honest.restore(state),
        }
    }

    fn merge(&self, state: &PolicyState) -> Result<()> {
        match self.fault {
            Fault::SavesNothing | Fault::SavesNan | Fault::TakesAnyState => self.restore(state),
            Fault::MergesNothing => Broken::new(Fault::None).honest.merge(state),
            Fault::MergesByReplacing => self.honest.restore(state),
            Fault::FailsToMerge => Err(mlcore::Error::conflict("merge policy", "state", "not today")),
            _ => self.honest.merge(state),
        }
    }
}

/// Writes NaN, which JSON has not.
struct Nan;

impl serde::Serialize for Nan {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::NAN)
    }
}

/// Reads anything.
type Ignored = serde::de::IgnoredAny;

const FORMAT: StateFormat = StateFormat::new("broken", 1);

fn arm(name: &str) -> Arm {
    Arm::new(name).unwrap()
}

/// What the suite says of a policy with this fault; nothing where it is content.
fn verdict(fault: Fault) -> Option<String> {
    let suite = AssertUnwindSafe(|| rollout_policy(|| Broken::new(fault), Stickiness::Unit));
    catch_unwind(suite).err().map(|panic| said(&*panic))
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap()
}

#[test]
fn an_honest_policy_passes() {
    assert_eq!(verdict(Fault::None), None);
}

#[test]
fn each_broken_promise_is_noticed_and_named() {
    for (fault, words) in [
        (Fault::NamesNoCandidate, "position 1 of 1 candidates"),
        (Fault::PropensityOfZero, "a propensity of 0"),
        (Fault::PropensityBeyondOne, "a propensity of 1.000000001"),
        (Fault::PropensityOfNan, "a propensity of NaN"),
        (Fault::OverstatesPropensity, "with a stated propensity of"),
        (Fault::TellsSomeProbabilities, "the probabilities of 1 of 3 arms are told"),
        (Fault::TellsOtherProbabilities, "a probability of 0.3333333333333333 with a propensity of"),
        (Fault::TellsMoreThanAll, "the probabilities of the arms are"),
        (Fault::ShadowThatAnswers, "shadow 0 beside arm 0"),
        (Fault::ShadowThatIsNoCandidate, "shadow 3 beside arm 0, of 3 candidates"),
        (Fault::OwnRandomness, "with a stated propensity of"),
        // Chance decides which of two questions sees the clock move.
        (Fault::OwnClock, "answer|changed its arm with the draw"),
        (Fault::DrawsEveryRequest, "changed its arm with the draw"),
        (Fault::PanicsOnOddContexts, "a feature is not a number"),
        (Fault::PanicsOnOddEvidence, "a propensity is not a number"),
        (Fault::ShareBeyondOne, "a share of 20 for challenger"),
        (Fault::SaysItOnce, "before it was carried out"),
        (Fault::SaysItAgainWhenDone, "was carried out, and is wanted again"),
        (Fault::AssignsWhatItWithdrew, "which is to be withdrawn"),
        (Fault::ForgetsForNoReason, "told of the same versions, it forgot"),
        (Fault::JudgesTheNextVersion, "was about another version of challenger"),
        (Fault::ForgetsItsEvidence, "it decided otherwise"),
        (Fault::ForgetsThatItRolledBack, "a restored policy saves another state"),
        (Fault::SavesNothing, "it decided otherwise"),
        (Fault::SavesNan, "it decided otherwise"),
        (Fault::TakesAnyState, "it restored what it did not save"),
        (Fault::RefusesItsOwnState, "its own state was refused"),
        (Fault::ChangesWithRefusedStates, "a state that was refused changed something"),
        (Fault::MergesNothing, "in another order, with another result"),
        (Fault::MergesByReplacing, "merging the state of a fresh policy changed something"),
        (Fault::FailsToMerge, "merging the state of a fresh policy answered"),
    ] {
        let said = verdict(fault).unwrap_or_else(|| panic!("{fault:?} was not noticed"));
        assert!(words.split('|').any(|words| said.contains(words)), "{fault:?}: {said}");
    }
}

/// A promise about what replicas share that a policy breaks.
#[derive(Clone, Copy, PartialEq, Debug)]
enum SharingFault {
    None,
    CountsTwice,
    LosesWhatWasLost,
    SharesNothing,
    TakesAnyState,
}

/// A bandit that breaks one promise.
#[derive(Debug)]
struct Sharing {
    honest: BanditRollout,
    fault: SharingFault,
}

impl Sharing {
    fn new(fault: SharingFault) -> Self {
        let arms = ["champion", "challenger", "third"].map(arm);
        let learner = BanditOptions::new(EpsilonGreedy::default()).with_min_samples(700);
        let options = BanditRolloutOptions::new("s", arms, learner, RewardRule::Answered);
        Self { honest: BanditRollout::new(options).unwrap(), fault }
    }
}

impl RolloutPolicy for Sharing {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        self.honest.assign(ask)
    }

    fn requirements(&self) -> Requirements {
        self.honest.requirements()
    }

    fn observe(&self, outcome: &Outcome<'_>) {
        self.honest.observe(outcome);
    }

    fn decide(&self, now: Duration) -> Decision {
        self.honest.decide(now)
    }

    fn save(&self) -> Result<PolicyState> {
        self.honest.save()
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        self.honest.restore(state)
    }

    fn merge(&self, state: &PolicyState) -> Result<()> {
        self.honest.merge(state)
    }

    fn reconcile(&self, shared: Option<&PolicyState>) -> Result<Option<PolicyState>> {
        match self.fault {
            SharingFault::None => self.honest.reconcile(shared),
            SharingFault::CountsTwice => {
                shared.map_or(Ok(()), |shared| self.honest.merge(shared))?;
                self.honest.reconcile(shared)
            }
            SharingFault::LosesWhatWasLost => {
                let state = self.honest.reconcile(shared);
                self.honest.reconciled();
                state
            }
            SharingFault::SharesNothing => Ok(None),
            SharingFault::TakesAnyState => Ok(self.honest.reconcile(shared).ok().flatten()),
        }
    }

    fn reconciled(&self) {
        self.honest.reconciled();
    }
}

#[test]
fn each_broken_promise_about_sharing_is_noticed_and_named() {
    for (fault, words) in [
        (SharingFault::None, ""),
        (SharingFault::CountsTwice, "it adds to what it has just shared"),
        (SharingFault::LosesWhatWasLost, "what was not written is not written later"),
        (SharingFault::SharesNothing, "what it has learnt is not shared"),
        (SharingFault::TakesAnyState, "it shared what it did not save"),
    ] {
        let suite = AssertUnwindSafe(|| rollout_policy(|| Sharing::new(fault), Stickiness::Unit));
        let said = catch_unwind(suite).err().map(|panic| said(&*panic)).unwrap_or_default();
        assert!(said.contains(words) && said.is_empty() == words.is_empty(), "{fault:?}: {said}");
    }
}
