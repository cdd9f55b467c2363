//! How much a single kernel of a model can do. ONNX Runtime looks at the stop flag of a run between two kernels, in the bodies
//! of `If`, `Loop` and `Scan` too, and never inside of one; so a deadline on the caller's thread holds where no kernel can take
//! long.

use std::collections::HashSet;

use super::trees::Trees;

/// What the scan finds out about the kernels of a model.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::runner::ort) struct Kernels {
    /// The first operator whose work the shapes of the inputs do not bound, because values decide how large its answer is, or
    /// because it is none of those known here.
    pub(in crate::runner::ort) unbounded: Option<String>,
    /// Whether some operator answers more than it is given, so that constants could become large ones while it is loaded.
    pub(in crate::runner::ort) grows: bool,
    /// The nodes of trees that are visited for one row, at most.
    pub(in crate::runner::ort) tree_steps: u64,
}

/// A node whose answer is as large as these inputs say.
struct Sized<'a> {
    operator: &'a str,
    decided_by: Vec<&'a str>,
}

/// Collects what [`Kernels`] says while the nodes are read.
#[derive(Default)]
pub(super) struct Collected<'a> {
    unbounded: Option<&'a str>,
    sized: Vec<Sized<'a>>,
    constants: HashSet<&'a str>,
}

