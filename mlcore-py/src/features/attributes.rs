//! What a fitted transformer learnt, under scikit-learn's names.

use mlcore::schema::{DType, Schema};
use mlcore_features::pipeline::FittedStep;
use mlcore_features::transform::{FittedTransformer, Scalar, Transform};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

pub(super) fn learnt<'py>(py: Python<'py>, step: &FittedStep) -> PyResult<Bound<'py, PyDict>> {
    let learnt = PyDict::new(py);
    let FittedStep::Transformer(transformer) = step else { return Ok(learnt) };
    let floats = |values: &[f64]| PyArray1::from_slice(py, values);
    let optional = |values: Option<&[f64]>| values.map(floats);
    let input = transformer.input();
    match transformer {
        FittedTransformer::StandardScaler(scaler) => {
            learnt.set_item("mean_", optional(scaler.mean()))?;
            learnt.set_item("var_", optional(scaler.var()))?;
            learnt.set_item("scale_", optional(scaler.scale()))?;
            let seen = scaler.n_samples_seen();
            match seen.first() {
                // scikit-learn's rule: one number where all columns agree.
                Some(first) if seen.iter().all(|count| count == first) => {
                    learnt.set_item("n_samples_seen_", first)?;
                }
                _ => {
                    let seen: Vec<i64> =
                        seen.iter().map(|count| i64::try_from(*count).unwrap_or(i64::MAX)).collect();
                    learnt.set_item("n_samples_seen_", seen.into_pyarray(py))?;
                }
            }
        }
        FittedTransformer::MinMaxScaler(scaler) => {
            learnt.set_item("min_", floats(scaler.min()))?;
            learnt.set_item("scale_", floats(scaler.scale()))?;
            learnt.set_item("data_min_", floats(scaler.data_min()))?;
            learnt.set_item("data_max_", floats(scaler.data_max()))?;
            learnt.set_item("data_range_", floats(scaler.data_range()))?;
            learnt.set_item("n_samples_seen_", scaler.n_samples_seen())?;
        }
        FittedTransformer::SimpleImputer(imputer) => {
            let statistics: Vec<&Scalar> = imputer.statistics().iter().collect();
            let text = statistics.iter().any(|value| value.as_str().is_some());
            let dtype = if text { DType::String } else { DType::Float64 };
            learnt.set_item("statistics_", array(py, &statistics, dtype)?)?;
        }
        FittedTransformer::OneHotEncoder(encoder) => {
            learnt.set_item("categories_", categories(py, encoder.categories(), input)?)?;
            learnt.set_item(
                "infrequent_categories_",
                infrequent(py, encoder.infrequent_categories(), input)?,
            )?;
            let dropped: Vec<Option<usize>> = encoder.drop_idx().collect();
            if dropped.iter().any(Option::is_some) {
                learnt.set_item("drop_idx_", objects(py, PyList::new(py, dropped)?)?)?;
            } else {
                learnt.set_item("drop_idx_", py.None())?;
            }
        }
        FittedTransformer::OrdinalEncoder(encoder) => {
            learnt.set_item("categories_", categories(py, encoder.categories(), input)?)?;
            learnt.set_item(
                "infrequent_categories_",
                infrequent(py, encoder.infrequent_categories(), input)?,
            )?;
        }
        FittedTransformer::KBinsDiscretizer(bins) => {
            let edges = PyList::new(py, bins.bin_edges().iter().map(|edges| floats(edges)))?;
            learnt.set_item("bin_edges_", arrays(py, &edges)?)?;
            let counts: Vec<i64> =
                bins.n_bins().map(|count| i64::try_from(count).unwrap_or(i64::MAX)).collect();
            learnt.set_item("n_bins_", counts.into_pyarray(py))?;
        }
        _ => {}
    }
    Ok(learnt)
}

fn dtypes(input: &Schema) -> impl Iterator<Item = DType> {
    input.fields().iter().map(|field| field.dtype())
}

fn categories<'py, 'a>(
    py: Python<'py>,
    columns: impl Iterator<Item = &'a [Scalar]>,
    input: &Schema,
) -> PyResult<Bound<'py, PyList>> {
    let arrays = columns
        .zip(dtypes(input))
        .map(|(column, dtype)| array(py, &column.iter().collect::<Vec<_>>(), dtype));
    PyList::new(py, arrays.collect::<PyResult<Vec<_>>>()?)
}

fn infrequent<'py, 'a>(
    py: Python<'py>,
    columns: impl Iterator<Item = Option<Vec<&'a Scalar>>>,
    input: &Schema,
) -> PyResult<Bound<'py, PyList>> {
    let arrays = columns
        .zip(dtypes(input))
        .map(|(column, dtype)| column.map(|column| array(py, &column, dtype)).transpose());
    PyList::new(py, arrays.collect::<PyResult<Vec<_>>>()?)
}

/// The values as the array that numpy would make of them: text as objects, a missing value as NaN.
fn array<'py>(py: Python<'py>, values: &[&Scalar], dtype: DType) -> PyResult<Bound<'py, PyAny>> {
    let missing = values.iter().any(|value| value.is_missing());
    let objects = |values: &[&Scalar]| {
        let list = PyList::empty(py);
        for value in values {
            match value {
                Scalar::Bool(value) => list.append(value)?,
                Scalar::Int(value) => list.append(value)?,
                Scalar::UInt(value) => list.append(value)?,
                Scalar::Float(value) => list.append(value)?,
                Scalar::Text(value) => list.append(value)?,
                _ => list.append(f64::NAN)?,
            }
        }
        self::objects(py, list)
    };
    Ok(match dtype {
        DType::String => objects(values)?,
        DType::Bool if missing => objects(values)?,
        DType::Bool => {
            let bools: Vec<bool> = values.iter().map(|value| value.as_f64() == Some(1.0)).collect();
            bools.into_pyarray(py).into_any()
        }
        dtype if dtype.is_float() || missing => {
            let floats: Vec<f64> = values.iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect();
            floats.into_pyarray(py).into_any()
        }
        dtype => objects(values)?.call_method1("astype", (dtype.to_string(),))?,
    })
}

/// An array of Python objects.
fn objects<'py>(py: Python<'py>, list: Bound<'py, PyList>) -> PyResult<Bound<'py, PyAny>> {
    py.import("numpy")?.call_method1("array", (list, "object"))
}

/// An array whose elements are arrays, also where they are of one length.
fn arrays<'py>(py: Python<'py>, list: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyAny>> {
    let array = py.import("numpy")?.call_method1("empty", (list.len(), "object"))?;
    for (position, element) in list.iter().enumerate() {
        array.set_item(position, element)?;
    }
    Ok(array)
}
