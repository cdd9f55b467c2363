//! Who answers a request: assignments with their propensities, and what a bandit learns of an outcome.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use mlcore::bandit::{BanditOptions, LinearOptions, LinearPolicy, ThompsonBeta};
use mlcore::name::{Arm, UnitId, Version};
use mlcore::rollout::{
    Ask, AssignBy, BanditRollout, BanditRolloutOptions, Canary, CanaryOptions, Candidate, Candidates,
    Context, ContextualRollout, ContextualRolloutOptions, Draw, Guardrail, Metric, Observation, Outcome,
    RampOptions, RewardRule, RolloutPolicy, Weighted,
};
use mlcore::stats::SplitMix64;

use crate::Result;
use crate::table::{Goal, Table};
use crate::timing::median_seconds;

const ARMS: usize = 16;
const FEATURES: usize = 8;
/// So many units are assigned in one measured call: a clock takes as long as an assignment.
const UNITS: usize = 10_000;
/// The seconds that an assignment may take.
const PLAIN: f64 = 50e-9;
const BANDIT: f64 = 200e-9;

pub(crate) fn run(_: &Path) -> Result<()> {
    let mut random = SplitMix64::new(7);
    let units = (0..UNITS).map(|number| UnitId::new(format!("user-{number}")));
    let units = units.collect::<mlcore::Result<Vec<UnitId>>>()?;
    let draws: Vec<Draw> = units.iter().map(|_| Draw::new(random.next_u64())).collect();
    let features: Vec<f64> = (0..UNITS * FEATURES).map(|_| random.normal()).collect();
    let asked = Asked { units, draws, features };
    let mut shown = Table::new(
        "Rollout: a request assigned with its propensity, one thread",
        &["", "ours", "", "", "goal", ""],
    );
    let two = candidates(2)?;
    let many = candidates(ARMS)?;
    let arms = |candidates: &Candidates| -> Vec<Arm> {
        candidates.as_slice().iter().map(|candidate| candidate.arm.clone()).collect()
    };
    let shares = arms(&two).into_iter().zip([0.9, 0.1]);
    let weighted = Weighted::new("bench", shares)?;
    let ramp = RampOptions::new([Guardrail::new(Metric::ErrorRate, 0.01)?]);
    let [control, trial] = [0, 1].map(|position| two.at(position).arm.clone());
    let canary = Canary::new(CanaryOptions::new(control, trial, "bench", ramp))?;
    let policies: [(&str, &dyn RolloutPolicy); 2] = [("weighted, two arms", &weighted), ("canary", &canary)];
    for (name, policy) in policies {
        let seconds = asked.seconds(policy, &two, false);
        shown.line([name.to_owned()].into_iter().chain(Goal::Within(PLAIN).judge(seconds, None)));
    }
    for (name, assign_by) in [("by unit", AssignBy::Unit), ("by draw", AssignBy::Draw)] {
        let policy = bandit(&arms(&many), assign_by)?;
        policy.follow(&many);
        asked.teach(&policy, &many);
        let seconds = asked.seconds(&policy, &many, false);
        let cells = Goal::Within(BANDIT).judge(seconds, None);
        shown.line([format!("bandit, {ARMS} arms, {name}")].into_iter().chain(cells));
    }
    for (name, rule) in [
        ("LinUCB", LinearPolicy::LinUcb { alpha: 1.0 }),
        ("linear Thompson", LinearPolicy::LinTs { alpha: 1.0 }),
    ] {
        let learner = LinearOptions::new(rule, FEATURES).with_min_prob(0.01);
        let options = ContextualRolloutOptions::new("bench", arms(&two), learner, RewardRule::Answered);
        let policy = ContextualRollout::new(options)?;
        policy.follow(&two);
        asked.teach(&policy, &two);
        let cells = Goal::None.judge(asked.seconds(&policy, &two, true), None);
        shown.line([format!("{name}, two arms, {FEATURES} features")].into_iter().chain(cells));
    }
    crate::print(&shown);
    learning(&asked, &arms(&many), &many)
}

/// What the thread that works off does: it takes outcomes, and publishes probabilities.
fn learning(asked: &Asked, arms: &[Arm], candidates: &Candidates) -> Result<()> {
    let mut shown = Table::new(
        format!("Rollout: what a bandit of {ARMS} arms learns, Thompson's policy"),
        &["", "ours", "", "", "goal", ""],
    );
    let policy = bandit(arms, AssignBy::Draw)?;
    policy.follow(candidates);
    let seconds = median_seconds(|| asked.teach(&policy, candidates)) / UNITS as f64;
    let cells = Goal::None.judge(seconds, None);
    shown.line(["an outcome assigned and observed".to_owned()].into_iter().chain(cells));
    let mut clock = Duration::ZERO;
    let seconds = median_seconds(|| {
        asked.teach(&policy, candidates);
        clock += Duration::from_secs(2);
        policy.decide(clock)
    });
    let cells = Goal::None.judge(seconds, None);
    shown.line([format!("{UNITS} of them, and probabilities published")].into_iter().chain(cells));
    let cells = Goal::None.judge(median_seconds(|| policy.save()), None);
    shown.line(["its state saved".to_owned()].into_iter().chain(cells));
    crate::print(&shown);
    Ok(())
}

fn candidates(count: usize) -> Result<Candidates> {
    let arms =
        (0..count).map(|number| Ok(Candidate::new(Arm::new(format!("arm-{number:02}"))?, Version::FIRST)));
    Ok(Candidates::new(arms.collect::<mlcore::Result<Vec<_>>>()?)?)
}

fn bandit(arms: &[Arm], assign_by: AssignBy) -> Result<BanditRollout> {
    let learner = BanditOptions::new(ThompsonBeta::default()).with_min_prob(0.01);
    let options = BanditRolloutOptions::new("bench", arms.to_vec(), learner, RewardRule::Answered);
    Ok(BanditRollout::new(options.with_assign_by(assign_by))?)
}

/// Requests.
struct Asked {
    units: Vec<UnitId>,
    draws: Vec<Draw>,
    features: Vec<f64>,
}

impl Asked {
    fn each<'a>(&'a self, candidates: &'a Candidates, has_context: bool) -> impl Iterator<Item = Ask<'a>> {
        let contexts = self.features.chunks(FEATURES).map(|features| Context::EMPTY.with_features(features));
        self.units.iter().zip(&self.draws).zip(contexts).map(move |((unit, draw), context)| {
            let ask = Ask::new(unit, candidates, *draw);
            if has_context { ask.with_context(context) } else { ask }
        })
    }

    /// The seconds of one assignment.
    fn seconds(&self, policy: &dyn RolloutPolicy, candidates: &Candidates, has_context: bool) -> f64 {
        let assign = || {
            for ask in self.each(candidates, has_context) {
                black_box(policy.assign(black_box(&ask)));
            }
        };
        median_seconds(assign) / UNITS as f64
    }

    /// Each request is answered; the arms fail ever more seldom.
    fn teach(&self, policy: &dyn RolloutPolicy, candidates: &Candidates) {
        for ask in self.each(candidates, true) {
            let assignment = policy.assign(&ask);
            let fails = ask.draw.another().unit_interval() > 0.5 + assignment.position as f64 / 40.0;
            let seen =
                if fails { Observation::Failed } else { Observation::answered(Duration::from_millis(1)) };
            let arm = &candidates.at(assignment.position).arm;
            let outcome = Outcome::new(arm, seen).with_epoch(assignment.epoch).with_context(ask.context);
            policy.observe(&outcome.with_propensity(assignment.propensity));
        }
        policy.decide(Duration::ZERO);
    }
}
