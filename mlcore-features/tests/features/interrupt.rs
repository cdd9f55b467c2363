//! Whoever asks a fit or a transformation to stop gets told so, by every transformer of the list.

use mlcore::{Error, Result, interrupt};
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Plan};
use mlcore_features::transform::{Fit, StandardScaler, Transformer};

use crate::read;

fn stopped<T>(work: impl FnOnce() -> Result<T>) -> bool {
    matches!(interrupt::scope(|| true, work), Err(Error::Interrupted(_)))
}

/// A transformer that is added to the list and never asks fails here.
#[test]
fn every_transformer_of_the_list_stops() {
    for name in Transformer::NAMES {
        let mut fitted = 0;
        for (transformer, case) in read::specifications(name) {
            let Ok(own) = transformer.fit(case.training()) else { continue };
            let table = &case.train;
            assert!(stopped(|| transformer.fit(case.training())), "{name} fits on");
            let plan = Plan::new(own).unwrap();
            let Ok(features) = plan.transform(table) else { continue };
            if features.num_columns() > 0 && features.num_rows() > 0 {
                assert!(stopped(|| plan.transform(table)), "{name} transforms on");
            }
            if plan.inverse_transform(&features).is_ok() {
                assert!(stopped(|| plan.inverse_transform(&features)), "{name} inverts on");
            }
            fitted += 1;
        }
        assert!(fitted > 0, "{name} was never fitted");
    }
}

#[test]
fn pipelines_stop_and_plans_go_on() {
    let (transformer, case) = read::specifications("StandardScaler").into_iter().next().unwrap();
    let table = case.train;
    let names: Vec<String> = table.schema().fields().iter().map(|field| field.name().to_owned()).collect();
    let pipeline = Pipeline::new().then("scale", transformer);
    assert!(stopped(|| pipeline.fit(&table)));
    let columns = ColumnTransformer::new().with("scale", StandardScaler::default(), names);
    assert!(stopped(|| columns.fit(&table)));
    let plan = columns.fit(&table).unwrap();
    assert!(stopped(|| plan.transform_dense::<f32>(&table)));
    let rows = vec![1.0_f64; 10 * table.num_columns()];
    assert!(stopped(|| plan.transform_rows::<f64, f64>(&rows)));
    assert_eq!(plan.transform(&table).unwrap().num_rows(), table.num_rows());
}
