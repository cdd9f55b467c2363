//! The best arm is found, and another at most as often as `delta` says.

use mlcore::bandit::{Bandit, BanditOptions, Reward, Stopping, TrackAndStop};
use mlcore::name::Arm;
use mlcore::rollout::Draw;
use mlcore::stats::SplitMix64;

use crate::cases::arms;

/// How often another arm than the best was found, how often none was, and how many outcomes it took.
struct Search {
    wrong: u64,
    open: u64,
    outcomes: u64,
}

fn search(
    track: TrackAndStop,
    min_prob: f64,
    means: &[f64],
    reward: fn(&mut SplitMix64, f64) -> f64,
    runs: u64,
) -> Search {
    let names = arms(means.len());
    let options = BanditOptions::new(track).with_min_samples(10).with_min_prob(min_prob).with_refresh(0.02);
    let best = (0..means.len()).max_by(|a, b| means[*a].total_cmp(&means[*b])).unwrap();
    let mut found = Search { wrong: 0, open: 0, outcomes: 0 };
    for run in 0..runs {
        let mut random = SplitMix64::new(900 + run);
        let mut bandit = Bandit::new(options.clone(), names.clone()).unwrap();
        while bandit.winner().is_none() && bandit.outcomes() < 20_000 {
            let (position, propensity) = bandit.allocation().draw(Draw::new(random.next_u64()));
            let earned = reward(&mut random, means[position]);
            bandit.update(&Reward::new(&names[position], earned).with_propensity(propensity)).unwrap();
        }
        found.outcomes += bandit.outcomes();
        match bandit.winner() {
            None => found.open += 1,
            Some(winner) => found.wrong += u64::from(*winner != names[best]),
        }
    }
    found
}

fn coin(random: &mut SplitMix64, mean: f64) -> f64 {
    f64::from(u8::from(random.uniform() < mean))
}

fn normal(random: &mut SplitMix64, mean: f64) -> f64 {
    mean + random.normal()
}

fn runs() -> u64 {
    std::env::var("MLCORE_BANDIT_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(60)
}

#[test]
fn an_error_is_as_rare_as_delta_says() {
    let track = |stopping| TrackAndStop { delta: 0.1, epsilon: 0.0, stopping };
    for (means, reward, stopping) in [
        (&[0.5, 0.35, 0.3][..], coin as fn(&mut SplitMix64, f64) -> f64, Stopping::Mixture),
        // Seldom a success: after ten outcomes an arm has often none, and looks certain.
        (&[0.1, 0.02, 0.03], coin, Stopping::Mixture),
        (&[0.0, 0.5, 0.1], normal, Stopping::ConfidenceSequence),
    ] {
        let found = search(track(stopping), 0.1, means, reward, runs());
        let runs = runs() as f64;
        println!(
            "{stopping} {means:?}: {} wrong, {} open, {:.0} outcomes",
            found.wrong,
            found.open,
            found.outcomes as f64 / runs
        );
        // Three standard deviations above delta.
        assert!(
            found.wrong as f64 <= 0.1 * runs + 3.0 * (0.09 * runs).sqrt(),
            "{stopping}: {} of {runs} wrong",
            found.wrong
        );
        assert!(found.open == 0, "{stopping}: {} of {runs} did not end", found.open);
    }
}

#[test]
fn tensorzeros_rule_is_sooner_sure_and_errs_where_variances_are_too_small_by_chance() {
    let means = [0.1, 0.02, 0.03];
    let of = |stopping, min_prob| {
        search(TrackAndStop { delta: 0.1, epsilon: 0.0, stopping }, min_prob, &means, coin, runs())
    };
    // Without a floor, as TensorZero has it by default.
    let (glr, mixture) = (of(Stopping::Glr, 0.0), of(Stopping::Mixture, 0.1));
    println!("glr: {} wrong, {} outcomes; mixture: {} wrong", glr.wrong, glr.outcomes, mixture.wrong);
    assert!(glr.outcomes < mixture.outcomes && glr.wrong > mixture.wrong);
    assert!(glr.wrong as f64 > 0.1 * runs() as f64, "{} of {}", glr.wrong, runs());
}

#[test]
fn arms_within_epsilon_are_as_good_as_the_best() {
    let track = TrackAndStop { delta: 0.05, epsilon: 0.2, stopping: Stopping::Mixture };
    let found = search(track, 0.1, &[0.5, 0.5], coin, 20);
    assert_eq!(found.open, 0);
}

#[test]
fn a_winner_is_kept_until_arms_are_added_and_known() {
    let names = arms(3);
    let options = BanditOptions::new(TrackAndStop::default()).with_min_samples(10);
    let mut bandit = Bandit::new(options, names[..2].to_vec()).unwrap();
    assert_eq!(bandit.allocation().probabilities(), [0.5, 0.5]);
    let tell = |bandit: &mut Bandit, arm: &Arm, reward: f64, times: usize| {
        for _ in 0..times {
            bandit.update(&Reward::new(arm, reward).with_propensity(0.5)).unwrap();
        }
    };
    tell(&mut bandit, &names[0], 0.0, 40);
    tell(&mut bandit, &names[1], 1.0, 40);
    assert_eq!((bandit.winner(), bandit.allocation().probabilities()), (Some(&names[1]), &[0.0, 1.0][..]));
    // It stays the winner, whatever comes.
    tell(&mut bandit, &names[1], 0.0, 200);
    assert_eq!(bandit.winner(), Some(&names[1]));
    let restored = Bandit::from_state(&bandit.save()).unwrap();
    assert_eq!(restored, bandit);
    // A new arm gets its share in the nursery, and then the best is looked for anew.
    bandit.add_arm(names[2].clone()).unwrap();
    let third = 1.0 / 3.0;
    let shares = bandit.allocation().probabilities().to_vec();
    assert!((shares[1] - 2.0 * third).abs() < 1e-12 && (shares[2] - third).abs() < 1e-12, "{shares:?}");
    assert_eq!(bandit.winner(), Some(&names[1]));
    tell(&mut bandit, &names[2], 1.0, 10);
    bandit.refresh();
    assert_ne!(bandit.winner(), Some(&names[1]));
    tell(&mut bandit, &names[2], 1.0, 200);
    assert_eq!(bandit.winner(), Some(&names[2]));
}

#[test]
fn of_different_winners_none_is_kept() {
    let names = arms(2);
    let options = BanditOptions::new(TrackAndStop::default()).with_min_samples(10);
    let found = |best: usize| {
        let mut bandit = Bandit::new(options.clone(), names.clone()).unwrap();
        for (position, arm) in names.iter().enumerate() {
            for _ in 0..40 {
                let reward = f64::from(u8::from(position == best));
                bandit.update(&Reward::new(arm, reward).with_propensity(0.5)).unwrap();
            }
        }
        assert_eq!(bandit.winner(), Some(&names[best]));
        bandit
    };
    let (one, other) = (found(0), found(1));
    let merged = |first: &Bandit, second: &Bandit| {
        let mut merged = first.clone();
        merged.merge(&second.save()).unwrap();
        merged
    };
    assert_eq!(merged(&one, &other), merged(&other, &one));
    assert_eq!(merged(&one, &other).winner(), None);
    assert_eq!(merged(&one, &one).winner(), Some(&names[0]));
}
