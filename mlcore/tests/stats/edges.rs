//! Hostile numbers: every function answers, with a number, a NaN or a named error.

use mlcore::Error;
use mlcore::stats::{
    Alternative, Chi2Options, ConfidenceSequence, Correction, KsMethod, KsOptions, KsReference, Moments,
    ProportionMethod, TTestOptions, beta, binom, chi2, chi2_contingency, chi2_two_sample, ks_2samp, ksone,
    kstwo, multipletests, norm, proportion_confint, proportions_ztest, t, ttest_ind,
};

const HOSTILE: [f64; 24] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    0.0,
    -0.0,
    5e-324,
    -5e-324,
    2.3e-308,
    f64::MIN_POSITIVE,
    1e-300,
    1e-16,
    0.25,
    0.5,
    0.999_999_999_999_999_9,
    1.0,
    -1.0,
    2.0,
    1e5,
    1e9,
    1e16,
    1e300,
    f64::MAX,
    f64::MIN,
    140.0,
];

fn every_option() -> Vec<KsOptions> {
    let mut all = Vec::new();
    for method in [KsMethod::Auto, KsMethod::Exact, KsMethod::Asymptotic] {
        for alternative in [Alternative::TwoSided, Alternative::Less, Alternative::Greater] {
            all.push(KsOptions::default().with_method(method).with_alternative(alternative));
        }
    }
    all
}

#[test]
fn an_empty_sample_is_a_named_error() {
    let options = KsOptions::default();
    let error = ks_2samp(&[], &[1.0], &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ks_2samp x: the sample is empty; pass at least one observation in each sample"
    );
    assert!(matches!(ks_2samp(&[1.0], &[], &options), Err(Error::InvalidInput(_))));
    assert!(matches!(KsReference::new(&[]), Err(Error::InvalidInput(_))));
    let reference = KsReference::new(&[1.0]).unwrap();
    assert!(matches!(reference.compare(&[], &options), Err(Error::InvalidInput(_))));
    assert!(matches!(ttest_ind(&[], &[1.0], &TTestOptions::welch()), Err(Error::InvalidInput(_))));
}

#[test]
fn a_nan_in_a_sample_makes_the_answer_nan() {
    for options in every_option() {
        for (x, y) in [(vec![1.0, f64::NAN], vec![1.0, 2.0]), (vec![1.0, 2.0], vec![f64::NAN, 0.0])] {
            let result = ks_2samp(&x, &y, &options).unwrap();
            assert!(
                result.statistic.is_nan() && result.pvalue.is_nan() && result.statistic_location.is_nan()
            );
            let compiled = KsReference::new(&x).unwrap().compare(&y, &options).unwrap();
            assert!(compiled.statistic.is_nan() && compiled.pvalue.is_nan());
        }
        // Also in a large sample, where the statistic takes another path.
        let mut large: Vec<f64> = (0..20_000).map(f64::from).collect();
        let clean = large.clone();
        large[19_999] = f64::NAN;
        assert!(ks_2samp(&large, &clean, &KsOptions::default()).unwrap().pvalue.is_nan());
        assert!(ks_2samp(&clean, &large, &KsOptions::default()).unwrap().pvalue.is_nan());
    }
}

#[test]
fn identical_constant_and_infinite_samples() {
    let options = KsOptions::default();
    for value in HOSTILE.into_iter().filter(|value| !value.is_nan()) {
        let result = ks_2samp(&[value; 5], &[value; 9], &options).unwrap();
        assert_eq!((result.statistic, result.pvalue), (0.0, 1.0));
    }
    let result = ks_2samp(&[f64::NEG_INFINITY; 4], &[f64::INFINITY; 4], &options).unwrap();
    assert_eq!((result.statistic, result.statistic_location), (1.0, f64::NEG_INFINITY));
    // -0.0 and 0.0 are one value.
    assert_eq!(ks_2samp(&[0.0, 0.0, 1.0], &[-0.0, -0.0, 1.0], &options).unwrap().statistic, 0.0);
}

#[test]
fn every_sample_of_hostile_numbers_has_an_answer() {
    let numbers: Vec<f64> = HOSTILE.into_iter().filter(|value| !value.is_nan()).collect();
    for from in 0..numbers.len() {
        for to in from + 1..=numbers.len() {
            for options in every_option() {
                let result = ks_2samp(&numbers[from..to], &numbers, &options).unwrap();
                assert!((0.0..=1.0).contains(&result.pvalue), "{result:?}");
            }
        }
    }
}

