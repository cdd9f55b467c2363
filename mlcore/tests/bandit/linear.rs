//! Bandits with a context: mabwiser's expectations, scipy's integrals, merging, and contexts that are none.

use mlcore::bandit::{LinearBandit, LinearOptions, LinearPolicy, LinearReward, LinearState};
use serde_json::{Value, json};

use crate::cases::{arms, cases, close, numbers, positions};

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().expect("rows").iter().map(numbers).collect()
}

fn bandit(case: &Value, policy: LinearPolicy, part: impl Fn(usize) -> bool) -> LinearBandit {
    let (contexts, rewards) = (rows(&case["contexts"]), numbers(&case["rewards"]));
    let names = arms(case["arms"].as_u64().expect("arms") as usize);
    let options = LinearOptions::new(policy, contexts[0].len());
    let options = options.with_l2_lambda(case["l2_lambda"].as_f64().expect("a number"));
    let mut bandit = LinearBandit::new(options, names.clone()).unwrap();
    for (row, decision) in positions(&case["decisions"]).into_iter().enumerate().filter(|(row, _)| part(*row))
    {
        bandit.update(&LinearReward::new(&names[decision], &contexts[row], rewards[row])).unwrap();
    }
    bandit.refresh().unwrap();
    bandit
}

#[test]
fn expectations_are_mabwisers_and_linear_thompsons_probabilities_scipys() {
    for case in cases("lin_ucb") {
        let number = |name: &str| case[name].as_f64().expect("a number");
        let ucb = bandit(&case, LinearPolicy::LinUcb { alpha: number("alpha") }, |_| true);
        let greedy = bandit(&case, LinearPolicy::LinGreedy { epsilon: 0.2 }, |_| true);
        let thompson = bandit(&case, LinearPolicy::LinTs { alpha: number("thompson_alpha") }, |_| true);
        let best = positions(&case["best"]);
        for (row, context) in rows(&case["asked"]).iter().enumerate() {
            close("LinUCB", &ucb.models().scores(context).unwrap(), &numbers(&case["scores"][row]), 1e-9);
            close(
                "LinGreedy",
                &greedy.models().scores(context).unwrap(),
                &numbers(&case["means"][row]),
                1e-9,
            );
            let shares = ucb.models().probabilities(context).unwrap();
            assert_eq!(shares.iter().position(|share| *share == 1.0), Some(best[row]));
            let shares = thompson.models().probabilities(context).unwrap();
            close("LinTS", &shares, &numbers(&case["thompson"][row]), 1e-8);
            let shares = greedy.models().probabilities(context).unwrap();
            let least = 0.2 / shares.len() as f64;
            assert!(shares.iter().all(|share| *share >= least - 1e-12), "{shares:?}");
        }
    }
}

#[test]
fn three_replicas_are_one_bandit_to_rounding() {
    for case in cases("lin_ucb") {
        let policy = LinearPolicy::LinUcb { alpha: 1.0 };
        let all = bandit(&case, policy, |_| true);
        let kept = |bandit: &LinearBandit| -> LinearState {
            serde_json::from_str(&serde_json::to_string(&bandit.save()).unwrap()).unwrap()
        };
        let [a, b, c] = [0, 1, 2].map(|part| bandit(&case, policy, |row| row % 3 == part));
        for order in [[&a, &b, &c], [&c, &b, &a]] {
            let mut merged = LinearBandit::from_state(&kept(order[0])).unwrap();
            merged.merge(&kept(order[1])).unwrap();
            merged.merge(&kept(order[2])).unwrap();
            assert_eq!(merged.outcomes(), all.outcomes());
            for context in rows(&case["asked"]) {
                let (merged, all) =
                    (merged.models().scores(&context).unwrap(), all.models().scores(&context).unwrap());
                close("merged", &merged, &all, 1e-12);
            }
        }
        let mut same = a.clone();
        same.merge(&kept(&LinearBandit::new(*a.options(), arms(2)).unwrap())).unwrap();
        assert_eq!(same.save(), a.save());
    }
}

#[test]
fn contexts_rewards_and_states_that_are_none_are_refused() {
    let names = arms(2);
    let options = LinearOptions::new(LinearPolicy::LinTs { alpha: 1.0 }, 2);
    let mut bandit = LinearBandit::new(options, names.clone()).unwrap();
    bandit.update(&LinearReward::new(&names[0], &[1.0, 2.0], 0.5)).unwrap();
    let before = bandit.clone();
    for (context, reward) in [
        (&[1.0][..], 0.5),
        (&[1.0, 2.0, 3.0], 0.5),
        (&[f64::NAN, 1.0], 0.5),
        (&[1.0, 1e51], 0.5),
        (&[1.0, 2.0], f64::NAN),
        (&[1.0, 2.0], f64::INFINITY),
    ] {
        let error = bandit.update(&LinearReward::new(&names[1], context, reward)).unwrap_err().to_string();
        assert!(error.starts_with("update bandit") && !error.contains("::"), "{error}");
    }
    assert!(bandit.models().probabilities(&[f64::NAN, 0.0]).is_err());
    assert_eq!(bandit, before);
    // A context of zeros says nothing.
    assert_eq!(bandit.models().probabilities(&[0.0, 0.0]).unwrap(), [0.5, 0.5]);
    let state = serde_json::to_value(bandit.save()).unwrap();
    for (place, value) in [
        ("/version", json!(9)),
        ("/options/l2_lambda", json!(0.0)),
        ("/options/features", json!(3)),
        ("/arms/0/count", json!(0)),
        ("/arms/0/products", json!([1.0, 2.0])),
        ("/arms/0/products", json!([-5.0, 2.0, 4.0])),
        ("/arms/0/products", json!([1.0, 9.0, 4.0])),
        ("/arms/0/moments", json!([1e200, 0.0])),
        ("/arms/1/arm", json!("arm-00")),
    ] {
        let mut forged = state.clone();
        *forged.pointer_mut(place).unwrap() = value;
        let read = serde_json::from_value::<LinearState>(forged).unwrap();
        assert!(LinearBandit::from_state(&read).is_err(), "{place} was taken");
    }
}
