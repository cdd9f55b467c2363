//! Sample ratio mismatch.

use super::{cases, check, check_to, counts, number, numbers};
use mlcore::Error;
use mlcore::experiment::{SequentialSrm, srm_test};
use serde_json::Value;

#[test]
fn the_fixed_test_as_gbstats() {
    for case in cases("srm.json") {
        let pvalue = srm_test(&counts(&case["counts"]), &numbers(&case["weights"])).expect("weights");
        check("p-value", &case, pvalue, &case["pvalue"]);
    }
}

#[test]
fn the_sequential_test_as_ssrm_test() {
    for case in cases("sequential_srm.json") {
        let (weights, concentration) = (numbers(&case["weights"]), number(&case["concentration"]));
        let mut test = SequentialSrm::with_concentration(&weights, concentration).expect("weights");
        let looks = case["data"].as_array().expect("looks");
        for ((look, pvalue), factor) in
            looks.iter().zip(numbers(&case["pvalues"])).zip(numbers(&case["log_bayes_factors"]))
        {
            test.update(&counts(look)).expect("as many arms");
            // ssrm-test adds up logarithms of gamma functions, whose digits cancel at a concentration of 10,000.
            assert!((test.log_bayes_factor() - factor).abs() < 1e-9 + 1e-9 * factor.abs(), "{factor} {case}");
            check_to("p-value", &case, test.pvalue(), pvalue, 2e-9);
        }
        let posterior = test.posterior_probability(1.0);
        check_to("posterior", &case, posterior, number(&case["posterior_probability"]), 2e-9);
    }
}

/// Splitting the same counts into looks otherwise changes no Bayes factor.
#[test]
fn the_bayes_factor_is_that_of_all_units() {
    let mut whole = SequentialSrm::new(&[1.0, 2.0]).unwrap();
    let mut parts = whole.clone();
    whole.update(&[1_000_000, 2_001_000]).unwrap();
    for _ in 0..1000 {
        parts.update(&[1_000, 2_001]).unwrap();
    }
    assert_eq!((whole.counts(), whole.log_bayes_factor()), (parts.counts(), parts.log_bayes_factor()));
    assert!(parts.pvalue() <= whole.pvalue());
    assert!((whole.observed()[0] - 1_000_000.0 / 3_001_000.0).abs() < 1e-15);
    let mut other = SequentialSrm::new(&[1.0, 2.0]).unwrap();
    other.update(&[10, 20]).unwrap();
    parts.absorb(&other).unwrap();
    assert_eq!(parts.counts(), [1_000_010, 2_001_020]);
    assert!(parts.absorb(&SequentialSrm::new(&[1.0, 1.0]).unwrap()).is_err());
}

/// reliability D3: half a percent of one arm that is lost is found, and few looks are enough.
#[test]
fn a_lost_half_percent_is_found() {
    let mut test = SequentialSrm::new(&[0.5, 0.5]).unwrap();
    let mut looks = 0;
    while test.pvalue() > 0.001 && looks < 1000 {
        test.update(&[10_000, 9_900]).unwrap();
        looks += 1;
    }
    assert!((10..200).contains(&looks), "{looks}");
    assert_eq!(SequentialSrm::new(&[0.5, 0.5]).unwrap().pvalue(), 1.0);
}

#[test]
fn weights_that_are_none_are_refused() {
    let none: [f64; 0] = [];
    for (counts, weights) in [
        (&[1][..], &[1.0][..]),
        (&[1, 2], &[1.0]),
        (&[1, 2], &none),
        (&[1, 2], &[1.0, -1.0]),
        (&[1, 2], &[0.0, 0.0]),
        (&[1, 2], &[1.0, f64::NAN]),
        (&[1, 2], &[1.0, f64::INFINITY]),
        (&[1, 2], &[f64::MAX, f64::MAX]),
    ] {
        assert!(matches!(srm_test(counts, weights), Err(Error::InvalidInput(_))), "{weights:?}");
        assert!(weights.len() != counts.len() || SequentialSrm::new(weights).is_err());
    }
    assert!(SequentialSrm::new(&[1.0, 0.0]).is_err());
    assert!(SequentialSrm::with_concentration(&[1.0, 1.0], 0.0).is_err());
    assert!(SequentialSrm::with_dirichlet(&[1.0, 1.0], &[1.0]).is_err());
    let mut test = SequentialSrm::new(&[1.0, 1.0]).unwrap();
    assert!(matches!(test.update(&[1, 2, 3]), Err(Error::InvalidInput(_))));
    test.update(&[u64::MAX, u64::MAX]).unwrap();
    test.update(&[u64::MAX, 1]).unwrap();
    assert!((0.0..=1.0).contains(&test.pvalue()));
}

#[test]
fn a_stored_test_goes_on_and_a_damaged_one_is_refused() {
    let mut test = SequentialSrm::new(&[0.5, 0.5]).unwrap();
    test.update(&[600, 400]).unwrap();
    let stored = serde_json::to_string(&test).unwrap();
    assert_eq!(serde_json::from_str::<SequentialSrm>(&stored).unwrap(), test);
    let mut damaged: Value = serde_json::from_str(&stored).unwrap();
    damaged["counts"] = serde_json::json!([1]);
    assert!(serde_json::from_value::<SequentialSrm>(damaged.clone()).is_err());
    damaged["counts"] = serde_json::json!([1, 2]);
    damaged["pvalue"] = serde_json::json!(7.0);
    assert!(serde_json::from_value::<SequentialSrm>(damaged).is_err());
}
