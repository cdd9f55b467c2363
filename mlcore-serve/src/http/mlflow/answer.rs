//! Outputs as MLflow writes them for ONNX models.

use mlcore::batch::{Batch, Element as _, Tensor};
use mlcore::schema::DType;
use mlcore::{Error, Result};
use serde_json::{Map, Value};

/// What stands under `predictions`: for a data frame a list of records, for tensors an object of nested lists.
///
/// MLflow makes a data frame of the flat outputs, which works where all have as many elements: there is a record for each element.
/// Where they have not, MLflow fails; here there is a record for each row, with lists where an output is wider than one.
pub(super) fn predictions(outputs: &Batch, is_frame: bool, rows: Option<usize>) -> Result<Value> {
    if !is_frame {
        let nested = |(name, tensor): (&str, &Tensor)| Ok((name.to_owned(), nested(tensor)?));
        return Ok(Value::Object(outputs.iter().map(nested).collect::<Result<Map<_, _>>>()?));
    }
    let mut sizes = outputs.iter().map(|(_, tensor)| tensor.len());
    let first = sizes.next().unwrap_or(0);
    let records = match (sizes.all(|size| size == first), rows) {
        (true, _) | (false, None) => first,
        (false, Some(rows)) => rows,
    };
    let mut objects = vec![Map::new(); records];
    for (name, tensor) in outputs.iter() {
        let is_split = tensor.len() == records || tensor.rows() == Some(records);
        if !is_split {
            let problem =
                format!("it has the shape {:?}, and {records} rows were asked about", tensor.shape());
            return Err(Error::unsupported("write answer", name.to_owned(), problem)
                .remedy("ask with inputs or instances, whose answers have any shape"));
        }
        let mut values = values_of(tensor)?.into_iter();
        let width = tensor.len().checked_div(records).unwrap_or(0);
        for object in &mut objects {
            let value = match width {
                1 => values.next().unwrap_or_default(),
                width => Value::Array(values.by_ref().take(width).collect()),
            };
            object.insert(name.to_owned(), value);
        }
    }
    Ok(Value::Array(objects.into_iter().map(Value::Object).collect()))
}

/// The elements as lists in lists.
fn nested(tensor: &Tensor) -> Result<Value> {
    let mut values = values_of(tensor)?;
    for size in tensor.shape().iter().skip(1).rev() {
        let count = tensor_count(values.len(), *size, tensor.shape());
        let mut own = values.into_iter();
        values = (0..count).map(|_| Value::Array(own.by_ref().take(*size).collect())).collect();
    }
    match tensor.shape() {
        [] => Ok(values.pop().unwrap_or_default()),
        _ => Ok(Value::Array(values)),
    }
}

/// How many lists of this size the values make; where there are none, as many as the first axis says.
fn tensor_count(values: usize, size: usize, shape: &[usize]) -> usize {
    match size {
        0 => shape.first().copied().unwrap_or(0),
        size => values / size,
    }
}

/// The elements as JSON, null where JSON has no number.
fn values_of(tensor: &Tensor) -> Result<Vec<Value>> {
    use mlcore::batch::Value as Element;

    let of = |value: Element<'_>| match value {
        Element::Float(value) => Value::from(value),
        Element::Int(value) => Value::from(value),
        Element::UInt(value) => Value::from(value),
        Element::Bool(value) => Value::from(value),
        Element::Text(text) => Value::from(text),
        _ => Value::Null,
    };
    match tensor.dtype() {
        DType::String => Ok(tensor.texts()?.map(Value::from).collect()),
        dtype => Ok(mlcore::match_element!(
            dtype,
            T => tensor.values::<T>()?.iter().map(|value| of(value.to_value())).collect(),
            _ => Vec::new()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn batch<const N: usize>(outputs: [(&str, Tensor); N]) -> Batch {
        Batch::new(outputs).unwrap()
    }

    fn floats(shape: &[usize], values: &[f32]) -> Tensor {
        Tensor::new(shape, values.to_vec()).unwrap()
    }

    #[test]
    fn a_data_frame_is_answered_by_records() {
        let label = || Tensor::column(vec![1_i64, 0]);
        let flat = batch([("label", label()), ("score", floats(&[2, 1], &[0.5, f32::NAN]))]);
        let records = json!([{"label": 1, "score": 0.5}, {"label": 0, "score": null}]);
        assert_eq!(predictions(&flat, true, Some(2)).unwrap(), records);
        // As MLflow does: a record for each element.
        let wide = batch([("p", floats(&[1, 2], &[0.25, 0.75]))]);
        assert_eq!(predictions(&wide, true, Some(1)).unwrap(), json!([{"p": 0.25}, {"p": 0.75}]));
        let mixed = batch([("label", label()), ("p", floats(&[2, 2], &[0.25, 0.75, 1.0, 0.0]))]);
        let records = json!([{"label": 1, "p": [0.25, 0.75]}, {"label": 0, "p": [1.0, 0.0]}]);
        assert_eq!(predictions(&mixed, true, Some(2)).unwrap(), records);
        let other = batch([("label", label()), ("sum", floats(&[3], &[1.0, 2.0, 3.0]))]);
        assert!(
            predictions(&other, true, Some(2)).unwrap_err().to_string().contains("2 rows were asked about")
        );
        let none = batch([("label", Tensor::column(Vec::<i64>::new())), ("p", floats(&[0, 2], &[]))]);
        assert_eq!(predictions(&none, true, Some(0)).unwrap(), json!([]));
    }

    #[test]
    fn tensors_are_answered_by_lists() {
        let text = Tensor::strings([1], ["a"]).unwrap();
        let cube = floats(&[1, 2, 2], &[1.0, 2.0, 3.0, f32::INFINITY]);
        let answer = json!({"text": ["a"], "cube": [[[1.0, 2.0], [3.0, null]]], "one": 7.0});
        let outputs = batch([("text", text), ("cube", cube), ("one", floats(&[], &[7.0]))]);
        assert_eq!(predictions(&outputs, false, None).unwrap(), answer);
        let none = batch([("p", floats(&[0, 2], &[])), ("q", floats(&[2, 0], &[]))]);
        assert_eq!(predictions(&none, false, None).unwrap(), json!({"p": [], "q": [[], []]}));
    }
}
