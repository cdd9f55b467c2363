//! Plans as graphs of ONNX: [`Plan::to_onnx`] makes a model of a plan, [`Plan::to_onnx_with_model`] one graph of a plan and the
//! model behind it, which any ONNX runtime then runs from raw columns.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mlcore::arrow::array::{Float64Array, RecordBatch};
//! use mlcore_features::onnx::OnnxExport;
//! use mlcore_features::pipeline::ColumnTransformer;
//! use mlcore_features::transform::StandardScaler;
//!
//! let ages = Arc::new(Float64Array::from(vec![20.0, 40.0]));
//! let table = RecordBatch::try_from_iter([("age", ages as _)]).unwrap();
//! let plan = ColumnTransformer::new().with("scale", StandardScaler::default(), ["age"]).fit(&table)?;
//! let model = plan.to_onnx(&OnnxExport::default())?;
//! assert!(model.windows(64).any(|bytes| bytes == plan.digest().as_bytes()));
//! # Ok::<(), mlcore::Error>(())
//! ```
//!
//! # Inputs and output
//!
//! Each column that the plan computes with is an input of its name and of the shape `[N, 1]`, as sklearn-onnx has them for tables. A
//! column that the plan drops is none.
//!
//! | column | input | missing |
//! |---|---|---|
//! | `float64` | `double`, or `float` with [`float_inputs`](OnnxExport::float_inputs) | NaN |
//! | `float32`, `float16` | `float` | NaN |
//! | integers without nulls | `int64`; `uint64` for `uint64` | |
//! | `bool` without nulls | `bool` | |
//! | integers and `bool` with nulls | `double`, of which encoders refuse what is no integer up to 2^53; as without nulls with [`integers_are_present`](OnnxExport::integers_are_present) | NaN |
//! | text | `string` | the empty text, or [`missing_text`](OnnxExport::missing_text), where the column has nulls |
//! | dates and times | refused by name | |
//!
//! *With nulls* are the columns that the plan's [`input`](Plan::input) calls nullable: those that were when it was fitted, and those that
//! an imputer or an encoder reads. The output `features` is `[N, width]`, `float`
//! or, with [`features`](OnnxExport::features), `double`. The metadata of the model has the digest of the plan as
//! `mlcore.plan.digest`, and the names of the features as `mlcore.plan.feature_names`, a list of JSON.
//!
//! # Numbers
//!
//! The graph computes in `double`, as the executors do, and rounds once, at the end. Its features are those of
//! [`Plan::transform_dense`] to 1e-6, absolute and relative, and mostly to the bit: runtimes have exponentials and sums of
//! their own. A category or a bin is the same one, but for a number that was computed and lies at the edge of a bin. Where
//! a step subtracts huge numbers that are equal but for their last digits, as the `PowerTransformer` of a column of one value does,
//! these digits are the feature.
//!
//! With `float` inputs for columns of `float64` a number was rounded before it is compared. Categories that are such numbers are
//! rounded, too, so that they are found; a number next to the edge of a bin may fall into the neighbouring one.
//!
//! # Rows that are refused
//!
//! What the executors refuse, the graph refuses: an unknown category with `handle_unknown` at `error`, an infinite number, a missing one
//! where a step takes none, a feature that `float` does not hold. ONNX has no operator that raises an error, but a
//! look-up outside of a tensor is one by its definition: a run with such a row fails, and ONNX Runtime says `indices element out
//! of data bounds` of the node `plan/refused_row`. With [`RefusedRows::Missing`] the features of such a row, and of no other, are NaN instead. Runtimes
//! that do not check look-ups, as those on GPUs, answer NaN, too.
//!
//! # What is exported
//!
//! | transformer | |
//! |---|---|
//! | `StandardScaler`, `MinMaxScaler`, `MaxAbsScaler`, `RobustScaler`, `Normalizer` | all |
//! | `SimpleImputer`, `IterativeImputer`, `MissingIndicator` | all; texts are no features, but may be encoded |
//! | `OneHotEncoder`, `OrdinalEncoder`, `TargetEncoder`, `CountEncoder`, `WOEEncoder`, `JamesSteinEncoder`, `LeaveOneOutEncoder` | all |
//! | `KBinsDiscretizer`, `Binarizer`, `Winsorizer` | all |
//! | `PowerTransformer`, `QuantileTransformer`, `SplineTransformer`, `FunctionTransformer` | all |
//! | `PolynomialFeatures`, `PCA`, `TruncatedSVD`, `VarianceThreshold`, `SelectKBest` | all |
//! | `CyclicalFeatures`, `EmbeddingLookup`, `GeoDistanceFeatures` | all |
//! | `RareLabelEncoder` | of numbers; of texts where an encoder follows |
//! | `DerivedColumns` | expressions over numbers and truth values; those over texts, dates and times are refused |
//! | `KNNImputer` | refused: it searches the training rows for the nearest |
//! | `HashingVectorizer`, `FeatureHasher`, `CountVectorizer`, `TfidfVectorizer`, `HashedCrossing` | refused: ONNX has no operators that take texts apart as they do |
//! | `DatetimeFeatures`, `TimeSince` | refused: ONNX has no dates and times |
//!
//! A refusal names the transformer and its columns. A text that passes through is no feature, and is refused as by
//! [`Plan::transform_dense`].
//!
//! Operators are those of ONNX's domains `ai.onnx`, version 12 to 24, and `ai.onnx.ml`, version 1 to 5, in the types in which ONNX
//! Runtime has had them since 1.16.

