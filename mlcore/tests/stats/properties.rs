//! What must hold for every sample.

use crate::recipe::{HOSTILE_SHAPES, hostile, uniform};
use mlcore::stats::{
    Alternative, Chi2Options, ConfidenceSequence, Correction, KsMethod, KsOptions, KsReference, Moments,
    chi2_contingency, ks_2samp, multipletests,
};
use proptest::prelude::*;

/// Values of every kind, with many ties.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-20i32..20).prop_map(f64::from),
        4 => -1e3..1e3f64,
        1 => any::<i16>().prop_map(|e| 10f64.powi(i32::from(e) % 300)),
        1 => prop::sample::select(vec![0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 5e-324, -5e-324]),
    ]
}

fn values() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![prop::collection::vec(value(), 1..60), prop::collection::vec(value(), 1..600)]
}

fn options() -> impl Strategy<Value = KsOptions> {
    let methods = prop::sample::select(vec![KsMethod::Auto, KsMethod::Exact, KsMethod::Asymptotic]);
    let alternatives =
        prop::sample::select(vec![Alternative::TwoSided, Alternative::Less, Alternative::Greater]);
    (methods, alternatives).prop_map(|(m, a)| KsOptions::default().with_method(m).with_alternative(a))
}

/// scipy's own steps: sort, count, subtract, take the first of the largest. Statistic, location, sign.
fn by_definition(x: &[f64], y: &[f64], alternative: Alternative) -> (f64, f64, i8) {
    let sorted = |sample: &[f64]| {
        let mut sorted = sample.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let (x, y) = (sorted(x), sorted(y));
    let share =
        |sample: &[f64], at: f64| sample.partition_point(|&value| value <= at) as f64 / sample.len() as f64;
    let all: Vec<(f64, f64)> = x.iter().chain(&y).map(|&at| (share(&x, at) - share(&y, at), at)).collect();
    let first = |better: fn(f64, f64) -> bool| {
        all.iter().copied().reduce(|best, next| if better(next.0, best.0) { next } else { best }).unwrap()
    };
    let (highest, lowest) = (first(|a, b| a > b), first(|a, b| a < b));
    let below = (-lowest.0).clamp(0.0, 1.0);
    let takes_below = match alternative {
        Alternative::Less => true,
        Alternative::Greater => false,
        _ => below > highest.0,
    };
    if takes_below { (below, lowest.1, -1) } else { (highest.0, highest.1, 1) }
}

/// Both ways to compute the statistic, for every alternative, against its definition, bit for bit.
fn check_statistic(x: &[f64], y: &[f64]) {
    let reference = KsReference::new(x).unwrap();
    for alternative in [Alternative::TwoSided, Alternative::Less, Alternative::Greater] {
        let options = KsOptions::default().with_method(KsMethod::Asymptotic).with_alternative(alternative);
        let expected = by_definition(x, y, alternative);
        for result in [ks_2samp(x, y, &options).unwrap(), reference.compare(y, &options).unwrap()] {
            let actual = (result.statistic, result.statistic_location, result.statistic_sign);
            assert_eq!(actual, expected, "{alternative:?}, {} against {}", x.len(), y.len());
        }
    }
}

proptest! {
    #[test]
    fn the_statistic_is_its_definition(x in values(), y in values()) {
        check_statistic(&x, &y);
    }

    #[test]
    fn the_statistic_of_large_samples_is_its_definition(
        kinds in (0..HOSTILE_SHAPES, 0..HOSTILE_SHAPES), sizes in (1usize..8_000, 1usize..8_000), seed in any::<u32>(),
    ) {
        let x = hostile(kinds.0, u64::from(seed), sizes.0);
        check_statistic(&x, &hostile(kinds.1, u64::from(seed) + 1, sizes.1));
        // Of the same kind, of the same values, and of all but the same values.
        check_statistic(&x, &hostile(kinds.0, u64::from(seed) + 2, sizes.1));
        check_statistic(&x, &x);
        check_statistic(&x, &x[x.len() / 100..]);
    }

    #[test]
    fn a_compiled_reference_gives_the_same_answer(x in values(), y in values(), options in options()) {
        let compiled = KsReference::new(&x).unwrap().compare(&y, &options).unwrap();
        let plain = ks_2samp(&x, &y, &options).unwrap();
        // Debug, so that NaN equals NaN and -0.0 differs from 0.0.
        prop_assert_eq!(format!("{:?}", compiled), format!("{:?}", plain));
    }

    #[test]
    fn the_test_is_symmetric(x in values(), y in values(), method in options()) {
        let swapped = match method.alternative {
            Alternative::Less => Alternative::Greater,
            Alternative::Greater => Alternative::Less,
            _ => Alternative::TwoSided,
        };
        let one = ks_2samp(&x, &y, &method).unwrap();
        let other = ks_2samp(&y, &x, &method.with_alternative(swapped)).unwrap();
        prop_assert!((one.statistic - other.statistic).abs() < 1e-15);
        prop_assert!(one.pvalue.is_nan() && other.pvalue.is_nan()
            || (one.pvalue - other.pvalue).abs() <= 1e-9 * one.pvalue, "{one:?} {other:?}");
    }

    #[test]
    fn order_does_not_matter(x in values(), y in values(), seed in any::<u64>()) {
        let mut keyed: Vec<(f64, f64)> = uniform(seed, x.len()).zip(x.iter().copied()).collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        let shuffled: Vec<f64> = keyed.into_iter().map(|(_, value)| value).collect();
        let options = KsOptions::default();
        prop_assert_eq!(
            format!("{:?}", ks_2samp(&x, &y, &options).unwrap()).replace("-0.0", "0.0"),
            format!("{:?}", ks_2samp(&shuffled, &y, &options).unwrap()).replace("-0.0", "0.0")
        );
    }

    #[test]
    fn monotone_transforms_change_nothing(x in values(), y in values()) {
        // Halving is strictly monotone for normal doubles; what it would merge is left out.
        let normal = |sample: Vec<f64>| -> Vec<f64> {
            sample.into_iter().map(|value| if value.abs() < 1e-300 { 0.0 } else { value }).collect()
        };
        let (x, y) = (normal(x), normal(y));
        let halved = |sample: &[f64]| sample.iter().map(|value| value / 2.0).collect::<Vec<f64>>();
        let options = KsOptions::default();
        let (plain, transformed) =
            (ks_2samp(&x, &y, &options).unwrap(), ks_2samp(&halved(&x), &halved(&y), &options).unwrap());
        prop_assert_eq!(plain.statistic, transformed.statistic);
        prop_assert_eq!(plain.pvalue.to_bits(), transformed.pvalue.to_bits());
        prop_assert_eq!(plain.statistic_location / 2.0, transformed.statistic_location);
    }

    #[test]
    fn answers_are_probabilities(x in values(), y in values(), options in options()) {
        let result = ks_2samp(&x, &y, &options).unwrap();
        prop_assert!((0.0..=1.0).contains(&result.statistic));
        // scipy's asymptotic distribution is undefined where n m / (n + m) rounds to zero: one against one.
        let undefined = x.len() == 1 && y.len() == 1 && options.method == KsMethod::Asymptotic;
        prop_assert!((0.0..=1.0).contains(&result.pvalue) || undefined, "{:?}", result);
        prop_assert_ne!(result.method_used, KsMethod::Auto);
    }

    #[test]
    fn chi2_does_not_care_which_way_the_table_lies(
        rows in 2usize..6, columns in 2usize..6, cells in prop::collection::vec(1u32..1000, 36)
    ) {
        let cell = |i: usize, j: usize| f64::from(cells[i * 6 + j]);
        let table: Vec<Vec<f64>> = (0..rows).map(|i| (0..columns).map(|j| cell(i, j)).collect()).collect();
        let turned: Vec<Vec<f64>> = (0..columns).map(|j| (0..rows).map(|i| cell(i, j)).collect()).collect();
        let options = Chi2Options::default();
        let (a, b) = (chi2_contingency(&table, &options).unwrap(), chi2_contingency(&turned, &options).unwrap());
        prop_assert!((a.statistic - b.statistic).abs() <= 1e-12 * a.statistic.max(1.0));
        prop_assert!((a.pvalue - b.pvalue).abs() <= 1e-9 * a.pvalue);
        prop_assert!((0.0..=1.0).contains(&a.pvalue));
    }

    #[test]
    fn corrections_never_help(pvals in prop::collection::vec(0.0..=1.0f64, 0..50), alpha in 0.0..=1.0f64) {
        let corrected = |correction| multipletests(&pvals, alpha, correction).unwrap();
        let (bonferroni, holm) = (corrected(Correction::Bonferroni), corrected(Correction::Holm));
        let (bh, by) = (corrected(Correction::BenjaminiHochberg), corrected(Correction::BenjaminiYekutieli));
        for (i, &p) in pvals.iter().enumerate() {
            prop_assert!(bh.pvals_corrected[i] >= p && bh.pvals_corrected[i] <= holm.pvals_corrected[i] * (1.0 + 1e-12));
            prop_assert!(holm.pvals_corrected[i] <= bonferroni.pvals_corrected[i]);
            prop_assert!(by.pvals_corrected[i] >= bh.pvals_corrected[i]);
            prop_assert!(!bonferroni.reject[i] || holm.reject[i]);
            prop_assert!(!by.reject[i] || bh.reject[i]);
        }
    }

    #[test]
    fn moments_merge_like_one_stream(
        a in prop::collection::vec(-1e3..1e3f64, 0..200),
        b in prop::collection::vec(-1e3..1e3f64, 0..200),
        c in prop::collection::vec(-1e3..1e3f64, 0..200),
    ) {
        let of = |values: &[f64]| values.iter().copied().collect::<Moments>();
        let close = |x: f64, y: f64| (x.is_nan() && y.is_nan()) || (x - y).abs() <= 1e-12 * x.abs().max(1e3);
        let same = |x: Moments, y: Moments| {
            x.count() == y.count() && close(x.mean(), y.mean()) && close(x.variance() / 1e3, y.variance() / 1e3)
        };
        let all: Vec<f64> = a.iter().chain(&b).chain(&c).copied().collect();
        let left = of(&a).merge(&of(&b)).merge(&of(&c));
        prop_assert!(same(left, of(&a).merge(&of(&b).merge(&of(&c)))));
        prop_assert!(same(left, of(&c).merge(&of(&b)).merge(&of(&a))));
        prop_assert!(same(left, of(&all)));
        prop_assert!(same(left, Moments::from_slice(&all)));
        prop_assert_eq!(of(&a).merge(&Moments::new()), of(&a));
        prop_assert_eq!(Moments::new().merge(&of(&a)), of(&a));
    }
}

/// Looked at after every value, the fixed-horizon interval misses the mean in far more than 5 % of all streams; the
/// confidence sequence does not.
#[test]
fn a_confidence_sequence_survives_peeking() {
    let sequence = ConfidenceSequence::tuned_for(0.05, 500.0).unwrap();
    let (streams, length, burn_in) = (400, 3000, 50);
    let (mut sequence_misses, mut fixed_misses) = (0, 0);
    for seed in 0..streams {
        let mut moments = Moments::new();
        let (mut sequence_missed, mut fixed_missed) = (false, false);
        for value in uniform(1_000_000 + seed, length) {
            moments.push(value);
            if moments.count() >= burn_in {
                let off = (moments.mean() - 0.5).abs();
                let n = moments.count() as f64;
                sequence_missed |= off > sequence.half_width(n, moments.variance());
                fixed_missed |= off > 1.959_963_984_540_054 * (moments.variance() / n).sqrt();
            }
        }
        sequence_misses += usize::from(sequence_missed);
        fixed_misses += usize::from(fixed_missed);
    }
    // 5 % of 400 is 20; three standard deviations more would be 33.
    assert!(sequence_misses <= 20, "{sequence_misses}");
    assert!(fixed_misses > 80, "{fixed_misses}");
}
