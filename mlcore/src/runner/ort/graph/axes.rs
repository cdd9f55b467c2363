//! Names for the free axes of a long model's inputs. ONNX Runtime invents a name for each free axis that has none, for each
//! node again, and the time that this takes grows with the square of the nodes: 20 seconds for 4,000 in a row, which take 0.1
//! with a name. Exporters of scikit-learn leave rows without a name.

use super::wire::{Fields, put_bytes};

/// Shorter models are loaded as they are.
const LONG: usize = 500;

/// The model in `bytes`, of so many nodes, with a name for each free axis of its inputs; `None` where that makes no difference. Two
/// axes never have the same name, so that it says as much as before.
///
/// # Errors
/// What is malformed; a model that was read before is not.
pub(in crate::runner::ort) fn with_named_axes(bytes: &[u8], nodes: usize) -> Result<Option<Vec<u8>>, String> {
    if nodes < LONG {
        return Ok(None);
    }
    let (mut model, mut count) = (Vec::with_capacity(bytes.len()), 0);
    // A model holds a graph, whose inputs have a type, which is that of a tensor, whose shape has axes.
    rewrite(bytes, &[7, 11, 2, 1, 2, 1], &mut model, &mut count)?;
    Ok((count > 0).then_some(model))
}

/// Copies a message, and in the fields along `path` the last one with a name, where it has neither a size nor a name.
fn rewrite(message: &[u8], path: &[u64], to: &mut Vec<u8>, count: &mut usize) -> Result<(), String> {
    let Some((next, rest)) = path.split_first() else {
        to.extend_from_slice(message);
        let is_known = Fields::of(message).flatten().any(|field| match field.number {
            1 => field.number().is_ok_and(|size| size >= 0),
            2 => field.text().is_ok_and(|name| !name.is_empty()),
            _ => false,
        });
        if !is_known {
            put_bytes(to, 2, format!("mlcore_axis_{count}").as_bytes());
            *count += 1;
        }
        return Ok(());
    };
    let mut inner = Vec::new();
    for field in Fields::of(message) {
        let field = field?;
        if field.number == *next {
            inner.clear();
            rewrite(field.bytes()?, rest, &mut inner, count)?;
            put_bytes(to, field.number, &inner);
        } else {
            to.extend_from_slice(field.raw);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::wire::put_number;
    use super::*;

    fn within(path: &[u64], message: &[u8]) -> Vec<u8> {
        path.iter().rev().fold(message.to_vec(), |inner, number| {
            let mut outer = Vec::new();
            put_bytes(&mut outer, *number, &inner);
            outer
        })
    }

    #[test]
    fn free_axes_get_names_and_all_else_stays() {
        let (mut size, mut name, mut minus_one) = (Vec::new(), Vec::new(), Vec::new());
        put_number(&mut size, 1, 30);
        put_bytes(&mut name, 2, b"N");
        put_number(&mut minus_one, 1, u64::MAX);
        let named = |count: usize| {
            let mut axis = Vec::new();
            put_bytes(&mut axis, 2, format!("mlcore_axis_{count}").as_bytes());
            axis
        };
        let model = |axes: &[&[u8]]| {
            let mut shape = Vec::new();
            axes.iter().for_each(|axis| put_bytes(&mut shape, 1, axis));
            let graph = within(&[11, 2, 1, 2], &shape);
            let mut model = Vec::new();
            put_number(&mut model, 1, 8);
            put_bytes(&mut model, 7, &[graph.clone(), within(&[12, 2, 1, 2], &shape)].concat());
            (model, graph)
        };
        let (before, _) = model(&[&[], &size, &name, &minus_one]);
        let after = with_named_axes(&before, LONG).unwrap().unwrap();
        // The outputs stay as they are declared.
        let last = [minus_one.clone(), named(1)].concat();
        let (_, inputs) = model(&[&named(0), &size, &name, &last]);
        assert!(after.windows(inputs.len()).any(|window| window == inputs));
        assert_eq!(with_named_axes(&before, LONG - 1), Ok(None));
        assert_eq!(with_named_axes(&model(&[&size, &name]).0, LONG), Ok(None));
    }
}
