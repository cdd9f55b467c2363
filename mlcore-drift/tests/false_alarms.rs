//! How often do the tests and the monitor speak when nothing changed, and do they speak when something did?
//!
//! Seeded simulations: a rate is held against its nominal value plus three standard errors.
#![cfg(test)]

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore::stats::{Correction, SplitMix64};
use mlcore_drift::bins::{Binning, Recipe};
use mlcore_drift::catalog::{Catalog, TestOptions};
use mlcore_drift::monitor::{Monitor, MonitorOptions};
use mlcore_drift::sample::{Kind, Sample};
use mlcore_drift::two_sample::{
    ChiSquare, DriftTest, Fisher, GTest, Hellinger, JensenShannon, KolmogorovSmirnov, KullbackLeibler,
    LInfinity, MissingRate, Psi, TotalVariation, TwoProportionZ,
};

/// Draws from the distributions that are compared.
trait Draws {
    fn gappy_normal(&mut self) -> f64;
    fn poisson(&mut self, mean: f64) -> f64;
    /// One of `n` categories with probability in proportion to 1/rank.
    fn zipf(&mut self, n: u32) -> u32;
    fn sample(&mut self, rows: usize, draw: impl FnMut(&mut Self) -> f64) -> Sample;
    fn categories(&mut self, rows: usize, draw: impl FnMut(&mut Self) -> u32) -> Sample;
}

impl Draws for SplitMix64 {
    fn gappy_normal(&mut self) -> f64 {
        if self.uniform() < 0.05 { f64::NAN } else { self.normal() }
    }

    fn poisson(&mut self, mean: f64) -> f64 {
        let (mut count, mut product) = (0.0, self.uniform());
        while product > (-mean).exp() {
            count += 1.0;
            product *= self.uniform();
        }
        count
    }

    fn zipf(&mut self, n: u32) -> u32 {
        let total: f64 = (1..=n).map(|rank| 1.0 / f64::from(rank)).sum();
        let mut left = self.uniform() * total;
        (1..n)
            .find(|rank| {
                left -= 1.0 / f64::from(*rank);
                left < 0.0
            })
            .unwrap_or(n)
    }

    fn sample(&mut self, rows: usize, mut draw: impl FnMut(&mut Self) -> f64) -> Sample {
        (0..rows).map(|_| draw(self)).collect::<Vec<_>>().into()
    }

    fn categories(&mut self, rows: usize, mut draw: impl FnMut(&mut Self) -> u32) -> Sample {
        let names: Vec<String> = (0..rows).map(|_| draw(self).to_string()).collect();
        Sample::categorical(names.iter().map(String::as_str))
    }
}

/// At most `alpha` of `runs` comparisons of two equal distributions may reject at `alpha`, give or take chance.
fn check_null(
    name: &str,
    test: &dyn DriftTest,
    runs: u32,
    mut pair: impl FnMut(&mut SplitMix64) -> (Sample, Sample),
) {
    let mut random = SplitMix64::new(0x5EED);
    let pvalues: Vec<f64> = (0..runs)
        .map(|_| {
            let (reference, current) = pair(&mut random);
            test.compare(&reference, &current).unwrap().pvalue.unwrap()
        })
        .collect();
    for alpha in [0.05, 0.01] {
        let rate = pvalues.iter().filter(|p| **p <= alpha).count() as f64 / f64::from(runs);
        let chance = 3.0 * (alpha * (1.0 - alpha) / f64::from(runs)).sqrt();
        println!("{name}: {rate:.4} at {alpha}");
        assert!(rate <= alpha + chance, "{name}: {rate} false alarms at {alpha}");
    }
}

/// What a test of the list must hold without being named here.
#[test]
fn every_listed_test_keeps_its_rate_of_false_alarms() {
    let catalog = Catalog::default();
    for name in catalog.names() {
        let test = catalog.test(name, &TestOptions::default()).unwrap();
        let check = |what: &str, kind: Kind, pair: fn(&mut SplitMix64) -> (Sample, Sample)| {
            let has_pvalue = || {
                let (reference, current) = pair(&mut SplitMix64::new(1));
                test.compare(&reference, &current).unwrap().pvalue.is_some()
            };
            if test.applies_to(kind) && has_pvalue() {
                check_null(&format!("{name}, {what}"), &*test, 500, pair);
            }
        };
        check("normal", Kind::Numeric, |r| {
            (r.sample(500, SplitMix64::gappy_normal), r.sample(120, SplitMix64::gappy_normal))
        });
        check("heavy tails", Kind::Numeric, |r| {
            (r.sample(300, |r| r.normal().exp()), r.sample(300, |r| r.normal().exp()))
        });
        check("half zero", Kind::Numeric, |r| {
            let spike = |r: &mut SplitMix64| if r.uniform() < 0.5 { 0.0 } else { r.normal() };
            (r.sample(400, spike), r.sample(200, spike))
        });
        check("zipf", Kind::Categorical, |r| {
            (r.categories(1000, |r| r.zipf(20)), r.categories(200, |r| r.zipf(20)))
        });
        check("even", Kind::Categorical, |r| {
            let even = |r: &mut SplitMix64| (r.uniform() * 4.0) as u32;
            (r.categories(100, even), r.categories(100, even))
        });
    }
}

