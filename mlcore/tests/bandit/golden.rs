//! mabwiser's and river's numbers, and scipy's integrals: see `testdata/golden/make_bandit.py`.

use mlcore::bandit::{
    ArmStatistics, Bandit, BanditOptions, BanditPolicy, EpsilonGreedy, Exp3, KlUcb, Reward, Softmax,
    Stopping, ThompsonBeta, ThompsonGammaPoisson, ThompsonGaussian, TrackAndStop, Ucb1,
};
use serde_json::Value;

use crate::cases::{arms, cases, close, numbers, positions, statistics};

fn number(case: &Value, name: &str) -> f64 {
    case[name].as_f64().expect("a number")
}

fn best(shares: &[f64]) -> usize {
    (0..shares.len()).max_by(|a, b| shares[*a].total_cmp(&shares[*b])).expect("an arm")
}

#[test]
fn upper_confidence_bounds_are_mabwisers() {
    for case in cases("ucb1") {
        let policy = BanditPolicy::from(Ucb1 { alpha: number(&case, "alpha") });
        let seen = statistics(&case);
        close("ucb1", &policy.scores(&seen), &numbers(&case["scores"]), 1e-12);
        assert_eq!(Some(best(&policy.probabilities(&seen)) as u64), case["best"].as_u64());
    }
}

#[test]
fn means_and_decays_of_epsilon_greedy_are_mabwisers_and_rivers() {
    for case in cases("epsilon_greedy") {
        let greedy = EpsilonGreedy { epsilon: number(&case, "epsilon"), decay: number(&case, "decay") };
        let (policy, seen) = (BanditPolicy::from(greedy), statistics(&case));
        close("scores", &policy.scores(&seen), &numbers(&case["scores"]), 1e-12);
        let epsilon = number(&case, "current_epsilon");
        let shares = policy.probabilities(&seen);
        let mut expected = vec![epsilon / seen.len() as f64; seen.len()];
        expected[case["best"].as_u64().expect("an arm") as usize] += 1.0 - epsilon;
        close("probabilities", &shares, &expected, 1e-12);
    }
}

#[test]
fn probabilities_of_softmax_are_mabwisers() {
    for case in cases("softmax") {
        let policy = BanditPolicy::from(Softmax { tau: number(&case, "tau") });
        close("softmax", &policy.probabilities(&statistics(&case)), &numbers(&case["probabilities"]), 1e-12);
    }
}

#[test]
fn probabilities_of_exp3_are_rivers_also_when_rewards_come_late() {
    for case in cases("exp3") {
        let options = BanditOptions::new(Exp3 { gamma: number(&case, "gamma") });
        let names = arms(case["arms"].as_u64().expect("arms") as usize);
        let history: Vec<((usize, f64), f64)> = positions(&case["decisions"])
            .into_iter()
            .zip(numbers(&case["rewards"]))
            .zip(numbers(&case["propensities"]))
            .collect();
        let learnt = |order: &mut dyn Iterator<Item = &((usize, f64), f64)>| {
            let mut bandit = Bandit::new(options.clone(), names.clone()).unwrap();
            for ((decision, reward), propensity) in order {
                let reward = Reward::new(&names[*decision], *reward).with_propensity(*propensity);
                bandit.update(&reward).unwrap();
            }
            bandit.refresh();
            bandit.allocation().probabilities().to_vec()
        };
        let shares = learnt(&mut history.iter());
        close("exp3", &shares, &numbers(&case["probabilities"]), 1e-10);
        assert_eq!(learnt(&mut history.iter().rev()), shares);
    }
}

#[test]
fn bounds_of_kl_ucb_are_the_roots_of_their_definition() {
    for case in cases("kl_ucb") {
        let policy = BanditPolicy::from(KlUcb { c: number(&case, "c") });
        close("kl_ucb", &policy.scores(&statistics(&case)), &numbers(&case["scores"]), 1e-10);
    }
}

fn shapes(case: &Value) -> Vec<[f64; 2]> {
    let pair = |value: &Value| numbers(value).try_into().expect("a pair");
    case["shapes"].as_array().expect("shapes").iter().map(pair).collect()
}

#[test]
fn thompsons_probabilities_are_scipys_integrals() {
    for case in cases("thompson_beta") {
        // The least shapes are the belief, and the rest was seen.
        let policy = BanditPolicy::from(ThompsonBeta { alpha: 0.5, beta: 0.5 });
        let seen: Vec<ArmStatistics> = shapes(&case)
            .into_iter()
            .map(|[a, b]| ArmStatistics::believed(a + b - 1.0, (a - 0.5) / (a + b - 1.0).max(1e-300), 0.0))
            .collect();
        close("beta", &policy.probabilities(&seen), &numbers(&case["probabilities"]), 1e-9);
    }
    for case in cases("thompson_gamma_poisson") {
        let policy = BanditPolicy::from(ThompsonGammaPoisson { shape: 0.5, rate: 0.5 });
        let seen: Vec<ArmStatistics> = shapes(&case)
            .into_iter()
            .map(|[shape, rate]| ArmStatistics::believed(rate - 0.5, (shape - 0.5) / (rate - 0.5), 0.0))
            .collect();
        close("gamma", &policy.probabilities(&seen), &numbers(&case["probabilities"]), 1e-9);
    }
    for case in cases("thompson_gaussian") {
        let [mu, kappa, alpha, beta] = ["mu", "kappa", "alpha", "beta"].map(|name| number(&case, name));
        let policy =
            BanditPolicy::from(ThompsonGaussian { mu, kappa, alpha, beta, sigma: case["sigma"].as_f64() });
        let rewards = case["rewards"].as_array().expect("rewards");
        let seen: Vec<ArmStatistics> = rewards.iter().map(|own| ArmStatistics::of(&numbers(own))).collect();
        close("gaussian", &policy.probabilities(&seen), &numbers(&case["probabilities"]), 1e-8);
    }
}

#[test]
fn track_and_stop_has_the_optimal_proportions_and_tensorzeros_rule() {
    for case in cases("track_and_stop") {
        let [epsilon, delta] = ["epsilon", "delta"].map(|name| number(&case, name));
        let policy = BanditPolicy::from(TrackAndStop { delta, epsilon, stopping: Stopping::Glr });
        let (means, variances) = (numbers(&case["means"]), numbers(&case["variances"]));
        let counts = numbers(&case["counts"]);
        let seen: Vec<ArmStatistics> = means
            .iter()
            .zip(&variances)
            .zip(&counts)
            .map(|((mean, variance), count)| ArmStatistics::believed(*count, *mean, *variance))
            .collect();
        let leader = best(&means);
        let evidence = |shares: &[f64]| {
            let of = |other: usize| {
                let lead = means[leader] - means[other] + epsilon;
                lead * lead / (2.0 * (variances[leader] / shares[leader] + variances[other] / shares[other]))
            };
            (0..means.len()).filter(|other| *other != leader).map(of).fold(f64::INFINITY, f64::min)
        };
        let shares = policy.probabilities(&seen);
        let expected = number(&case, "evidence");
        // A general optimiser gets close to the best; the exact proportions are not worse.
        assert!(
            evidence(&shares) >= expected * (1.0 - 1e-9),
            "{shares:?}: {} < {expected}",
            evidence(&shares)
        );
        close("proportions", &shares, &numbers(&case["probabilities"]), 1e-3);
        assert_eq!(policy.winner(&seen).map(|winner| winner as u64), case["winner"].as_u64());
    }
}
