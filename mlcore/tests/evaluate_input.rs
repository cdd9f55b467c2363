//! Metrics refuse what they are not defined for, by name, and answer every number without a panic.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use mlcore::evaluate::{
    Average, Metric, MetricFunction, MultiClass, ZeroDivision, accuracy_score, average_precision_score,
    binary_labels, brier_score_loss, confusion_matrix, f1_score, log_loss, log_loss_of, mean_squared_error,
    multiclass_log_loss, multiclass_roc_auc_score, precision_score, r2_score, recall_score, roc_auc_score,
};
use mlcore::{Error, Result};
use proptest::prelude::*;

fn values() -> impl Iterator<Item = MetricFunction<f64, f64>> {
    Metric::all().filter_map(|(_, metric)| if let Metric::Values(of) = metric { Some(of) } else { None })
}

fn scores() -> impl Iterator<Item = MetricFunction<bool, f64>> {
    Metric::all().filter_map(|(_, metric)| if let Metric::Scores(of) = metric { Some(of) } else { None })
}

fn labels() -> impl Iterator<Item = MetricFunction<i64, i64>> {
    Metric::all().filter_map(|(_, metric)| if let Metric::Labels(of) = metric { Some(of) } else { None })
}

/// The error is the caller's, and says all of `parts`.
#[track_caller]
fn check<T: std::fmt::Debug>(result: Result<T>, parts: &[&str]) {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
    let text = error.to_string();
    assert!(parts.iter().all(|part| text.contains(part)), "{text}, without {parts:?}");
}

#[test]
fn no_rows_and_differing_lengths_are_refused() {
    for metric in values() {
        check(metric(&[], &[], None), &["y_true", "empty"]);
        check(metric(&[1.0, 2.0], &[1.0], None), &["y_pred", "1 rows", "has 2"]);
        check(metric(&[1.0, 2.0], &[1.0, 2.0], Some(&[1.0])), &["sample_weight", "1 rows"]);
    }
    for metric in scores() {
        check(metric(&[], &[], None), &["y_true", "empty"]);
        check(metric(&[true, false], &[0.5], None), &["1 rows", "has 2"]);
    }
    for metric in labels() {
        check(metric(&[], &[], None), &["y_true", "empty"]);
        check(metric(&[1], &[1, 2], None), &["y_pred", "2 rows"]);
    }
    check(confusion_matrix(&[1], &[1, 2], None, None), &["confusion_matrix y_pred"]);
}

#[test]
fn scores_of_several_classes_are_checked() {
    let (y, p) = ([0, 1, 2], [0.5, 0.25, 0.25, 0.5, 0.25, 0.25, 0.5, 0.25, 0.25]);
    let auc = |y: &[i32], p: &[f64], labels: Option<&[i32]>, multi_class, average, w: Option<&[f64]>| {
        multiclass_roc_auc_score(y, p, labels, multi_class, average, w)
    };
    let (ovr, ovo) = (MultiClass::OneVsRest, MultiClass::OneVsOne);
    check(multiclass_log_loss::<i32, f64>(&[], &[], None, None), &["log_loss y_true", "empty"]);
    check(multiclass_log_loss(&y, &p[..6], None, None), &["y_proba", "2 columns", "3 classes", "labels="]);
    check(multiclass_log_loss(&y, &p[..7], None, None), &["y_proba", "7 values", "3 rows of 3 classes"]);
    check(multiclass_log_loss(&y, &p, Some(&[2, 1, 0]), None), &["labels", "ascending"]);
    check(multiclass_log_loss(&y, &p, Some(&[0, 1, 1]), None), &["labels", "twice"]);
    check(multiclass_log_loss(&y, &p, Some(&[0, 1, 3]), None), &["y_true", "row 2 is not among labels"]);
    check(multiclass_log_loss(&[1, 1], &[1.0, 1.0], None, None), &["y_true", "only one class", "labels="]);
    let mut half = p;
    half[3] = 0.4;
    check(multiclass_log_loss(&y, &half, None, None), &["y_proba", "row 1 does not sum to 1"]);
    check(auc(&y, &half, None, ovr, Average::Macro, None), &["y_score", "row 1 does not sum to 1"]);
    half[3] = 1.5;
    check(multiclass_log_loss(&y, &half, None, None), &["y_proba", "row 1 holds what is no probability"]);
    half[3] = f64::NAN;
    check(multiclass_log_loss(&y, &half, None, None), &["y_proba", "row 1 holds what is no probability"]);
    check(auc(&y, &half, None, ovr, Average::Macro, None), &["y_score", "NaN"]);
    check(auc(&y, &p, None, ovo, Average::Micro, None), &["average", "micro"]);
    check(auc(&y, &p, None, ovo, Average::Macro, Some(&[1.0; 3])), &["sample_weight", "ovr"]);
    check(auc(&[1, 1], &p[..6], Some(&[0, 1, 2]), ovo, Average::Macro, None), &["y_true", "only one class"]);
    check(multiclass_log_loss(&y, &p, None, Some(&[0.0; 3])), &["sample_weight", "all weights are 0"]);
}