#[test]
fn equal_distributions_are_rejected_no_more_often_than_promised() {
    let ks = KolmogorovSmirnov::default();
    for rows in [20, 100] {
        check_null("ks, normal", &ks, 2000, |r| {
            (r.sample(rows, SplitMix64::normal), r.sample(rows, SplitMix64::normal))
        });
    }
    let lognormal = |r: &mut SplitMix64| r.normal().exp();
    check_null("ks, lognormal, unequal", &ks, 1000, |r| (r.sample(300, lognormal), r.sample(80, lognormal)));
    check_null("ks, poisson", &ks, 1000, |r| {
        (r.sample(100, |r| r.poisson(1.0)), r.sample(100, |r| r.poisson(1.0)))
    });

    let chi = ChiSquare::default();
    check_null("chi-square, zipf-50", &chi, 2000, |r| {
        (r.categories(100, |r| r.zipf(50)), r.categories(100, |r| r.zipf(50)))
    });
    check_null("chi-square, zipf-50, unequal", &chi, 1000, |r| {
        (r.categories(2000, |r| r.zipf(50)), r.categories(150, |r| r.zipf(50)))
    });
    check_null("chi-square, ids", &chi, 300, |r| {
        let id = |r: &mut SplitMix64| (r.uniform() * 1e6) as u32;
        (r.categories(300, id), r.categories(300, id))
    });
    let capped = ChiSquare::default().with_max_categories(10);
    check_null("chi-square, more categories than kept", &capped, 500, |r| {
        let even = |r: &mut SplitMix64| (r.uniform() * 60.0) as u32;
        (r.categories(1000, even), r.categories(1000, even))
    });
    check_null("chi-square, flag", &chi, 1000, |r| {
        let flag = |r: &mut SplitMix64| f64::from(u8::from(r.uniform() < 0.1));
        (r.sample(400, flag), r.sample(400, flag))
    });

    check_null("missing rate", &MissingRate::default(), 2000, |r| {
        let gappy = |r: &mut SplitMix64| if r.uniform() < 0.01 { f64::NAN } else { 1.0 };
        (r.sample(2000, gappy), r.sample(200, gappy))
    });
    for recipe in [Recipe::Quantile, Recipe::Uniform] {
        let psi = Psi::new(Binning::default().with_recipe(recipe));
        for (n, m) in [(100, 100), (1000, 100), (100, 1000)] {
            let name = format!("psi, {recipe:?}, {n} against {m}");
            check_null(&name, &psi, 1000, |r| {
                (r.sample(n, SplitMix64::normal), r.sample(m, SplitMix64::normal))
            });
        }
        let spike = |r: &mut SplitMix64| if r.uniform() < 0.7 { 0.0 } else { r.normal() };
        check_null("psi, spike", &psi, 500, |r| (r.sample(400, spike), r.sample(400, spike)));
    }
}

/// Most categories are rare, and many are new in every window.
#[test]
fn columns_of_high_cardinality_are_rejected_no_more_often_than_promised() {
    let tests: [&dyn DriftTest; 10] = [
        &ChiSquare::default(),
        &Psi::default(),
        &Hellinger::default(),
        &JensenShannon::default(),
        &KullbackLeibler::default(),
        &TotalVariation::default(),
        &LInfinity::default(),
        &GTest::default(),
        &Fisher::default(),
        &TwoProportionZ::default(),
    ];
    for (place, test) in tests.into_iter().enumerate() {
        // What Hellinger's distance shows is not shown as often again.
        let runs = if place < 3 { 600 } else { 200 };
        for (kinds, n, m) in [(50, 100, 100), (1000, 1000, 1000), (1000, 5000, 300), (5000, 300, 300)] {
            check_null(&format!("{}, zipf-{kinds}, {n} against {m}", test.name()), test, runs, |r| {
                let weights = cumulative(kinds);
                (
                    r.categories(n, |r| rank(&weights, r.uniform())),
                    r.categories(m, |r| rank(&weights, r.uniform())),
                )
            });
        }
        // Ids, of which nearly none, some and many come twice, and a frequent value beside them.
        for (ids, share) in [(1e6, 1.0), (1000.0, 1.0), (150.0, 1.0), (300.0, 0.3)] {
            check_null(&format!("{}, {share} of {ids} ids", test.name()), test, runs, |r| {
                let id = |r: &mut SplitMix64| match r.uniform() < share {
                    true => 1 + (r.uniform() * ids) as u32,
                    false => 0,
                };
                (r.categories(400, id), r.categories(200, id))
            });
        }
    }
}

/// The distribution function of `kinds` categories with probabilities in proportion to 1/rank.
fn cumulative(kinds: u32) -> Vec<f64> {
    let total: f64 = (1..=kinds).map(|rank| 1.0 / f64::from(rank)).sum();
    let mut sum = 0.0;
    (1..=kinds)
        .map(|rank| {
            sum += 1.0 / f64::from(rank) / total;
            sum
        })
        .collect()
}

