//! The rows of the current window, column by column, in bounded memory.

use std::fmt::Write;
use std::ops::Range;

use mlcore::arrow::array::Array;
use mlcore::arrow::buffer::NullBuffer;
use mlcore::arrow::datatypes::DataType;
use mlcore::batch::{Element, Value};
use mlcore::schema::DType;
use mlcore::{Error, Result, match_element};
use serde::{Deserialize, Serialize};

use crate::sample::{
    CategoryCounter, CounterState, Kind, Remainders, Sample, Spelling, is_exact, write_float,
};

/// The values of one column since the window began.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    values: Values,
    nulls: u64,
    nans: u64,
}

#[derive(Clone, Debug)]
enum Values {
    Numeric {
        values: Vec<f64>,
        remainders: Remainders,
        rows: usize,
    },
    /// Boxed, so that the buffers of numbers lie close together.
    Categorical {
        counter: Box<CategoryCounter>,
        spelling: Spelling,
    },
}

/// What a [`Buffer`] holds, to be stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct BufferState {
    values: ValuesState,
    nulls: u64,
    nans: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ValuesState {
    Numeric {
        #[serde(with = "mlcore::exact")]
        values: Vec<f64>,
        #[serde(default, skip_serializing_if = "Remainders::is_empty")]
        remainders: Remainders,
    },
    Categorical {
        counter: CounterState,
    },
}

impl BufferState {
    /// The rows that it holds; `None` for what no buffer saves.
    pub(super) fn rows(&self) -> Option<u64> {
        let values = match &self.values {
            ValuesState::Numeric { values, remainders } => {
                let is_sound = remainders.fit(values.len()) && values.iter().all(|value| !value.is_nan());
                is_sound.then_some(values.len() as u64)?
            }
            ValuesState::Categorical { counter } => counter.rows()?,
        };
        values.checked_add(self.nulls)?.checked_add(self.nans)
    }
}

impl Buffer {
    /// A buffer for windows of `rows` rows, whose categories are spelled as the reference spells them. The memory is claimed
    /// when the first value arrives, that of the longest windows as their values do.
    pub(super) fn new(kind: Kind, spelling: Spelling, rows: usize, max_categories: usize) -> Self {
        let values = match kind {
            Kind::Numeric => Values::Numeric { values: Vec::new(), remainders: Remainders::default(), rows },
            Kind::Categorical => {
                let counter = Box::new(CategoryCounter::with_limit(max_categories));
                Values::Categorical { counter, spelling }
            }
        };
        Self { values, nulls: 0, nans: 0 }
    }

    /// Whether [`push`](Self::push) can take this value.
    pub(super) fn accepts(&self, value: &Value<'_>) -> bool {
        // Dates and times are neither: they move by themselves, as columns of a reference do that are skipped for it.
        match value {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => true,
            Value::Text(_) => matches!(self.values, Values::Categorical { .. }),
            _ => false,
        }
    }

    /// Takes one value; `scratch` is memory to write numbers in.
    #[inline]
    pub(super) fn push(&mut self, value: &Value<'_>, scratch: &mut String) {
        match (&mut self.values, value) {
            (_, Value::Null) => self.nulls += 1,
            (_, Value::Float(float)) if float.is_nan() => self.nans += 1,
            (Values::Numeric { values, remainders, rows }, value) => {
                if values.capacity() == 0 {
                    values.reserve_exact((*rows).min(MOST_RESERVED));
                }
                match value {
                    Value::Float(float) => values.push(*float),
                    Value::Int(int) => {
                        if !is_exact(int.unsigned_abs()) {
                            remainders.note(values.len(), (*int).into(), *int as f64);
                        }
                        values.push(*int as f64);
                    }
                    Value::UInt(int) => {
                        if !is_exact(*int) {
                            remainders.note(values.len(), (*int).into(), *int as f64);
                        }
                        values.push(*int as f64);
                    }
                    Value::Bool(flag) => values.push(f64::from(u8::from(*flag))),
                    _ => self.nulls += 1,
                }
            }
            (Values::Categorical { counter, .. }, Value::Text(text)) => counter.add(text),
            (Values::Categorical { counter, spelling }, Value::Bool(flag)) => {
                counter.add(spelling.truth(*flag));
            }
            (Values::Categorical { counter, spelling }, value) => {
                scratch.clear();
                // Writing to a String does not fail.
                let _ = match value {
                    Value::Int(int) => write!(scratch, "{int}"),
                    Value::UInt(int) => write!(scratch, "{int}"),
                    Value::Float(float) => {
                        write_float(scratch, *float);
                        Ok(())
                    }
                    _ => Ok(()),
                };
                counter.add(spelling.respelled(Spelling::Number, scratch));
            }
        }
    }

    /// Whether [`extend`](Self::extend) takes columns of this type. The others are taken as samples.
    pub(super) fn takes(&self, data_type: &DataType) -> bool {
        let is_plain = data_type.is_integer() || data_type.is_floating();
        is_plain && matches!(self.values, Values::Numeric { .. })
    }

    /// Takes some rows of a column of a type that it [takes](Self::takes).
    pub(super) fn extend(&mut self, array: &dyn Array, rows: Range<usize>) -> Result<()> {
        let dtype = DType::from_arrow(array.data_type()).ok_or_else(kinds_differ)?;
        match_element!(
            dtype,
            T => {
                let values = T::slice_of(array).and_then(|values| values.get(rows.clone()));
                self.extend_by(values.ok_or_else(kinds_differ)?, array.nulls(), rows)
            },
            _ => Err(kinds_differ())
        )
    }