mod categories;
mod inputs;
mod lower;
mod merge;
mod rename;

use mlcore::wire::{put_bytes, put_number};
use mlcore::{Error, Result};

use self::lower::Lowering;
use crate::graph::proto::{self, Attribute, Dimension, Element};
use crate::graph::{Graph, MACHINE_LEARNING, Opsets, Tensor};
use crate::pipeline::Plan;
use crate::program::Program;

/// How a plan is written as a model of ONNX.
///
/// ```
/// use mlcore_features::onnx::{FloatType, OnnxExport, RefusedRows};
///
/// let export = OnnxExport::default()
///     .with_float_inputs(FloatType::Float32)
///     .with_refused_rows(RefusedRows::Missing);
/// assert_eq!(export.opset, 17);
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct OnnxExport {
    /// The version of ONNX's operators, 12 to 24. Default 17, which ONNX Runtime knows since 1.12. With a model, it is the model's.
    pub opset: i64,
    /// What columns of `float64` are as inputs. Default [`FloatType::Float64`], which loses nothing.
    pub float_inputs: FloatType,
    /// Whether integers and truth values are never missing, whatever the plan says, so that columns with nulls are inputs of
    /// `int64` and `bool`, too. Default no.
    pub integers_are_present: bool,
    /// The text that stands for a missing one in a column with nulls. Default the empty text.
    pub missing_text: String,
    /// What becomes of rows that the plan refuses. Default [`RefusedRows::Fail`].
    pub refused_rows: RefusedRows,
    /// The type of the features. Default [`FloatType::Float32`]. With a model, it is that of the model's input.
    pub features: FloatType,
    /// The name of the output. Default `features`. With a model there is no such output.
    pub output: String,
}

/// A type of floats.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FloatType {
    /// ONNX's `float`.
    Float32,
    /// ONNX's `double`.
    Float64,
}

/// What a graph does with a row that the plan refuses.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusedRows {
    /// The run fails, as that of an executor does.
    Fail,
    /// All features of the row are NaN.
    Missing,
}

impl Default for OnnxExport {
    fn default() -> Self {
        Self {
            opset: 17,
            float_inputs: FloatType::Float64,
            integers_are_present: false,
            missing_text: String::new(),
            refused_rows: RefusedRows::Fail,
            features: FloatType::Float32,
            output: "features".to_owned(),
        }
    }
}

/// Setters: each replaces the field of its name.
impl OnnxExport {
    /// See [`OnnxExport::opset`].
    #[must_use]
    pub fn with_opset(mut self, opset: i64) -> Self {
        self.opset = opset;
        self
    }

    /// See [`OnnxExport::float_inputs`].
    #[must_use]
    pub fn with_float_inputs(mut self, float_inputs: FloatType) -> Self {
        self.float_inputs = float_inputs;
        self
    }

    /// See [`OnnxExport::integers_are_present`].
    #[must_use]
    pub fn with_integers_are_present(mut self, integers_are_present: bool) -> Self {
        self.integers_are_present = integers_are_present;
        self
    }

