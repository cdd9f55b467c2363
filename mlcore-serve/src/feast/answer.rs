//! Features as Feast's server writes them.

use std::io::Write as _;

use mlcore::arrow::array::{Array as _, AsArray as _, RecordBatch};
use mlcore::batch::{ColumnView, Value};
use mlcore::time::{TimeUnit, Timestamp};
use mlcore::{Error, Result};
use mlcore_features::store::feature_store::OnlineFeatures;
use mlcore_features::store::online::{Cell, Status};

use super::request::Sent;
use super::told::place;

/// What is written.
pub(super) struct Written<'a> {
    /// The columns of the request that stand before the features.
    pub(super) echoes: &'a [(&'a str, Echo<'a>)],
    /// The views that were read, with their versions, where these are asked for.
    pub(super) views: &'a [(String, u32)],
    pub(super) answer: &'a OnlineFeatures,
}

/// A column of a request, in the answer.
pub(super) enum Echo<'a> {
    /// In its type.
    Fitted(&'a [Value<'a>]),
    /// As it came.
    Sent(&'a [Sent<'a>]),
}

impl Written<'_> {
    /// The answer, and how many values have each status.
    pub(super) fn to_json(&self) -> Result<(Vec<u8>, [u64; 4])> {
        let (answer, mut counts) = (self.answer, [0; 4]);
        let (rows, features) = (answer.rows(), answer.features());
        let mut json = Json(Vec::with_capacity(256 + 64 * rows * (features.len() + self.echoes.len())));
        json.raw("{\"metadata\":{\"feature_names\":[");
        let names = self.echoes.iter().map(|(name, _)| *name);
        for (number, name) in names.chain(features.iter().map(|feature| feature.name.as_str())).enumerate() {
            json.comma(number);
            json.text(name)?;
        }
        json.raw("]");
        if !self.views.is_empty() {
            json.raw(",\"feature_view_metadata\":[");
            for (number, (name, version)) in self.views.iter().enumerate() {
                json.comma(number);
                json.raw("{\"name\":");
                json.text(name)?;
                // A message leaves out what is zero.
                if *version > 0 {
                    json.shown(format_args!(",\"version\":{version}"))?;
                }
                json.raw("}");
            }
            json.raw("]");
        }
        json.raw("},\"results\":[");
        for (number, (_, echo)) in self.echoes.iter().enumerate() {
            json.comma(number);
            json.echo(echo)?;
        }
        let mut lists = None;
        for feature in 0..features.len() {
            json.comma(self.echoes.len() + feature);
            json.raw("{\"values\":[");
            for row in 0..rows {
                json.comma(row);
                let (status, cell) = (answer.status(row, feature), answer.cell(row, feature));
                if let Some(count) = counts.get_mut(place(status)) {
                    *count += 1;
                }
                if status == Status::Present && cell.is_null() {
                    // A list that an on-demand view made.
                    if lists.is_none() {
                        lists = Some(answer.to_record_batch()?);
                    }
                    json.list_of(lists.as_ref(), row, feature)?;
                } else {
                    json.cell(cell)?;
                }
            }
            json.raw("],\"statuses\":[");
            for row in 0..rows {
                json.comma(row);
                json.shown(format_args!("\"{}\"", answer.status(row, feature).name()))?;
            }
            json.raw("]");
            json.times(rows, |row| answer.event_time(row, feature))?;
            json.raw("}");
        }
        json.raw("]}");
        Ok((json.0, counts))
    }
}

/// JSON under construction.
struct Json(Vec<u8>);

impl Json {
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// The comma before all but the first.
    fn comma(&mut self, number: usize) {
        if number > 0 {
            self.0.push(b',');
        }
    }

    fn shown(&mut self, shown: std::fmt::Arguments<'_>) -> Result<()> {
        self.0.write_fmt(shown).map_err(|cause| unwritten(&cause))
    }

    fn text(&mut self, text: &str) -> Result<()> {
        serde_json::to_writer(&mut self.0, text).map_err(|cause| unwritten(&cause))
    }

    fn float(&mut self, float: f64) -> Result<()> {
        match float {
            float if float.is_finite() => {
                serde_json::to_writer(&mut self.0, &float).map_err(|cause| unwritten(&cause))?;
            }
            float if float.is_nan() => self.raw("\"NaN\""),
            float => self.raw(if float > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" }),
        }
        Ok(())
    }

    fn value(&mut self, value: Value<'_>) -> Result<()> {
        let seconds =
            |count: i64, unit: TimeUnit| Timestamp::new(count, unit).nanoseconds().div_euclid(1_000_000_000);
        match value {
            Value::Null => self.raw("null"),
            Value::Bool(value) => self.raw(if value { "true" } else { "false" }),
            Value::Int(value) => self.shown(format_args!("{value}"))?,
            Value::UInt(value) => self.shown(format_args!("{value}"))?,
            Value::Float(value) => self.float(value)?,
            Value::Text(text) => self.text(text)?,
            Value::Date(date) => self.shown(format_args!("\"{date}\""))?,
            Value::Time(time) => self.shown(format_args!("\"{time}\""))?,
            Value::DateTime(shown) => self.shown(format_args!("{}", seconds(shown.count(), shown.unit())))?,
            Value::Timestamp(own) => self.shown(format_args!("{}", seconds(own.count(), own.unit())))?,
            other => {
                return Err(Error::internal(WRITE, other.kind(), "nothing says how it is written"));
            }
        }
        Ok(())
    }

    fn values<'v>(&mut self, values: impl Iterator<Item = Value<'v>>) -> Result<()> {
        self.raw("[");
        for (number, value) in values.enumerate() {
            self.comma(number);
            self.value(value)?;
        }
        self.raw("]");
        Ok(())
    }

