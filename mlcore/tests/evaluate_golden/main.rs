//! scikit-learn's numbers, to 1e-9: see `testdata/golden/make_evaluate.py`.

#![cfg(test)]

mod data;
mod off_policy;

use data::{Spec, cases};
use half::f16;
use mlcore::evaluate::{
    Average, Contender, Gate, GateMetric, LabelScores, Metric, MultiClass, Probability, Requirement, Truth,
    ZeroDivision, average_precision_scores_by_class, brier_score_loss, confusion_matrix, log_loss,
    multiclass_average_precision_score, multiclass_log_loss, multiclass_roc_auc_score,
    precision_recall_fscore_support, roc_auc_scores_by_class,
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

/// Every metric of the list that compares such data, and no other, has an expected number in each case.
fn check_metrics(spec: &Spec, compute: impl Fn(Metric) -> Option<f64>) {
    let mut listed = Vec::new();
    for (name, metric) in Metric::all() {
        if let Some(actual) = compute(metric) {
            check(spec, name, actual);
            listed.push(name);
        }
    }
    listed.sort_unstable();
    assert_eq!(spec.expected_metrics(), listed, "run testdata/golden/make_evaluate.py");
}

#[test]
fn binary_metrics_are_scikit_learns() {
    for spec in &cases("binary") {
        let y = spec.labels();
        let p = spec.probabilities(spec.shape(), &y, 1);
        let weights = spec.weights();
        let w = weights.as_deref();
        let pred: Vec<bool> = p.iter().map(|p| *p > 0.5).collect();
        let classes = |labels: &[bool]| labels.iter().map(|label| i64::from(*label)).collect::<Vec<_>>();
        check_metrics(spec, |metric| match metric {
            Metric::Labels(function) => Some(function(&classes(&y), &classes(&pred), w).unwrap()),
            Metric::Binary(function) => Some(function(&y, &pred, w).unwrap()),
            Metric::Scores(function) => Some(function(&y, &p, w).unwrap()),
            _ => None,
        });
        let matrix = confusion_matrix(&y, &pred, Some(&[false, true]), w).unwrap().matrix;
        check_matrix(spec, "confusion_matrix", matrix.concat());
    }
}

/// The losses of these probabilities, in the precision of their type: numpy adds them up in it too.
fn check_narrow<P: Probability>(spec: &Spec, dtype: &str, labels: &[bool], probabilities: &[P]) {
    let weights = spec.weights();
    for (name, loss) in [
        ("log_loss", log_loss(labels, probabilities, weights.as_deref())),
        ("brier_score_loss", brier_score_loss(labels, probabilities, weights.as_deref())),
    ] {
        let (actual, expected) = (loss.unwrap(), spec.expected(&format!("{name}_{dtype}")));
        let close = (actual - expected).abs() <= 4.0 * P::EPSILON * expected;
        assert!(close, "seed {}, {name} of {dtype}: {actual} where {expected} is expected", spec.seed);
    }
}

#[test]
fn losses_of_narrow_floats_are_scikit_learns() {
    for spec in &cases("narrow") {
        let y = spec.labels();
        let p = spec.probabilities(spec.shape(), &y, 1);
        check_narrow(spec, "float32", &y, &p.iter().map(|p| *p as f32).collect::<Vec<_>>());
        check_narrow(spec, "float16", &y, &p.iter().map(|p| f16::from_f64(*p)).collect::<Vec<_>>());
    }
}

#[test]
fn multiclass_metrics_are_scikit_learns() {
    for spec in &cases("multiclass") {
        let (y, pred) = (spec.classes(0), spec.classes(1));
        let weights = spec.weights();
        let w = weights.as_deref();
        check_metrics(spec, |metric| match metric {
            Metric::Labels(function) => Some(function(&y, &pred, w).unwrap()),
            _ => None,
        });
        let all = confusion_matrix(&y, &pred, None, w).unwrap();
        check_matrix(spec, "labels", all.labels.iter().map(|label| *label as f64));
        check_matrix(spec, "confusion_matrix", all.matrix.concat());
        for (key, labels) in [("all", None), ("some", Some(&[1, 99, 0][..]))] {
            for (zero, division) in [("0", ZeroDivision::Zero), ("1", ZeroDivision::One)] {
                let found = precision_recall_fscore_support(&y, &pred, labels, w, division).unwrap();
                for average in Average::ALL {
                    let scores = found.average(*average);
                    let actual = [scores.precision, scores.recall, scores.f1];
                    check_matrix(spec, &format!("{key}_{average}_{zero}"), actual);
                }
                let each = |of: fn(&LabelScores) -> f64| found.scores.iter().map(of).collect::<Vec<_>>();
                let scores = [each(|own| own.precision), each(|own| own.recall), each(|own| own.f1)];
                let actual = scores.into_iter().flatten().chain(found.support.iter().copied());
                check_matrix(spec, &format!("{key}_None_{zero}"), actual);
            }
        }
        let some = confusion_matrix(&y, &pred, Some(&[1, 0]), w).unwrap();
        check_matrix(spec, "confusion_matrix_1_0", some.matrix.concat());
    }
}

#[test]
fn metrics_of_the_scores_of_several_classes_are_scikit_learns() {
    for spec in &cases("classes") {
        let y = spec.classes(0);
        let p = spec.class_scores(&y);
        let weights = spec.weights();
        let w = weights.as_deref();
        check(spec, "log_loss", multiclass_log_loss(&y, &p, None, w).unwrap());
        for average in [Average::Macro, Average::Weighted, Average::Micro] {
            let auc = multiclass_roc_auc_score(&y, &p, None, MultiClass::OneVsRest, average, w);
            check(spec, &format!("ovr_{average}"), auc.unwrap());
            let precision = multiclass_average_precision_score(&y, &p, average, w);
            check(spec, &format!("precision_{average}"), precision.unwrap());
        }
        for average in [Average::Macro, Average::Weighted] {
            let auc = multiclass_roc_auc_score(&y, &p, None, MultiClass::OneVsOne, average, None);
            check(spec, &format!("ovo_{average}"), auc.unwrap());
        }
        check_matrix(spec, "ovr_None", roc_auc_scores_by_class(&y, &p, None, w).unwrap());
        check_matrix(spec, "precision_None", average_precision_scores_by_class(&y, &p, w).unwrap());

        // A class that no row has.
        let classes = spec.number("classes") as i64;
        let more: Vec<i64> = (0..=classes).collect();
        let wider: Vec<f64> = p
            .chunks_exact(classes as usize)
            .flat_map(|row| row.iter().map(|p| p * 0.5).chain([0.5]))
            .collect();
        check(spec, "log_loss_more", multiclass_log_loss(&y, &wider, Some(&more), w).unwrap());
        let auc =
            |average| multiclass_roc_auc_score(&y, &wider, Some(&more), MultiClass::OneVsRest, average, w);
        check(spec, "ovr_weighted_more", auc(Average::Weighted).unwrap());
        let error = auc(Average::Macro).unwrap_err().to_string();
        assert!(error.contains(&format!("class {classes}, counted from 0: only one class")), "{error}");
    }
}

#[test]
fn regression_metrics_are_scikit_learns() {
    for spec in &cases("regression") {
        let (y, pred) = spec.numbers();
        let weights = spec.weights();
        check_metrics(spec, |metric| match metric {
            Metric::Values(function) => Some(function(&y, &pred, weights.as_deref()).unwrap()),
            _ => None,
        });
    }
}

#[test]
fn an_unknown_metric_is_named_with_those_known() {
    let error = Metric::named("rocauc").unwrap_err().to_string();
    assert!(
        error.starts_with("read metric: \"rocauc\" is not known; use one of accuracy_score, "),
        "{error}"
    );
    let error = "rocauc".parse::<GateMetric>().unwrap_err().to_string();
    assert!(
        error.starts_with("read metric: \"rocauc\" is not known; use one of roc_auc, log_loss, "),
        "{error}"
    );
    assert!(GateMetric::ALL.iter().all(|metric| error.contains(metric.name())), "{error}");
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
    for spec in &cases("gate_labels") {
        let y = spec.labels();
        let champion = spec.probabilities(spec.text("champion"), &y, 1);
        let challenger = spec.probabilities(spec.text("challenger"), &y, 2);
        for metric in GateMetric::ALL.iter().filter(|metric| !metric.compares_values()) {
            check_interval(spec, *metric, Truth::Labels(&y), [&champion, &challenger]);
        }
    }
}

#[test]
fn intervals_of_values_are_scipys() {
    for spec in &cases("gate_values") {
        let (y, champion) = spec.numbers();
        let extra = spec.number("extra");
        let challenger: Vec<f64> =
            champion.iter().zip(spec.uniforms(3)).map(|(value, u)| value + (u - 0.5) * extra).collect();
        for metric in GateMetric::ALL.iter().filter(|metric| metric.compares_values()) {
            check_interval(spec, *metric, Truth::Values(&y), [&champion, &challenger]);
        }
    }
}
