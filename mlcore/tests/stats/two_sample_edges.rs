//! Hostile samples: every two-sample test answers, with a number, a NaN or a named error.

use crate::recipe::{HOSTILE_SHAPES, hostile};
use mlcore::Error;
use mlcore::stats::{
    Alternative, AndersonMethod, AndersonOptions, AndersonVariant, CramerVonMisesMethod,
    CramerVonMisesOptions, EppsSingletonOptions, MannWhitneyMethod, MannWhitneyOptions, anderson_ksamp,
    cramervonmises_2samp, energy_distance, epps_singleton_2samp, epps_singleton_2samp_scaled, kuiper_two,
    mannwhitneyu, spearmanr, wasserstein_distance,
};

/// A name, and the p-value of two samples; `None` where they are refused.
type Test = (&'static str, Box<dyn Fn(&[f64], &[f64]) -> Option<f64>>);

fn answered<T>(name: &str, result: mlcore::Result<T>, pvalue: impl Fn(T) -> f64) -> Option<f64> {
    match result {
        Ok(result) => Some(pvalue(result)),
        Err(Error::InvalidInput(_)) => None,
        Err(other) => panic!("{name}: {other}"),
    }
}

fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = vec![
        ("kuiper_two", Box::new(|x, y| answered("kuiper", kuiper_two(x, y), |result| result.pvalue))),
        (
            "epps_singleton_2samp",
            Box::new(|x, y| {
                let result = epps_singleton_2samp(x, y, &EppsSingletonOptions::default());
                answered("epps_singleton_2samp", result, |result| result.pvalue)
            }),
        ),
    ];
    for &method in MannWhitneyMethod::ALL {
        for &alternative in Alternative::ALL {
            let options = MannWhitneyOptions::default().with_method(method).with_alternative(alternative);
            tests.push((
                "mannwhitneyu",
                Box::new(move |x, y| answered("mannwhitneyu", mannwhitneyu(x, y, &options), |r| r.pvalue)),
            ));
        }
    }
    for method in [CramerVonMisesMethod::Auto, CramerVonMisesMethod::Asymptotic] {
        let options = CramerVonMisesOptions::default().with_method(method);
        tests.push((
            "cramervonmises_2samp",
            Box::new(move |x, y| {
                answered("cramervonmises_2samp", cramervonmises_2samp(x, y, &options), |r| r.pvalue)
            }),
        ));
    }
    for &variant in AndersonVariant::ALL {
        for method in [AndersonMethod::Interpolate, AndersonMethod::Asymptotic] {
            let options = AndersonOptions::default().with_variant(variant).with_method(method);
            tests.push((
                "anderson_ksamp",
                Box::new(move |x, y| {
                    answered("anderson_ksamp", anderson_ksamp(&[x, y], &options), |r| r.pvalue)
                }),
            ));
        }
    }
    tests
}

#[test]
fn every_hostile_sample_has_an_answer() {
    let samples: Vec<Vec<f64>> = (0..HOSTILE_SHAPES)
        .flat_map(|kind| [1, 2, 4, 9].map(|n| hostile(kind, kind as u64, n)))
        .chain([hostile(0, 7, 9_000), hostile(5, 7, 9_000), hostile(7, 8, 9_000)])
        .collect();
    for (name, pvalue) in tests() {
        for x in &samples {
            for y in &samples {
                if let Some(pvalue) = pvalue(x, y) {
                    let has_infinity = x.iter().chain(y).any(|value| value.is_infinite());
                    let may_be_nan =
                        name == "epps_singleton_2samp" && (has_infinity || x.len() + y.len() < 100);
                    assert!(
                        (0.0..=1.0).contains(&pvalue) || (pvalue.is_nan() && may_be_nan),
                        "{name}: {pvalue}"
                    );
                }
            }
        }
    }
}

