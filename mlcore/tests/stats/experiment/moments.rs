//! Moments of units.

use super::{cases, check, numbers};
use mlcore::Error;
use mlcore::arrow::array::{Float64Array, RecordBatch};
use mlcore::experiment::{
    Caps, ClusterMoments, Estimate, JointMoments, NoVerdict, QuantileSummary, RegressionMoments,
    WeightedMoments, WinsorisedMoments,
};
use mlcore::profile::Profile;
use proptest::prelude::*;
use std::sync::Arc;

#[test]
fn weighted_moments_as_statsmodels() {
    for case in cases("weighted.json") {
        let (values, weights) = (numbers(&case["values"]), numbers(&case["weights"]));
        let mut parts = [WeightedMoments::new(), WeightedMoments::new(), WeightedMoments::new()];
        for (row, (value, weight)) in values.iter().zip(&weights).enumerate() {
            parts[row % 2].push(*value, *weight);
            parts[2].push(*value, *weight);
        }
        for moments in [parts[0].merge(&parts[1]), parts[2]] {
            check("mean", &case, moments.mean(), &case["mean"]);
            check("variance", &case, moments.variance(), &case["variance"]);
            let estimate = moments.estimate();
            let error = estimate.known().expect("a spread").standard_error();
            check("standard error", &case, error, &case["standard_error"]);
        }
    }
}

#[test]
fn clusters_as_statsmodels() {
    for case in cases("clusters.json") {
        let (sums, sizes) = (numbers(&case["sums"]), numbers(&case["sizes"]));
        let mut parts = [ClusterMoments::new(); 2];
        for (row, (sum, size)) in sums.iter().zip(&sizes).enumerate() {
            parts[row % 2].push(*sum, *size as u64);
        }
        let all = parts[0].merge(&parts[1]);
        let estimate = *all.estimate().known().expect("a spread");
        let groups = all.count() as f64;
        check("mean", &case, estimate.mean, &case["mean"]);
        let uncorrected = estimate.standard_error() * ((groups - 1.0) / groups).sqrt();
        check("error", &case, uncorrected, &case["uncorrected_error"]);
        assert_eq!(all.units(), sizes.iter().sum::<f64>());
    }
}

#[test]
fn regression_as_statsmodels() {
    for case in cases("regression.json") {
        let arms = [0, 1].map(|arm| {
            let (y, x) = (numbers(&case["y"][arm]), case["x"][arm].as_array().expect("rows"));
            let covariates = x[0].as_array().expect("covariates").len();
            let mut moments = RegressionMoments::new(covariates).expect("covariates");
            let mut later = moments.clone();
            for (row, (metric, covariates)) in y.iter().zip(x).enumerate() {
                let part = if row < 10 { &mut moments } else { &mut later };
                part.push(*metric, &numbers(covariates)).expect("as many covariates");
            }
            moments.merge(&later).expect("as many covariates")
        });
        let pooled = arms[0].merge(&arms[1]).expect("as many covariates");
        let slopes = pooled.slopes();
        for (slope, expected) in
            slopes.known().expect("slopes").iter().zip(case["slopes"].as_array().unwrap())
        {
            check("slope", &case, *slope, expected);
        }
        let adjusted = arms[0].adjusted_with(&arms[1]).expect("as many covariates");
        for (arm, estimate) in adjusted.known().expect("estimates").iter().enumerate() {
            check("mean", &case, estimate.mean, &case["means"][arm]);
            check("variance", &case, estimate.variance, &case["variances"][arm]);
        }
    }
}

#[test]
fn winsorised_moments_as_scipy() {
    for case in cases("winsorised.json") {
        let (values, ends) = (numbers(&case["values"]), numbers(&case["caps"]));
        let caps = Caps::new(ends[0], ends[1]).expect("caps");
        let mut parts = [WinsorisedMoments::new(caps); 2];
        for (row, value) in values.iter().enumerate() {
            parts[row % 2].push(*value);
        }
        let all = parts[0].merge(&parts[1]).expect("the same caps");
        check("mean", &case, all.moments().mean(), &case["mean"]);
        check("variance", &case, all.moments().variance(), &case["variance"]);
        let beyond = values.iter().filter(|value| **value < ends[0] || **value > ends[1]).count();
        assert_eq!(all.capped().iter().sum::<u64>(), beyond as u64);
        let other = WinsorisedMoments::new(Caps::new(0.0, 1.0).unwrap());
        assert!(matches!(all.merge(&other), Err(Error::InvalidInput(_))));
    }
}

#[test]
fn caps_and_quantiles_of_a_profile_are_those_of_the_values() {
    let values: Vec<f64> = (0..1000).map(|i| f64::from(i * 7 % 1000)).collect();
    let column = Float64Array::from(values.clone());
    let mut profile = Profile::default();
    profile.add(&RecordBatch::try_from_iter([("x", Arc::new(column) as _)]).unwrap()).unwrap();
    let ranks = profile.column("x").unwrap().ranks().unwrap();
    let caps = Caps::of_ranks(&ranks, 0.01, 0.99).unwrap();
    assert_eq!((caps.low(), caps.high()), (9.0, 989.0));
    assert!(matches!(Caps::of_ranks(&ranks, -0.1, 0.99), Err(Error::InvalidInput(_))));
    let sketched = QuantileSummary::of_ranks(&ranks, 0.9).unwrap();
    let exact = QuantileSummary::of_values(values, 0.9).unwrap();
    assert!((sketched.quantile_hat - exact.quantile_hat).abs() <= 1.0);
    let variance = |summary: &QuantileSummary| summary.estimate().known().unwrap().variance;
    assert!((variance(&sketched) / variance(&exact) - 1.0).abs() < 0.1);
}