    /// See [`OnnxExport::missing_text`].
    #[must_use]
    pub fn with_missing_text(mut self, missing_text: impl Into<String>) -> Self {
        self.missing_text = missing_text.into();
        self
    }

    /// See [`OnnxExport::refused_rows`].
    #[must_use]
    pub fn with_refused_rows(mut self, refused_rows: RefusedRows) -> Self {
        self.refused_rows = refused_rows;
        self
    }

    /// See [`OnnxExport::features`].
    #[must_use]
    pub fn with_features(mut self, features: FloatType) -> Self {
        self.features = features;
        self
    }

    /// See [`OnnxExport::output`].
    #[must_use]
    pub fn with_output(mut self, output: impl Into<String>) -> Self {
        self.output = output.into();
        self
    }
}

pub(crate) const OPERATION: &str = "export to ONNX";

/// The versions of operators in which everything that is written means the same.
const OPSETS: std::ops::RangeInclusive<i64> = 12..=24;
const MACHINE_LEARNING_OPSETS: std::ops::RangeInclusive<i64> = 1..=5;
/// The version of `ai.onnx.ml` beside operators of a plan alone, which goes with operators of version 12 to 18.
const MACHINE_LEARNING_OPSET: i64 = 3;
/// The version of the file format: that of operators of version 17.
const IR_VERSION: i64 = 8;
/// The number of rows, which no graph knows.
const ROWS: Dimension<'_> = Dimension::Named("N");

/// A plan as parts of a graph.
struct Parts {
    nodes: Vec<u8>,
    initializers: Vec<u8>,
    /// Names and types of the inputs.
    inputs: Vec<(String, Element)>,
    uses_machine_learning: bool,
}

impl FloatType {
    const fn element(self) -> Element {
        match self {
            Self::Float32 => Element::Float32,
            Self::Float64 => Element::Float64,
        }
    }
}

/// Writes the program's nodes, whose names begin with the prefix; the features have the name `options.output`.
fn parts(program: &Program, options: &OnnxExport, prefix: String, opsets: Opsets) -> Result<Parts> {
    program.check_numeric()?;
    if program.width() == 0 {
        return Err(Error::unsupported(OPERATION, "plan", "it makes no features"));
    }
    let mut lowering = Lowering::new(program, options, Graph::new(prefix, opsets));
    let features = lowering.run()?;
    lowering.finish(features)?;
    let inputs = lowering.inputs.declared().map(|(name, element)| (name.to_owned(), element)).collect();
    let (nodes, initializers, uses_machine_learning) = lowering.graph.finish();
    Ok(Parts { nodes, initializers, inputs, uses_machine_learning })
}

impl Lowering<'_> {
    /// Rounds the features, refuses rows, and names the result.
    fn finish(&mut self, features: Tensor) -> Result<()> {
        let (wide, width) = (features, self.program.width());
        if self.options.features == FloatType::Float32 {
            let narrow = self.graph.cast(wide, Element::Float32);
            let (became, was) = (self.graph.is_infinite(narrow), self.graph.is_infinite(wide));
            let was_not = self.graph.is_not(was);
            let lost = self.graph.and(became, was_not);
            self.graph.refuse(lost, width);
        }
        let mut features = wide;
        if let Some(refused) = self.graph.refused() {
            let graph = &mut self.graph;
            if self.options.refused_rows == RefusedRows::Fail {
                let place = graph.cast(refused, Element::Int64);
                let only = graph.matrix(&[1.0], &[1]);
                let name = format!("{}refused_row", graph.prefix());
                let one = graph.named(&name, ("", "Gather"), &[only, place], &[("axis", Attribute::Int(0))]);
                features = graph.multiply(features, one);
            }
            let nothing = graph.number(f64::NAN);
            features = graph.choose(refused, nothing, features);
        }
        let to = self.options.features.element().number().cast_signed();
        self.graph.named(&self.options.output, ("", "Cast"), &[features], &[("to", Attribute::Int(to))]);
        Ok(())
    }
}

/// A beginning of names that none of these has.
fn prefix(names: &[&str]) -> String {
    let mut prefix = "plan/".to_owned();
    while names.iter().any(|name| name.starts_with(&prefix)) {
        prefix.insert(prefix.len() - 1, '_');
    }
    prefix
}

