//! A profile in the place of the rows: exact where it says so, and never a reason for an alarm.
#![cfg(test)]

use std::sync::Arc;

use mlcore::arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use mlcore::profile::{Profile, ProfileOptions};
use mlcore::stats::SplitMix64;
use mlcore_drift::sample::{Kind, Sample, Sketch};
use mlcore_drift::two_sample::{
    ChiSquare, DriftTest, Hellinger, KolmogorovSmirnov, MissingRate, Needs, Note, Psi,
};

/// Profiles of tenths of a column, merged.
fn fleet(array: &ArrayRef, options: &ProfileOptions) -> Profile {
    let batch = RecordBatch::try_from_iter_with_nullable([("x", Arc::clone(array), true)]).unwrap();
    let mut fleet = Profile::new(options).unwrap();
    for part in 0..10 {
        let (start, end) = (part * batch.num_rows() / 10, (part + 1) * batch.num_rows() / 10);
        let mut replica = Profile::new(options).unwrap();
        replica.add(&batch.slice(start, end - start)).unwrap();
        fleet.merge(&Profile::from_bytes(&replica.to_bytes()).unwrap()).unwrap();
    }
    fleet
}

fn sample(profile: &Profile) -> Sample {
    Sample::from_profile(profile.column("x").unwrap()).unwrap()
}

/// Normal numbers with gaps, the larger the shift the farther from zero.
fn numbers(rows: usize, seed: u64, shift: f64) -> ArrayRef {
    let mut random = SplitMix64::new(seed);
    let drawn = |random: &mut SplitMix64| match random.below(20) {
        0 => None,
        1 => Some(f64::NAN),
        2 => Some(0.0),
        _ => Some(random.normal() + shift),
    };
    Arc::new((0..rows).map(|_| drawn(&mut random)).collect::<Float64Array>())
}

#[test]
fn bins_and_missing_rows_are_exact_bit_for_bit() {
    for rows in [300, 5000, 200_000] {
        let (reference, current) = (numbers(20_000, 1, 0.0), numbers(rows, 2, 0.05));
        let (reference, rows) =
            (Sample::from_array(&reference).unwrap(), Sample::from_array(&current).unwrap());
        let tests: [Box<dyn DriftTest>; 3] =
            [Box::new(Psi::default()), Box::new(Hellinger::default()), Box::new(MissingRate::default())];
        for test in tests {
            let compiled = test.compile(&reference).unwrap();
            let options = match compiled.needs() {
                Needs::CountsBelow(edges) => ProfileOptions::default().with_edges("x", edges),
                _ => ProfileOptions::default(),
            };
            let profiled = sample(&fleet(&current, &options));
            assert_eq!(
                compiled.compare(&profiled).unwrap(),
                compiled.compare(&rows).unwrap(),
                "{}",
                test.name()
            );
        }
    }
}

#[test]
fn categories_are_exact_bit_for_bit() {
    let mut random = SplitMix64::new(3);
    let mut drawn = |rows: usize, kinds: usize| -> ArrayRef {
        let long = |kind: usize| {
            format!("{kind}{}", if kind.is_multiple_of(3) { "é".repeat(300) } else { String::new() })
        };
        Arc::new(
            (0..rows)
                .map(|_| (random.below(9) > 0).then(|| long(random.clone().below(kinds) + random.below(2))))
                .collect::<StringArray>(),
        )
    };
    let (reference, current) = (drawn(5000, 30), drawn(7000, 33));
    let flags = |seed: u64| -> ArrayRef {
        let mut random = SplitMix64::new(seed);
        Arc::new((0..4000).map(|_| Some(random.below(3) == 0)).collect::<BooleanArray>())
    };
    for (reference, current) in [(reference, current), (flags(1), flags(2))] {
        let tests: [Box<dyn DriftTest>; 2] = [Box::new(ChiSquare::default()), Box::new(Psi::default())];
        for test in tests {
            let compiled = test.compile(&Sample::from_array(&reference).unwrap()).unwrap();
            let profiled = sample(&fleet(&current, &ProfileOptions::default()));
            let rows = Sample::from_array(&current).unwrap();
            assert_eq!(
                compiled.compare(&profiled).unwrap(),
                compiled.compare(&rows).unwrap(),
                "{}",
                test.name()
            );
        }
    }
}

#[test]
fn few_numbers_are_exact_as_numbers_and_as_categories() {
    let drawn = |seed: u64, most: usize| -> ArrayRef {
        let mut random = SplitMix64::new(seed);
        Arc::new((0..9000).map(|_| Some(random.below(most) as i64)).collect::<Int64Array>())
    };
    let (reference, current) = (drawn(1, 40), drawn(2, 42));
    let profile = fleet(&current, &ProfileOptions::default());
    let compiled = KolmogorovSmirnov::default().compile(&Sample::from_array(&reference).unwrap()).unwrap();
    let (profiled, rows) = (sample(&profile), Sample::from_array(&current).unwrap());
    let (a, b) = (compiled.compare(&profiled).unwrap(), compiled.compare(&rows).unwrap());
    assert!((a.statistic - b.statistic).abs() < 1e-15 && a.notes == b.notes);
    let as_categories = |array: &dyn Array| Sample::from_array_as(array, Kind::Categorical).unwrap();
    let compiled = ChiSquare::default().compile(&as_categories(&reference)).unwrap();
    let profiled = Sample::from_profile_as(profile.column("x").unwrap(), Kind::Categorical).unwrap();
    assert_eq!(compiled.compare(&profiled).unwrap(), compiled.compare(&as_categories(&current)).unwrap());
}