impl<'a> Collected<'a> {
    /// Takes one more node, of the graph itself or of one inside it.
    pub(super) fn add(
        &mut self,
        (domain, operator): (&'a str, &'a str),
        inputs: &[&'a str],
        outputs: &[&'a str],
        is_inside: bool,
    ) {
        let bounded = match domain {
            "" | "ai.onnx" => BOUNDED.binary_search(&operator).is_ok(),
            "ai.onnx.ml" => BOUNDED_ML.binary_search(&operator).is_ok(),
            _ => false,
        };
        if bounded {
            if operator == "Constant" && !is_inside {
                self.constants.extend(outputs.iter().copied());
            }
            return;
        }
        // Names of a graph inside another may mean something else than outside.
        let decided_by = decided_by(operator).filter(|_| matches!(domain, "" | "ai.onnx") && !is_inside);
        match decided_by {
            Some(positions) => self.sized.push(Sized {
                operator,
                decided_by: positions.iter().filter_map(|&position| inputs.get(position).copied()).collect(),
            }),
            None => self.unbounded = self.unbounded.or(Some(operator)),
        }
    }

    /// What was found, where `initialised` says which values the model holds and no caller can pass.
    pub(super) fn finish(&self, initialised: impl Fn(&str) -> bool, trees: &[Trees<'_>]) -> Kernels {
        let is_constant = |name: &&str| name.is_empty() || self.constants.contains(name) || initialised(name);
        let sized = self.sized.iter().find(|node| !node.decided_by.iter().all(is_constant));
        Kernels {
            grows: self.unbounded.is_some() || !self.sized.is_empty(),
            unbounded: self.unbounded.or(sized.map(|node| node.operator)).map(str::to_owned),
            tree_steps: trees.iter().fold(0, |steps, trees| steps.saturating_add(trees.steps)),
        }
    }
}

/// The inputs whose values decide how large the answer of an operator is.
fn decided_by(operator: &str) -> Option<&'static [usize]> {
    Some(match operator {
        "ConstantOfShape" => &[0],
        "Range" => &[0, 1, 2],
        "Expand" | "OneHot" | "ReduceL1" | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceMax"
        | "ReduceMean" | "ReduceMin" | "ReduceProd" | "ReduceSum" | "ReduceSumSquare" | "Reshape"
        | "Split" | "Squeeze" | "TopK" | "Unsqueeze" | "Upsample" => &[1],
        "Tile" => &[1, 2],
        "Pad" | "Resize" => &[1, 2, 3],
        "Slice" => &[1, 2, 3, 4],
        _ => return None,
    })
}

/// Operators of the standard whose work the shapes of their inputs and their attributes bound, sorted.
const BOUNDED: [&str; 121] = [
    "Abs",
    "Acos",
    "Acosh",
    "Add",
    "And",
    "ArgMax",
    "ArgMin",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "AveragePool",
    "BatchNormalization",
    "BitShift",
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
    "Cast",
    "CastLike",
    "Ceil",
    "Celu",
    "Clip",
    "Concat",
    "Constant",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "Cos",
    "Cosh",
    "CumSum",
    "DepthToSpace",
    "DequantizeLinear",
    "Det",
    "Div",
    "Dropout",
    "DynamicQuantizeLinear",
    "Einsum",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Flatten",
    "Floor",
    "GRU",
    "Gather",
    "GatherElements",
    "GatherND",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalLpPool",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "GridSample",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Hardmax",
    "Identity",
    "If",
    "InstanceNormalization",
    "IsInf",
    "IsNaN",
    "LRN",
    "LSTM",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "LpNormalization",
    "LpPool",
    "MatMul",
    "MatMulInteger",
    "Max",
    "MaxPool",
    "Mean",
    "MeanVarianceNormalization",
    "Min",
    "Mish",
    "Mod",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "PRelu",
    "Pow",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
    "RNN",
    "Reciprocal",
    "Relu",
    "Round",
    "ScatterElements",
    "ScatterND",
    "Selu",
    "Shape",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Size",
    "Softmax",
    "Softplus",
    "Softsign",
    "SpaceToDepth",
    "Sqrt",
    "Sub",
    "Sum",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Transpose",
    "Trilu",
    "Where",
    "Xor",
];

/// Those of `ai.onnx.ml`, sorted. Text of any length is not among them.
const BOUNDED_ML: [&str; 16] = [
    "ArrayFeatureExtractor",
    "Binarizer",
    "FeatureVectorizer",
    "Imputer",
    "LabelEncoder",
    "LinearClassifier",
    "LinearRegressor",
    "Normalizer",
    "OneHotEncoder",
    "SVMClassifier",
    "SVMRegressor",
    "Scaler",
    "TreeEnsemble",
    "TreeEnsembleClassifier",
    "TreeEnsembleRegressor",
    "ZipMap",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(BOUNDED.is_sorted() && BOUNDED_ML.is_sorted());
    }

    #[test]
    fn values_that_decide_a_size_are_unbounded_unless_the_model_holds_them() {
        let unbounded = |nodes: &[(&'static str, &[&'static str], &[&'static str])]| {
            let mut collected = Collected::default();
            for (operator, inputs, outputs) in nodes {
                let domain = if operator.starts_with("Tree") { "ai.onnx.ml" } else { "" };
                collected.add((domain, operator), inputs, outputs, false);
            }
            collected.finish(|name| name == "weights", &[]).unbounded
        };
        assert_eq!(unbounded(&[("Gemm", &["x", "weights"], &["y"])]), None);
        assert_eq!(unbounded(&[("TreeEnsembleClassifier", &["x"], &["y"])]), None);
        assert_eq!(unbounded(&[("Expand", &["x", "weights"], &["y"])]), None);
        assert_eq!(unbounded(&[("Expand", &["x", "shape"], &["y"])]), Some("Expand".into()));
        assert_eq!(unbounded(&[("Constant", &[], &["shape"]), ("Expand", &["x", "shape"], &["y"])]), None);
        assert_eq!(unbounded(&[("Resize", &["x", "", "weights"], &["y"])]), None);
        for operator in ["Loop", "Scan", "NonZero", "RegexFullMatch", "NoSuchOperator"] {
            assert_eq!(unbounded(&[(operator, &["x"], &["y"])]), Some(operator.into()));
        }
    }

    #[test]
    fn names_inside_of_a_graph_or_a_function_prove_nothing_outside() {
        let mut collected = Collected::default();
        collected.add(("", "Constant"), &[], &["shape"], true);
        collected.add(("", "Expand"), &["x", "shape"], &["y"], false);
        assert_eq!(collected.finish(|_| false, &[]).unbounded, Some("Expand".into()));
        let mut collected = Collected::default();
        collected.add(("", "Expand"), &["x", "shape"], &["y"], true);
        assert_eq!(collected.finish(|_| true, &[]).unbounded, Some("Expand".into()));
    }
}