/// What a model says about the plan in it.
fn metadata(plan: &Plan, message: &mut Vec<u8>) -> Result<()> {
    let names = serde_json::to_string(&plan.feature_names_out())
        .map_err(|cause| Error::internal(OPERATION, "feature names", cause.to_string()).caused_by(cause))?;
    put_bytes(message, 14, &proto::property(DIGEST, plan.digest()));
    put_bytes(message, 14, &proto::property("mlcore.plan.feature_names", &names));
    Ok(())
}

/// The property that has the plan's digest.
const DIGEST: &str = "mlcore.plan.digest";

impl Plan {
    /// The plan as a model of ONNX, from raw columns to one matrix of features: see [`onnx`](crate::onnx) for its inputs, its
    /// numbers, and what is refused.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the transformer and its columns, or the column, for what ONNX cannot express;
    /// [`Error::InvalidInput`] for options that do not fit.
    pub fn to_onnx(&self, export: &OnnxExport) -> Result<Vec<u8>> {
        if !OPSETS.contains(&export.opset) {
            let problem = format!("{} is none of {} to {}", export.opset, OPSETS.start(), OPSETS.end());
            return Err(Error::invalid_input(OPERATION, "opset", problem).remedy("use 17"));
        }
        if export.output.is_empty() || self.input().names().any(|name| name == export.output) {
            let problem = format!("{:?} is no name, or that of a column", export.output);
            return Err(Error::invalid_input(OPERATION, "output", problem)
                .remedy("give the output a name of its own"));
        }
        let names: Vec<&str> = self.input().names().chain([export.output.as_str()]).collect();
        let opsets = Opsets { standard: export.opset, machine_learning: MACHINE_LEARNING_OPSET };
        let parts = parts(self.program(), export, prefix(&names), opsets)?;
        let rows = proto::dimension(ROWS);
        let mut graph = parts.nodes;
        put_bytes(&mut graph, 2, b"plan");
        graph.extend(parts.initializers);
        for (name, element) in &parts.inputs {
            let one = proto::dimension(Dimension::Fixed(1));
            put_bytes(&mut graph, 11, &proto::declaration(name, *element, &[&rows, &one]));
        }
        let width = proto::dimension(Dimension::Fixed(self.width() as u64));
        let output = proto::declaration(&export.output, export.features.element(), &[&rows, &width]);
        put_bytes(&mut graph, 12, &output);
        let mut model = Vec::with_capacity(graph.len() + 1024);
        put_number(&mut model, 1, IR_VERSION.cast_unsigned());
        put_bytes(&mut model, 2, b"mlcore");
        put_bytes(&mut model, 3, env!("CARGO_PKG_VERSION").as_bytes());
        put_bytes(&mut model, 7, &graph);
        put_bytes(&mut model, 8, &proto::operator_set("", export.opset));
        if parts.uses_machine_learning {
            put_bytes(&mut model, 8, &proto::operator_set(MACHINE_LEARNING, MACHINE_LEARNING_OPSET));
        }
        metadata(self, &mut model)?;
        Ok(model)
    }

    /// The plan and a model of ONNX as one graph: the model's one input, a matrix of floats, becomes the features of the plan, and
    /// the raw columns become the inputs. Outputs, functions and metadata are the model's; a name that it shares with a column
    /// begins with `model/` then.
    ///
    /// Operators are written in the versions that the model imports, and the features have the type of its input. Weights beside the
    /// model are not read: the graph names the same files, and is to lie where the model lay.
    ///
    /// # Errors
    /// As [`Plan::to_onnx`]; [`Error::InvalidModel`] for bytes that are no model; [`Error::SchemaMismatch`] when the model takes
    /// another width than the plan makes; [`Error::Unsupported`] for a model of several inputs, of another type, or in versions of
    /// operators that are not written, one that trains, one that has a plan already, and one with an output of a column's name.
    ///
    /// ```no_run
    /// # fn run(plan: &mlcore_features::pipeline::Plan) -> Result<(), Box<dyn std::error::Error>> {
    /// use mlcore_features::onnx::OnnxExport;
    ///
    /// let model = std::fs::read("churn.onnx")?;
    /// std::fs::write("churn_from_columns.onnx", plan.to_onnx_with_model(&model, &OnnxExport::default())?)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn to_onnx_with_model(&self, model: &[u8], export: &OnnxExport) -> Result<Vec<u8>> {
        merge::merged(self, model, export)
    }
}
