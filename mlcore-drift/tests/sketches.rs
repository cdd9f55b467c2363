//! Summaries of current samples: exact where the test says what it needs, on the side of no change elsewhere.

#![cfg(test)]

use mlcore::Error;
use mlcore_drift::Sample;
use mlcore_drift::bins::{Binning, Recipe};
use mlcore_drift::sample::{Bounds, EdgeCounts, Sketch};
use mlcore_drift::two_sample::{ChiSquare, DriftTest, KolmogorovSmirnov, MissingRate, Needs, Note, Psi};
use proptest::prelude::*;

fn summary(values: &[f64], edges: &[f64]) -> EdgeCounts {
    let mut counts = EdgeCounts::new(edges).unwrap();
    counts.add(values);
    counts
}

fn edges_of(test: &dyn DriftTest, reference: &Sample) -> Vec<f64> {
    match test.compile(reference).unwrap().needs() {
        Needs::CountsBelow(edges) => edges,
        other => panic!("{} needs {other:?}", test.name()),
    }
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![6 => -3.0..3.0, 2 => (-3_i8..3).prop_map(f64::from), 1 => Just(f64::INFINITY), 1 => Just(-1e300)]
}

proptest! {
    #[test]
    fn windows_that_are_counted_in_parts_have_the_stability_index_of_the_whole(
        reference in prop::collection::vec(value(), 1..300),
        parts in prop::collection::vec(prop::collection::vec(value(), 0..60), 1..10),
        bins in 2_usize..30,
        uniform in any::<bool>(),
    ) {
        let recipe = if uniform { Recipe::Uniform } else { Recipe::Quantile };
        let psi = Psi::new(Binning::default().with_bins(bins).with_recipe(recipe));
        let reference = Sample::numeric(&reference);
        let edges = edges_of(&psi, &reference);
        let whole = parts.concat();
        prop_assume!(!whole.is_empty());
        let mut merged = EdgeCounts::new(&edges).unwrap();
        for part in parts.iter().rev() {
            merged.merge(&summary(part, &edges)).unwrap();
        }
        prop_assert_eq!(&merged, &summary(&whole, &edges));
        let expected = psi.compare(&reference, &Sample::numeric(&whole)).unwrap();
        let counted = psi.compare(&reference, &Sample::from_sketch(merged, 0, 0)).unwrap();
        // To the bit, notes included.
        prop_assert_eq!(counted, expected);
    }

    #[test]
    fn bounds_hold_the_true_number(
        values in prop::collection::vec(value(), 0..200),
        mut edges in prop::collection::vec(value(), 0..20),
        asked in prop::collection::vec(value(), 1..20),
    ) {
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        let counts = summary(&values, &edges);
        for edge in asked.iter().chain(&edges) {
            let truth = values.iter().filter(|value| *value < edge).count() as u64;
            let Bounds { low, high, .. } = counts.below(*edge);
            prop_assert!((low..=high).contains(&truth), "{low} <= {truth} <= {high} below {edge}");
        }
        for edge in &edges {
            prop_assert!(counts.below(*edge).exact().is_some());
        }
    }

    #[test]
    fn a_summary_is_never_surer_than_its_values(
        reference in prop::collection::vec(value(), 1..200),
        current in prop::collection::vec(value(), 1..200),
        mut edges in prop::collection::vec(value(), 0..30),
    ) {
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        let ks = KolmogorovSmirnov::default();
        let (reference, sample) = (Sample::numeric(&reference), Sample::numeric(&current));
        let whole = ks.compare(&reference, &sample).unwrap();
        let counted = ks.compare(&reference, &Sample::from_sketch(summary(&current, &edges), 0, 0)).unwrap();
        prop_assert!(counted.statistic <= whole.statistic + 1e-12 && counted.pvalue >= whole.pvalue.map(|p| p - 1e-12));
        let at_most = |note: &Note| if let Note::Summarised { at_most } = note { Some(*at_most) } else { None };
        let most = counted.notes.iter().find_map(at_most);
        prop_assert!(most.unwrap_or(counted.statistic) >= whole.statistic - 1e-12);
        // Exact at every value of the reference, it is the test of the values.
        let mut fine: Vec<f64> = reference.values().unwrap().iter().flat_map(|x| [*x, x.next_up()]).collect();
        fine.sort_by(f64::total_cmp);
        fine.dedup();
        let exact = ks.compare(&reference, &Sample::from_sketch(summary(&current, &fine), 0, 0)).unwrap();
        prop_assert!((exact.statistic - whole.statistic).abs() < 1e-12 && (exact.pvalue.unwrap() - whole.pvalue.unwrap()).abs() < 1e-9);
        let unsure = exact.notes.iter().any(|note| matches!(note, Note::Summarised { .. }));
        prop_assert!(!unsure);
    }

    #[test]
    fn two_summaries_are_never_surer_than_their_values(
        reference in prop::collection::vec(value(), 1..200),
        current in prop::collection::vec(value(), 1..200),
        mut edges in prop::collection::vec(value(), 0..30),
        mut others in prop::collection::vec(value(), 0..30),
    ) {
        for edges in [&mut edges, &mut others] {
            edges.sort_by(f64::total_cmp);
            edges.dedup();
        }
        let ks = KolmogorovSmirnov::default();
        let whole = ks.compare(&Sample::numeric(&reference), &Sample::numeric(&current)).unwrap();
        let first = Sample::from_sketch(summary(&reference, &edges), 0, 0);
        for second in [Sample::from_sketch(summary(&current, &others), 0, 0), Sample::numeric(&current)] {
            let counted = ks.compare(&first, &second).unwrap();
            prop_assert!(counted.statistic <= whole.statistic + 1e-12, "{counted:?} {whole:?}");
            prop_assert!(counted.pvalue >= whole.pvalue.map(|p| p - 1e-12));
            let at_most = |note: &Note| if let Note::Summarised { at_most } = note { Some(*at_most) } else { None };
            let most = counted.notes.iter().find_map(at_most).unwrap_or(counted.statistic);
            prop_assert!(most >= whole.statistic - 1e-12, "{most} {whole:?}");
        }
        // Exact at every value of both, it is the test of the values.
        let mut fine: Vec<f64> = reference.iter().chain(&current).flat_map(|x| [*x, x.next_up()]).collect();
        fine.sort_by(f64::total_cmp);
        fine.dedup();
        let summaries = [&reference, &current].map(|values| Sample::from_sketch(summary(values, &fine), 0, 0));
        let exact = ks.compare(&summaries[0], &summaries[1]).unwrap();
        prop_assert!((exact.statistic - whole.statistic).abs() < 1e-12);
    }
}