#[test]
fn weights_must_be_weights() {
    for bad in [[1.0, -1.0], [f64::NAN, 1.0], [1.0, f64::INFINITY]] {
        check(mean_squared_error(&[1.0, 2.0], &[1.0, 2.0], Some(&bad)), &["sample_weight", "row"]);
        check(roc_auc_score(&[true, false], &[1.0, 2.0], Some(&bad)), &["sample_weight", "row"]);
    }
    check(accuracy_score(&[1, 2], &[1, 2], Some(&[0.0, 0.0])), &["sample_weight", "all weights are 0"]);
}

#[test]
fn what_is_no_number_or_no_probability_is_refused_with_its_row() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for metric in values() {
            check(metric(&[1.0, bad], &[1.0, 2.0], None), &["y_true", "row 1"]);
            check(metric(&[1.0, 2.0], &[bad, 2.0], None), &["y_pred", "row 0"]);
        }
        for metric in scores() {
            check(metric(&[true, false], &[0.5, bad], None), &["row 1"]);
        }
    }
    for bad in [-1e-9, 1.0 + 1e-9] {
        check(log_loss(&[true, false], &[bad, 0.5], None), &["y_proba", "row 0", "probability"]);
        check(brier_score_loss(&[true, false], &[0.5, bad], None), &["y_proba", "row 1"]);
        assert!(log_loss_of(true, bad).is_nan());
    }
}

#[test]
fn one_class_is_no_comparison() {
    check(roc_auc_score(&[true, true], &[0.1, 0.2], None), &["only one class", "evaluate on rows of both"]);
    check(roc_auc_score(&[false, false], &[0.1, 0.2], None), &["only one class"]);
    check(roc_auc_score(&[true, false], &[0.1, 0.2], Some(&[1.0, 0.0])), &["only one class"]);
    check(average_precision_score(&[false, false], &[0.1, 0.2], None), &["no positive row"]);
    assert_eq!(average_precision_score(&[true, true], &[0.1, 0.2], None).unwrap(), 1.0);
    check(r2_score(&[1.0], &[1.0], None), &["r2_score", "one row"]);
    check(binary_labels(&[0, 1, 2], &1), &["more than two labels"]);
    check(binary_labels(&[0, 2], &1), &["pos_label", "none of the labels"]);
    check(confusion_matrix(&[1, 2], &[1, 2], Some(&[]), None), &["labels", "must occur"]);
    check(confusion_matrix(&[1, 2], &[1, 2], Some(&[7]), None), &["labels", "must occur"]);
    check(confusion_matrix(&[1, 2], &[1, 2], Some(&[2, 1, 2]), None), &["labels", "twice"]);
}

