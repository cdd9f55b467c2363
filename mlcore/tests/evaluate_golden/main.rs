//! scikit-learn's numbers, to 1e-9: see `testdata/golden/make_evaluate.py`.

#![cfg(test)]

mod data;

use data::{Spec, cases};
use mlcore::evaluate::{
    Contender, Gate, GateMetric, Requirement, Truth, ZeroDivision, accuracy_score, average_precision_score,
    brier_score_loss, confusion_matrix, f1_score, log_loss, mean_absolute_error, mean_squared_error,
    precision_score, r2_score, recall_score, roc_auc_score, root_mean_squared_error,
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

/// The gate's interval for this metric is the expected one.
fn check_interval(spec: &Spec, metric: GateMetric, truth: Truth<'_>, predictions: [&[f64]; 2]) {
    let gate = Gate::new().require(metric, Requirement::NotWorseBy(0.01));
    let [champion, challenger] = predictions.map(Contender::new);
    let verdict = gate.judge(truth, &champion, &challenger).unwrap();
    let check = verdict.check(metric.name()).unwrap();
    let interval = check.interval.unwrap();
    let difference = check.difference.unwrap();
    assert!(
        (check.challenger.unwrap() - check.champion.unwrap() - difference).abs()
            < 1e-9 * interval[1].abs().max(1.0)
    );
    let width = interval[1] - interval[0];
    for (actual, expected) in interval.iter().zip(spec.expected_list(metric.name())) {
        // Relative to what the interval says: an end near 0 is the difference of two larger numbers.
        let slack = 1e-9 * expected.abs().max(width);
        assert!(
            (actual - expected).abs() <= slack,
            "seed {}, {metric:?}: {interval:?}, not {expected}",
            spec.seed
        );
    }
}

#[test]
fn intervals_of_labels_are_delongs_scipys_and_agresti_and_mins() {
    let cases = cases("gate_labels.json");
    assert!(cases.len() >= 12);
    for spec in &cases {
        let y = spec.labels();
        let champion = spec.probabilities(spec.text("champion"), &y, 1);
        let challenger = spec.probabilities(spec.text("challenger"), &y, 2);
        for metric in [
            GateMetric::RocAuc,
            GateMetric::LogLoss,
            GateMetric::BrierScore,
            GateMetric::Accuracy { threshold: 0.5 },
        ] {
            check_interval(spec, metric, Truth::Labels(&y), [&champion, &challenger]);
        }
    }
}

#[test]
fn intervals_of_values_are_scipys() {
    let cases = cases("gate_values.json");
    assert!(cases.len() >= 12);
    for spec in &cases {
        let (y, champion) = spec.numbers();
        let extra = spec.number("extra");
        let challenger: Vec<f64> =
            champion.iter().zip(spec.uniforms(3)).map(|(value, u)| value + (u - 0.5) * extra).collect();
        for metric in [GateMetric::MeanAbsoluteError, GateMetric::MeanSquaredError] {
            check_interval(spec, metric, Truth::Values(&y), [&champion, &challenger]);
        }
    }
}
