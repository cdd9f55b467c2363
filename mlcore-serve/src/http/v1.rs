//! KServe's first protocol: `{"instances": [..]}` in, `{"predictions": [..]}` out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Instant;

use mlcore::batch::{Batch, Tensor};
use mlcore::schema::Field;
use mlcore::{Error, Result};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::question::{Form, Question, Who, check_count};
use super::records::rows_of;
use super::refusal::Refusal;
use super::unique::Unique;
use super::{Answered, json, parsed};
use crate::endpoint::Prediction;
use crate::models::{Models, Served};
use crate::v2::{InferRequest, shortened, tensor_of_json};

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    instances: Vec<&'a RawValue>,
}

pub(super) fn models(models: &Models) -> Answered {
    let names: Vec<String> = models.served().iter().map(|served| served.name().to_string()).collect();
    json(&json!({ "models": names }))
}

pub(super) fn ready(models: &Models, name: &str) -> Answered {
    let served = models.get(name)?;
    json(&json!({"name": served.name().as_str(), "ready": true}))
}

/// Instances: objects of raw columns where the version has a feature plan, objects of inputs, or the rows of the only input.
pub(super) struct Instances;

impl Form for Instances {
    /// The instances.
    type Kept = usize;

    fn read<'b>(
        &self,
        served: &Served,
        body: &'b [u8],
        most: usize,
        arrived: Instant,
    ) -> Result<(Question<'b>, usize), Refusal> {
        let Body { instances } = parsed(body)?;
        let rows = instances.len();
        check_count("instances", rows, most)?;
        let are_objects = instances.iter().all(|instance| instance.get().starts_with('{'));
        let model = served.model(None)?;
        if are_objects && model.plan().is_some() {
            let who = Who { unit: None, id: None, version: None, timeout: None, arrived };
            let records = instances.into_iter().map(Cow::Borrowed).collect();
            return Ok((Question::of_records(served, records, who, Vec::new())?, rows));
        }
        let fields = model.runner().signature().inputs.fields();
        let tensors = if are_objects { named(fields, &instances) } else { only(fields, &instances) };
        let request = InferRequest::new(Batch::new(tensors?)?);
        Ok((Question::Tensors { request, version: None, arrived }, rows))
    }

    fn write(&self, _: &Served, rows: usize, prediction: &Prediction) -> Answered {
        let mut rows = rows_of(&prediction.outputs, rows)?;
        let predictions: Vec<Value> = match prediction.outputs.len() {
            // The only output needs no name.
            1 => rows.iter_mut().filter_map(|row| row.values_mut().next().map(Value::take)).collect(),
            _ => rows.into_iter().map(Value::Object).collect(),
        };
        json(&json!({ "predictions": predictions }))
    }
}

/// The only input, whose rows the instances are.
pub(super) fn only<'f>(fields: &'f [Field], instances: &[&RawValue]) -> Result<Vec<(&'f str, Tensor)>> {
    let [field] = fields else {
        let names: Vec<&str> = fields.iter().map(Field::name).collect();
        let problem = format!("they are lists, and the model has the inputs {}", names.join(", "));
        return Err(Error::invalid_input(READ, "instances", problem)
            .remedy("send objects with a value for each input"));
    };
    Ok(vec![(field.name(), column(field, instances)?)])
}

/// Every input by its name.
pub(super) fn named<'f>(fields: &'f [Field], instances: &[&RawValue]) -> Result<Vec<(&'f str, Tensor)>> {
    let mut objects = Vec::with_capacity(instances.len());
    for (place, instance) in instances.iter().enumerate() {
        let Unique(object): Unique<Cow<'_, str>, &RawValue> = serde_json::from_str(instance.get())
            .map_err(|cause| Error::invalid_input(READ, format!("instance {place}"), cause.to_string()))?;
        if let Some(unknown) = object.keys().find(|key| !fields.iter().any(|field| *field.name() == ***key)) {
            let problem = format!("the model has no input {}", shortened(unknown));
            return Err(Error::invalid_input(READ, format!("instance {place}"), problem));
        }
        objects.push(object);
    }
    let column_of = |field: &'f Field| {
        let value = |(place, object): (usize, &BTreeMap<Cow<'_, str>, &'_ RawValue>)| {
            object.get(field.name()).map(|value| value.get().to_owned()).ok_or_else(|| {
                let problem = format!("it has no value for the input {}", field.name());
                Error::invalid_input(READ, format!("instance {place}"), problem)
            })
        };
        let values: Vec<String> = objects.iter().enumerate().map(value).collect::<Result<_>>()?;
        Ok((field.name(), listed(field, values.iter().map(String::as_str))?))
    };
    fields.iter().map(column_of).collect()
}

fn column(field: &Field, instances: &[&RawValue]) -> Result<Tensor> {
    listed(field, instances.iter().map(|instance| instance.get()))
}

/// The tensor whose rows are these values, each of the shape of the first.
pub(super) fn listed<'v>(
    field: &Field,
    values: impl ExactSizeIterator<Item = &'v str> + Clone,
) -> Result<Tensor> {
    let mut shape = vec![values.len()];
    if let Some(first) = values.clone().next() {
        let first: Value = serde_json::from_str(first)
            .map_err(|cause| Error::invalid_input(READ, field.name().to_owned(), cause.to_string()))?;
        let mut inner = &first;
        while let Value::Array(items) = inner {
            shape.push(items.len());
            match items.first() {
                Some(item) => inner = item,
                None => break,
            }
        }
    }
    let mut text = String::from("[");
    for (place, value) in values.enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(value);
    }
    text.push(']');
    // A column of one value for each row, where the model declares its width.
    let tensor = tensor_of_json(field.name(), field.dtype(), &shape, &text)?;
    Ok(tensor.shaped_for(field))
}

const READ: &str = "read request";