#[test]
fn covariates_that_determine_each_other_are_no_verdict() {
    let mut moments = RegressionMoments::new(2).unwrap();
    assert_eq!(moments.slopes().reason(), Some(NoVerdict::TooFewUnits));
    for i in 0..30 {
        moments.push(f64::from(i % 7), &[f64::from(i), f64::from(2 * i)]).unwrap();
    }
    assert_eq!(moments.slopes().reason(), Some(NoVerdict::CollinearCovariates));
    assert!(matches!(moments.push(1.0, &[1.0]), Err(Error::InvalidInput(_))));
    assert!(moments.merge(&RegressionMoments::new(3).unwrap()).is_err());
    assert!(RegressionMoments::new(0).is_err() && RegressionMoments::new(1000).is_err());
    moments.push(1.0, &[f64::NAN, 1.0]).unwrap();
    assert_eq!(moments.slopes().reason(), Some(NoVerdict::NotFinite));
}

#[test]
fn weights_that_are_none_are_not_counted() {
    let mut moments = WeightedMoments::new();
    for weight in [0.0, -1.0, f64::NAN] {
        moments.push(5.0, weight);
    }
    assert_eq!((moments.count(), moments.effective_count()), (0, 0.0));
    assert_eq!(moments.estimate().reason(), Some(NoVerdict::TooFewUnits));
    moments.push(5.0, 2.0);
    moments.push(7.0, 2.0);
    assert_eq!((moments.effective_count(), moments.sum_weights()), (2.0, 4.0));
}

#[test]
fn stored_moments_are_those_that_were_stored_and_damaged_ones_are_refused() {
    let joint: JointMoments = (0..9).map(|i| (f64::from(i), f64::from(i * i))).collect();
    let stored = serde_json::to_string(&joint).unwrap();
    assert_eq!(serde_json::from_str::<JointMoments>(&stored).unwrap(), joint);
    let mut regression = RegressionMoments::new(2).unwrap();
    regression.push(1.0, &[2.0, 3.0]).unwrap();
    let stored = serde_json::to_string(&regression).unwrap();
    assert_eq!(serde_json::from_str::<RegressionMoments>(&stored).unwrap(), regression);
    for damaged in
        [r#"{"count":1,"means":[1.0,2.0,3.0],"products":[0.0]}"#, r#"{"count":1,"means":[],"products":[]}"#]
    {
        assert!(serde_json::from_str::<RegressionMoments>(damaged).is_err());
    }
    for caps in [Caps::new(0.0, 9.5).unwrap(), Caps::new(f64::NEG_INFINITY, 3.0).unwrap()] {
        let mut winsorised = WinsorisedMoments::new(caps);
        winsorised.extend([1.0, 20.0]);
        let stored = serde_json::to_string(&winsorised).unwrap();
        assert_eq!(serde_json::from_str::<WinsorisedMoments>(&stored).unwrap(), winsorised);
    }
    assert!(serde_json::from_str::<Caps>(r#"{"low":2.0,"high":1.0}"#).is_err());
}

proptest! {
    /// Merged in any parts, from sums, and unit by unit, moments are the same.
    #[test]
    fn joint_moments_add_up(
        units in proptest::collection::vec((-1e3..1e3_f64, -1e3..1e3_f64), 3..60),
        cut in 0_usize..60,
    ) {
        let whole: JointMoments = units.iter().copied().collect();
        let (left, right) = units.split_at(cut.min(units.len()));
        let merged = left.iter().copied().collect::<JointMoments>().merge(&right.iter().copied().collect());
        let sum = |of: fn(&(f64, f64)) -> f64| units.iter().map(of).sum::<f64>();
        let summed = JointMoments::from_sums(
            units.len() as u64,
            [sum(|unit| unit.0), sum(|unit| unit.1)],
            [sum(|unit| unit.0 * unit.0), sum(|unit| unit.1 * unit.1)],
            sum(|unit| unit.0 * unit.1),
        );
        let n = units.len() as f64;
        let means = [sum(|unit| unit.0) / n, sum(|unit| unit.1) / n];
        let covariance =
            units.iter().map(|unit| (unit.0 - means[0]) * (unit.1 - means[1])).sum::<f64>() / (n - 1.0);
        for moments in [whole, merged, summed] {
            prop_assert_eq!(moments.count(), units.len() as u64);
            for at in [0, 1] {
                prop_assert!((moments.means()[at] - means[at]).abs() < 1e-9);
                prop_assert!((moments.variances()[at] - whole.variances()[at]).abs() < 1e-6);
            }
            prop_assert!((moments.covariance() - covariance).abs() < 1e-6);
        }
        let first = Estimate::of_mean(&units.iter().map(|unit| unit.0).collect());
        prop_assert_eq!(first.known().is_some(), whole.first().known().is_some());
    }
}

#[test]
fn nothing_merged_is_nothing() {
    assert_eq!(JointMoments::new().merge(&JointMoments::new()), JointMoments::new());
    assert_eq!(JointMoments::from_sums(0, [0.0; 2], [0.0; 2], 0.0), JointMoments::new());
}
