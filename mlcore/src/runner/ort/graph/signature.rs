use std::collections::HashSet;

use super::wire::Fields;
use super::zip_map::ZipMap;
use crate::error::{Error, Result};
use crate::runner::ort::call::dtype;
use crate::schema::{DType, Dim, Field};

/// One input or output of a model.
#[derive(Clone, Debug)]
pub(in crate::runner::ort) struct Slot {
    pub(in crate::runner::ort) field: Field,
    /// The name of the first axis: slots whose first axes have the same name, or none, have equally many rows.
    pub(in crate::runner::ort) rows: Option<String>,
    /// Whether the file promises the shape. Exporters leave it away, or write `[]` where there is none.
    pub(in crate::runner::ort) has_shape: bool,
}

/// The messages that declare what a graph takes and answers.
#[derive(Default)]
pub(super) struct Interface<'a> {
    pub(super) inputs: Vec<&'a [u8]>,
    pub(super) outputs: Vec<&'a [u8]>,
    /// Tensors that the model holds values for. In old files they are listed as inputs, too.
    pub(super) initialised: HashSet<&'a str>,
}

/// The inputs and outputs of a graph.
pub(super) fn read(
    model: &str,
    interface: &Interface<'_>,
    zip_maps: &[ZipMap],
) -> Result<(Vec<Slot>, Vec<Slot>)> {
    let invalid = |problem: String| Error::invalid_model("load model", model, problem);
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for bytes in &interface.inputs {
        let (name, kind) = value_info(bytes).map_err(invalid)?;
        if interface.initialised.contains(name) {
            continue;
        }
        match kind {
            Kind::Tensor { dtype, shape: Some(shape) } => inputs.push(slot(model, name, dtype, Some(shape))?),
            Kind::Tensor { shape: None, .. } => {
                return Err(Error::unsupported(
                    "load model",
                    model,
                    format!("input {name} declares no shape"),
                )
                .remedy("export it with a shape; dimensions may be free"));
            }
            Kind::Other(what) => {
                return Err(Error::unsupported(
                    "load model",
                    model,
                    format!("input {name} is {what}, not a tensor"),
                ));
            }
        }
    }
    for bytes in &interface.outputs {
        let (name, kind) = value_info(bytes).map_err(invalid)?;
        match (kind, zip_maps.iter().find(|zip_map| zip_map.output == name)) {
            (Kind::Tensor { dtype, shape }, _) => outputs.push(slot(model, name, dtype, shape)?),
            (Kind::Other(_), Some(zip_map)) => {
                let shape = [Dim::Dynamic, Dim::Fixed(zip_map.labels.len())];
                let field =
                    Field::tensor(name, DType::Float32, shape).labelled(zip_map.labels.iter().cloned());
                outputs.push(Slot { field, rows: None, has_shape: true });
            }
            (Kind::Other(what), None) => {
                return Err(Error::unsupported(
                    "load model",
                    model,
                    format!("output {name} is {what}, not a tensor"),
                )
                .remedy("export a classifier of scikit-learn with zipmap=False"));
            }
        }
    }
    Ok((inputs, outputs))
}

fn slot(model: &str, name: &str, element: i64, shape: Option<Shape>) -> Result<Slot> {
    let dtype = i32::try_from(element).ok().and_then(dtype).ok_or_else(|| {
        Error::unsupported("load model", model, format!("{name} holds elements of ONNX type {element}"))
            .remedy("cast it inside the model to a float, integer, bool or string type")
    })?;
    let has_shape = shape.as_ref().is_some_and(|shape| !shape.dims.is_empty());
    let Shape { dims, rows } = shape.unwrap_or(Shape { dims: vec![Dim::Dynamic], rows: None });
    Ok(Slot { field: Field::tensor(name, dtype, dims), rows, has_shape })
}

struct Shape {
    dims: Vec<Dim>,
    rows: Option<String>,
}

enum Kind {
    Tensor { dtype: i64, shape: Option<Shape> },
    Other(&'static str),
}

/// ValueInfoProto.
fn value_info(bytes: &[u8]) -> Result<(&str, Kind), String> {
    let (mut name, mut kind) = ("", None);
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            1 => name = field.text()?,
            2 => kind = Some(type_of(field.bytes()?)?),
            _ => {}
        }
    }
    match kind {
        Some(kind) if !name.is_empty() => Ok((name, kind)),
        _ => Err("an input or output has no name or no type".into()),
    }
}

/// TypeProto.
fn type_of(bytes: &[u8]) -> Result<Kind, String> {
    let mut kind = None;
    for field in Fields::of(bytes) {
        let field = field?;
        kind = Some(match field.number {
            1 => tensor_type(field.bytes()?)?,
            4 => Kind::Other("a sequence"),
            5 => Kind::Other("a map"),
            8 => Kind::Other("a sparse tensor"),
            9 => Kind::Other("optional"),
            7 => Kind::Other("opaque"),
            _ => continue,
        });
    }
    kind.ok_or_else(|| "an input or output has no type".into())
}

/// TypeProto.Tensor.
fn tensor_type(bytes: &[u8]) -> Result<Kind, String> {
    let (mut dtype, mut shape) = (0, None);
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            1 => dtype = field.number()?,
            2 => shape = Some(shape_of(field.bytes()?)?),
            _ => {}
        }
    }
    Ok(Kind::Tensor { dtype, shape })
}

/// TensorShapeProto.
fn shape_of(bytes: &[u8]) -> Result<Shape, String> {
    const MOST_AXES: usize = 32;
    let mut shape = Shape { dims: Vec::new(), rows: None };
    for field in Fields::of(bytes) {
        let field = field?;
        if field.number != 1 {
            continue;
        }
        let (dim, name) = dimension(field.bytes()?)?;
        if shape.dims.is_empty() {
            shape.rows = name;
        }
        shape.dims.push(dim);
        if shape.dims.len() > MOST_AXES {
            return Err(format!("a tensor has more than {MOST_AXES} axes"));
        }
    }
    Ok(shape)
}

/// TensorShapeProto.Dimension: -1 stands for a free one in some exporters' files.
fn dimension(bytes: &[u8]) -> Result<(Dim, Option<String>), String> {
    let mut dimension = (Dim::Dynamic, None);
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            1 => {
                let size = field.number()?;
                dimension = match usize::try_from(size) {
                    Ok(size) => (Dim::Fixed(size), None),
                    Err(_) if size == -1 => (Dim::Dynamic, None),
                    Err(_) => return Err(format!("a dimension is {size}")),
                };
            }
            2 => dimension = (Dim::Dynamic, Some(field.text()?.to_owned()).filter(|name| !name.is_empty())),
            _ => {}
        }
    }
    Ok(dimension)
}
