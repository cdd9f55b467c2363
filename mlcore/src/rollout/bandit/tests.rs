use super::*;
use crate::bandit::{
    BanditOptions, EpsilonGreedy, Stopping, ThompsonBeta, ThompsonGaussian, TrackAndStop, Ucb1,
};
use crate::conformance::Stickiness;
use crate::name::{UnitId, Version};
use crate::rollout::testing::{arm, candidates, hold, positions};
use crate::rollout::{Candidate, Draw};

const LOSS: RewardRule = RewardRule::ScaledLoss { best: 0.0, worst: 2.0 };

fn options(bandit: BanditOptions) -> BanditRolloutOptions {
    let arms = ["champion", "challenger", "third"].map(arm);
    BanditRolloutOptions::new("ranking", arms, bandit, LOSS)
}

fn policy(options: &BanditRolloutOptions) -> BanditRollout {
    BanditRollout::new(options.clone()).unwrap()
}

fn search() -> BanditRolloutOptions {
    let rule = TrackAndStop { delta: 0.05, epsilon: 0.1, stopping: Stopping::default() };
    let bandit = BanditOptions::new(rule).with_min_prob(0.05).with_min_samples(10);
    options(bandit).with_promotes_winner(true)
}

pub(crate) fn contract() {
    let thompson = options(BanditOptions::new(ThompsonBeta::default()).with_min_prob(0.02));
    hold(|| policy(&thompson), Stickiness::Unit);
    let drawn = thompson.with_assign_by(AssignBy::Draw).with_publish_interval(Duration::ZERO);
    hold(|| policy(&drawn), Stickiness::Draw);
    let day = Duration::from_secs(40);
    for memory in [Memory::HalfLife { half_life: day }, Memory::Window { length: day, buckets: 4 }] {
        let bandit = BanditOptions::new(EpsilonGreedy::default()).with_memory(memory).with_min_samples(30);
        let fading = options(bandit);
        hold(|| policy(&fading), Stickiness::Unit);
    }
    let mut plain = options(BanditOptions::new(ThompsonGaussian::default()));
    plain.reward = RewardRule::NegativeLoss { worst: 5.0 };
    hold(|| policy(&plain), Stickiness::Unit);
    hold(|| policy(&search()), Stickiness::Unit);
}

/// Two arms of which the second earns more often, at these versions.
fn told(versions: [u64; 2]) -> Candidates {
    let named = ["champion", "challenger"].map(arm).into_iter().zip(versions);
    Candidates::new(named.map(|(arm, version)| Candidate::new(arm, Version::new(version).unwrap()))).unwrap()
}

fn earn(policy: &BanditRollout, candidates: &Candidates, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let unit = UnitId::new(format!("u{number}")).unwrap();
        let assignment = policy.assign(&Ask::new(&unit, candidates, Draw::new(number)));
        let arm = &candidates.at(assignment.position).arm;
        let loss = if assignment.position == 0 && number % 2 == 0 { 2.0 } else { 0.2 };
        let outcome = Outcome::new(arm, Observation::scored(loss)).with_epoch(assignment.epoch);
        policy.observe(&outcome.with_propensity(assignment.propensity));
    }
}

fn thompson() -> BanditRolloutOptions {
    let arms = ["champion", "challenger"].map(arm);
    let bandit = BanditOptions::new(ThompsonBeta::default()).with_min_prob(0.02).with_min_samples(20);
    BanditRolloutOptions::new("ranking", arms, bandit, LOSS)
}

#[test]
fn a_better_arm_gets_the_requests_and_a_unit_keeps_its_arm() {
    let (policy, candidates) = (policy(&thompson()), told([1, 1]));
    policy.follow(&candidates);
    let first = positions(&policy, &candidates);
    earn(&policy, &candidates, 0..500);
    assert_eq!(positions(&policy, &candidates), first, "until it is published nothing changes");
    policy.decide(Duration::from_secs(1));
    policy.decide(Duration::from_secs(3));
    assert!(policy.probability_of(&arm("challenger")) > 0.95, "{:?}", policy.statistics());
    let second = positions(&policy, &candidates);
    // Only units of the arm that lost its share moved.
    assert!(first.iter().zip(&second).all(|(before, after)| before <= after));
    assert_eq!((policy.outcomes(), policy.ignored()), (500, 0));
}

#[test]
fn another_version_begins_anew_and_its_arm_alone() {
    let (policy, candidates) = (policy(&thompson()), told([1, 1]));
    policy.follow(&candidates);
    earn(&policy, &candidates, 0..400);
    let count = |name: &str| {
        let known = policy.statistics();
        known.iter().find(|(own, _)| own.as_str() == name).unwrap().1.count
    };
    let (champion, challenger) = (count("champion"), count("challenger"));
    assert_eq!(champion + challenger, 400.0);
    let next = told([1, 2]);
    let words = policy.follow(&next).unwrap();
    assert_eq!(words, "challenger answers with version 2 instead of 1");
    assert_eq!((count("champion"), count("challenger")), (champion, 0.0));
    // The nursery: as often as if all were alike.
    assert!((policy.probability_of(&arm("challenger")) - 0.5).abs() < 1e-12);
    // Late outcomes of the version before are no evidence about this one.
    let unit = UnitId::new("late").unwrap();
    let late = policy.assign(&Ask::new(&unit, &candidates, Draw::new(1)));
    let challenger_arm = arm("challenger");
    let epoch = published::epoch(policy.key, Version::FIRST, late.epoch as u16);
    policy.observe(&Outcome::new(&challenger_arm, Observation::scored(0.0)).with_epoch(epoch));
    assert_eq!((count("challenger"), policy.ignored()), (0.0, 1));
    // An alias that goes back finds what was known.
    assert!(policy.follow(&candidates).is_some());
    assert_eq!(count("challenger"), challenger);
    assert_eq!(policy.follow(&candidates), None);
}

