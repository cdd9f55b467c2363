//! A graph of ONNX while it is written: values, operators on them, and the rows that are refused.
//!
//! Kernels write what they compute into it. Knows none of them, and no program. Numbers are computed as `double`, as the executors do. A value has a row for each row of the table: `[N, columns]`.

mod arithmetic;
pub(crate) mod proto;
pub(crate) mod search;

use std::collections::HashMap;

use mlcore::wire::put_bytes;

use self::proto::{Attribute, Element};

/// A value of the graph, by its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Tensor(usize);

/// A column of numbers: one of those that lie side by side in a tensor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Number {
    pub(crate) block: Tensor,
    pub(crate) column: usize,
    pub(crate) width: usize,
}

impl Number {
    /// The one column of a tensor `[N, 1]`.
    pub(crate) fn alone(tensor: Tensor) -> Self {
        Self { block: tensor, column: 0, width: 1 }
    }

    /// The columns of a tensor `[N, width]`.
    pub(crate) fn all(block: Tensor, width: usize) -> Vec<Self> {
        (0..width).map(|column| Self { block, column, width }).collect()
    }
}

/// What ONNX cannot say: the problem, behind the step and its columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inexpressible(pub(crate) &'static str);

/// The operator sets that a graph is written in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opsets {
    pub(crate) standard: i64,
    pub(crate) machine_learning: i64,
}

#[derive(Debug)]
struct Value {
    name: String,
    /// Whether it has a row for each row of the table. A constant has none, nor has what is computed of constants alone.
    has_rows: bool,
}

/// A graph while it is written.
#[derive(Debug)]
pub(crate) struct Graph {
    /// What names of values begin with, and no name of the user's does.
    prefix: String,
    opsets: Opsets,
    values: Vec<Value>,
    /// NodeProto, as fields of a GraphProto.
    nodes: Vec<u8>,
    /// TensorProto, as fields of a GraphProto.
    initializers: Vec<u8>,
    constants: HashMap<(Element, Vec<usize>, Vec<u8>), Tensor>,
    columns: HashMap<(Tensor, Vec<usize>), Tensor>,
    /// Truth values `[N, columns]`, and how many columns: where any is true, the row is refused.
    refused: Vec<(Tensor, usize)>,
    uses_machine_learning: bool,
}

/// The domain of operators for categories and trees.
pub(crate) const MACHINE_LEARNING: &str = "ai.onnx.ml";

impl Graph {
    pub(crate) fn new(prefix: String, opsets: Opsets) -> Self {
        Self {
            prefix,
            opsets,
            values: Vec::new(),
            nodes: Vec::new(),
            initializers: Vec::new(),
            constants: HashMap::new(),
            columns: HashMap::new(),
            refused: Vec::new(),
            uses_machine_learning: false,
        }
    }

    /// An input of the graph.
    pub(crate) fn input(&mut self, name: &str) -> Tensor {
        self.value(name.to_owned(), true)
    }

    fn value(&mut self, name: String, has_rows: bool) -> Tensor {
        self.values.push(Value { name, has_rows });
        Tensor(self.values.len() - 1)
    }

    fn name(&self, tensor: Tensor) -> &str {
        self.values.get(tensor.0).map_or("", |value| &value.name)
    }

    /// Whether it has a row for each row of the table.
    pub(crate) fn has_rows(&self, tensor: Tensor) -> bool {
        self.values.get(tensor.0).is_some_and(|value| value.has_rows)
    }

    fn constant(&mut self, element: Element, shape: &[usize], raw: Vec<u8>) -> Tensor {
        let key = (element, shape.to_vec(), raw);
        if let Some(known) = self.constants.get(&key) {
            return *known;
        }
        let name = format!("{}constant_{}", self.prefix, self.constants.len());
        put_bytes(&mut self.initializers, 5, &proto::tensor(&name, element, shape, &key.2));
        let constant = self.value(name, false);
        self.constants.insert(key, constant);
        constant
    }

    /// A number, beside rows of whatever number of columns.
    pub(crate) fn number(&mut self, number: f64) -> Tensor {
        self.constant(Element::Float64, &[], number.to_le_bytes().to_vec())
    }

    /// Numbers, one per column: `[1, columns]`.
    pub(crate) fn numbers(&mut self, numbers: &[f64]) -> Tensor {
        self.matrix(numbers, &[1, numbers.len()])
    }

    /// Numbers of this shape.
    pub(crate) fn matrix(&mut self, numbers: &[f64], shape: &[usize]) -> Tensor {
        self.constant(
            Element::Float64,
            shape,
            numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        )
    }

    /// An integer, beside rows of whatever number of columns.
    pub(crate) fn integer(&mut self, integer: i64) -> Tensor {
        self.integers(&[integer], &[])
    }

    /// Integers of this shape.
    pub(crate) fn integers(&mut self, integers: &[i64], shape: &[usize]) -> Tensor {
        self.constant(
            Element::Int64,
            shape,
            integers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        )
    }

    /// What a standard operator makes of these values.
    pub(crate) fn node(&mut self, operator: &str, inputs: &[Tensor]) -> Tensor {
        self.node_with(("", operator), inputs, &[])
    }