/// A correlation is of pairs, and there is none where one of the two does not vary.
#[test]
fn correlations_of_hostile_pairs_are_numbers_or_nan() {
    let samples: Vec<Vec<f64>> = (0..HOSTILE_SHAPES)
        .flat_map(|kind| [1, 2, 4, 9, 300].map(|n| hostile(kind, kind as u64, n)))
        .collect();
    let mut numbers = 0;
    for &alternative in Alternative::ALL {
        for x in &samples {
            for y in &samples {
                let result = spearmanr(x, y, alternative);
                assert_eq!(result.is_ok(), x.len() == y.len());
                let Ok(result) = result else { continue };
                assert!((-1.0..=1.0).contains(&result.statistic) || result.statistic.is_nan(), "{result:?}");
                assert!((0.0..=1.0).contains(&result.pvalue) || result.pvalue.is_nan(), "{result:?}");
                numbers += usize::from(!result.pvalue.is_nan());
            }
        }
        let values = hostile(0, 3, 500);
        let own = spearmanr(&values, &values, alternative).unwrap();
        assert!(own.statistic > 1.0 - 1e-12, "{own:?}");
    }
    assert!(numbers > 100, "{numbers}");
}

#[test]
fn a_nan_makes_every_answer_nan_and_an_empty_sample_is_refused() {
    let (clean, broken) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, f64::NAN, 2.0, 5.0, 7.0, 9.0]);
    for (name, pvalue) in tests() {
        assert!(pvalue(&clean, &broken).is_some_and(f64::is_nan), "{name}");
        assert!(pvalue(&broken, &clean).is_some_and(f64::is_nan), "{name}");
        assert!(pvalue(&clean, &[]).is_none() && pvalue(&[], &clean).is_none(), "{name}");
    }
}

#[test]
fn equal_samples_do_not_differ() {
    let values = hostile(0, 3, 500);
    for (name, pvalue) in tests() {
        assert!(pvalue(&values, &values).is_none_or(|pvalue| pvalue >= 0.25), "{name}");
    }
    let (constant, options) = ([3.0; 40], MannWhitneyOptions::default());
    for use_continuity in [true, false] {
        let result =
            mannwhitneyu(&constant, &constant, &options.with_use_continuity(use_continuity)).unwrap();
        assert_eq!((result.statistic, result.pvalue), (800.0, 1.0));
    }
    assert_eq!(kuiper_two(&constant, &constant).unwrap().pvalue, 1.0);
    let result = cramervonmises_2samp(&constant, &constant, &CramerVonMisesOptions::default()).unwrap();
    assert_eq!((result.distance, result.pvalue), (0.0, 1.0));
}

#[test]
fn refusals_name_what_is_wrong() {
    let options = EppsSingletonOptions::default();
    let five = [1.0, 2.0, 3.0, 4.0, 5.0];
    for (t, problem) in [
        (vec![], "t: 0 points, and it may be 1 to 32"),
        (vec![0.4, -1.0], "t: -1 is not a finite number above 0"),
        (vec![f64::NAN], "t: NaN is not"),
    ] {
        let error = epps_singleton_2samp(&five, &five, &options.clone().with_t(t)).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-320] {
        let error = epps_singleton_2samp_scaled(&five, &five, scale, &options).unwrap_err();
        assert!(error.to_string().contains("scale: "), "{error}");
    }
    let error = epps_singleton_2samp(&[1.0; 9], &[1.0; 9], &options).unwrap_err();
    assert!(error.to_string().contains("the interquartile range is 0"), "{error}");
    let three = [&five[..], &five, &five];
    let asymptotic = AndersonOptions::default().with_method(AndersonMethod::Asymptotic);
    let error = anderson_ksamp(&three, &asymptotic).unwrap_err();
    assert!(error.to_string().contains("there are more than two for the limit of two"), "{error}");
}

#[test]
fn distances_without_weights_are_those_of_equal_weights() {
    for kind in 0..HOSTILE_SHAPES {
        let (x, y) = (hostile(kind, 1, 300), hostile(kind, 2, 200));
        let (u, v) = (vec![1.0; 300], vec![1.0; 200]);
        for distance in [wasserstein_distance, energy_distance] {
            let (plain, weighted) =
                (distance(&x, &y, None, None).unwrap(), distance(&x, &y, Some(&u), Some(&v)).unwrap());
            // The smallest floats have no digits to keep.
            let difference = (plain - weighted).abs();
            let close = plain == weighted || difference <= 1e-12 * weighted.abs() || difference < 1e-300;
            assert!(close, "{kind}: {plain} {weighted}");
        }
    }
}
