use super::*;
use crate::bandit::{LinearOptions, LinearPolicy};
use crate::conformance::Stickiness;
use crate::name::{UnitId, Version};
use crate::rollout::testing::{arm, candidates, hold};
use crate::rollout::{Candidate, Context, Draw, RewardRule};

fn options(policy: LinearPolicy) -> ContextualRolloutOptions {
    let bandit = LinearOptions::new(policy, 2).with_min_prob(0.02);
    let arms = ["champion", "challenger", "third"].map(arm);
    ContextualRolloutOptions::new("offers", arms, bandit, RewardRule::Answered)
}

fn policy(rule: LinearPolicy) -> ContextualRollout {
    ContextualRollout::new(options(rule)).unwrap()
}

pub(crate) fn contract() {
    for rule in [
        LinearPolicy::LinUcb { alpha: 1.0 },
        LinearPolicy::LinTs { alpha: 0.5 },
        LinearPolicy::LinGreedy { epsilon: 0.1 },
    ] {
        hold(|| policy(rule), Stickiness::Unit);
    }
}

const KINDS: [[f64; 2]; 2] = [[1.0, 0.0], [0.0, 1.0]];

/// Requests of two kinds; the champion is good for one, the challenger for the other.
fn earn(policy: &ContextualRollout, candidates: &Candidates, numbers: std::ops::Range<usize>) {
    let unit = UnitId::new("u").unwrap();
    for number in numbers {
        let context = Context::EMPTY.with_features(&KINDS[number % 2]);
        let draw = Draw::new(number as u64).another();
        let assignment = policy.assign(&Ask::new(&unit, candidates, draw).with_context(context));
        let seen = match assignment.position == number % 2 {
            true => Observation::answered(Duration::ZERO),
            false => Observation::Failed,
        };
        let arm = &candidates.at(assignment.position).arm;
        let outcome = Outcome::new(arm, seen).with_epoch(assignment.epoch).with_context(context);
        policy.observe(&outcome.with_propensity(assignment.propensity));
        policy.decide(Duration::from_secs(number as u64));
    }
}

fn shares(policy: &ContextualRollout, candidates: &Candidates, features: &[f64]) -> Vec<f64> {
    let unit = UnitId::new("u").unwrap();
    let context = Context::EMPTY.with_features(features);
    let ask = Ask::new(&unit, candidates, Draw::new(1)).with_context(context);
    let all = 0..candidates.as_slice().len();
    let told: Vec<f64> = all.filter_map(|position| policy.probability(&ask, position)).collect();
    let assignment = policy.assign(&ask);
    assert_eq!(told[assignment.position], assignment.propensity);
    assert!((told.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    told
}

#[test]
fn each_kind_of_request_gets_its_arm_and_frequencies_are_the_propensities() {
    let candidates = candidates(&["champion", "challenger", "third"]);
    for rule in [LinearPolicy::LinUcb { alpha: 0.5 }, LinearPolicy::LinTs { alpha: 0.3 }] {
        let policy = policy(rule);
        policy.follow(&candidates);
        earn(&policy, &candidates, 0..1_500);
        for (position, kind) in KINDS.iter().enumerate() {
            let told = shares(&policy, &candidates, kind);
            assert!(told[position] > 0.85 && told.iter().all(|share| *share >= 0.02), "{rule:?}: {told:?}");
            let unit = UnitId::new("u").unwrap();
            let context = Context::EMPTY.with_features(kind);
            let own = (0..20_000_u64).filter(|number| {
                let ask = Ask::new(&unit, &candidates, Draw::new(*number).another());
                policy.assign(&ask.with_context(context)).position == position
            });
            let (share, expected) = (own.count() as f64 / 20_000.0, told[position]);
            let slack = 5.0 * (expected * (1.0 - expected) / 20_000.0).sqrt();
            assert!((share - expected).abs() < slack, "{share} of {expected}");
        }
        assert_eq!(policy.ignored(), 0);
    }
}

#[test]
fn a_request_without_its_features_is_answered_by_the_control_and_counted() {
    let policy = policy(LinearPolicy::LinUcb { alpha: 1.0 });
    let arms = candidates(&["third", "champion"]);
    let before = policy.without_context();
    let odd: [&[f64]; 5] = [&[], &[1.0], &[1.0, 2.0, 3.0], &[f64::NAN, 1.0], &[1e60, 0.0]];
    for features in odd {
        assert_eq!(shares(&policy, &arms, features), [0.0, 1.0]);
    }
    assert_eq!(policy.without_context() - before, 5);
    let champion = arm("champion");
    let outcome = Outcome::new(&champion, Observation::Failed);
    policy.observe(
        &outcome.clone().with_epoch(NO_EPOCH).with_context(Context::EMPTY.with_features(&[1.0, 1.0])),
    );
    policy.observe(&outcome);
    assert_eq!((policy.outcomes(), policy.ignored()), (0, 2));
    let strangers = candidates(&["stranger"]);
    assert_eq!(shares(&policy, &strangers, &[1.0, 0.0]), [1.0]);
}

#[test]
fn another_version_begins_anew_and_replicas_count_once() {
    let of = |version: u64| {
        let named = [("champion", 1), ("challenger", version), ("third", 1)];
        let named = named.map(|(name, version)| Candidate::new(arm(name), Version::new(version).unwrap()));
        Candidates::new(named).unwrap()
    };
    let [one, other] = [(); 2].map(|()| policy(LinearPolicy::LinUcb { alpha: 0.5 }));
    for replica in [&one, &other] {
        replica.follow(&of(1));
    }
    earn(&one, &of(1), 0..400);
    earn(&other, &of(1), 400..1_000);
    let first = one.reconcile(None).unwrap().unwrap();
    one.reconciled();
    drop(other.reconcile(Some(&first)).unwrap());
    let second = other.reconcile(Some(&first)).unwrap().unwrap();
    other.reconciled();
    assert!(one.reconcile(Some(&second)).unwrap().is_none());
    assert_eq!((one.outcomes(), other.outcomes()), (1_000, 1_000));
    for kind in &KINDS {
        assert_eq!(shares(&one, &of(1), kind), shares(&other, &of(1), kind));
    }
    let restored = ContextualRollout::from_state(&one.save().unwrap()).unwrap();
    assert_eq!(restored.save().unwrap(), one.save().unwrap());
    assert_eq!(shares(&restored, &of(1), &KINDS[1]), shares(&one, &of(1), &KINDS[1]));
    let words = one.follow(&of(2)).unwrap();
    assert_eq!(words, "challenger answers with version 2 instead of 1");
    let known = |name: &str| one.learner().knowledge.sums(&arm(name));
    assert!(
        known("challenger").is_none() && known("champion").is_some_and(|gram| gram.sums().sum::<f64>() > 0.0)
    );
    assert_eq!(one.published.load().grams[&arm("challenger")], Gram::new(2));
    // Sums that nobody saved are refused, and change nothing.
    let mut odd = serde_json::to_value(one.save().unwrap()).unwrap();
    odd["progress"]["published"]["champion"]["products"][0] = serde_json::json!(-5.0);
    let odd: PolicyState = serde_json::from_value(odd).unwrap();
    assert!(matches!(one.restore(&odd), Err(Error::Corrupt(_))));
}