#[test]
fn what_a_summary_cannot_answer_is_refused_by_name() {
    let values: Vec<f64> = (0..500).map(f64::from).collect();
    let reference = Sample::numeric(&values);
    let coarse = || Sample::from_sketch(summary(&values, &[100.0]), 3, 4);
    let evidently = Psi::new(Binning::default().with_recipe(Recipe::Evidently));
    let one_sided: mlcore::stats::KsOptions = serde_json::from_str(r#"{"alternative": "less"}"#).unwrap();
    let tests: [(&dyn DriftTest, &str); 4] = [
        (&Psi::default(), "the summary is not exact at 49.9"),
        (&evidently, "only a summary of its numbers is left"),
        (&ChiSquare::default(), "only a summary of its numbers is left"),
        (&KolmogorovSmirnov::new(one_sided), "the alternative is one-sided"),
    ];
    for (test, words) in tests {
        let error = test.compare(&reference, &coarse()).unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)) && error.to_string().contains(words), "{error}");
        assert!(error.context().remedy().is_some());
    }
    for test in [&Psi::default() as &dyn DriftTest, &ChiSquare::default(), &KolmogorovSmirnov::new(one_sided)]
    {
        assert!(matches!(test.compile(&coarse()), Err(Error::InvalidInput(_))), "{}", test.name());
    }
    let missing = MissingRate::default();
    assert_eq!(missing.compile(&reference).unwrap().needs(), Needs::Rows);
    let score = missing.compare(&reference, &coarse()).unwrap();
    assert_eq!((score.current_len, score.effect.value), (507, 7.0 / 507.0));
    let nothing = Sample::from_sketch(EdgeCounts::new(&[]).unwrap(), 5, 0);
    for test in [&Psi::default() as &dyn DriftTest, &KolmogorovSmirnov::default()] {
        let error = test.compare(&reference, &nothing).unwrap_err();
        assert!(error.to_string().contains("all 5 rows are missing"), "{error}");
    }
}

#[test]
fn counts_at_other_edges_are_not_merged() {
    let mut counts = summary(&[1.0, f64::NAN, 3.0], &[2.0]);
    let before = counts.clone();
    assert_eq!((counts.len(), counts.range()), (2, (1.0, 3.0)));
    assert!(matches!(counts.merge(&summary(&[1.0], &[2.5])), Err(Error::InvalidInput(_))));
    assert_eq!(counts, before);
    for edges in [[2.0, 1.0], [1.0, 1.0], [f64::NAN, 1.0]] {
        assert!(matches!(EdgeCounts::new(&edges), Err(Error::InvalidInput(_))), "{edges:?}");
    }
}
