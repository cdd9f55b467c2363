use std::time::Duration;

use mlcore::name::Arm;
use mlcore::rollout::Decision;
use mlcore::time::Timestamp;
use serde::{Serialize, Serializer};

use super::run::Run;
use super::value::Values;
use super::{LeftOutRequests, ReplayValue, Truth};

/// Where the evidence of a replay came from.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplayMode {
    /// The log, of the arm that answered.
    LoggedArms,
    /// A function, of every arm.
    SimulatedArms,
}

mlcore::words! { ReplayMode, "replay mode": LoggedArms = "logged_arms", SimulatedArms = "simulated_arms" }

/// What a policy did with the traffic of a log: text by its `Display`, JSON by serde.
///
/// Times are those of the log. Requests are counted when they are decided.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ReplayReport {
    /// Where the evidence came from.
    pub mode: ReplayMode,
    /// The seed of the draws.
    pub seed: u64,
    /// When the first request was decided, and when the last event happened.
    pub span: (Timestamp, Timestamp),
    /// The requests that the policy was asked about.
    pub requests: u64,
    /// Those of them that were evidence. All, where arms are simulated.
    pub matched: u64,
    /// How many requests of a log that the policy wrote itself would tell as much: `(sum of weights)^2 / sum of squared weights`, each
    /// weight the policy's probability of the logged arm over the log's. None where arms are simulated.
    pub effective_sample_size: Option<f64>,
    /// What of the log was left out, and what was odd.
    pub left_out: LeftOutRequests,
    /// Each arm, the default first.
    pub arms: Vec<ArmReplay>,
    /// Steps, promotions and rollbacks.
    pub decisions: Vec<ReplayDecision>,
    /// The reason of the last hold: what the policy waits for; empty where it never held.
    pub waits_for: String,
    /// The shares of requests, part by part.
    pub shares: Vec<SharePoint>,
    /// The first promotion.
    pub promotion: Option<Reached>,
    /// The first rollback.
    pub rollback: Option<Reached>,
    /// Alarms beside the truth; none where nobody knows it.
    pub judged: Option<Judged>,
    /// The arm that earns less, and the requests that it answered; none where nobody knows it.
    pub worse_arm: Option<WorseArm>,
    /// What a request earned; none without a [reward](super::ReplayOptions::reward).
    pub value: Option<ReplayValue>,
    /// What was not earned; none without a reward.
    pub regret: Option<Regret>,
}

/// An arm of a replay.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ArmReplay {
    /// The arm. After a promotion the requests of the default arm count here as those of the arm that was promoted.
    pub arm: Arm,
    /// The requests that it was given.
    pub requests: u64,
    /// Those of them that were evidence.
    pub matched: u64,
    /// Failures that the policy was told of under the arm's name.
    pub failures: u64,
    /// Losses that it was told of.
    pub losses: u64,
    /// Their mean; none where there are none.
    pub mean_loss: Option<f64>,
    /// What a request would earn if this arm answered all of them; none without a reward, and for an arm that the log knows too
    /// little of.
    pub value: Option<ReplayValue>,
}

/// What a policy decided.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ReplayDecision {
    /// When.
    pub at: Timestamp,
    /// How long after the first request.
    #[serde(rename = "elapsed_seconds", serialize_with = "as_seconds")]
    pub elapsed: Duration,
    /// The requests until then.
    pub requests: u64,
    /// Those of the arm that it is about.
    pub arm_requests: u64,
    /// The requests since an arm is worse, where that is known.
    #[serde(skip)]
    pub(super) since_harm: u64,
    /// The decision with its reason.
    #[serde(flatten)]
    pub decision: Decision,
}

/// The first decision of a kind.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Reached {
    /// The arm.
    pub arm: Arm,
    /// When.
    pub at: Timestamp,
    /// How long after the first request.
    #[serde(rename = "elapsed_seconds", serialize_with = "as_seconds")]
    pub elapsed: Duration,
    /// The requests until then.
    pub requests: u64,
    /// Those of the arm.
    pub arm_requests: u64,
}

/// The shares of arms in a part of the requests.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SharePoint {
    /// When the part began.
    pub at: Timestamp,
    /// Its requests.
    pub requests: u64,
    /// The share of each arm, in the order of the report's.
    pub shares: Vec<f64>,
}

/// Alarms beside what is true.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Judged {
    /// Alarms while nothing was wrong, or about an arm that was fine. For a policy an alarm is a rollback.
    pub false_alarms: u64,
    /// The first alarm that is right; none where there was none.
    pub detection: Option<Detection>,
    /// Whether an arm was promoted that was worse by then.
    pub promoted_worse: bool,
}

/// How soon it was found that something is wrong.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Detection {
    /// When.
    pub at: Timestamp,
    /// How long after it began.
    #[serde(rename = "delay_seconds", serialize_with = "as_seconds")]
    pub delay: Duration,
    /// After how many requests since then, of all arms; for a detector, after how many values.
    pub requests: u64,
}

/// The arm that earns less than another.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct WorseArm {
    /// The arm, or all but the best one.
    pub arms: Vec<Arm>,
    /// How that is known.
    pub by: WorseBy,
    /// The requests that it answered; by the truth, since it is worse.
    pub requests: u64,
}

/// How an arm is known to be worse.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WorseBy {
    /// The caller says so.
    Truth,
    /// It earned less for the same simulated requests.
    SimulatedRewards,
    /// It earns less by the estimate from the log, however small the difference.
    EstimatedRewards,
}

