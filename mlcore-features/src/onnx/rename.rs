//! Names of values in a model's graph: every place where one stands, and the same graph with other names.

use std::collections::HashMap;

use mlcore::wire::{Field, Fields, put_bytes};

/// Graphs inside graphs: models nest a few levels.
const DEEPEST: usize = 32;

/// Shows each name of a value in a graph (GraphProto), and in the graphs inside of it.
pub(super) fn visit<'a>(graph: &'a [u8], depth: usize, show: &mut impl FnMut(&'a str)) -> Result<(), String> {
    check(depth)?;
    for field in Fields::of(graph) {
        let field = field?;
        match field.number {
            1 => {
                for part in Fields::of(field.bytes()?) {
                    let part = part?;
                    match part.number {
                        1 | 2 => show(part.text()?),
                        5 => {
                            for inner in graphs(part.bytes()?)? {
                                visit(inner, depth + 1, show)?;
                            }
                        }
                        _ => {}
                    }
                }
            }
            5 => texts(field.bytes()?, 8, show)?,
            11..=13 => texts(field.bytes()?, 1, show)?,
            15 => {
                for part in Fields::of(field.bytes()?) {
                    let part = part?;
                    if part.number == 1 {
                        texts(part.bytes()?, 8, show)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn check(depth: usize) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("its graphs are nested more than {DEEPEST} deep"));
    }
    Ok(())
}

/// The graphs that an attribute (AttributeProto) holds.
fn graphs(attribute: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut found = Vec::new();
    for field in Fields::of(attribute) {
        let field = field?;
        if matches!(field.number, 6 | 11) {
            found.push(field.bytes()?);
        }
    }
    Ok(found)
}

fn texts<'a>(message: &'a [u8], number: u64, show: &mut impl FnMut(&'a str)) -> Result<(), String> {
    for field in Fields::of(message) {
        let field = field?;
        if field.number == number {
            show(field.text()?);
        }
    }
    Ok(())
}

/// Other names by the names that they stand in for.
pub(super) type Names<'a> = HashMap<&'a str, String>;

/// Appends a field of a GraphProto with other names.
pub(super) fn rewrite(
    field: &Field<'_>,
    depth: usize,
    names: &Names<'_>,
    whole: &mut Vec<u8>,
) -> Result<(), String> {
    check(depth)?;
    match field.number {
        1 => message(field, whole, |part, whole| match part.number {
            1 | 2 => name(part, names, whole),
            5 => message(part, whole, |part, whole| match part.number {
                6 | 11 => message(part, whole, |inner, whole| rewrite(inner, depth + 1, names, whole)),
                _ => kept(part, whole),
            }),
            _ => kept(part, whole),
        }),
        5 => named(field, 8, names, whole),
        11..=13 => named(field, 1, names, whole),
        // A TensorAnnotation names a tensor and, as values of entries, those of its parameters.
        14 => message(field, whole, |part, whole| match part.number {
            1 => name(part, names, whole),
            2 => named(part, 2, names, whole),
            _ => kept(part, whole),
        }),
        15 => message(field, whole, |part, whole| match part.number {
            1 => named(part, 8, names, whole),
            _ => kept(part, whole),
        }),
        _ => kept(field, whole),
    }
}

/// Appends a message, field by field.
fn message<'a>(
    field: &Field<'a>,
    whole: &mut Vec<u8>,
    append: impl Fn(&Field<'a>, &mut Vec<u8>) -> Result<(), String>,
) -> Result<(), String> {
    let bytes = field.bytes()?;
    let mut own = Vec::with_capacity(bytes.len());
    for part in Fields::of(bytes) {
        append(&part?, &mut own)?;
    }
    put_bytes(whole, field.number, &own);
    Ok(())
}

/// Appends a message whose field of this number is a name.
fn named(field: &Field<'_>, number: u64, names: &Names<'_>, whole: &mut Vec<u8>) -> Result<(), String> {
    message(
        field,
        whole,
        |part, whole| {
            if part.number == number { name(part, names, whole) } else { kept(part, whole) }
        },
    )
}

fn name(field: &Field<'_>, names: &Names<'_>, whole: &mut Vec<u8>) -> Result<(), String> {
    match names.get(field.text()?) {
        Some(other) => put_bytes(whole, field.number, other.as_bytes()),
        None => whole.extend_from_slice(field.raw),
    }
    Ok(())
}

fn kept(field: &Field<'_>, whole: &mut Vec<u8>) -> Result<(), String> {
    whole.extend_from_slice(field.raw);
    Ok(())
}