#[test]
fn every_distribution_answers_every_number() {
    let probability = |value: f64| value.is_nan() || (0.0..=1.0).contains(&value);
    for a in HOSTILE {
        assert!(probability(norm::cdf(a)) && probability(norm::sf(a)), "{a}");
        let _ = (norm::ppf(a), norm::isf(a));
        for b in HOSTILE {
            assert!(probability(chi2::cdf(a, b)) && probability(chi2::sf(a, b)), "chi2 {a} {b}");
            assert!(probability(t::cdf(a, b)) && probability(t::sf(a, b)), "t {a} {b}: {}", t::sf(a, b));
            assert!(probability(kstwo::sf(a, b)) && probability(ksone::sf(a, b)), "ks {a} {b}");
            let _ = t::ppf(a, b);
            for n in [0, 1, 10, u64::MAX] {
                assert!(probability(binom::cdf(a as u64, n, b)), "binom {a} {n} {b}");
                assert!(probability(binom::pmf(a as u64, n, b)), "binom {a} {n} {b}");
            }
            for c in HOSTILE {
                assert!(
                    probability(beta::cdf(a, b, c)) && probability(beta::sf(a, b, c)),
                    "beta {a} {b} {c}"
                );
                assert!(
                    probability(beta::ppf(a, b, c)) && probability(beta::isf(a, b, c)),
                    "beta {a} {b} {c}"
                );
            }
        }
    }
}

#[test]
fn a_table_that_cannot_be_tested_says_where() {
    let options = Chi2Options::default();
    let problem = |table: &[Vec<f64>]| chi2_contingency(table, &options).unwrap_err().to_string();
    assert_eq!(problem(&[]), "chi2_contingency table: it has no cells");
    assert_eq!(problem(&[vec![], vec![]]), "chi2_contingency table: it has no cells");
    assert_eq!(
        problem(&[vec![1.0, 2.0], vec![1.0]]),
        "chi2_contingency table: row 1 has 1 columns where row 0 has 2"
    );
    assert_eq!(
        problem(&[vec![1.0, 2.0], vec![1.0, -3.0]]),
        "chi2_contingency table: the count in row 1, column 1 is negative: -3"
    );
    assert_eq!(
        problem(&[vec![1.0, 0.0], vec![1.0, 0.0]]),
        "chi2_contingency table: the expected frequency in row 0, column 1 is zero: column 1 is empty; \
         drop rows and columns without any count"
    );
    assert_eq!(
        problem(&[vec![1.0, 3.0], vec![0.0, 0.0]]),
        "chi2_contingency table: the expected frequency in row 1, column 0 is zero: row 1 is empty; \
         drop rows and columns without any count"
    );
    assert!(matches!(chi2_two_sample(&[1, 2], &[1], &options), Err(Error::InvalidInput(_))));
}

#[test]
fn tables_of_hostile_numbers_have_an_answer() {
    for a in HOSTILE {
        for b in HOSTILE {
            if let Ok(result) = chi2_contingency(&[[a, 1.0], [b, 2.0]], &Chi2Options::default()) {
                assert!(result.pvalue.is_nan() || (0.0..=1.0).contains(&result.pvalue), "{a} {b} {result:?}");
            }
        }
    }
    let nan = chi2_contingency(&[[f64::NAN, 1.0], [1.0, 2.0]], &Chi2Options::default()).unwrap();
    assert!(nan.statistic.is_nan() && nan.pvalue.is_nan());
    let largest = chi2_two_sample(&[u64::MAX, 1], &[u64::MAX, 7], &Chi2Options::default()).unwrap();
    assert!((0.0..=1.0).contains(&largest.pvalue));
}

#[test]
fn a_nan_p_value_leaves_the_others_alone() {
    for correction in [Correction::Bonferroni, Correction::Holm, Correction::BenjaminiHochberg] {
        let with = multipletests(&[0.01, f64::NAN, 0.04], 0.05, correction).unwrap();
        let without = multipletests(&[0.01, 0.04], 0.05, correction).unwrap();
        assert!(with.pvals_corrected[1].is_nan() && !with.reject[1]);
        assert_eq!((with.reject[0], with.reject[2]), (without.reject[0], without.reject[1]));
        assert_eq!([with.pvals_corrected[0], with.pvals_corrected[2]], without.pvals_corrected.as_slice());
    }
    assert_eq!(multipletests(&[], 0.05, Correction::Holm).unwrap().reject, Vec::<bool>::new());
    let error = multipletests(&[0.5, 1.5], 0.05, Correction::Holm).unwrap_err();
    assert_eq!(error.to_string(), "multipletests pvals[1]: 1.5 is no probability");
    assert!(multipletests(&[0.5], f64::NAN, Correction::Holm).is_err());
}