mlcore::words! {
    WorseBy, "worse by": Truth = "truth", SimulatedRewards = "simulated_rewards", EstimatedRewards = "estimated_rewards"
}

/// What was not earned because the best arm did not answer all requests.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Regret {
    /// The arm that would have earned the most.
    pub best: Arm,
    /// In the mean of a request.
    pub per_request: f64,
    /// Of all requests.
    pub total: f64,
    /// Whether arms and policy are estimated, from the log.
    pub is_estimated: bool,
}

impl ReplayReport {
    pub(super) fn of(run: Run<'_>, mode: ReplayMode, values: &Values) -> Self {
        let is_simulated = mode == ReplayMode::SimulatedArms;
        let reached = |wanted: fn(&Decision) -> bool| {
            let found = run.decisions.iter().find(|own| wanted(&own.decision))?;
            Some(Reached {
                arm: found.decision.arm()?.clone(),
                at: found.at,
                elapsed: found.elapsed,
                requests: found.requests,
                arm_requests: found.arm_requests,
            })
        };
        let arms = run.log.arms.iter().zip(&run.tallies).zip(&values.arms);
        let arms: Vec<ArmReplay> = arms
            .map(|((arm, tally), value)| ArmReplay {
                arm: arm.clone(),
                requests: tally.requests,
                matched: tally.matched,
                failures: tally.failures,
                losses: tally.losses,
                mean_loss: (tally.losses > 0).then(|| tally.loss / tally.losses as f64),
                value: *value,
            })
            .collect();
        let shares = run.parts.iter().map(|(at, counts)| {
            let requests: u64 = counts.iter().sum();
            let share = |count: &u64| *count as f64 / requests.max(1) as f64;
            SharePoint {
                at: Timestamp::from_micros(*at),
                requests,
                shares: counts.iter().map(share).collect(),
            }
        });
        let [sum, squares] = run.weights;
        let best = best_of(&arms);
        let worse_arm = worse_arm(&run, &arms, best, is_simulated);
        let regret = best.zip(values.policy).and_then(|((best, most), own)| {
            Some(Regret {
                best: arms.get(best)?.arm.clone(),
                per_request: most - own.value,
                total: (most - own.value) * run.asked as f64,
                is_estimated: !is_simulated,
            })
        });
        Self {
            mode,
            seed: run.options.seed,
            span: (Timestamp::from_micros(run.start), Timestamp::from_micros(run.now)),
            requests: run.asked,
            matched: arms.iter().map(|arm| arm.matched).sum(),
            effective_sample_size: (!is_simulated)
                .then(|| if squares > 0.0 { sum * sum / squares } else { 0.0 }),
            left_out: run.log.left_out,
            shares: shares.collect(),
            promotion: reached(|decision| matches!(decision, Decision::Promote { .. })),
            rollback: reached(|decision| matches!(decision, Decision::RollBack { .. })),
            judged: judge(&run),
            worse_arm,
            value: values.policy,
            regret,
            arms,
            decisions: run.decisions,
            waits_for: run.waits_for,
        }
    }
}

/// The position and the value of the arm that earns the most; of several the first.
fn best_of(arms: &[ArmReplay]) -> Option<(usize, f64)> {
    let values = arms.iter().enumerate().filter_map(|(position, arm)| Some((position, arm.value?.value)));
    values.fold(None, |best: Option<(usize, f64)>, own| match best {
        Some(best) if best.1 >= own.1 => Some(best),
        _ => Some(own),
    })
}

fn worse_arm(
    run: &Run<'_>,
    arms: &[ArmReplay],
    best: Option<(usize, f64)>,
    is_simulated: bool,
) -> Option<WorseArm> {
    match &run.options.truth {
        Truth::Worse { arm, .. } => {
            Some(WorseArm { arms: vec![arm.clone()], by: WorseBy::Truth, requests: run.harmed })
        }
        Truth::Equal => None,
        Truth::Unknown => {
            let (_, most) = best?;
            let is_worse = |arm: &&ArmReplay| arm.value.is_some_and(|own| own.value < most);
            let worse: Vec<&ArmReplay> = arms.iter().filter(is_worse).collect();
            (!worse.is_empty()).then(|| WorseArm {
                arms: worse.iter().map(|arm| arm.arm.clone()).collect(),
                by: if is_simulated { WorseBy::SimulatedRewards } else { WorseBy::EstimatedRewards },
                requests: worse.iter().map(|arm| arm.requests).sum(),
            })
        }
    }
}

/// Counts rollbacks as alarms.
fn judge(run: &Run<'_>) -> Option<Judged> {
    let truth = &run.options.truth;
    let mut judged = Judged { false_alarms: 0, detection: None, promoted_worse: false };
    for own in &run.decisions {
        let is_right = truth.confirms(own.decision.arm(), own.at);
        match &own.decision {
            Decision::RollBack { .. } if is_right == Some(false) => judged.false_alarms += 1,
            Decision::RollBack { .. } if judged.detection.is_none() => {
                let since = truth.since().map_or(run.start, Timestamp::as_micros);
                let delay = super::queue::between(since, own.at.as_micros());
                judged.detection = Some(Detection { at: own.at, delay, requests: own.since_harm });
            }
            Decision::Promote { .. } => judged.promoted_worse |= is_right == Some(true),
            _ => {}
        }
    }
    (*truth != Truth::Unknown).then_some(judged)
}

/// A duration as seconds.
pub(super) fn as_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