#[test]
fn the_rank_error_never_alarms() {
    for (seed, rows, shift) in
        (0..6).flat_map(|seed| [(seed, 30_000, 0.0), (seed, 100_000, 0.02), (seed, 3000, 0.3)])
    {
        let (reference, current) = (numbers(20_000, 100 + seed, 0.0), numbers(rows, 200 + seed, shift));
        let compiled =
            KolmogorovSmirnov::default().compile(&Sample::from_array(&reference).unwrap()).unwrap();
        let profile = fleet(&current, &ProfileOptions::default());
        let (profiled, rows) = (
            compiled.compare(&sample(&profile)).unwrap(),
            compiled.compare(&Sample::from_array(&current).unwrap()).unwrap(),
        );
        let error = profile.column("x").unwrap().ranks().unwrap().rank_error();
        assert!(profiled.statistic <= rows.statistic && profiled.pvalue >= rows.pvalue);
        assert!(rows.statistic - profiled.statistic <= 2.0 * error + 1e-12, "{error}: {profiled:?} {rows:?}");
        let at_most = profiled.notes.iter().find_map(|note| match note {
            Note::Summarised { at_most } => Some(*at_most),
            _ => None,
        });
        assert!(at_most.unwrap_or(profiled.statistic) >= rows.statistic - 1e-15);
    }
}

#[test]
fn what_a_profile_does_not_know_is_refused_in_words() {
    let refused = |array: ArrayRef, kind: Kind| {
        let profile = fleet(&array, &ProfileOptions::default());
        Sample::from_profile_as(profile.column("x").unwrap(), kind).unwrap_err().to_string()
    };
    let texts: ArrayRef = Arc::new((0..3000).map(|i| Some(i.to_string())).collect::<StringArray>());
    let error = refused(Arc::clone(&texts), Kind::Categorical);
    assert!(error.starts_with("read sample profile: ") && error.contains("more distinct texts"), "{error}");
    assert!(refused(texts, Kind::Numeric).contains("numbers are expected"));
    assert!(refused(numbers(5000, 1, 0.0), Kind::Categorical).contains("more distinct numbers"));
    assert!(refused(Arc::new(Date32Array::from(vec![1])), Kind::Numeric).contains("kind date"));
    // A test that needs other edges than were given says so.
    let reference = Sample::from_array(&numbers(5000, 1, 0.0)).unwrap();
    let profile = fleet(&numbers(5000, 2, 0.0), &ProfileOptions::default().with_edges("x", [0.5]));
    let error =
        Psi::default().compile(&reference).unwrap().compare(&sample(&profile)).unwrap_err().to_string();
    assert!(error.contains("not exact at"), "{error}");
}

#[test]
fn given_categories_are_compared_exactly_among_a_million_others() {
    let mut random = SplitMix64::new(8);
    let mut drawn = |kinds: usize| -> ArrayRef {
        let text = |random: &mut SplitMix64| match random.below(4) {
            0 => format!("rare {}", random.below(100_000)),
            _ => format!("plan {}", random.below(kinds)),
        };
        Arc::new((0..60_000).map(|_| Some(text(&mut random))).collect::<StringArray>())
    };
    let (same, other, reference) = (drawn(5), drawn(6), drawn(5));
    let plans: Vec<String> = (0..5).map(|kind| format!("plan {kind}")).collect();
    let options = ProfileOptions::default().with_categories("x", plans);
    let compiled = ChiSquare::default().compile(&Sample::from_array(&reference).unwrap()).unwrap();
    let score = |current: &ArrayRef| compiled.compare(&sample(&fleet(current, &options))).unwrap();
    assert!(score(&same).pvalue.unwrap() > 0.001, "{:?}", score(&same));
    assert!(score(&other).pvalue.unwrap() < 1e-9, "{:?}", score(&other));
}

#[test]
fn missing_columns_and_profiles_of_nothing_are_samples() {
    let nulls: ArrayRef = Arc::new(Float64Array::from(vec![None, None]));
    let found = sample(&fleet(&nulls, &ProfileOptions::default()));
    assert_eq!((found.rows(), found.missing(), found.len()), (2, 2, 0));
    let profile = Profile::new(&ProfileOptions::default().with_edges("x", [0.0])).unwrap();
    let found = sample(&profile);
    assert!(found.is_empty() && found.rows() == 0 && found.sketch().is_none_or(Sketch::is_empty));
}

#[test]
fn two_profiles_are_compared_and_their_error_never_alarms() {
    let ks = KolmogorovSmirnov::default();
    let mut found = Vec::new();
    for (seed, shift) in [(2, 0.0), (3, 0.0), (4, 0.05), (5, 0.2)] {
        let (reference, current) = (numbers(100_000, 1, 0.0), numbers(50_000, seed, shift));
        let whole = ks
            .compare(&Sample::from_array(&reference).unwrap(), &Sample::from_array(&current).unwrap())
            .unwrap();
        let options = ProfileOptions::default();
        let profiles = [&reference, &current].map(|array| sample(&fleet(array, &options)));
        let score = ks.compare(&profiles[0], &profiles[1]).unwrap();
        assert!(score.statistic <= whole.statistic && score.pvalue >= whole.pvalue, "{score:?} {whole:?}");
        // What is lost is no more than the rank errors of both.
        assert!(whole.statistic - score.statistic < 0.02, "{score:?} {whole:?}");
        assert_eq!((score.reference_len, score.current_len), (whole.reference_len, whole.current_len));
        found.push(score.pvalue.unwrap() < 0.01);
    }
    assert_eq!(found, [false, false, true, true]);
}
