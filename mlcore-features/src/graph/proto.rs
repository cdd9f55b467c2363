//! The messages of ONNX that an export writes, field by field as `onnx.proto` numbers them
//! (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>).

use mlcore::wire::{put_bytes, put_number};

/// The type of a tensor's elements, by ONNX's number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Element {
    Float32 = 1,
    Int64 = 7,
    String = 8,
    Bool = 9,
    Float16 = 10,
    Float64 = 11,
    UInt64 = 13,
}

impl Element {
    pub(crate) const fn number(self) -> u64 {
        self as u64
    }
}

/// A setting of an operator.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attribute<'a> {
    Int(i64),
    Ints(&'a [i64]),
    Texts(&'a [&'a str]),
}

/// A size of a tensor, as a message.
pub(crate) fn dimension(size: Dimension<'_>) -> Vec<u8> {
    let mut message = Vec::new();
    match size {
        Dimension::Fixed(size) => put_number(&mut message, 1, size),
        Dimension::Named(name) => put_bytes(&mut message, 2, name.as_bytes()),
    }
    message
}

/// A size that is known, or only its name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dimension<'a> {
    Fixed(u64),
    Named(&'a str),
}

/// The declaration of an input or an output: a tensor of this type, whose sizes are messages.
pub(crate) fn declaration(name: &str, element: Element, dimensions: &[&[u8]]) -> Vec<u8> {
    let (mut shape, mut tensor, mut kind, mut declared) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for dimension in dimensions {
        put_bytes(&mut shape, 1, dimension);
    }
    put_number(&mut tensor, 1, element.number());
    put_bytes(&mut tensor, 2, &shape);
    put_bytes(&mut kind, 1, &tensor);
    put_bytes(&mut declared, 1, name.as_bytes());
    put_bytes(&mut declared, 2, &kind);
    declared
}

/// A tensor with its elements.
pub(crate) fn tensor(name: &str, element: Element, shape: &[usize], raw: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(raw.len() + name.len() + 32);
    for size in shape {
        put_number(&mut message, 1, *size as u64);
    }
    put_number(&mut message, 2, element.number());
    put_bytes(&mut message, 8, name.as_bytes());
    put_bytes(&mut message, 9, raw);
    message
}

/// A node: what an operator makes of its inputs.
pub(crate) fn node(
    (domain, operator): (&str, &str),
    name: &str,
    inputs: &[&str],
    output: &str,
    attributes: &[(&str, Attribute<'_>)],
) -> Vec<u8> {
    let mut message = Vec::new();
    for input in inputs {
        put_bytes(&mut message, 1, input.as_bytes());
    }
    put_bytes(&mut message, 2, output.as_bytes());
    put_bytes(&mut message, 3, name.as_bytes());
    put_bytes(&mut message, 4, operator.as_bytes());
    for (name, value) in attributes {
        put_bytes(&mut message, 5, &attribute(name, *value));
    }
    if !domain.is_empty() {
        put_bytes(&mut message, 7, domain.as_bytes());
    }
    message
}

fn attribute(name: &str, value: Attribute<'_>) -> Vec<u8> {
    let mut message = Vec::new();
    put_bytes(&mut message, 1, name.as_bytes());
    let kind = match value {
        Attribute::Int(number) => {
            put_number(&mut message, 3, number.cast_unsigned());
            2
        }
        Attribute::Ints(numbers) => {
            for number in numbers {
                put_number(&mut message, 8, number.cast_unsigned());
            }
            7
        }
        Attribute::Texts(texts) => {
            for text in texts {
                put_bytes(&mut message, 9, text.as_bytes());
            }
            8
        }
    };
    put_number(&mut message, 20, kind);
    message
}

/// An operator set: its domain and its version.
pub(crate) fn operator_set(domain: &str, version: i64) -> Vec<u8> {
    let mut message = Vec::new();
    put_bytes(&mut message, 1, domain.as_bytes());
    put_number(&mut message, 2, version.cast_unsigned());
    message
}

/// A property of a model.
pub(crate) fn property(key: &str, value: &str) -> Vec<u8> {
    let mut message = Vec::new();
    put_bytes(&mut message, 1, key.as_bytes());
    put_bytes(&mut message, 2, value.as_bytes());
    message
}
