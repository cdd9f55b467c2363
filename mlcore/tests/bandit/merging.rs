//! Replicas add up to one bandit that saw all, to the last bit; time fades alike for all.

use std::time::Duration;

use mlcore::bandit::{
    ArmStatistics, Bandit, BanditOptions, BanditState, EpsilonGreedy, Memory, Reward, ThompsonBeta, Ucb1,
};
use mlcore::stats::SplitMix64;
use proptest::prelude::*;

use crate::bad_input::policies;
use crate::cases::arms;

/// One outcome: an arm, a reward, a propensity and a time.
type Outcome = (usize, f64, f64, u64);

fn learnt(options: &BanditOptions, outcomes: &[Outcome]) -> Bandit {
    let names = arms(4);
    let mut bandit = Bandit::new(options.clone(), names.clone()).unwrap();
    for (arm, reward, propensity, millis) in outcomes {
        let reward = Reward::new(&names[*arm], *reward).with_propensity(*propensity);
        bandit.update(&reward.at(Duration::from_millis(*millis))).unwrap();
    }
    bandit
}

fn kept(bandit: &Bandit) -> BanditState {
    serde_json::from_str(&serde_json::to_string(&bandit.save()).unwrap()).unwrap()
}

fn merged(bandits: &[&Bandit]) -> Bandit {
    let (first, rest) = bandits.split_first().unwrap();
    let mut merged = Bandit::from_state(&kept(first)).unwrap();
    rest.iter().for_each(|other| merged.merge(&kept(other)).unwrap());
    merged
}

fn memories() -> [Memory; 3] {
    let length = Duration::from_secs(20);
    [
        Memory::Everything,
        Memory::HalfLife { half_life: Duration::from_secs(3) },
        Memory::Window { length, buckets: 7 },
    ]
}

