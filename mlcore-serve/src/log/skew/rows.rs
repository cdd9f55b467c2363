use std::collections::HashMap;

use mlcore::batch::{OwnedValue, Value};
use mlcore::time::Timestamp;

use super::{ComparedValue, LeftOut};
use crate::endpoint::FeatureStatus;
use crate::log::LoggedPrediction;

/// A row of a request.
pub(super) enum Row<'a> {
    Served(Values<'a>),
    /// It cannot be compared, which is counted here.
    LeftOut(fn(&mut LeftOut) -> &mut u64),
}

/// The values of a row by the names of the columns.
pub(super) struct Values<'a> {
    keys: Vec<(String, OwnedValue)>,
    features: HashMap<&'a str, Value<'a>>,
}

impl<'a> Values<'a> {
    /// The value of a column. A join key is told before a feature of its name.
    pub(super) fn get<'v>(&'v self, name: &str) -> Option<Value<'v>> {
        let key = self.keys.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_value());
        key.or_else(|| self.features.get(name).copied())
    }
}

/// When a request was decided, after which its features were read.
pub(super) fn decided_at(prediction: &LoggedPrediction) -> Timestamp {
    let latency = i64::try_from(prediction.latency.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(prediction.time.as_micros().saturating_sub(latency))
}

/// The rows of a request: `asked` are its join keys and what it must bring.
pub(super) fn rows_of<'a>(
    prediction: &'a LoggedPrediction,
    asked: &'a [String],
    features: &'a [String],
    compared: ComparedValue,
) -> impl Iterator<Item = Row<'a>> {
    let rows = prediction.features.len().max(prediction.looked_up.entities().len());
    (0..rows).map(move |row| row_of(prediction, row, (asked, features), compared))
}

fn row_of<'a>(
    prediction: &'a LoggedPrediction,
    row: usize,
    (asked, features): (&[String], &[String]),
    compared: ComparedValue,
) -> Row<'a> {
    let looked_up = &prediction.looked_up;
    // One entity stands for all rows.
    let entity = if looked_up.entities().len() == 1 { 0 } else { row };
    let Some(key) = looked_up.entities().get(entity) else {
        return Row::LeftOut(|left_out| &mut left_out.without_entity);
    };
    let given: HashMap<&str, &OwnedValue> = prediction
        .features
        .get(row)
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    let mut values = Values { keys: key.parts(), features: HashMap::new() };
    for name in asked {
        if values.keys.iter().any(|(own, _)| own == name) {
            continue;
        }
        // What is no part of the key came with the request, or is the key of another lookup.
        match given.get_key_value(name.as_str()) {
            Some((own, value)) => values.features.insert(*own, value.as_value()),
            None if prediction.features.is_empty() => {
                return Row::LeftOut(|left_out| &mut left_out.without_request_value);
            }
            None => return Row::LeftOut(|left_out| &mut left_out.without_entity),
        };
    }
    let statuses: HashMap<&str, FeatureStatus> =
        looked_up.of_entity(entity).map(|(name, status, _)| (name, status)).collect();
    for name in features {
        let Some((own, status)) = statuses.get_key_value(name.as_str()) else {
            return Row::LeftOut(|left_out| &mut left_out.without_feature);
        };
        let value = given.get(name.as_str()).map(|value| value.as_value());
        let value = match (compared, status) {
            (ComparedValue::Stored, FeatureStatus::Sent) => {
                return Row::LeftOut(|left_out| &mut left_out.sent);
            }
            (ComparedValue::Stored, FeatureStatus::Unavailable) => {
                return Row::LeftOut(|left_out| &mut left_out.unavailable);
            }
            (
                ComparedValue::Stored,
                FeatureStatus::NullValue | FeatureStatus::NotFound | FeatureStatus::OutsideMaxAge,
            ) => Some(Value::Null),
            (ComparedValue::Stored, FeatureStatus::Present | FeatureStatus::LastKnown)
            | (ComparedValue::Given, _) => value,
        };
        let Some(value) = value else {
            return Row::LeftOut(|left_out| &mut left_out.without_feature);
        };
        values.features.insert(*own, value);
    }
    Row::Served(values)
}
