//! Rewards, weights and units that somebody sends to bend who answers.

use std::sync::Arc;

use mlcore::Error;
use mlcore::bandit::{Bandit, BanditOptions, ThompsonBeta};
use mlcore::name::{Arm, UnitId, Version};
use mlcore::rollout::{
    Ask, AssignBy, BanditRollout, BanditRolloutOptions, Candidate, Candidates, Draw, RewardRule,
    RolloutPolicy, Weighted, bucket,
};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Loss, OutcomeId, Request};

use crate::support::{Place, alias, arm, row, unit};

/// A bandit of two arms that learns from losses, behind an endpoint.
fn served(capacity: usize) -> (Place, Arc<BanditRollout>, Endpoint) {
    let place = Place::with_trial("1.5");
    let learner = BanditOptions::new(ThompsonBeta::default()).with_min_prob(0.05);
    let rule = RewardRule::ScaledLoss { best: 0.0, worst: 1.0 };
    let arms = ["champion", "challenger"].map(arm);
    let options = BanditRolloutOptions::new("offers", arms, learner, rule).with_assign_by(AssignBy::Draw);
    let policy = Arc::new(BanditRollout::new(options).unwrap());
    let endpoint = place
        .endpoint()
        .with_arm(alias("challenger"))
        .with_policy(policy.clone())
        .with_loss(Loss::AbsoluteError)
        .with_queue_capacity(capacity)
        .build()
        .unwrap();
    (place, policy, endpoint)
}

fn made_up(number: u128) -> OutcomeId {
    format!("{number:032x}").parse().unwrap()
}

fn learnt(policy: &BanditRollout) -> (u64, f64) {
    (policy.outcomes(), policy.statistics().iter().map(|(_, known)| known.sum).sum())
}

#[test]
fn an_outcome_counts_once_and_only_for_a_prediction_that_waits() {
    let (_place, policy, endpoint) = served(1 << 16);
    let predict = |number| endpoint.predict(Request::tensors(&unit(number), &row())).unwrap();
    let prediction = predict(1);
    let id = prediction.outcome_id;
    for label in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        let error = endpoint.report_outcome(id, label).unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{error}");
    }
    // What nobody predicted, what another one did a moment ago, and one that was made up from a neighbour.
    for stranger in [0, 1, u128::MAX, id.to_u128() ^ 1, id.to_u128().wrapping_add(1)] {
        endpoint.report_outcome(made_up(stranger), 0.0).unwrap();
    }
    endpoint.process();
    assert_eq!((learnt(&policy), endpoint.counts().orphans), ((0, 0.0), 5));
    // A loss beyond the worst one is the worst one, and sent again it is nothing.
    for label in [1e308, 1e308, 1.0, 1.5] {
        endpoint.report_outcome(id, label).unwrap();
    }
    endpoint.process();
    assert_eq!((learnt(&policy), endpoint.counts().orphans), ((1, 0.0), 8));
    let good = predict(2);
    let label = if good.arm == arm("champion") { 1.0 } else { 1.5 };
    endpoint.report_outcome(good.outcome_id, label).unwrap();
    endpoint.process();
    assert_eq!(learnt(&policy), (2, 1.0));
}

#[test]
fn a_flood_of_feedback_neither_grows_nor_teaches() {
    let (_place, policy, endpoint) = served(256);
    let prediction = endpoint.predict(Request::tensors(&unit(1), &row())).unwrap();
    endpoint.process();
    for number in 0..100_000_u128 {
        endpoint.report_outcome(made_up(number), 1.0).unwrap();
    }
    endpoint.process();
    let counts = endpoint.counts();
    assert_eq!(learnt(&policy).0, 0);
    assert!(counts.orphans >= 256 && counts.orphans + counts.dropped_outcomes == 100_000, "{counts:?}");
    // The one that counts is taken afterwards.
    endpoint.report_outcome(prediction.outcome_id, 1.0).unwrap();
    endpoint.process();
    assert_eq!(learnt(&policy).0, 1);
}

#[test]
fn weights_that_are_none_and_ten_thousand_arms_are_refused_by_name() {
    for (first, second) in
        [(f64::NAN, 1.0), (-1.0, 2.0), (0.0, 0.0), (f64::INFINITY, 1.0), (1e308, 1e308), (-0.5, 0.5)]
    {
        let error = Weighted::new("s", [(arm("a"), first), (arm("b"), second)]).unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{first} and {second}: {error}");
    }
    // Small ones are weights as others are.
    assert!(Weighted::new("s", [(arm("a"), 5e-324), (arm("b"), 0.0)]).is_ok());
    let named =
        |count: usize| -> Vec<Arm> { (0..count).map(|number| arm(&format!("arm-{number}"))).collect() };
    let candidates =
        |count| Candidates::new(named(count).into_iter().map(|own| Candidate::new(own, Version::FIRST)));
    let error = candidates(10_000).unwrap_err();
    assert!(error.to_string().contains("10000 arms; there must be 1 to 64"), "{error}");
    // A policy that knows more arms than answer gives their units to those that do.
    let arms = named(10_000);
    let policy = Weighted::new("s", arms.iter().map(|own| (own.clone(), 1.0))).unwrap();
    let candidates = candidates(64).unwrap();
    for number in 0..2_000 {
        let assigned = policy.assign(&Ask::new(&unit(number), &candidates, Draw::new(1)));
        assert!(assigned.position < 64 && assigned.propensity > 0.0 && assigned.propensity <= 1.0);
    }
    let bandit = |count| Bandit::new(BanditOptions::new(ThompsonBeta::default()), named(count));
    let error = bandit(10_000).unwrap_err();
    assert!(error.to_string().contains("more than 1000 arms"), "{error}");
    let sum: f64 = bandit(1_000).unwrap().allocation().probabilities().iter().sum();
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
}

#[test]
fn units_that_were_chosen_for_one_experiment_are_spread_by_the_next() {
    assert!(UnitId::new("").is_err());
    assert!(UnitId::new("u".repeat(257)).is_err());
    assert!(UnitId::new("u".repeat(1_000_000)).is_err());
    assert!(UnitId::new("a\0b").is_err() && UnitId::new("a\nb").is_err());
    // Somebody tries ids until a thousand are in the tenth that is on trial,
    let ground: Vec<UnitId> = (0..)
        .map(|number| UnitId::new(format!("grind-{number}")).unwrap())
        .filter(|unit| bucket("release-1", unit) < 0.1)
        .take(1_000)
        .collect();
    // and of those as many as of all others are in that of the next release, whose salt is another one.
    for salt in ["release-2", "release-11", "Release-1", "release-1 ", "elease-1"] {
        let there = ground.iter().filter(|unit| bucket(salt, unit) < 0.1).count();
        // 100 are due; the standard deviation is 9.5.
        assert!((60..140).contains(&there), "{salt}: {there}");
    }
}
