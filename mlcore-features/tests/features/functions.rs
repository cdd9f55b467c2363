//! Functions of one number: what they refuse, by row and by table, and what they are named.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::batch::{Row, Value};
use mlcore_features::pipeline::{Plan, Step};
use mlcore_features::transform::{
    Extrapolation, Fit, Function, FunctionTransformer, Knots, Parameters, PowerMethod, PowerTransformer,
    QuantileTransformer, SplineTransformer, Transformer, Winsorizer,
};

fn table(values: Vec<f64>) -> RecordBatch {
    RecordBatch::try_from_iter([("x", Arc::new(Float64Array::from(values)) as ArrayRef)]).unwrap()
}

#[test]
fn a_number_out_of_range_is_refused_with_its_column_and_row() {
    let power = PowerTransformer::default().method(PowerMethod::BoxCox);
    let spline = SplineTransformer::default().extrapolation(Extrapolation::Error);
    for (step, name, value) in
        [(Step::from(power), "PowerTransformer", -1.5), (spline.into(), "SplineTransformer", 9.5)]
    {
        let plan = Plan::new(step.fit(&table(vec![1.0, 2.0, 4.0])).unwrap()).unwrap();
        let refused = plan.transform(&table(vec![1.0, 3.0, value])).unwrap_err();
        let problem =
            format!("{value} is not a number it can take; send a number of the range that the step takes");
        assert_eq!(refused.to_string(), format!("transform with {name} x: row 2: {problem}"));
        let row = [Value::Float(value)];
        let refused = plan.row_executor().run(Row::new(&row, plan.input()).unwrap()).unwrap_err();
        assert_eq!(refused.to_string(), format!("transform with {name} x: {problem}"));
        let infinite = plan.transform(&table(vec![f64::INFINITY])).unwrap_err().to_string();
        assert!(
            infinite.contains("row 0: inf is not a number it can take; send a finite number"),
            "{infinite}"
        );
    }
}

#[test]
fn what_fit_refuses_is_named() {
    let fit = |step: Step, values: Vec<f64>| step.fit(&table(values)).unwrap_err().to_string();
    let box_cox = || PowerTransformer::default().method(PowerMethod::BoxCox).into();
    let spline = SplineTransformer::default;
    for (error, expected) in [
        (
            fit(box_cox(), vec![1.0, 0.0]),
            "fit PowerTransformer x: row 1 holds 0, and Box-Cox takes positive numbers only; use the method yeo-johnson",
        ),
        (
            fit(box_cox(), vec![2.0, f64::NAN, 2.0]),
            "fit PowerTransformer x: it is constant; use the method yeo-johnson",
        ),
        (
            fit(PowerTransformer::default().into(), vec![f64::NAN]),
            "fit PowerTransformer x: all its values are missing; leave the column out",
        ),
        (
            fit(QuantileTransformer::default().subsample(Some(10)).into(), vec![1.0]),
            "fit QuantileTransformer n_quantiles: 1000 quantiles of a subsample of 10 rows are too many",
        ),
        (
            fit(spline().degree(64).into(), vec![1.0, 2.0]),
            "fit SplineTransformer degree: 63 is the highest, got 64",
        ),
        (
            fit(spline().knots(Knots::Listed(vec![vec![0.0], vec![]])).into(), vec![1.0, 2.0]),
            "fit SplineTransformer knots: row 1 holds 0 knots for 1 columns",
        ),
        (
            fit(Winsorizer::default().lower_quantile(0.99).into(), vec![1.0]),
            "fit Winsorizer lower_quantile: it is above upper_quantile: 0.99 and 0.95",
        ),
    ] {
        assert_eq!(error, expected);
    }
}

#[test]
fn functions_have_numpys_names() {
    for function in Function::ALL {
        let named =
            Transformer::new("FunctionTransformer", &Parameters::from_iter([("func", function.name())]))
                .unwrap();
        assert_eq!(named, FunctionTransformer::default().func(*function).into());
    }
    let absolute =
        Transformer::new("FunctionTransformer", &Parameters::from_iter([("func", "absolute")])).unwrap();
    assert_eq!(absolute, FunctionTransformer::default().func(Function::Abs).into());
    let error =
        Transformer::new("FunctionTransformer", &Parameters::from_iter([("func", "ln")])).unwrap_err();
    let expected = "configure FunctionTransformer func: \"ln\" is not known; use one of abs, ";
    assert!(error.to_string().starts_with(expected), "{error}");
}
