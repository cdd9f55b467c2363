//! ZipMap, which scikit-learn's converters put behind a classifier: it turns probabilities `[N, C]` into N maps from
//! class to probability. No tensor holds maps, and making them costs more than the model. So the node is replaced
//! by `Identity` before ONNX Runtime sees the model: the output is the tensor again, and its labels are the classes.

use super::wire::{Field, Fields, put_bytes, put_number};

/// A node of the operator ZipMap.
#[derive(Clone, Debug)]
pub(in crate::runner::ort) struct ZipMap {
    pub(super) output: String,
    /// The classes in the order of the probabilities.
    pub(super) labels: Vec<String>,
}

impl ZipMap {
    /// Reads a NodeProto that is one.
    pub(super) fn read(node: &[u8]) -> Result<Self, String> {
        let (mut output, mut labels) = (String::new(), Vec::new());
        for field in Fields::of(node) {
            let field = field?;
            match field.number {
                2 => output = field.text()?.to_owned(),
                5 => labels.extend(classes(field.bytes()?)?),
                _ => {}
            }
        }
        if labels.is_empty() {
            return Err("a ZipMap names no classes".into());
        }
        Ok(Self { output, labels })
    }
}

/// The labels in an AttributeProto, `classlabels_int64s` or `classlabels_strings`.
fn classes(attribute: &[u8]) -> Result<Vec<String>, String> {
    let mut labels = Vec::new();
    for field in Fields::of(attribute) {
        let field = field?;
        match field.number {
            8 => match field.bytes() {
                Ok(packed) => labels.extend(packed_numbers(packed)?.iter().map(ToString::to_string)),
                Err(_) => labels.push(field.number()?.to_string()),
            },
            9 => labels.push(field.text()?.to_owned()),
            _ => {}
        }
    }
    Ok(labels)
}

fn packed_numbers(mut packed: &[u8]) -> Result<Vec<i64>, String> {
    let mut numbers = Vec::new();
    while !packed.is_empty() {
        let (mut number, mut width) = (0_u64, 0);
        for byte in packed.iter().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * width);
            width += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if packed.get(width - 1).is_none_or(|last| last & 0x80 != 0) {
            return Err("a packed number is cut off".into());
        }
        numbers.push(number.cast_signed());
        packed = packed.get(width..).unwrap_or_default();
    }
    Ok(numbers)
}

/// The model in `bytes`, its ZipMaps replaced: the outputs that were maps are tensors.
///
/// # Errors
/// What is malformed; a model that was read before is not.
pub(in crate::runner::ort) fn without_zip_maps(bytes: &[u8], zip_maps: &[ZipMap]) -> Result<Vec<u8>, String> {
    let mut model = Vec::with_capacity(bytes.len());
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            7 => put_bytes(&mut model, 7, &graph(field.bytes()?, zip_maps)?),
            _ => model.extend_from_slice(field.raw),
        }
    }
    Ok(model)
}

fn graph(bytes: &[u8], zip_maps: &[ZipMap]) -> Result<Vec<u8>, String> {
    let mut graph = Vec::with_capacity(bytes.len());
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            1 if is_one_of(zip_maps, field.bytes()?)? => put_bytes(&mut graph, 1, &identity(field.bytes()?)?),
            12 => match zip_maps.iter().find(|zip_map| declares(field, &zip_map.output)) {
                Some(zip_map) => {
                    put_bytes(&mut graph, 12, &probabilities(&zip_map.output, zip_map.labels.len()));
                }
                None => graph.extend_from_slice(field.raw),
            },
            // Declarations of values between nodes may call the output a sequence, too.
            13 if zip_maps.iter().any(|zip_map| declares(field, &zip_map.output)) => {}
            _ => graph.extend_from_slice(field.raw),
        }
    }
    Ok(graph)
}

/// Whether this NodeProto makes the output of one of them.
fn is_one_of(zip_maps: &[ZipMap], node: &[u8]) -> Result<bool, String> {
    let (mut is_zip_map, mut is_known) = (false, false);
    for field in Fields::of(node) {
        let field = field?;
        match field.number {
            2 => is_known |= zip_maps.iter().any(|zip_map| field.text() == Ok(zip_map.output.as_str())),
            4 => is_zip_map = field.text()? == "ZipMap",
            _ => {}
        }
    }
    Ok(is_zip_map && is_known)
}

/// The same inputs, outputs and name under another operator.
fn identity(node: &[u8]) -> Result<Vec<u8>, String> {
    let mut identity = Vec::new();
    for field in Fields::of(node) {
        let field = field?;
        if matches!(field.number, 1..=3) {
            identity.extend_from_slice(field.raw);
        }
    }
    put_bytes(&mut identity, 4, b"Identity");
    Ok(identity)
}

/// Whether this field is the ValueInfoProto of `name`.
fn declares(value_info: Field<'_>, name: &str) -> bool {
    let bytes = value_info.bytes().unwrap_or_default();
    Fields::of(bytes).flatten().any(|field| field.number == 1 && field.text() == Ok(name))
}

/// The ValueInfoProto of `float32 [?, classes]`.
fn probabilities(name: &str, classes: usize) -> Vec<u8> {
    let (mut axis, mut shape, mut tensor, mut kind, mut info) =
        <(Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>)>::default();
    put_number(&mut axis, 1, classes as u64);
    put_bytes(&mut shape, 1, &[]);
    put_bytes(&mut shape, 1, &axis);
    put_number(&mut tensor, 1, 1);
    put_bytes(&mut tensor, 2, &shape);
    put_bytes(&mut kind, 1, &tensor);
    put_bytes(&mut info, 1, name.as_bytes());
    put_bytes(&mut info, 2, &kind);
    info
}
