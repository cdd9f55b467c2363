//! Features on their way into a narrower type lose digits, and nothing else.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float32Array, Float64Array, Int64Array, RecordBatch};
use mlcore::batch::{Row, Value};
use mlcore::{Error, Result};
use mlcore_features::pipeline::{ColumnTransformer, Step};

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

#[test]
fn what_single_precision_does_not_hold_is_refused_by_feature_and_row() -> Result<()> {
    let wide = table(vec![
        ("id", Arc::new(Int64Array::from(vec![7, 20_000_000])) as _),
        ("age", floats(&[1.0, 3.0])),
    ]);
    let passed = ColumnTransformer::new().with("all", Step::Passthrough, ["id", "age"]);
    let plan = passed.verbose_feature_names_out(false).fit(&wide)?;
    assert_eq!(plan.transform_dense::<f32>(&wide)?.values::<f32>()?, [7.0, 1.0, 2e7, 3.0]);
    let check = |id: i64, age: f64, expected: &str| {
        let odd =
            table(vec![("id", Arc::new(Int64Array::from(vec![7, id])) as _), ("age", floats(&[1.0, age]))]);
        let told = |error: Error| error.to_string();
        let of_table = told(plan.transform_dense::<f32>(&odd).unwrap_err());
        assert!(of_table.starts_with(&format!("transform {expected}")), "{of_table}");
        assert_eq!(told(plan.transform_into(&odd, &mut [0.0_f32; 4]).unwrap_err()), of_table);
        let values = [Value::Int(id), Value::Float(age)];
        let row = Row::new(&values, plan.input()).unwrap();
        let of_row = told(plan.transform_row(row, &mut [0.0_f32; 2]).unwrap_err());
        assert_eq!(of_row, of_table.replace("row 1: ", ""));
        assert_eq!(told(plan.row_executor().run_into(row, &mut [0.0_f32; 2]).unwrap_err()), of_row);
    };
    check(7, 1e300, "age: row 1: float32 does not hold the float 1e300; scale or clip it in the plan");
    check(7, -4e38, "age: row 1: float32 does not hold the float -4e38");
    check(16_777_217, 1.0, "id: row 1: float32 does not hold the integer 16777217");
    check(i64::MAX, f64::INFINITY, "id: row 1: float32 does not hold the integer 9223372036854775807");
    let infinite =
        table(vec![("id", Arc::new(Int64Array::from(vec![1])) as _), ("age", floats(&[f64::INFINITY]))]);
    assert_eq!(plan.transform_dense::<f32>(&infinite)?.values::<f32>()?, [1.0, f32::INFINITY]);
    Ok(())
}

#[test]
fn a_row_of_a_narrow_column_does_not_become_infinite() -> Result<()> {
    let narrow = table(vec![("x", Arc::new(Float32Array::from(vec![1.0, 2.0])) as _)]);
    let plan = ColumnTransformer::new().with("all", Step::Passthrough, ["x"]).fit(&narrow)?;
    let error = plan.row_executor().run(Row::unchecked(&[Value::Float(1e300)])).unwrap_err();
    assert!(error.to_string().starts_with("transform x: expected float32, got float 1e300"), "{error}");
    assert_eq!(plan.row_executor().run(Row::unchecked(&[Value::Float(f64::INFINITY)]))?, [f64::INFINITY]);
    Ok(())
}
