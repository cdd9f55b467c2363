use mlcore::name::ModelName;
use mlcore_drift::monitor::Verdict;

use super::names;

/// Tells the recorder of a verdict: the outcome, and of each column the effect and the smallest that counts as drift. Endpoints
/// tell of theirs by themselves; this is for verdicts that a job or a fleet makes.
pub fn judged(model: &ModelName, verdict: &Verdict) {
    // Windows are seldom: no handle is kept.
    let model = model.as_str();
    names::DRIFT_VERDICTS.counter(&[model, &verdict.overall.to_string()]).increment(1);
    names::DRIFT_SHARE.gauge(&[model]).set(verdict.share_of_drifted_columns);
    for column in &verdict.columns {
        let labels = [model, &column.column, &column.test];
        if let Some(score) = &column.score {
            names::DRIFT_SCORE.gauge(&labels).set(score.effect.value);
        }
        names::DRIFT_THRESHOLD.gauge(&labels).set(column.threshold);
    }
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use std::sync::Arc;

    use metrics_exporter_prometheus::PrometheusBuilder;
    use mlcore::arrow::array::{Float64Array, RecordBatch};
    use mlcore_drift::monitor::{Monitor, MonitorOptions};

    use super::*;

    #[test]
    fn a_verdict_is_told_column_by_column() {
        let table = |shift: f64| {
            let ages = (0..500_u32).map(|row| f64::from(row % 97) + shift);
            let ages = Arc::new(Float64Array::from_iter_values(ages)) as _;
            Arc::new(RecordBatch::try_from_iter([("age", ages)]).unwrap())
        };
        let mut monitor =
            Monitor::new(&table(0.0), &MonitorOptions::default().with_window_rows(500)).unwrap();
        let recorder = PrometheusBuilder::new().build_recorder();
        let model = ModelName::new("m").unwrap();
        let verdicts: Vec<Verdict> =
            [0.0, 60.0].iter().flat_map(|shift| monitor.observe(&table(*shift)).unwrap()).collect();
        metrics::with_local_recorder(&recorder, || {
            verdicts.iter().for_each(|verdict| judged(&model, verdict));
        });
        let text = recorder.handle().render();
        let column = &verdicts[1].columns[0];
        for line in [
            "mlcore_drift_verdicts_total{model=\"m\",outcome=\"stable\"} 1".to_owned(),
            "mlcore_drift_verdicts_total{model=\"m\",outcome=\"drifted\"} 1".to_owned(),
            "mlcore_drift_share_of_drifted_columns{model=\"m\"} 1".to_owned(),
            format!(
                "mlcore_drift_score{{model=\"m\",column=\"age\",test=\"{}\"}} {}",
                column.test,
                column.score.as_ref().unwrap().effect.value
            ),
        ] {
            assert!(text.lines().any(|own| own == line), "{line} is not in:\n{text}");
        }
    }
}