    fn cell(&mut self, cell: Cell<'_>) -> Result<()> {
        match cell.list() {
            Some(list) => self.values(list.iter()),
            None => self.value(cell.value().unwrap_or_default()),
        }
    }

    /// A list in a table.
    fn list_of(&mut self, table: Option<&RecordBatch>, row: usize, column: usize) -> Result<()> {
        let column = table.and_then(|table| table.columns().get(column));
        let list = column.and_then(|column| column.as_list_opt::<i32>());
        let Some(list) = list.filter(|list| row < list.len()) else {
            self.raw("null");
            return Ok(());
        };
        let items = list.value(row);
        let view = ColumnView::new("item", items.as_ref())?;
        self.values((0..items.len()).map(|place| view.value(place)))
    }

    fn sent(&mut self, sent: &Sent<'_>) -> Result<()> {
        match sent {
            Sent::Null => self.value(Value::Null),
            Sent::Bool(value) => self.value(Value::Bool(*value)),
            Sent::Int(value) => self.value(Value::Int(*value)),
            Sent::UInt(value) => self.value(Value::UInt(*value)),
            Sent::Float(value) | Sent::Bare(value) => self.float(*value),
            Sent::Text(text) => self.text(text),
            Sent::List(items) => {
                self.raw("[");
                for (number, item) in items.iter().enumerate() {
                    self.comma(number);
                    self.sent(item)?;
                }
                self.raw("]");
                Ok(())
            }
        }
    }

    /// A column of the request: it is there, and of no time.
    fn echo(&mut self, echo: &Echo<'_>) -> Result<()> {
        self.raw("{\"values\":[");
        let rows = match echo {
            Echo::Fitted(values) => {
                for (row, value) in values.iter().enumerate() {
                    self.comma(row);
                    self.value(*value)?;
                }
                values.len()
            }
            Echo::Sent(values) => {
                for (row, value) in values.iter().enumerate() {
                    self.comma(row);
                    self.sent(value)?;
                }
                values.len()
            }
        };
        self.raw("],\"statuses\":[");
        for row in 0..rows {
            self.comma(row);
            self.raw("\"PRESENT\"");
        }
        self.raw("]");
        self.times(rows, |_| None)?;
        self.raw("}");
        Ok(())
    }

    /// Event times; the first moment of 1970 where there is none.
    fn times(&mut self, rows: usize, time: impl Fn(usize) -> Option<Timestamp>) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        self.raw(",\"event_timestamps\":[");
        for row in 0..rows {
            self.comma(row);
            self.moment(time(row).unwrap_or_default())?;
        }
        self.raw("]");
        Ok(())
    }

    /// A moment in UTC with no, three or six digits behind the second, as protocol buffers write it.
    fn moment(&mut self, moment: Timestamp) -> Result<()> {
        let micros = moment.as_micros();
        let second = Timestamp::new(micros.div_euclid(1_000_000), TimeUnit::Second).to_string();
        let whole = second.trim_end_matches('Z');
        match micros.rem_euclid(1_000_000) {
            0 => self.shown(format_args!("\"{whole}Z\"")),
            fraction if fraction % 1000 == 0 => {
                self.shown(format_args!("\"{whole}.{:03}Z\"", fraction / 1000))
            }
            fraction => self.shown(format_args!("\"{whole}.{fraction:06}Z\"")),
        }
    }
}

fn unwritten(cause: &dyn std::fmt::Display) -> Error {
    Error::internal(WRITE, "answer", cause.to_string())
}

const WRITE: &str = "write features";

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Json) -> Result<()>) -> String {
        let mut json = Json(Vec::new());
        write(&mut json).unwrap();
        String::from_utf8(json.0).unwrap()
    }

    #[test]
    fn values_are_written_as_feast_writes_them() {
        for (value, due) in [
            (Value::Float(f64::from(0.1_f32)), "0.10000000149011612"),
            (Value::Float(1.0), "1.0"),
            (Value::Float(f64::NAN), "\"NaN\""),
            (Value::Float(f64::NEG_INFINITY), "\"-Infinity\""),
            (Value::UInt(u64::MAX), "18446744073709551615"),
            (Value::Text("a\"b"), "\"a\\\"b\""),
            (Value::Timestamp(Timestamp::from_millis(1_500)), "1"),
            (Value::Timestamp(Timestamp::from_millis(-1)), "-1"),
            (Value::Null, "null"),
        ] {
            assert_eq!(written(|json| json.value(value)), due);
        }
    }

    #[test]
    fn moments_have_as_many_digits_as_they_need() {
        for (micros, due) in [
            (0, "\"1970-01-01T00:00:00Z\""),
            (1_709_208_000_000_000, "\"2024-02-29T12:00:00Z\""),
            (1_709_208_000_250_000, "\"2024-02-29T12:00:00.250Z\""),
            (1_709_208_000_000_001, "\"2024-02-29T12:00:00.000001Z\""),
        ] {
            assert_eq!(written(|json| json.moment(Timestamp::from_micros(micros))), due);
        }
    }
}
