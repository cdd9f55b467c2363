//! scikit-learn's numbers, to 1e-9: see `testdata/golden/make_evaluate.py`.

#![cfg(test)]

mod data;

use data::{Spec, cases};
use mlcore::evaluate::{
    ZeroDivision, accuracy_score, average_precision_score, brier_score_loss, confusion_matrix, f1_score,
    log_loss, mean_absolute_error, mean_squared_error, precision_score, r2_score, recall_score,
    roc_auc_score, root_mean_squared_error,
};

/// Relative, with an absolute floor where the truth is 0.
fn check(spec: &Spec, what: &str, actual: f64) {
    let expected = spec.expected(what);
    let close = (actual - expected).abs() <= 1e-9 * expected.abs() || (actual - expected).abs() < 1e-300;
    assert!(close, "seed {}, {what}: {actual:e} where {expected:e} is expected", spec.seed);
}

fn check_matrix(spec: &Spec, what: &str, actual: impl IntoIterator<Item = f64>) {
    let (actual, expected) = (actual.into_iter().collect::<Vec<_>>(), spec.expected_list(what));
    assert_eq!(actual.len(), expected.len(), "seed {}, {what}", spec.seed);
    for (a, b) in actual.iter().zip(&expected) {
        assert!((a - b).abs() <= 1e-9 * b.abs(), "seed {}, {what}: {actual:?}, not {expected:?}", spec.seed);
    }
}

#[test]
fn binary_metrics_are_scikit_learns() {
    let cases = cases("binary.json");
    assert!(cases.len() >= 12);
    for spec in &cases {
        let y = spec.labels();
        let p = spec.probabilities(spec.shape(), &y, 1);
        let weights = spec.weights();
        let w = weights.as_deref();
        let pred: Vec<bool> = p.iter().map(|p| *p > 0.5).collect();
        let zero = ZeroDivision::default();
        check(spec, "accuracy_score", accuracy_score(&y, &pred, w).unwrap());
        check(spec, "precision_score", precision_score(&y, &pred, w, zero).unwrap());
        check(spec, "recall_score", recall_score(&y, &pred, w, zero).unwrap());
        check(spec, "f1_score", f1_score(&y, &pred, w, zero).unwrap());
        check(spec, "log_loss", log_loss(&y, &p, w).unwrap());
        check(spec, "brier_score_loss", brier_score_loss(&y, &p, w).unwrap());
        check(spec, "roc_auc_score", roc_auc_score(&y, &p, w).unwrap());
        check(spec, "average_precision_score", average_precision_score(&y, &p, w).unwrap());
        let matrix = confusion_matrix(&y, &pred, Some(&[false, true]), w).unwrap().matrix;
        check_matrix(spec, "confusion_matrix", matrix);
    }
}

#[test]
fn multiclass_metrics_are_scikit_learns() {
    let cases = cases("multiclass.json");
    assert!(cases.len() >= 12);
    for spec in &cases {
        let (y, pred) = (spec.classes(0), spec.classes(1));
        let weights = spec.weights();
        let w = weights.as_deref();
        check(spec, "accuracy_score", accuracy_score(&y, &pred, w).unwrap());
        let all = confusion_matrix(&y, &pred, None, w).unwrap();
        check_matrix(spec, "labels", all.labels.iter().map(|label| f64::from(*label)));
        check_matrix(spec, "confusion_matrix", all.matrix);
        let some = confusion_matrix(&y, &pred, Some(&[1, 0]), w).unwrap();
        check_matrix(spec, "confusion_matrix_1_0", some.matrix);
    }
}

#[test]
fn regression_metrics_are_scikit_learns() {
    let cases = cases("regression.json");
    assert!(cases.len() >= 12);
    for spec in &cases {
        let (y, pred) = spec.numbers();
        let weights = spec.weights();
        let w = weights.as_deref();
        check(spec, "mean_absolute_error", mean_absolute_error(&y, &pred, w).unwrap());
        check(spec, "mean_squared_error", mean_squared_error(&y, &pred, w).unwrap());
        check(spec, "root_mean_squared_error", root_mean_squared_error(&y, &pred, w).unwrap());
        check(spec, "r2_score", r2_score(&y, &pred, w).unwrap());
    }
}