#[test]
fn proportions_refuse_what_is_no_count() {
    for method in [ProportionMethod::Wilson, ProportionMethod::ClopperPearson] {
        assert!(matches!(proportion_confint(0, 0, 0.05, method), Err(Error::InvalidInput(_))));
        assert!(matches!(proportion_confint(2, 1, 0.05, method), Err(Error::InvalidInput(_))));
        for alpha in HOSTILE {
            if let Ok(interval) = proportion_confint(3, 10, alpha, method) {
                assert!(0.0 <= interval.low && interval.low <= interval.high && interval.high <= 1.0);
            }
        }
        for (count, nobs) in [(0, u64::MAX), (u64::MAX, u64::MAX), (u64::MAX / 2, u64::MAX)] {
            let interval = proportion_confint(count, nobs, 0.05, method).unwrap();
            assert!(0.0 <= interval.low && interval.low <= interval.high && interval.high <= 1.0);
        }
    }
    assert!(proportions_ztest([1, 2], [0, 5], Alternative::TwoSided).is_err());
    assert!(proportions_ztest([9, 2], [5, 5], Alternative::TwoSided).is_err());
    assert!(proportions_ztest([0, 0], [5, 5], Alternative::TwoSided).unwrap().pvalue.is_nan());
}

#[test]
fn means_of_hostile_numbers_have_an_answer() {
    for a in HOSTILE {
        for b in HOSTILE {
            let test = ttest_ind(&[a, b, 1.0], &[b, 2.0], &TTestOptions::welch()).unwrap();
            assert!(test.pvalue.is_nan() || (0.0..=1.0).contains(&test.pvalue));
            let moments: Moments = [a, b].into_iter().collect();
            let _ = moments.merge(&Moments::from_slice(&[b, a])).variance();
        }
    }
    assert!(Moments::new().mean().is_nan() && Moments::from_slice(&[1.0]).variance().is_nan());
}

/// `scipy.stats.ttest_ind` of scipy 1.17.1: (x, y, statistic and p-value of Student's test, of Welch's).
#[test]
fn the_t_test_answers_as_scipy_where_numbers_end() {
    type Case = (&'static [f64], &'static [f64], (f64, f64), (f64, f64));
    const NOT: (f64, f64) = (f64::NAN, f64::NAN);
    const CERTAIN: (f64, f64) = (f64::NEG_INFINITY, 0.0);
    let cases: [Case; 11] = [
        (&[1e308, 1e308, 1e308], &[1e308, 1.1e308, 1.2e308], NOT, NOT),
        (&[1e308, 1e308, 1e308], &[1.0, 2.0, 3.0], NOT, NOT),
        (&[f64::INFINITY, 1.0, 2.0], &[1.0, 2.0, 4.0], NOT, NOT),
        (&[1e200, 2e200, 3e200], &[4e200, 5e200, 6.5e200], (0.0, 1.0), (0.0, 1.0)),
        (&[1.7e308, -1.7e308], &[1.0, 2.0, 3.0], (0.0, 1.0), (0.0, 1.0)),
        (&[1e-170, 3e-170, 2e-170], &[1.0, 1.0, 1.0], CERTAIN, CERTAIN),
        (&[1.0], &[2.0, 3.0, 5.0], (-1.322_875_655_532_295_6, 0.316_869_948_936_026_7), NOT),
        (&[1.0, 2.0, 4.0], &[7.0], (-2.645_751_311_064_590_7, 0.118_082_896_311_803_13), NOT),
        (&[1.0], &[3.0, 3.0, 3.0], CERTAIN, NOT),
        (&[5.0], &[5.0, 5.0, 5.0], NOT, NOT),
        (&[1.0], &[2.0], NOT, NOT),
    ];
    let near = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-14;
    for (x, y, student, welch) in cases {
        for (options, expected) in [(TTestOptions::default(), student), (TTestOptions::welch(), welch)] {
            let test = ttest_ind(x, y, &options).unwrap();
            let found = (test.statistic, test.pvalue);
            assert!(near(found.0, expected.0) && near(found.1, expected.1), "{x:?} {y:?}: {found:?}");
        }
    }
}

#[test]
fn a_sequence_without_data_excludes_nothing() {
    assert!(ConfidenceSequence::new(0.0).is_err() && ConfidenceSequence::new(f64::NAN).is_err());
    assert!(ConfidenceSequence::tuned_for(0.05, 0.0).is_err());
    let sequence = ConfidenceSequence::new(0.05).unwrap();
    let one = Moments::from_slice(&[1.0]);
    for interval in [
        sequence.interval(&Moments::new()),
        sequence.interval(&one),
        sequence.difference(&one, &Moments::from_slice(&[1.0, 2.0, 3.0]), Alternative::TwoSided),
        sequence.interval(&[1.0, f64::INFINITY].into_iter().collect()),
        sequence.interval(&Moments::from_slice(&[1.6e308, 1.7e308, 1.5e308])),
    ] {
        assert_eq!((interval.low, interval.high), (f64::NEG_INFINITY, f64::INFINITY));
    }
    for value in HOSTILE {
        let _ = (
            sequence.half_width(value, 1.0),
            sequence.half_width(10.0, value),
            sequence.pvalue(value, 9.0, 1.0),
        );
    }
}
