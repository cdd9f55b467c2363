//! Off-policy estimates by a log that numpy made: see `off_policy` in `testdata/golden/make_bandit.py`.

use mlcore::evaluate::{LoggedRewards, OffPolicyEstimator, OffPolicyOptions, off_policy_value};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().expect("a number")],
    }
}

fn close(what: &str, found: f64, expected: &Value) {
    let expected = expected.as_f64().expect("a number");
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{what}: {found} is not {expected}");
}

#[test]
fn estimates_and_intervals_are_those_of_the_definitions() {
    let file: Value =
        serde_json::from_str(include_str!("../../../testdata/golden/bandit.json")).expect("JSON");
    let cases = file["off_policy"].as_array().expect("cases");
    assert!(cases.len() >= 10);
    for case in cases {
        let number = |name: &str| case[name].as_f64().expect("a number");
        let [propensity, reward, target, model] =
            ["propensity", "reward", "target", "model"].map(|name| numbers(&case[name]));
        let action: Vec<usize> = numbers(&case["action"]).into_iter().map(|action| action as usize).collect();
        let log = LoggedRewards::new(number("arms") as usize, &action, &propensity, &reward, &target);
        let mut options = OffPolicyOptions::default().with_alpha(number("alpha")).with_reward_range(0.0, 1.0);
        if let Some(clip) = case["clip"].as_f64() {
            options = options.with_clip(clip);
        }
        for (name, estimator) in [
            ("ips", OffPolicyEstimator::Ips),
            ("snips", OffPolicyEstimator::Snips),
            ("dr", OffPolicyEstimator::Dr(&model)),
            ("switch_dr", OffPolicyEstimator::SwitchDr { model: &model, tau: number("tau") }),
        ] {
            let (found, expected) =
                (off_policy_value(&log, estimator, &options).unwrap(), &case["estimates"][name]);
            close(name, found.value, &expected["value"]);
            close(name, found.standard_error, &expected["standard_error"]);
            close(name, found.interval.0, &expected["low"]);
            close(name, found.interval.1, &expected["high"]);
            close(name, found.effective_sample_size, &case["effective_sample_size"]);
            close(name, found.logged_value, &case["logged_value"]);
            close(name, found.gain, &expected["gain"]);
            close(name, found.gain_interval.0, &expected["gain_low"]);
            close(name, found.gain_interval.1, &expected["gain_high"]);
            assert_eq!(found.bernstein.is_some(), name == "ips");
            if let Some((low, high)) = found.bernstein {
                close("bernstein", low, &case["ips_bernstein"][0]);
                close("bernstein", high, &case["ips_bernstein"][1]);
            }
        }
    }
}

#[test]
fn logs_that_mean_nothing_are_refused_by_name_and_row() {
    let (action, propensity, reward) = ([0, 1, 0], [0.5; 3], [0.0, 1.0, 1.0]);
    let target = [0.2, 0.8, 0.5, 0.5, 1.0, 0.0];
    let log = LoggedRewards::new(2, &action, &propensity, &reward, &target);
    let options = OffPolicyOptions::default();
    off_policy_value(&log, OffPolicyEstimator::Ips, &options).unwrap();
    let refused = |log: LoggedRewards<'_>,
                   estimator: OffPolicyEstimator<'_>,
                   options: &OffPolicyOptions,
                   words: &str| {
        let error = off_policy_value(&log, estimator, options).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("::"), "{error:?} lacks {words:?}");
    };
    macro_rules! odd {
        ($field:ident: $value:expr) => {{
            let mut odd = log;
            odd.$field = $value;
            odd
        }};
    }
    let ips = OffPolicyEstimator::Ips;
    refused(odd!(action: &[0]), ips, &options, "action: it has 1 rows");
    refused(odd!(action: &[0, 2, 0]), ips, &options, "action: row 1 is none of 2 arms");
    refused(odd!(reward: &[1.0]), ips, &options, "reward: it has 1 numbers, and must have 3");
    refused(odd!(target: &[1.0]), ips, &options, "target: it has 1 numbers, and must have 6");
    refused(odd!(arms: usize::MAX), ips, &options, "target");
    refused(odd!(propensity: &[0.5, 0.0, 0.5]), ips, &options, "propensity: row 1");
    refused(odd!(propensity: &[0.5, f64::NAN, 0.5]), ips, &options, "propensity: row 1");
    refused(odd!(reward: &[0.0, f64::NAN, 1.0]), ips, &options, "reward: row 1");
    let sums = [0.2, 0.8, 0.5, 0.4, 1.0, 0.0];
    refused(odd!(target: &sums), ips, &options, "the probabilities of row 1");
    let other = [0.0, 1.0, 1.0, 0.0, 0.0, 1.0];
    refused(odd!(target: &other), ips, &options, "takes none of the arms");
    refused(log, OffPolicyEstimator::Dr(&[0.5]), &options, "model: it has 1 numbers, and must have 6");
    refused(log, OffPolicyEstimator::Dr(&[0.5, 0.5, 0.5, f64::NAN, 0.5, 0.5]), &options, "model: row 3");
    let switch = OffPolicyEstimator::SwitchDr { model: &[0.5; 6], tau: f64::NAN };
    refused(log, switch, &options, "tau: it is NaN");
    refused(log, ips, &options.with_alpha(1.0), "alpha: it is 1");
    refused(log, ips, &options.with_clip(0.0), "clip: it is 0");
    refused(log, ips, &options.with_reward_range(0.0, 0.5), "reward: row 1");
}
