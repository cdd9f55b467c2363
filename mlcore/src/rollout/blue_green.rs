use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::since_asked::SinceAsked;
use super::{
    Ask, Assignment, Candidates, Decision, Observation, Outcome, PolicyState, Requirements, RolloutPolicy,
    StateFormat, Subjects,
};
use crate::error::{Error, Result};
use crate::name::Arm;

/// The arms of a blue-green release, and when it ends.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlueGreenOptions {
    /// The arm that answers at first.
    pub blue: Arm,
    /// The arm that stands by, loaded and warm, and answers after the switch.
    pub green: Arm,
    /// How long green answers every unit before it is promoted; `None` leaves that to an operator.
    pub bake_time: Option<Duration>,
}

impl BlueGreenOptions {
    /// A release of `green` in the place of `blue`, which is never promoted by itself.
    #[must_use]
    pub fn new(blue: Arm, green: Arm) -> Self {
        Self { blue, green, bake_time: None }
    }

    /// Promotes green when it has answered every unit for this long without a breach. (Called bake time by AWS and by
    /// Spinnaker, `scaleDownDelay` by Argo Rollouts: so long blue stands by.)
    #[must_use]
    pub fn with_bake_time(mut self, bake_time: Duration) -> Self {
        self.bake_time = Some(bake_time);
        self
    }
}

/// A release that moves every unit at once: blue answers until an operator switches to green, and the other of the two
/// stands by, warm, for the way back.
///
/// A breach of green, before or after the switch, gives every unit back to blue at once and wants green rolled back.
/// Errors, latencies and losses are not judged here: a monitor or an operator reports a breach, and a
/// [`Canary`](super::Canary) judges them by itself. A breach, a switch and a bake time belong to the versions that they were
/// about: another version behind green stands by again, and another one behind blue starts the bake time anew.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::name::Arm;
/// use mlcore::rollout::{BlueGreen, BlueGreenOptions, Decision, RolloutPolicy};
///
/// let (champion, next) = (Arm::new("champion")?, Arm::new("next")?);
/// let options = BlueGreenOptions::new(champion, next.clone()).with_bake_time(Duration::from_secs(3_600));
/// let release = BlueGreen::new(options)?;
/// release.switch();
/// assert!(matches!(release.decide(Duration::ZERO), Decision::Hold { .. }));
/// let decision = release.decide(Duration::from_secs(3_600));
/// assert_eq!(decision.arm(), Some(&next));
/// assert!(matches!(decision, Decision::Promote { .. }));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct BlueGreen {
    options: BlueGreenOptions,
    release: Mutex<Release>,
    /// How often traffic was moved: with an odd number green answers. Assignments read nothing else.
    moves: AtomicU32,
    /// Whether one of the two arms is known not to answer.
    absent: AtomicBool,
}

/// Where the release stands, as it is saved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    /// The breach that ended it.
    harm: Option<String>,
    moves: u32,
    /// How long green has answered since the last move.
    baked: Duration,
    /// The versions behind the two, where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<Subjects>,
    #[serde(skip)]
    asked: SinceAsked,
}

impl BlueGreen {
    /// The format in which its state is saved.
    pub const FORMAT: StateFormat = StateFormat::new("blue_green", 1);

    /// A release under which blue answers.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when blue and green are one arm.
    pub fn new(options: BlueGreenOptions) -> Result<Self> {
        if options.blue == options.green {
            return Err(Error::invalid_input(
                "build blue-green release",
                options.green.as_str(),
                "blue and green are the same arm",
            ));
        }
        Ok(Self {
            options,
            release: Mutex::default(),
            moves: AtomicU32::new(0),
            absent: AtomicBool::new(false),
        })
    }

    /// The release that `state` was saved by, where it stood.
    ///
    /// # Errors
    /// As [`PolicyState::options`] and [`BlueGreen::new`].
    pub fn from_state(state: &PolicyState) -> Result<Self> {
        let release = Self::new(state.options(Self::FORMAT)?)?;
        release.restore(state)?;
        Ok(release)
    }