fn outcomes() -> impl Strategy<Value = Vec<Outcome>> {
    prop::collection::vec((0..4_usize, 0.0..1.0_f64, 0.01..1.0_f64, 0..200_000_u64), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn three_replicas_are_one_bandit(outcomes in outcomes(), first in 0..60_usize, second in 0..60_usize) {
        let (first, second) = (first.min(second).min(outcomes.len()), first.max(second).min(outcomes.len()));
        for memory in memories() {
            let options = BanditOptions::new(ThompsonBeta::default()).with_memory(memory);
            let [a, b, c] = [&outcomes[..first], &outcomes[first..second], &outcomes[second..]].map(|part| learnt(&options, part));
            let mut all = learnt(&options, &outcomes);
            all.refresh();
            for order in [[&a, &b, &c], [&c, &a, &b], [&b, &c, &a]] {
                let mut one = merged(&order);
                one.refresh();
                prop_assert_eq!(one.statistics(), all.statistics());
                prop_assert_eq!(one.allocation(), all.allocation());
                prop_assert_eq!(one.outcomes(), all.outcomes());
            }
            let grouped = merged(&[&a, &merged(&[&b, &c])]);
            prop_assert_eq!(&grouped, &merged(&[&merged(&[&a, &b]), &c]));
            let nothing = Bandit::new(options, arms(4)).unwrap();
            prop_assert_eq!(&merged(&[&a, &nothing]), &a);
        }
    }
}

#[test]
fn a_saved_bandit_goes_on_as_if_nothing_had_been() {
    for policy in policies() {
        for memory in memories() {
            let options =
                BanditOptions::new(policy.clone()).with_memory(memory).with_min_samples(3).with_refresh(0.1);
            let mut random = SplitMix64::new(5);
            let mut outcome = |number: u64| {
                (random.below(4), f64::from(u8::from(random.uniform() < 0.4)), 0.25, 100 * number)
            };
            let (before, after): (Vec<_>, Vec<_>) =
                ((0..150).map(&mut outcome).collect(), (150..300).map(&mut outcome).collect());
            let mut original = learnt(&options, &before);
            let mut restored = Bandit::from_state(&kept(&original)).unwrap();
            let names = arms(4);
            for (arm, reward, propensity, millis) in after {
                let reward = Reward::new(&names[arm], reward)
                    .with_propensity(propensity)
                    .at(Duration::from_millis(millis));
                assert_eq!(original.update(&reward).unwrap(), restored.update(&reward).unwrap());
                assert_eq!(original.allocation(), restored.allocation());
            }
            assert_eq!(original, restored, "{policy:?}");
        }
    }
}

#[test]
fn outcomes_fade_by_their_age() {
    let half_life = Duration::from_secs(10);
    let options = BanditOptions::new(Ucb1::default()).with_memory(Memory::HalfLife { half_life });
    let mut bandit = learnt(&options, &[(0, 2.0, 1.0, 3_000), (0, 8.0, 1.0, 17_500), (1, 1.0, 1.0, 20_000)]);
    let fading = |age: f64| (-age / 10.0).exp2();
    let check = |bandit: &Bandit, now: f64| {
        let seen = bandit.statistics()[0];
        let (old, new) = (fading(now - 3.0), fading(now - 17.5));
        // Weights have 22 binary digits.
        assert!((seen.count - (old + new)).abs() < 1e-6 * seen.count, "{seen:?}");
        assert!((seen.mean() - (2.0 * old + 8.0 * new) / (old + new)).abs() < 1e-6, "{seen:?}");
    };
    check(&bandit, 20.0);
    bandit.advance(Duration::from_secs(47));
    bandit.refresh();
    check(&bandit, 47.0);
    bandit.advance(Duration::from_secs(1_000));
    bandit.refresh();
    assert_eq!(bandit.statistics()[0], ArmStatistics::default());
}

#[test]
fn a_window_forgets_whole_buckets() {
    let options = BanditOptions::new(EpsilonGreedy::default())
        .with_memory(Memory::Window { length: Duration::from_secs(10), buckets: 5 });
    let mut bandit = learnt(&options, &[(0, 1.0, 1.0, 0), (0, 3.0, 1.0, 2_000), (0, 5.0, 1.0, 9_999)]);
    assert_eq!((bandit.statistics()[0].count, bandit.statistics()[0].sum), (3.0, 9.0));
    bandit.advance(Duration::from_secs(10));
    assert_eq!((bandit.statistics()[0].count, bandit.statistics()[0].sum), (2.0, 8.0));
    // What comes too late does not count.
    let names = arms(4);
    bandit.update(&Reward::new(&names[0], 100.0).at(Duration::from_secs(1))).unwrap();
    assert_eq!(bandit.statistics()[0].sum, 8.0);
    bandit.advance(Duration::from_secs(30));
    bandit.refresh();
    assert_eq!(bandit.statistics()[0], ArmStatistics::default());
}

#[test]
fn squares_of_far_rewards_do_not_cancel() {
    let names = arms(1);
    let mut bandit = Bandit::new(BanditOptions::new(Ucb1::default()), names.clone()).unwrap();
    for reward in [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0] {
        bandit.update(&Reward::new(&names[0], reward)).unwrap();
    }
    assert_eq!(bandit.statistics()[0].variance(), 30.0);
}

#[test]
fn the_allocation_is_computed_anew_when_enough_is_new() {
    let names = arms(2);
    let mut bandit = Bandit::new(BanditOptions::new(ThompsonBeta::default()), names.clone()).unwrap();
    let mut random = SplitMix64::new(2);
    let (mut computed, mut behind, mut last) = (0_u64, 0.0_f64, 0_u64);
    for number in 1..=20_000_u64 {
        let reward = Reward::new(&names[random.below(2)], f64::from(u8::from(random.uniform() < 0.5)));
        if bandit.update(&reward).unwrap() {
            (computed, last) = (computed + 1, number);
        }
        behind = behind.max((number - last) as f64 / number as f64);
    }
    assert!((500..750).contains(&computed) && behind < 0.011, "{computed} times, {behind} behind");
}

#[test]
fn priors_count_before_the_first_outcome_and_arms_come_and_go() {
    let names = arms(3);
    let prior = ArmStatistics::believed(10.0, 0.9, 0.05);
    let options =
        BanditOptions::new(EpsilonGreedy { epsilon: 0.0, decay: 0.0 }).with_prior(names[1].clone(), prior);
    let mut bandit = Bandit::new(options, names[..2].to_vec()).unwrap();
    assert_eq!(bandit.allocation().probabilities(), [0.0, 1.0]);
    bandit.add_arm(names[2].clone()).unwrap();
    assert!(bandit.add_arm(names[2].clone()).is_err());
    bandit.update(&Reward::new(&names[2], 1.0)).unwrap();
    assert_eq!(bandit.allocation().probabilities(), [0.0, 0.0, 1.0]);
    bandit.forget_arm(&names[2]).unwrap();
    assert_eq!(bandit.allocation().probabilities(), [0.0, 1.0, 0.0]);
    bandit.remove_arm(&names[1]).unwrap();
    assert_eq!(bandit.allocation().probabilities(), [0.5, 0.5]);
    bandit.remove_arm(&names[0]).unwrap();
    assert!(bandit.remove_arm(&names[2]).is_err() && bandit.remove_arm(&names[0]).is_err());
}
