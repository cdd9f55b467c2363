//! Models written byte by byte: what no exporter writes.

/// A field of announced length.
pub(crate) fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [&varint(number << 3 | 2), &varint(bytes.len() as u64), bytes].concat()
}

/// An integer field.
pub(crate) fn number(field: u64, value: i64) -> Vec<u8> {
    [varint(field << 3), varint(value.cast_unsigned())].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A model of opset 17 around the fields of a graph.
pub(crate) fn model(graph: &[Vec<u8>]) -> Vec<u8> {
    [number(1, 8), field(7, &graph.concat()), field(8, &number(2, 17))].concat()
}

/// A node: operator, inputs, outputs.
pub(crate) fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> Vec<u8> {
    node_with(operator, inputs, outputs, &[])
}

/// A tensor's type: the element's ONNX number and the dimensions, -1 for a free one without a name.
pub(crate) fn tensor_type(element: i64, dims: &[i64]) -> Vec<u8> {
    let dim = |&size: &i64| field(1, &if size == -1 { Vec::new() } else { number(1, size) });
    let shape: Vec<u8> = dims.iter().flat_map(dim).collect();
    field(1, &[number(1, element), field(2, &shape)].concat())
}

/// The declaration of a value of this type.
pub(crate) fn value(name: &str, kind: &[u8]) -> Vec<u8> {
    [field(1, name.as_bytes()), field(2, kind)].concat()
}

pub(crate) fn input(name: &str, element: i64, dims: &[i64]) -> Vec<u8> {
    field(11, &value(name, &tensor_type(element, dims)))
}

pub(crate) fn output(name: &str, element: i64, dims: &[i64]) -> Vec<u8> {
    field(12, &value(name, &tensor_type(element, dims)))
}

/// An integer attribute of a node.
pub(crate) fn attribute(name: &str, value: i64) -> Vec<u8> {
    field(5, &[field(1, name.as_bytes()), number(3, value), number(20, 2)].concat())
}

/// A node with further fields, such as attributes.
pub(crate) fn node_with(operator: &str, inputs: &[&str], outputs: &[&str], more: &[u8]) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|name| field(1, name.as_bytes()));
    let outputs = outputs.iter().flat_map(|name| field(2, name.as_bytes()));
    field(1, &[inputs.chain(outputs).collect(), field(4, operator.as_bytes()), more.to_vec()].concat())
}

/// A float initializer with raw data.
pub(crate) fn weights(name: &str, dims: &[i64], data: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = data.iter().flat_map(|value| value.to_le_bytes()).collect();
    let dims: Vec<u8> = dims.iter().flat_map(|&size| number(1, size)).collect();
    field(5, &[dims, number(2, 1), field(8, name.as_bytes()), field(9, &raw)].concat())
}

/// A one-dimensional int64 initializer.
pub(crate) fn integers(name: &str, values: &[i64]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let size = number(1, i64::try_from(values.len()).expect("a few"));
    field(5, &[size, number(2, 7), field(8, name.as_bytes()), field(9, &raw)].concat())
}

/// A model that holds so many zeros while it is run, or folds them while it is loaded, and adds their sum to `x`.
pub(crate) fn sum_of_zeros(size: i64) -> Vec<u8> {
    model(&[
        node("ConstantOfShape", &["s"], &["c"]),
        node("ReduceSum", &["c"], &["r"]),
        node("Add", &["x", "r"], &["y"]),
        integers("s", &[size]),
        input("x", 1, &[-1, 1]),
        output("y", 1, &[-1, 1]),
    ])
}