#[test]
fn arms_that_are_gone_or_unfit_get_nothing() {
    let policy = policy(&options(BanditOptions::new(Ucb1::default()).with_min_prob(0.1)));
    let two = candidates(&["champion", "third"]);
    assert!((0..2).all(|arm| positions(&policy, &two).contains(&arm)), "not told of, they share alike");
    policy.follow(&two);
    let unit = UnitId::new("u").unwrap();
    let ask = Ask::new(&unit, &two, Draw::new(3));
    assert_eq!(policy.probability(&ask, 0).unwrap() + policy.probability(&ask, 1).unwrap(), 1.0);
    let third = arm("third");
    policy.observe(&Outcome::new(&third, Observation::breach("drift")).with_epoch(NO_EPOCH));
    assert!(positions(&policy, &two).iter().all(|position| *position == 0));
    let champion = arm("champion");
    policy.observe(&Outcome::new(&champion, Observation::breach("drift")));
    assert_eq!(policy.assign(&ask).propensity, 1.0, "the default answers where none may");
    assert!(policy.decide(Duration::ZERO).reason().contains("no arm of it may answer"));
}

#[test]
fn losses_that_are_none_are_failures() {
    let policy = policy(&thompson());
    let challenger = arm("challenger");
    for observation in
        [Observation::scored(f64::NAN), Observation::scored(f64::INFINITY), Observation::Failed]
    {
        policy.observe(&Outcome::new(&challenger, observation));
    }
    let known = policy.statistics()[1].1;
    assert_eq!((known.count, known.sum, policy.ignored()), (3.0, 0.0, 0));
    for (propensity, epoch) in [(0.0, 0), (f64::NAN, 0), (1.0, NO_EPOCH)] {
        let outcome = Outcome::new(&challenger, Observation::Failed).with_epoch(epoch);
        policy.observe(&outcome.with_propensity(propensity));
    }
    assert_eq!((policy.statistics()[1].1.count, policy.ignored()), (3.0, 3));
}

#[test]
fn the_best_arm_is_promoted_with_its_confidence() {
    let mut options = thompson();
    options.bandit = search().bandit;
    let policy = policy(&options.with_promotes_winner(true));
    let candidates = told([1, 1]);
    policy.follow(&candidates);
    let mut clock = Duration::ZERO;
    let mut decision = policy.decide(clock);
    for round in 0..200 {
        earn(&policy, &candidates, round * 50..round * 50 + 50);
        clock += Duration::from_secs(1);
        decision = policy.decide(clock);
        if decision.arm().is_some() {
            break;
        }
    }
    let expected = "challenger is the best of 2 arms, with a confidence of 95 %";
    assert_eq!(decision, Decision::promote(arm("challenger"), expected));
    let unit = UnitId::new("u").unwrap();
    let share = policy.probability(&Ask::new(&unit, &candidates, Draw::new(0)), 1).unwrap();
    assert!((share - 0.95).abs() < 1e-12, "all but the floor: {share}");
    let successor = policy.settled(&decision, &candidates).unwrap();
    assert_eq!(successor.save().unwrap().kind(), "fixed");
    // Another version of the loser is to be compared first.
    policy.follow(&told([2, 1]));
    assert_eq!(policy.decide(clock).arm(), None);
    assert!((policy.probability_of(&arm("challenger")) - 0.5).abs() < 1e-12, "beside an arm in the nursery");
}

#[test]
fn options_that_mean_nothing_are_refused() {
    let good = thompson();
    let check = |change: &dyn Fn(&mut BanditRolloutOptions), words: &str| {
        let mut odd = good.clone();
        change(&mut odd);
        let error = BanditRollout::new(odd).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    check(&|odd| odd.name = "a/b".into(), "written as the name of a model");
    check(&|odd| drop(odd.arms.pop()), "arms: there are 1");
    check(&|odd| odd.arms.push(arm("champion")), "champion occurs twice");
    check(&|odd| odd.reward = RewardRule::ScaledLoss { best: 1.0, worst: 1.0 }, "best is 1 and worst is 1");
    check(&|odd| odd.reward = RewardRule::NegativeLoss { worst: 1.0 }, "takes a number from 0 to 1");
    check(&|odd| odd.reward = RewardRule::NegativeLoss { worst: f64::NAN }, "worst loss: it is NaN");
    check(&|odd| odd.promotes_winner = true, "looks for no best arm");
    check(&|odd| odd.bandit.min_prob = 2.0, "min_prob");
}

#[test]
fn rewards_of_large_bounds_are_finite() {
    let rule = RewardRule::ScaledLoss { best: -f64::MAX, worst: f64::MAX };
    assert_eq!(rule.reward(&Observation::scored(0.0)), Some(0.5));
    assert_eq!(rule.reward(&Observation::scored(-f64::MAX)), Some(1.0));
    assert_eq!(RewardRule::NegativeLoss { worst: 3.0 }.reward(&Observation::scored(9.0)), Some(-3.0));
    let within = RewardRule::AnsweredWithin { budget: Duration::from_millis(5) };
    assert_eq!(within.reward(&Observation::answered(Duration::from_millis(6))), Some(0.0));
}