    /// The options that it was built with.
    #[must_use]
    pub fn options(&self) -> &BlueGreenOptions {
        &self.options
    }

    /// The arm that answers every unit now.
    #[must_use]
    pub fn live(&self) -> &Arm {
        if is_green(self.moves.load(Ordering::Acquire)) { &self.options.green } else { &self.options.blue }
    }

    /// Gives every unit to green, at once. Does nothing where green answers already, or was found unfit.
    pub fn switch(&self) {
        self.change(|release| {
            if !is_green(release.moves) && release.harm.is_none() {
                release.go_to_the_other();
            }
        });
    }

    /// Gives every unit back to blue, at once; green stands by. Does nothing where blue answers already.
    pub fn switch_back(&self) {
        self.change(|release| {
            if is_green(release.moves) {
                release.go_to_the_other();
            }
        });
    }

    fn read(&self, state: &PolicyState) -> Result<Release> {
        let release: Release = state.progress(Self::FORMAT, &self.options)?;
        if release.harm.is_some() && is_green(release.moves) {
            let problem = "green answers although it was found unfit";
            return Err(Error::corrupt("restore policy", "state of a blue_green policy", problem));
        }
        Ok(release)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Release) -> T) -> T {
        // Every change leaves a release that may be served, so that a poisoned lock holds one too.
        let mut release = self.release.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = change(&mut release);
        self.moves.store(release.moves, Ordering::Release);
        answer
    }
}

impl Release {
    /// Of two replicas the one with the greater progress is ahead.
    fn progress(&self) -> impl PartialOrd {
        (self.harm.clone(), self.moves, self.baked)
    }

    fn go_to_the_other(&mut self) {
        // Wrapping keeps odd and even apart.
        self.moves = self.moves.wrapping_add(1);
        (self.baked, self.asked) = (Duration::ZERO, SinceAsked::default());
    }
}

impl RolloutPolicy for BlueGreen {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        let moves = self.moves.load(Ordering::Acquire);
        let blue = ask.candidates.position(&self.options.blue).unwrap_or(0);
        let green = ask.candidates.position(&self.options.green).unwrap_or(blue);
        Assignment::certain(if is_green(moves) { green } else { blue }).with_epoch(moves)
    }

    fn probability(&self, ask: &Ask<'_>, position: usize) -> Option<f64> {
        Some(f64::from(u8::from(self.assign(ask).position == position)))
    }

    fn requirements(&self) -> Requirements {
        let BlueGreenOptions { blue, green, .. } = &self.options;
        Requirements::of_arms([blue.clone()]).with_trial(green.clone())
    }

    fn follow(&self, candidates: &Candidates) -> Option<String> {
        let BlueGreenOptions { blue, green, .. } = &self.options;
        let answering = Subjects::find(candidates, green, blue);
        self.absent.store(answering.is_none(), Ordering::Relaxed);
        let answering = answering?;
        self.change(|release| {
            let before = release.about;
            let change = answering.replace(&mut release.about, green, blue)?;
            if before.is_some_and(|before| before.tried != answering.tried) {
                release.harm = None;
                if is_green(release.moves) {
                    release.go_to_the_other();
                }
            }
            (release.baked, release.asked) = (Duration::ZERO, SinceAsked::default());
            Some(change)
        })
    }

    fn observe(&self, outcome: &Outcome<'_>) {
        let Observation::Breach { reason } = &outcome.observation else { return };
        if *outcome.arm == self.options.green {
            self.change(|release| {
                release.harm.get_or_insert_with(|| reason.clone());
                if is_green(release.moves) {
                    release.go_to_the_other();
                }
            });
        }
    }

    fn decide(&self, now: Duration) -> Decision {
        let BlueGreenOptions { blue, green, bake_time } = &self.options;
        self.change(|release| {
            if let Some(reason) = &release.harm {
                return Decision::roll_back(green.clone(), reason);
            }
            if !is_green(release.moves) {
                return Decision::hold(format!("{blue} answers and {green} stands by"));
            }
            let passed = release.asked.ask(now);
            let is_absent = self.absent.load(Ordering::Relaxed);
            if !is_absent {
                release.baked = release.baked.saturating_add(passed);
            }
            match bake_time {
                Some(bake_time) if release.baked >= *bake_time => {
                    Decision::promote(green.clone(), format!("{bake_time:?} without a breach"))
                }
                _ if is_absent => Decision::hold(format!("{green} and {blue} do not both answer")),
                Some(bake_time) => Decision::hold(format!(
                    "{green} answers since {:.0?} of {bake_time:?}, and {blue} stands by",
                    release.baked
                )),
                None => Decision::hold(format!(
                    "{green} answers, and {blue} stands by until an operator promotes"
                )),
            }
        })
    }

    fn save(&self) -> Result<PolicyState> {
        let release = self.release.lock().unwrap_or_else(PoisonError::into_inner).clone();
        PolicyState::new(Self::FORMAT, &self.options, &release)
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        let restored = self.read(state)?;
        self.change(|release| *release = restored);
        Ok(())
    }

    /// Takes the state of the replica that is ahead: harm that one found counts for both, then the one whose traffic was
    /// moved more often, then the longer bake time. A state may be merged any number of times.
    ///
    /// A state about other versions is [`Error::InvalidInput`].
    fn merge(&self, state: &PolicyState) -> Result<()> {
        let other = self.read(state)?;
        self.change(|release| {
            if let (Some(own), Some(other)) = (release.about, other.about)
                && own != other
            {
                let problem = "it is about other versions";
                return Err(Error::invalid_input("merge policy", "state of a blue_green policy", problem)
                    .remedy("merge what replicas have learnt about the same versions"));
            }
            let about = release.about.or(other.about);
            if other.progress() > release.progress() {
                *release = Release { asked: release.asked, ..other };
            }
            release.about = about;
            Ok(())
        })
    }
}

