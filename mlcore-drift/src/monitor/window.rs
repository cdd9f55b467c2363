//! The rows of the current window, column by column, in bounded memory.

use std::fmt::Write;

use mlcore::batch::Value;
use mlcore::{Error, Result};

use crate::sample::{CategoryCounter, Kind, Precision, Sample};

/// The values of one column since the window began.
#[derive(Debug)]
pub(super) struct Buffer {
    values: Values,
    nulls: u64,
    nans: u64,
}

#[derive(Debug)]
enum Values {
    Numeric { values: Vec<f64>, rows: usize },
    Categorical(CategoryCounter),
}

impl Buffer {
    /// A buffer for windows of `rows` rows. The memory is claimed when the first value arrives.
    pub(super) fn new(kind: Kind, rows: usize, max_categories: usize) -> Self {
        let values = match kind {
            Kind::Numeric => Values::Numeric { values: Vec::new(), rows },
            Kind::Categorical => Values::Categorical(CategoryCounter::with_limit(max_categories)),
        };
        Self { values, nulls: 0, nans: 0 }
    }

    /// Can [`push`](Self::push) take this value?
    pub(super) fn accepts(&self, value: &Value<'_>) -> bool {
        match self.values {
            Values::Numeric { .. } => !matches!(value, Value::Text(_) | Value::Bool(_)),
            Values::Categorical(_) => true,
        }
    }

    /// Takes one value; `scratch` is memory to write numbers in.
    #[inline]
    pub(super) fn push(&mut self, value: &Value<'_>, scratch: &mut String) {
        match (&mut self.values, value) {
            (_, Value::Null) => self.nulls += 1,
            (_, Value::Float(float)) if float.is_nan() => self.nans += 1,
            (Values::Numeric { values, rows }, value) => {
                if values.capacity() == 0 {
                    values.reserve_exact(*rows);
                }
                match value {
                    Value::Float(float) => values.push(*float),
                    Value::Int(int) => values.push(*int as f64),
                    Value::UInt(int) => values.push(*int as f64),
                    _ => self.nulls += 1,
                }
            }
            (Values::Categorical(counter), Value::Text(text)) => counter.add(text),
            (Values::Categorical(counter), Value::Bool(flag)) => {
                counter.add(if *flag { "true" } else { "false" });
            }
            (Values::Categorical(counter), value) => {
                scratch.clear();
                // Writing to a String does not fail.
                let _ = match value {
                    Value::Int(int) => write!(scratch, "{int}"),
                    Value::UInt(int) => write!(scratch, "{int}"),
                    Value::Float(float) => write!(scratch, "{}", float + 0.0),
                    _ => Ok(()),
                };
                counter.add(scratch);
            }
        }
    }

    /// Takes the rows of a sample of the same kind.
    pub(super) fn append(&mut self, sample: &Sample) -> Result<()> {
        match (&mut self.values, sample.values(), sample.categories()) {
            (Values::Numeric { values, rows }, Some(new), _) => {
                if values.capacity() == 0 {
                    values.reserve_exact(*rows);
                }
                values.extend_from_slice(new);
            }
            (Values::Categorical(counter), _, Some(categories)) => {
                categories.iter().for_each(|(category, count)| counter.add_times(category, count));
            }
            _ => return Err(Error::internal("observe", "column", "the kinds differ")),
        }
        self.nulls += sample.nulls();
        self.nans += sample.nans();
        Ok(())
    }

    /// The sample so far; the window goes on.
    pub(super) fn sample(&self) -> Sample {
        match &self.values {
            Values::Numeric { values, .. } => {
                Sample::from_parts(values.clone(), self.nulls, self.nans, Precision::Float64)
            }
            Values::Categorical(counter) => {
                Sample::from_categories(counter.categories(), self.nulls + self.nans)
            }
        }
    }

    /// The sample of the finished window; the next one begins.
    pub(super) fn finish(&mut self) -> Sample {
        let (nulls, nans) = (std::mem::take(&mut self.nulls), std::mem::take(&mut self.nans));
        match &mut self.values {
            Values::Numeric { values, .. } => {
                Sample::from_parts(std::mem::take(values), nulls, nans, Precision::Float64)
            }
            Values::Categorical(counter) => {
                let categories = counter.categories();
                counter.clear();
                Sample::from_categories(categories, nulls + nans)
            }
        }
    }
}
