use std::collections::{HashMap, HashSet};

use super::wire::Fields;
use super::zip_map::ZipMap;
use crate::error::{Error, Result};
use crate::runner::ort::call::dtype;
use crate::schema::{DType, Dim, Field};

/// One input or output of a model.
#[derive(Clone, Debug)]
pub(in crate::runner::ort) struct Slot {
    pub(in crate::runner::ort) field: Field,
    /// The number of the first axis' name: slots whose first axes have the same name, or none, have equally many rows.
    pub(in crate::runner::ort) rows: usize,
    /// Whether the file promises the shape. Exporters leave it away, or write `[]` where there is none.
    pub(in crate::runner::ort) has_shape: bool,
    /// Whether its elements are `bfloat16` to ONNX Runtime. They are `float32` here, which holds each of them.
    pub(in crate::runner::ort) is_bfloat16: bool,
    /// Whether the model may leave it empty.
    pub(in crate::runner::ort) is_optional: bool,
}

/// What a graph takes and answers.
pub(super) struct Slots {
    pub(super) inputs: Vec<Slot>,
    /// Inputs that have a default.
    pub(super) optional: Vec<Slot>,
    pub(super) outputs: Vec<Slot>,
    /// The names of first axes, by their numbers.
    pub(super) row_axes: HashMap<Option<String>, usize>,
}

/// The messages that declare what a graph takes and answers.
#[derive(Default)]
pub(super) struct Interface<'a> {
    pub(super) inputs: Vec<&'a [u8]>,
    pub(super) outputs: Vec<&'a [u8]>,
    /// Tensors that the model holds values for. One that is listed as an input, too, has a default.
    pub(super) initialised: HashSet<&'a str>,
}

/// The version of the format since which a value that the model holds may be passed by the caller instead. Before, every one had
/// to be listed as an input, and was none.
const FIRST_WITH_DEFAULTS: i64 = 4;

/// The inputs and outputs of a graph.
pub(super) fn read(
    model: &str,
    interface: &Interface<'_>,
    zip_maps: &[ZipMap],
    ir_version: i64,
) -> Result<Slots> {
    let invalid = |problem: String| Error::invalid_model("load model", model, problem);
    let mut slots = Slots {
        inputs: Vec::new(),
        optional: Vec::new(),
        outputs: Vec::new(),
        row_axes: HashMap::from([(None, 0)]),
    };
    for bytes in &interface.inputs {
        let (name, kind) = value_info(bytes).map_err(invalid)?;
        if interface.initialised.contains(name) {
            // One that no tensor holds cannot be passed, and its default is used.
            if let Kind::Tensor(declared) = kind
                && ir_version >= FIRST_WITH_DEFAULTS
            {
                slots.optional.extend(slot(model, name, declared, &mut slots.row_axes).ok());
            }
            continue;
        }
        match kind {
            Kind::Tensor(declared) => slots.inputs.push(slot(model, name, declared, &mut slots.row_axes)?),
            Kind::Sequence(_) => {
                return Err(no_tensor(model, &format!("input {name}"), "a sequence of tensors"));
            }
            Kind::Other(what) => return Err(no_tensor(model, &format!("input {name}"), what)),
        }
    }
    for bytes in &interface.outputs {
        let (name, kind) = value_info(bytes).map_err(invalid)?;
        match (kind, zip_maps.iter().find(|zip_map| zip_map.output == name)) {
            (Kind::Tensor(declared), _) => {
                slots.outputs.push(slot(model, name, declared, &mut slots.row_axes)?);
            }
            // Its tensors are answered as one, whose shape no file declares.
            (Kind::Sequence(declared), _) => {
                let declared = Declared { shape: None, ..declared };
                slots.outputs.push(slot(model, name, declared, &mut slots.row_axes)?);
            }
            (Kind::Other(_), Some(zip_map)) => {
                let shape = [Dim::Dynamic, Dim::Fixed(zip_map.labels.len())];
                let field =
                    Field::tensor(name, DType::Float32, shape).labelled(zip_map.labels.iter().cloned());
                slots.outputs.push(Slot {
                    field,
                    rows: 0,
                    has_shape: true,
                    is_bfloat16: false,
                    is_optional: false,
                });
            }
            (Kind::Other(what), None) => {
                let error = no_tensor(model, &format!("output {name}"), what);
                return Err(match what {
                    MAPS if !zip_maps.is_empty() => {
                        error.remedy("export a classifier of scikit-learn with zipmap=False")
                    }
                    _ => error,
                });
            }
        }
    }
    if slots.outputs.is_empty() {
        return Err(Error::invalid_model(
            "load model",
            model,
            "it declares no output, and so answers nothing",
        )
        .remedy("export it with the outputs that callers read"));
    }
    Ok(slots)
}

