//! Plans as models of ONNX.

use mlcore_features::onnx::{FloatType, OnnxExport, RefusedRows};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::Plan;
use crate::error::{detached, entry};

#[pymethods]
impl Plan {
    /// The plan as a model of ONNX, from raw columns to one matrix of features; or, with a model, both as one graph.
    ///
    /// Each column that the plan computes with is an input of its name, of shape ``(rows, 1)``: numbers as they were fitted,
    /// where NaN is missing, integers as int64, or as float64 where some may be missing, and text as strings. Features are
    /// computed as float64 and rounded once. The digest and the names of the features are in the model's metadata.
    ///
    /// Parameters
    /// ----------
    /// model : bytes, optional
    ///     A model of ONNX with one input, a matrix of the features. That input becomes the features of the plan, and the
    ///     outputs are the model's; ``opset``, ``features`` and ``output`` are the model's, too.
    /// opset : int
    ///     The version of ONNX's operators, 12 to 24.
    /// float_inputs : {"float64", "float32"}
    ///     What columns of float64 are as inputs. With float32 they are rounded before the plan sees them.
    /// integers_are_present : bool
    ///     Whether integers and truth values are never missing, so that all are inputs of int64 and bool.
    /// missing_text : str
    ///     The text that stands for a missing one, in columns that have missing values.
    /// refused_rows : {"fail", "missing"}
    ///     Whether a row that the plan refuses, such as one of an unknown category, lets the run fail, or has features of NaN.
    /// features : {"float32", "float64"}
    ///     The element type of the features.
    /// output : str
    ///     The name of the output.
    ///
    /// Returns
    /// -------
    /// bytes
    ///     For ``onnxruntime.InferenceSession``, or a file.
    ///
    /// Raises
    /// ------
    /// UnsupportedError
    ///     For a step that ONNX has no operators for, such as ``TfidfVectorizer``, and for a model that takes no plan.
    /// InvalidModelError
    ///     For bytes that are no model.
    /// SchemaMismatchError
    ///     For a model that takes another number of features.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.features import StandardScaler
    /// >>> plan = StandardScaler().fit({"age": [20.0, 40.0]}).plan()
    /// >>> plan.plan_hash.encode() in plan.to_onnx()
    /// True
    #[pyo3(signature = (
        model = None,
        *,
        opset = 17,
        float_inputs = "float64",
        integers_are_present = false,
        missing_text = "",
        refused_rows = "fail",
        features = "float32",
        output = "features",
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
    fn to_onnx<'py>(
        &self,
        py: Python<'py>,
        model: Option<&[u8]>,
        opset: i64,
        float_inputs: &str,
        integers_are_present: bool,
        missing_text: &str,
        refused_rows: &str,
        features: &str,
        output: &str,
    ) -> PyResult<Bound<'py, PyBytes>> {
        entry(py, |py| {
            let export = OnnxExport::default()
                .with_opset(opset)
                .with_float_inputs(float_type(py, "float_inputs", float_inputs)?)
                .with_integers_are_present(integers_are_present)
                .with_missing_text(missing_text)
                .with_refused_rows(match refused_rows {
                    "fail" => RefusedRows::Fail,
                    "missing" => RefusedRows::Missing,
                    other => {
                        return Err(crate::stats::unknown(
                            py,
                            TO_ONNX,
                            "refused_rows",
                            other,
                            "fail, missing",
                        ));
                    }
                })
                .with_features(float_type(py, "features", features)?)
                .with_output(output);
            let bytes = detached(py, || match model {
                Some(model) => self.fitted().to_onnx_with_model(model, &export),
                None => self.fitted().to_onnx(&export),
            })?;
            Ok(PyBytes::new(py, &bytes))
        })
    }
}

fn float_type(py: Python<'_>, argument: &'static str, word: &str) -> PyResult<FloatType> {
    match word {
        "float32" => Ok(FloatType::Float32),
        "float64" => Ok(FloatType::Float64),
        other => Err(crate::stats::unknown(py, TO_ONNX, argument, other, "float64, float32")),
    }
}

const TO_ONNX: &str = "export to ONNX";