    pub(crate) fn node_with(
        &mut self,
        (domain, operator): (&str, &str),
        inputs: &[Tensor],
        attributes: &[(&str, Attribute<'_>)],
    ) -> Tensor {
        let name = format!("{}{operator}_{}", self.prefix, self.values.len());
        self.named(&name, (domain, operator), inputs, attributes)
    }

    /// The same, for an output of this name.
    pub(crate) fn named(
        &mut self,
        name: &str,
        (domain, operator): (&str, &str),
        inputs: &[Tensor],
        attributes: &[(&str, Attribute<'_>)],
    ) -> Tensor {
        self.uses_machine_learning |= domain == MACHINE_LEARNING;
        let names: Vec<&str> = inputs.iter().map(|input| self.name(*input)).collect();
        let has_rows = inputs.iter().any(|input| self.has_rows(*input));
        let node = proto::node((domain, operator), name, &names, name, attributes);
        put_bytes(&mut self.nodes, 1, &node);
        self.value(name.to_owned(), has_rows)
    }

    pub(crate) fn cast(&mut self, tensor: Tensor, to: Element) -> Tensor {
        self.node_with(("", "Cast"), &[tensor], &[("to", Attribute::Int(to.number().cast_signed()))])
    }

    /// 1 where it is true, else 0.
    pub(crate) fn flag(&mut self, truth: Tensor) -> Tensor {
        self.cast(truth, Element::Float64)
    }

    /// One value where the condition is true, the other where it is not.
    pub(crate) fn choose(&mut self, condition: Tensor, value: Tensor, otherwise: Tensor) -> Tensor {
        self.node("Where", &[condition, value, otherwise])
    }

    /// The elements of a constant at these places, along this axis.
    pub(crate) fn gather(&mut self, data: Tensor, places: Tensor, axis: i64) -> Tensor {
        self.node_with(("", "Gather"), &[data, places], &[("axis", Attribute::Int(axis))])
    }

    /// The values `[N]` of a column `[N, 1]`.
    pub(crate) fn flat(&mut self, column: Tensor) -> Tensor {
        let shape = self.integers(&[-1], &[1]);
        self.node("Reshape", &[column, shape])
    }

    /// The sum of each row: `[N, 1]`.
    pub(crate) fn row_sums(&mut self, block: Tensor, width: usize) -> Tensor {
        let ones = self.matrix(&vec![1.0; width], &[width, 1]);
        self.node("MatMul", &[block, ones])
    }

    /// The column as a tensor of its own: `[N, 1]`.
    pub(crate) fn column(&mut self, number: Number) -> Tensor {
        self.side_by_side(&[number])
    }

    /// The columns of one tensor at these places.
    fn picked(&mut self, block: Tensor, width: usize, places: &[usize]) -> Tensor {
        if places.iter().copied().eq(0..width) {
            return block;
        }
        let key = (block, places.to_vec());
        if let Some(known) = self.columns.get(&key) {
            return *known;
        }
        let at: Vec<i64> = places.iter().map(|place| *place as i64).collect();
        let at = self.integers(&at, &[at.len()]);
        let picked = self.gather(block, at, 1);
        self.columns.insert(key, picked);
        picked
    }

    /// The columns side by side: `[N, columns]`. Those that lie in one tensor are taken from it at once.
    pub(crate) fn side_by_side(&mut self, numbers: &[Number]) -> Tensor {
        let mut pieces = Vec::new();
        for run in numbers.chunk_by(|left, right| left.block == right.block) {
            let Some(first) = run.first() else { continue };
            let places: Vec<usize> = run.iter().map(|number| number.column).collect();
            pieces.push(self.picked(first.block, first.width, &places));
        }
        match pieces[..] {
            [piece] => piece,
            _ => self.concatenated(&pieces),
        }
    }

    pub(crate) fn concatenated(&mut self, pieces: &[Tensor]) -> Tensor {
        self.node_with(("", "Concat"), pieces, &[("axis", Attribute::Int(1))])
    }

    /// Refuses the rows where any of these truth values `[N, width]` is true.
    pub(crate) fn refuse(&mut self, truth: Tensor, width: usize) {
        self.refused.push((truth, width));
    }

    /// Whether each row is refused: `[N, 1]`. `None` where no row ever is.
    pub(crate) fn refused(&mut self) -> Option<Tensor> {
        let refused = std::mem::take(&mut self.refused);
        let width = refused.iter().map(|(_, width)| width).sum();
        let pieces: Vec<Tensor> = refused.into_iter().map(|(truth, _)| truth).collect();
        let all = match pieces[..] {
            [] => return None,
            [piece] if width == 1 => return Some(piece),
            [piece] => piece,
            _ => self.concatenated(&pieces),
        };
        let counted = self.flag(all);
        let (sum, zero) = (self.row_sums(counted, width), self.number(0.0));
        Some(self.greater(sum, zero))
    }

    pub(crate) fn opsets(&self) -> Opsets {
        self.opsets
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Its nodes and its constants as fields of a GraphProto, and whether any is of [`MACHINE_LEARNING`].
    pub(crate) fn finish(self) -> (Vec<u8>, Vec<u8>, bool) {
        (self.nodes, self.initializers, self.uses_machine_learning)
    }
}

/// Operators by their names in arithmetic.
macro_rules! operators {
    ($($name:ident $operator:literal;)+) => {
        impl Graph {$(
            pub(crate) fn $name(&mut self, left: Tensor, right: Tensor) -> Tensor {
                self.node($operator, &[left, right])
            }
        )+}
    };
}

operators! {
    add "Add";
    subtract "Sub";
    multiply "Mul";
    divide "Div";
    equal "Equal";
    less "Less";
    at_most "LessOrEqual";
    greater "Greater";
    at_least "GreaterOrEqual";
    and "And";
    or "Or";
}