fn is_green(moves: u32) -> bool {
    moves % 2 == 1
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::conformance::Stickiness;
    use crate::rollout::testing::{arm, candidates, hold, positions};

    fn release() -> BlueGreen {
        let options = BlueGreenOptions::new(arm("champion"), arm("challenger"));
        BlueGreen::new(options.with_bake_time(Duration::from_secs(100))).unwrap()
    }

    fn switched() -> BlueGreen {
        let release = release();
        release.switch();
        release
    }

    pub(crate) fn contract() {
        hold(release, Stickiness::Unit);
        hold(switched, Stickiness::Unit);
    }

    /// The one arm that answers every unit.
    fn answers(release: &BlueGreen) -> usize {
        let positions = positions(release, &candidates(&["champion", "challenger", "third"]));
        assert!(positions.iter().all(|position| *position == positions[0]), "units are divided");
        positions[0]
    }

    fn breach(release: &BlueGreen, name: &str) {
        release.observe(&Outcome::new(&arm(name), Observation::breach("a monitor saw it")));
    }

    #[test]
    fn every_unit_moves_at_once_and_back() {
        let release = release();
        assert_eq!((answers(&release), release.live()), (0, &arm("champion")));
        release.switch_back();
        for (step, green) in
            [(BlueGreen::switch as fn(&_), 1), (BlueGreen::switch, 1), (BlueGreen::switch_back, 0)]
        {
            step(&release);
            assert_eq!(answers(&release), green);
        }
        // While green cannot answer, blue does; while neither can, the default arm.
        release.switch();
        assert!(
            positions(&release, &candidates(&["third", "champion"])).iter().all(|position| *position == 1)
        );
        assert!(
            positions(&release, &candidates(&["third", "stranger"])).iter().all(|position| *position == 0)
        );
    }

    #[test]
    fn green_is_promoted_when_it_has_answered_for_the_bake_time() {
        let release = release();
        let holds = |second| matches!(release.decide(Duration::from_secs(second)), Decision::Hold { .. });
        assert!(holds(0) && holds(1_000), "standing by is no baking");
        release.switch();
        assert!(holds(1_000) && holds(1_099));
        release.switch_back();
        release.switch();
        assert!(holds(1_100) && holds(1_199), "the way back starts the time anew");
        // A restart does not, and its own clock starts anew.
        let restored = BlueGreen::from_state(&release.save().unwrap()).unwrap();
        assert_eq!(answers(&restored), 1);
        assert!(matches!(restored.decide(Duration::ZERO), Decision::Hold { .. }));
        let decision = restored.decide(Duration::from_secs(1));
        assert_eq!(decision, Decision::promote(arm("challenger"), "100s without a breach"));
        let forever = BlueGreen::new(BlueGreenOptions::new(arm("a"), arm("b"))).unwrap();
        forever.switch();
        forever.decide(Duration::ZERO);
        assert!(matches!(forever.decide(Duration::MAX), Decision::Hold { .. }));
    }

    #[test]
    fn a_breach_of_green_gives_every_unit_back_for_good() {
        for release in [release(), switched()] {
            breach(&release, "champion");
            breach(&release, "stranger");
            assert!(matches!(release.decide(Duration::ZERO), Decision::Hold { .. }));
            breach(&release, "challenger");
            release.switch();
            assert_eq!(answers(&release), 0);
            let decision = release.decide(Duration::ZERO);
            assert_eq!(decision, Decision::roll_back(arm("challenger"), "a monitor saw it"));
        }
    }

    #[test]
    fn another_version_stands_by_and_bakes_anew() {
        let versions = |blue: u64, green: u64| {
            let version = |number| crate::name::Version::new(number).unwrap();
            let arms = [("champion", blue), ("challenger", green)];
            let arms = arms.map(|(name, number)| crate::rollout::Candidate::new(arm(name), version(number)));
            Candidates::new(arms).unwrap()
        };
        let release = switched();
        assert_eq!(release.follow(&versions(1, 2)), None);
        release.decide(Duration::ZERO);
        release.decide(Duration::from_secs(90));
        // Another blue: green answers on, and its time begins anew.
        assert!(release.follow(&versions(3, 2)).is_some());
        assert!(matches!(release.decide(Duration::from_secs(100)), Decision::Hold { .. }));
        assert!(matches!(release.decide(Duration::from_secs(199)), Decision::Hold { .. }));
        assert!(matches!(release.decide(Duration::from_secs(200)), Decision::Promote { .. }));
        // Another green: nobody has switched to it, and the breach was not its own.
        assert!(release.follow(&versions(3, 4)).is_some());
        assert_eq!(answers(&release), 0);
        release.switch();
        breach(&release, "challenger");
        assert!(release.follow(&versions(3, 5)).is_some() && release.follow(&versions(3, 5)).is_none());
        assert!(matches!(release.decide(Duration::ZERO), Decision::Hold { .. }));
    }

    #[test]
    fn the_replica_that_is_ahead_counts_however_often_it_is_merged() {
        let (behind, ahead, ill) = (release(), switched(), switched());
        breach(&ill, "challenger");
        for _ in 0..2 {
            behind.merge(&ahead.save().unwrap()).unwrap();
            ahead.merge(&release().save().unwrap()).unwrap();
        }
        assert_eq!((answers(&behind), answers(&ahead)), (1, 1));
        behind.merge(&ill.save().unwrap()).unwrap();
        ill.merge(&ahead.save().unwrap()).unwrap();
        assert_eq!((answers(&behind), answers(&ill)), (0, 0));
        assert_eq!(behind.decide(Duration::ZERO), ill.decide(Duration::ZERO));
    }

    #[test]
    fn what_is_no_release_is_refused() {
        let same = BlueGreen::new(BlueGreenOptions::new(arm("a"), arm("a"))).unwrap_err();
        assert!(same.to_string().contains("blue and green are the same arm"), "{same}");
        let ill = switched();
        breach(&ill, "challenger");
        let mut state = serde_json::to_value(ill.save().unwrap()).unwrap();
        state["progress"]["moves"] = serde_json::json!(3);
        let state: PolicyState = serde_json::from_value(state).unwrap();
        assert!(matches!(ill.restore(&state), Err(Error::Corrupt(_))));
    }
}