#[test]
fn a_ratio_over_nothing_is_what_was_asked_for() {
    let (none, all) = ([false, false], [true, true]);
    for (zero_division, expected) in [(ZeroDivision::Zero, 0.0), (ZeroDivision::One, 1.0)] {
        assert_eq!(precision_score(&all, &none, None, zero_division).unwrap(), expected);
        assert_eq!(recall_score(&none, &all, None, zero_division).unwrap(), expected);
        assert_eq!(f1_score(&none, &none, None, zero_division).unwrap(), expected);
    }
    assert!(precision_score(&all, &none, None, ZeroDivision::NaN).unwrap().is_nan());
    assert_eq!(f1_score(&all, &none, None, ZeroDivision::One).unwrap(), 0.0);
}

#[test]
fn a_certain_and_wrong_prediction_costs_as_much_as_in_scikit_learn() {
    for (probability, expected) in [(0.0, 36.043_653_389_117_15), (1.0, 2.220_446_049_250_313e-16)] {
        let loss = log_loss(&[true], &[probability], None).unwrap();
        assert!((loss - expected).abs() <= 1e-15 * expected, "{loss:e}");
    }
}

#[test]
fn a_constant_truth_has_scikit_learns_two_scores() {
    assert_eq!(r2_score(&[-2.0, -2.0], &[-2.0, -2.0], None).unwrap(), 1.0);
    assert_eq!(r2_score(&[-2.0, -2.0], &[-2.0, -2.0 + 1e-8], None).unwrap(), 0.0);
}

/// Boundary numbers among ordinary ones.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => -2.0..2.0,
        1 => proptest::sample::select(vec![
            0.0, -0.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::MIN, 1.0, 0.5, f64::NAN, f64::INFINITY,
            9_007_199_254_740_993.0,
        ]),
    ]
}

proptest! {
    #[test]
    fn every_number_is_answered(rows in prop::collection::vec((any::<bool>(), number(), number()), 0..20)) {
        let labels: Vec<bool> = rows.iter().map(|row| row.0).collect();
        let first: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let second: Vec<f64> = rows.iter().map(|row| row.2).collect();
        for metric in values() {
            let _ = metric(&first, &second, None);
            let _ = metric(&first, &second, Some(&second));
        }
        for metric in scores() {
            let answer = metric(&labels, &first, None);
            prop_assert!(answer.is_err() || answer.is_ok_and(|value| value >= 0.0));
            let _ = metric(&labels, &first, Some(&second));
        }
    }

    #[test]
    fn ranking_metrics_see_only_the_order(
        rows in prop::collection::vec((any::<bool>(), 0_u8..20), 2..60),
        seed in 0_usize..1000,
    ) {
        let labels: Vec<bool> = rows.iter().map(|row| row.0).collect();
        let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.1)).collect();
        let stretched: Vec<f64> = scores.iter().map(|score| score * score * 3.0 - 7.0).collect();
        let mut shuffled: Vec<(bool, f64)> = labels.iter().copied().zip(scores.iter().copied()).collect();
        shuffled.rotate_left(seed % rows.len());
        let (moved, moved_scores): (Vec<bool>, Vec<f64>) = shuffled.into_iter().unzip();
        for metric in [roc_auc_score, average_precision_score] {
            let Ok(value) = metric(&labels, &scores, None) else { continue };
            prop_assert!((0.0..=1.0).contains(&value));
            prop_assert_eq!(value, metric(&labels, &stretched, None).unwrap());
            prop_assert_eq!(value, metric(&moved, &moved_scores, None).unwrap());
            let doubled = vec![2.0; rows.len()];
            prop_assert!((value - metric(&labels, &scores, Some(&doubled)).unwrap()).abs() < 1e-12);
        }
        if let Ok(auc) = roc_auc_score(&labels, &scores, None) {
            let negated: Vec<f64> = scores.iter().map(|score| -score).collect();
            prop_assert!((auc + roc_auc_score(&labels, &negated, None).unwrap() - 1.0).abs() < 1e-12);
        }
    }
}