fn rank(cumulative: &[f64], uniform: f64) -> u32 {
    cumulative.partition_point(|sum| *sum < uniform) as u32
}

#[test]
fn the_bias_of_psi_is_taken_off() {
    let mut random = SplitMix64::new(7);
    let psi = |recipe, random: &mut SplitMix64| {
        let (a, b) = (random.sample(100, SplitMix64::normal), random.sample(100, SplitMix64::normal));
        mlcore_drift::two_sample::psi::psi(&a, &b, &Binning::default().with_recipe(recipe)).unwrap()
    };
    let runs = 1000;
    let results: Vec<_> = (0..runs).map(|_| psi(Recipe::Quantile, &mut random)).collect();
    let mean = |value: fn(&mlcore_drift::two_sample::psi::PsiResult) -> f64| {
        results.iter().map(value).sum::<f64>() / f64::from(runs)
    };
    assert!(mean(|result| result.psi) > 0.14, "{}", mean(|result| result.psi));
    assert!(mean(|result| result.psi_corrected).abs() < 0.02, "{}", mean(|result| result.psi_corrected));
}

const COLUMNS: usize = 50;

/// Fifty columns of five kinds; `shift` moves the normal ones, in standard deviations.
fn table(random: &mut SplitMix64, rows: usize, shift: f64) -> RecordBatch {
    let columns = (0..COLUMNS).map(|column| {
        let array: ArrayRef = match column % 5 {
            0 | 1 => Arc::new(Float64Array::from_iter_values((0..rows).map(|_| random.normal() + shift))),
            2 => Arc::new(Float64Array::from_iter_values((0..rows).map(|_| random.poisson(2.0)))),
            3 => Arc::new(StringArray::from_iter_values((0..rows).map(|_| random.zipf(30).to_string()))),
            _ => Arc::new(Float64Array::from_iter(
                (0..rows).map(|_| Some(random.uniform()).filter(|_| random.uniform() > 0.05)),
            )),
        };
        (format!("c{column}"), array)
    });
    RecordBatch::try_from_iter(columns.collect::<Vec<_>>()).unwrap()
}

/// The share of windows in which anything drifted, with thresholds as given and without.
fn alarm_rate(options: &MonitorOptions, reference: usize, window: usize, windows: usize, shift: f64) -> f64 {
    let mut random = SplitMix64::new(42);
    let reference = table(&mut random, reference, 0.0);
    let mut monitor = Monitor::new(&reference, &options.clone().with_window_rows(window)).unwrap();
    let verdicts: Vec<_> =
        (0..windows).flat_map(|_| monitor.observe(&table(&mut random, window, shift)).unwrap()).collect();
    assert_eq!(verdicts.len(), windows);
    verdicts.iter().filter(|verdict| verdict.is_drifted()).count() as f64 / windows as f64
}

#[test]
fn fifty_quiet_columns_alarm_no_more_often_than_alpha() {
    // No threshold, so that the p-values and their correction alone are on trial.
    let by_certainty = ["ks", "chi_square", "missing_rate"]
        .iter()
        .fold(MonitorOptions::default(), |options, test| options.with_minimum_effect(*test, 0.0));
    for correction in [Correction::BenjaminiHochberg, Correction::Holm] {
        let rate = alarm_rate(&by_certainty.clone().with_correction(correction), 20_000, 300, 60, 0.0);
        println!("{correction:?}: {rate:.3}");
        assert!(rate <= 0.05 + 3.0 * (0.05 * 0.95 / 60.0_f64).sqrt(), "{correction:?}: {rate}");
    }
    assert_eq!(alarm_rate(&MonitorOptions::default(), 20_000, 1000, 12, 0.0), 0.0);
}

#[test]
fn a_hundredth_of_a_standard_deviation_never_alarms_and_a_fifth_does() {
    let one = MonitorOptions::default().with_columns(["c0"]);
    for window in [200, 1000, 20_000] {
        assert_eq!(alarm_rate(&one, 20_000, window, 4, 0.01), 0.0, "{window} rows");
    }
    let rate = alarm_rate(&one, 20_000, 500, 60, 0.2);
    assert!(rate >= 0.85, "500 rows, 0.2 standard deviations: {rate}");
    assert_eq!(alarm_rate(&MonitorOptions::default(), 20_000, 500, 6, 0.2), 1.0);
}

#[test]
fn a_million_rows_make_a_hundredth_certain_and_still_no_drift() {
    let mut random = SplitMix64::new(1);
    let (reference, current) =
        (random.sample(1_000_000, SplitMix64::normal), random.sample(1_000_000, |r| r.normal() + 0.01));
    let score = KolmogorovSmirnov::default().compare(&reference, &current).unwrap();
    assert!(score.pvalue.unwrap() < 1e-3);
    assert!(score.effect.value < KolmogorovSmirnov::default().default_minimum_effect() / 5.0);
}