fn no_tensor(model: &str, place: &str, what: &str) -> Error {
    Error::unsupported("load model", model, format!("{place} is {what}, not a tensor"))
        .remedy("export it with tensors as inputs and outputs")
}

fn slot(
    model: &str,
    name: &str,
    declared: Declared,
    row_axes: &mut HashMap<Option<String>, usize>,
) -> Result<Slot> {
    let Declared { element, shape, is_optional } = declared;
    let is_bfloat16 = element == BFLOAT16;
    let known = if is_bfloat16 { Some(DType::Float32) } else { i32::try_from(element).ok().and_then(dtype) };
    let dtype = known.ok_or_else(|| {
        Error::unsupported("load model", model, format!("{name} holds elements of ONNX type {element}"))
            .remedy("cast it inside the model to a float, integer, bool or string type")
    })?;
    let has_shape = shape.as_ref().is_some_and(|shape| !shape.dims.is_empty());
    let (field, rows) = match shape {
        Some(Shape { dims, rows }) => (Field::tensor(name, dtype, dims), rows),
        None => (Field::of_any_shape(name, dtype), None),
    };
    let count = row_axes.len();
    let rows = *row_axes.entry(rows).or_insert(count);
    Ok(Slot { field, rows, has_shape, is_bfloat16, is_optional })
}

struct Shape {
    dims: Vec<Dim>,
    rows: Option<String>,
}

/// A tensor as a file declares it.
struct Declared {
    element: i64,
    shape: Option<Shape>,
    /// Whether there may be none.
    is_optional: bool,
}

enum Kind {
    Tensor(Declared),
    /// Any number of such tensors.
    Sequence(Declared),
    Other(&'static str),
}

/// What ZipMap makes.
const MAPS: &str = "a sequence of maps";
/// ONNX's number of the element type.
const BFLOAT16: i64 = 16;

/// ValueInfoProto.
fn value_info(bytes: &[u8]) -> Result<(&str, Kind), String> {
    let (mut name, mut kind) = ("", None);
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            1 => name = field.text()?,
            2 => kind = Some(type_of(field.bytes()?, 0)?),
            _ => {}
        }
    }
    match kind {
        Some(kind) if !name.is_empty() => Ok((name, kind)),
        _ => Err("an input or output has no name or no type".into()),
    }
}

/// TypeProto.
fn type_of(bytes: &[u8], depth: usize) -> Result<Kind, String> {
    const DEEPEST: usize = 8;
    if depth > DEEPEST {
        return Err(format!("a type is nested more than {DEEPEST} deep"));
    }
    let mut kind = None;
    for field in Fields::of(bytes) {
        let field = field?;
        kind = Some(match field.number {
            1 => Kind::Tensor(tensor_type(field.bytes()?)?),
            4 => match element_type(field.bytes()?, depth)? {
                Some(Kind::Tensor(declared)) => Kind::Sequence(declared),
                Some(Kind::Other(MAP)) => Kind::Other(MAPS),
                Some(Kind::Sequence(_) | Kind::Other(_)) | None => Kind::Other("a sequence"),
            },
            5 => Kind::Other(MAP),
            8 => Kind::Other("a sparse tensor"),
            9 => match element_type(field.bytes()?, depth)? {
                Some(Kind::Tensor(declared)) => Kind::Tensor(Declared { is_optional: true, ..declared }),
                Some(Kind::Sequence(declared)) => Kind::Sequence(Declared { is_optional: true, ..declared }),
                Some(Kind::Other(_)) | None => Kind::Other("optional"),
            },
            7 => Kind::Other("opaque"),
            _ => continue,
        });
    }
    kind.ok_or_else(|| "an input or output has no type".into())
}

const MAP: &str = "a map";

/// The type of the elements in TypeProto.Sequence and TypeProto.Optional.
fn element_type(bytes: &[u8], depth: usize) -> Result<Option<Kind>, String> {
    let mut element = None;
    for field in Fields::of(bytes) {
        let field = field?;
        if field.number == 1 {
            element = Some(type_of(field.bytes()?, depth + 1)?);
        }
    }
    Ok(element)
}

/// TypeProto.Tensor.
fn tensor_type(bytes: &[u8]) -> Result<Declared, String> {
    let (mut element, mut shape) = (0, None);
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            1 => element = field.number()?,
            2 => shape = Some(shape_of(field.bytes()?)?),
            _ => {}
        }
    }
    Ok(Declared { element, shape, is_optional: false })
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