    /// Takes the values of these rows, unless they are null.
    #[inline(always)]
    fn extend_by<T: Element>(
        &mut self,
        new: &[T],
        nulls: Option<&NullBuffer>,
        rows: Range<usize>,
    ) -> Result<()> {
        let Values::Numeric { values, remainders, rows: window } = &mut self.values else {
            return Err(kinds_differ());
        };
        if values.capacity() == 0 {
            values.reserve_exact((*window).min(MOST_RESERVED));
        }
        let before = values.len();
        match nulls.filter(|nulls| nulls.null_count() > 0) {
            None => {
                values.extend(new.iter().map(|value| value.to_f64()));
                note_remainders(remainders, before, new.iter().copied());
            }
            Some(nulls) => {
                let present = || rows.clone().zip(new).filter(|(row, _)| nulls.is_valid(*row));
                values.extend(present().map(|(_, value)| value.to_f64()));
                self.nulls += (new.len() - (values.len() - before)) as u64;
                note_remainders(remainders, before, present().map(|(_, value)| *value));
            }
        }
        let nans: u64 = values[before..].iter().map(|value| u64::from(value.is_nan())).sum();
        if nans > 0 {
            let mut kept = before;
            for place in before..values.len() {
                values[kept] = values[place];
                kept += usize::from(!values[place].is_nan());
            }
            values.truncate(kept);
            self.nans += nans;
        }
        Ok(())
    }

    /// Takes so many rows without a value.
    pub(super) fn miss(&mut self, rows: usize) {
        self.nulls += rows as u64;
    }

    /// Takes the rows of a sample of the same kind.
    pub(super) fn append(&mut self, sample: &Sample) -> Result<()> {
        match (&mut self.values, sample.values(), sample.categories()) {
            (Values::Numeric { values, remainders, rows }, Some(new), _) => {
                if values.capacity() == 0 {
                    values.reserve_exact((*rows).min(MOST_RESERVED));
                }
                if let Some(taken) = sample.remainders() {
                    remainders.append(taken, values.len());
                }
                values.extend_from_slice(new);
            }
            (Values::Categorical { counter, spelling }, _, Some(categories)) => {
                let from = categories.spelling();
                counter.append(categories, |category| spelling.respelled(from, category));
            }
            _ => return Err(kinds_differ()),
        }
        self.nulls += sample.nulls();
        self.nans += sample.nans();
        Ok(())
    }

    /// What it holds.
    pub(super) fn save(&self) -> BufferState {
        let values = match &self.values {
            Values::Numeric { values, remainders, .. } => {
                ValuesState::Numeric { values: values.clone(), remainders: remainders.clone() }
            }
            Values::Categorical { counter, .. } => ValuesState::Categorical { counter: counter.save() },
        };
        BufferState { values, nulls: self.nulls, nans: self.nans }
    }

    /// Takes over, while it is empty, what another of the same kind held.
    pub(super) fn restore(&mut self, state: &BufferState) -> Result<()> {
        match (&mut self.values, &state.values) {
            (
                Values::Numeric { values, remainders, .. },
                ValuesState::Numeric { values: saved, remainders: taken },
            ) => {
                values.extend_from_slice(saved);
                remainders.append(taken, 0);
            }
            (Values::Categorical { counter, .. }, ValuesState::Categorical { counter: saved }) => {
                counter.restore(saved);
            }
            _ => return Err(kinds_differ()),
        }
        (self.nulls, self.nans) = (state.nulls, state.nans);
        Ok(())
    }

    /// The sample so far; the window goes on.
    pub(super) fn sample(&self) -> Sample {
        match &self.values {
            Values::Numeric { values, remainders, .. } => {
                Sample::from_present(values.clone(), remainders.clone(), self.nulls, self.nans)
            }
            Values::Categorical { counter, spelling } => {
                let categories = counter.categories().spelled(*spelling);
                Sample::from_categories(categories, self.nulls + self.nans)
            }
        }
    }

    /// The sample of the finished window; the next one begins.
    pub(super) fn finish(&mut self) -> Sample {
        let (nulls, nans) = (std::mem::take(&mut self.nulls), std::mem::take(&mut self.nans));
        match &mut self.values {
            Values::Numeric { values, remainders, .. } => {
                Sample::from_present(std::mem::take(values), std::mem::take(remainders), nulls, nans)
            }
            Values::Categorical { counter, spelling } => {
                let categories = counter.categories().spelled(*spelling);
                counter.clear();
                Sample::from_categories(categories, nulls + nans)
            }
        }
    }

    /// Takes back the memory of a sample that [`finish`](Self::finish) gave.
    pub(super) fn reuse(&mut self, sample: Sample) {
        if let (Values::Numeric { values, .. }, Some(mut used)) = (&mut self.values, sample.into_values())
            && values.capacity() == 0
        {
            used.clear();
            *values = used;
        }
    }
}

/// Notes what floats lack of the values, the first of which is at `start`.
#[inline(always)]
fn note_remainders<T: Element>(remainders: &mut Remainders, start: usize, values: impl Iterator<Item = T>) {
    if !matches!(T::DTYPE, DType::Int64 | DType::UInt64) {
        return;
    }
    for (place, value) in values.enumerate() {
        let (whole, is_exact): (i128, bool) = match value.to_value() {
            Value::Int(int) => (int.into(), is_exact(int.unsigned_abs())),
            Value::UInt(int) => (int.into(), is_exact(int)),
            _ => continue,
        };
        if !is_exact {
            remainders.note(start + place, whole, whole as f64);
        }
    }
}

/// The most values that memory is claimed for before they arrive: 8 MB.
const MOST_RESERVED: usize = 1 << 20;

fn kinds_differ() -> Error {
    Error::internal("observe", "column", "the kinds differ")
}
