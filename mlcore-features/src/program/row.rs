//! One record through a plan: no allocation, no name, no table.

use std::sync::Arc;

use mlcore::arrow::datatypes::{ArrowPrimitiveType, Float16Type};
use mlcore::batch::{Element as _, Row, Value};
use mlcore::schema::DType;
use mlcore::{Error, Result};

use super::custom::{CustomStep, InputRows};
use super::encoder::{Codes, REFUSED, Writes, ZEROS, exact_bits, exact_value, row_number};
use super::instruction::{Instruction, Place, Reading, Scaled, Source, TextFrom, TextReading};
use super::kernel::impute;
use super::moment::{Moment, MomentStep};
use super::output::Output;
use super::row_sink::RowSink;
use super::text::{TextRow, TextScratch, TextStep};
use super::words::{MadeText, MakeStep};
use super::{Program, Refusal, Slot, held, shown_number, shown_text};

/// Runs single rows through a plan, reusing its memory: after construction, running allocates nothing (errors do, and so does
/// a text that is longer than all before it and than a kibibyte).
///
/// Rows hold the values of the plan's [`input`](crate::pipeline::Plan::input) schema in its order.
///
/// ```
/// # use mlcore_features::transform::StandardScaler;
/// # use mlcore_features::pipeline::ColumnTransformer;
/// # use mlcore::arrow::array::{Float64Array, RecordBatch};
/// # use mlcore::batch::{Row, Value};
/// # use std::sync::Arc;
/// # let table = RecordBatch::try_from_iter([("age", Arc::new(Float64Array::from(vec![20.0, 40.0])) as _)]).unwrap();
/// let plan = ColumnTransformer::new().with("scale", StandardScaler::default(), ["age"]).fit(&table)?;
/// let mut executor = plan.row_executor();
/// let row = [Value::Float(40.0)];
/// assert_eq!(executor.run(Row::new(&row, plan.input())?)?, [1.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RowExecutor {
    program: Arc<Program>,
    scratch: Vec<f64>,
    work: Work,
    features: Vec<f64>,
}

/// What steps over texts and moments need on the way.
#[derive(Clone, Default, Debug)]
pub(crate) struct Work {
    texts: TextScratch,
    moments: Vec<Option<Moment>>,
    made: Vec<MadeText>,
}

impl Work {
    /// With room for what the program usually needs.
    pub(super) fn of(program: &Program) -> Self {
        let mut work = Self { made: vec![MadeText::with_room(); program.made], ..Self::default() };
        for instruction in &program.instructions {
            match instruction {
                Instruction::Text(_) | Instruction::Make(_) if work.texts.bounds.capacity() == 0 => {
                    work.texts = TextScratch::with_room();
                }
                Instruction::Moment(step) => work.moments.reserve(step.inputs.len()),
                Instruction::Text(_)
                | Instruction::Make(_)
                | Instruction::WriteText { .. }
                | Instruction::Number { .. }
                | Instruction::EncodeNumber { .. }
                | Instruction::EncodeExact { .. }
                | Instruction::EncodeText { .. }
                | Instruction::IndicateText { .. }
                | Instruction::Joint { .. }
                | Instruction::Custom(_) => {}
            }
        }
        work
    }
}

impl RowExecutor {
    pub(crate) fn new(program: Arc<Program>) -> Self {
        let scratch = vec![0.0; scratch_len(&program)];
        let (work, features) = (Work::of(&program), vec![0.0; program.width()]);
        Self { program, scratch, work, features }
    }

    /// The number of features of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.program.width()
    }

    /// The features of this row, in the order of the plan's output; valid until the next run.
    ///
    /// # Errors
    /// As [`RowExecutor::run_into`].
    pub fn run(&mut self, row: Row<'_>) -> Result<&[f64]> {
        row.check_names("transform", self.program.input.names_digest())?;
        execute(&self.program, row.values(), &mut self.scratch, &mut self.work, &mut self.features)?;
        Ok(&self.features)
    }

    /// Writes the features of this row into `features`, whose length is [`RowExecutor::width`].
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] naming the column when the row does not fit the plan's input, [`Error::InvalidInput`]
    /// when a step refuses a value (an unknown category, an infinity), a feature is finite and `T` does not hold it, an integer
    /// is handed on that `T` does not hold, or `features` has another length, and [`Error::Unsupported`] when the plan's output holds text. What `features` holds then is unspecified.
    pub fn run_into<T: Output>(&mut self, row: Row<'_>, features: &mut [T]) -> Result<()> {
        row.check_names("transform", self.program.input.names_digest())?;
        execute(&self.program, row.values(), &mut self.scratch, &mut self.work, features)
    }
}

pub(crate) fn scratch_len(program: &Program) -> usize {
    program.slots.len() + program.temps
}

/// Runs one row; `scratch` has [`scratch_len`] places, whose content does not matter.
pub(crate) fn execute<T: Output>(
    program: &Program,
    values: &[Value<'_>],
    scratch: &mut [f64],
    work: &mut Work,
    features: &mut [T],
) -> Result<()> {
    check_values(program, values.len())?;
    if features.len() != program.width() {
        return Err(Error::invalid_input(
            "transform",
            "features",
            format!("expected room for {} numbers, got {}", program.width(), features.len()),
        ));
    }
    compute(program, values, scratch, work, features)?;
    held::check(program, features, |slot| values.get(slot).copied().unwrap_or_default())
}

/// The same for values and features that are as many as the plan's, whatever the type of the features loses.
pub(super) fn compute<F: RowSink + ?Sized>(
    program: &Program,
    values: &[Value<'_>],
    scratch: &mut [f64],
    work: &mut Work,
    features: &mut F,
) -> Result<()> {
    work.made.resize_with(program.made, MadeText::default);
    let (numbers, temps) = scratch.split_at_mut(program.slots.len());
    for (position, ((slot, value), number)) in
        program.slots.iter().zip(values).zip(numbers.iter_mut()).enumerate()
    {
        *number = match (slot.dtype, value) {
            (DType::Float64, Value::Float(value)) => *value,
            (DType::String, Value::Text(_)) => 0.0,
            (_, Value::Null) if slot.nullable => f64::NAN,
            (_, value) => match widened(*slot, *value) {
                Some(number) => number,
                None => return Err(unfit_value(program, position, value, None)),
            },
        };
    }
    if !program.others.is_empty() {
        // One fill instead of one per one-hot column: encoders that write to the output only set their 1.
        features.clear();
    }
    let is_scaled = scale(&program.scaled, numbers, features);
    let (inputs, mut memory) = (Inputs { program, values, numbers }, Memory { temps, work, features });
    if is_scaled {
        let others = program.others.iter().filter_map(|position| program.instructions.get(*position));
        interpret(&inputs, &mut memory, others)
    } else {
        // In their order, the instruction that comes first is the one that refuses.
        memory.features.clear();
        interpret(&inputs, &mut memory, program.instructions.iter())
    }
}

fn interpret<'a, F: RowSink + ?Sized>(
    inputs: &Inputs<'_>,
    memory: &mut Memory<'_, F>,
    instructions: impl Iterator<Item = &'a Instruction>,
) -> Result<()> {
    let Inputs { program, values, .. } = inputs;
    for instruction in instructions {
        match instruction {
            Instruction::Number { from, to, .. } => {
                let value = inputs.number(from, memory)?;
                memory.number(*to, value);
            }
            Instruction::EncodeNumber { from, encoder } => {
                let value = inputs.number(from, memory)?;
                let written = memory.codes(encoder.code(value), &encoder.output);
                written.map_err(|Refused| inputs.unknown(&encoder.output, &shown_number(value)))?;
            }
            Instruction::EncodeExact { slot, fill, encoder } => {
                let bits = exact_bits(values[*slot]).or(*fill);
                let written = memory.codes(encoder.code(bits), &encoder.output);
                written.map_err(|Refused| {
                    inputs.unknown(&encoder.output, &shown_exact(bits, program.slots[*slot].dtype))
                })?;
            }
            Instruction::EncodeText { from, encoder } => {
                let code = encoder.code(inputs.text(from, &memory.work.made));
                if memory.codes(code, &encoder.output).is_err() {
                    let shown = shown_text(inputs.text(from, &memory.work.made));
                    return Err(inputs.unknown(&encoder.output, &shown));
                }
            }
            Instruction::IndicateText { from, to } => {
                let is_missing = inputs.text(from, &memory.work.made).is_none();
                memory.number(*to, f64::from(u8::from(is_missing)));
            }
            Instruction::Joint { kernel, inputs: from, outputs: to } => {
                let (before, rest) = memory.temps.split_at_mut(to.start);
                kernel.apply(&before[from.clone()], &mut rest[..to.len()]);
            }
            Instruction::Text(step) => read_texts(inputs, memory, step)?,
            Instruction::Moment(step) => read_moments(inputs, memory, step)?,
            Instruction::Custom(step) => call(inputs, memory, step)?,
            Instruction::Make(step) => make_text(inputs, memory, step),
            Instruction::WriteText { .. } => {}
        }
    }
    Ok(())
}

fn read_texts<F: RowSink + ?Sized>(
    inputs: &Inputs<'_>,
    memory: &mut Memory<'_, F>,
    step: &TextStep,
) -> Result<()> {
    let Work { texts: scratch, made, .. } = &mut *memory.work;
    scratch.features.clear();
    let text = |position: usize| inputs.text(&step.texts.get(position)?.from, made);
    let exact = |position: usize| {
        let input = step.exacts.get(position)?;
        exact_bits(*inputs.values.get(input.slot)?).or(input.fill)
    };
    let row = TextRow { texts: &text, exacts: &exact, numbers: &memory.temps[step.numbers.clone()] };
    if let Err(refused) = step.kernel.apply(&row, scratch) {
        let site = step.texts.get(refused.input).map_or(u32::MAX, |input| input.site);
        let shown = shown_text(text(refused.input));
        return Err(inputs.program.refused(site, None, &shown, Refusal::ByKernel(refused)));
    }
    match step.to {
        // The output was cleared before.
        Place::Output(first) => {
            for feature in scratch.features.iter() {
                let position = feature.position as usize;
                if position < step.width {
                    memory.features.put(first + position, feature.value * step.factor);
                }
            }
        }
        Place::Temp(first) => {
            let columns = &mut memory.temps[first..first + step.width];
            columns.fill(0.0);
            for feature in scratch.features.iter() {
                if let Some(place) = columns.get_mut(feature.position as usize) {
                    *place = feature.value;
                }
            }
        }
    }
    Ok(())
}

fn make_text<F: ?Sized>(inputs: &Inputs<'_>, memory: &mut Memory<'_, F>, step: &MakeStep) {
    let Work { texts: scratch, made, .. } = &mut *memory.work;
    let (before, rest) = made.split_at_mut(step.to);
    let text = |position: usize| inputs.text(step.texts.get(position)?, before);
    let row = TextRow { texts: &text, exacts: &|_| None, numbers: &memory.temps[step.numbers.clone()] };
    if let Some(own) = rest.first_mut() {
        own.make(step.maker.as_ref(), &row, scratch);
    }
}

fn read_moments<F: RowSink + ?Sized>(
    inputs: &Inputs<'_>,
    memory: &mut Memory<'_, F>,
    step: &MomentStep,
) -> Result<()> {
    let moments = &mut memory.work.moments;
    moments.clear();
    moments.extend(step.inputs.iter().map(|input| Moment::of(inputs.values[input.slot])));
    step.kernel.apply(moments, &mut memory.temps[step.outputs.clone()]).map_err(|refused| {
        let input = step.inputs.get(refused.input);
        let value = input.map_or(Value::Null, |input| inputs.values[input.slot]);
        let site = input.map_or(u32::MAX, |input| input.site);
        inputs.program.refused(site, None, &shown_moment(value), Refusal::ByKernel(refused))
    })
}

/// Asks a function of the host.
fn call<F: RowSink + ?Sized>(
    inputs: &Inputs<'_>,
    memory: &mut Memory<'_, F>,
    step: &CustomStep,
) -> Result<()> {
    let made = memory.work.made.as_slice();
    let text = |_: usize, position: usize| inputs.text(step.texts.get(position)?, made);
    let (before, rest) = memory.temps.split_at_mut(step.outputs.start);
    let rows = InputRows::new(1, &before[step.numbers.clone()], &text);
    step.run(&rows.row(0), &mut rest[..step.outputs.len()])
}

/// What instructions read besides intermediate results.
struct Inputs<'a> {
    program: &'a Program,
    values: &'a [Value<'a>],
    numbers: &'a [f64],
}

impl<'a> Inputs<'a> {
    #[inline(always)]
    fn number<F: ?Sized>(&self, from: &Reading, memory: &Memory<'_, F>) -> Result<f64> {
        let mut value = match from.source {
            Source::Input(slot) => self.numbers[slot],
            Source::Temp(temp) => memory.temps[temp],
        };
        for kernel in &from.kernels {
            if let Some(site) = kernel.refuses(value) {
                return Err(self.program.refused(site, None, &shown_number(value), Refusal::of(value)));
            }
            value = kernel.apply(value);
        }
        Ok(value)
    }

    #[inline(always)]
    fn text<'b>(&self, reading: &'b TextReading, made: &'b [MadeText]) -> Option<&'b str>
    where
        'a: 'b,
    {
        let text = match reading.from {
            TextFrom::Input(slot) => match self.values[slot] {
                Value::Text(text) => Some(text),
                _ => None,
            },
            TextFrom::Made(place) => made.get(place).and_then(MadeText::get),
        };
        text.or(reading.fill.as_deref())
    }

    /// The error of a value that is no known category.
    #[cold]
    fn unknown(&self, output: &Codes, shown: &str) -> Error {
        self.program.refused(output.site, None, shown, Refusal::Unknown)
    }
}

/// Answers false, and may have written nonsense, if a number is infinite.
fn scale<F: RowSink + ?Sized>(scaled: &[Scaled], numbers: &[f64], features: &mut F) -> bool {
    let mut infinite = false;
    for Scaled { slot, column, by } in scaled {
        let value = impute(numbers[*slot], by.fill);
        infinite |= value.is_infinite();
        features.put(*column, by.apply(value));
    }
    !infinite
}

/// Where instructions write.
struct Memory<'a, F: ?Sized> {
    temps: &'a mut [f64],
    work: &'a mut Work,
    features: &'a mut F,
}

impl<F: RowSink + ?Sized> Memory<'_, F> {
    #[inline(always)]
    fn number(&mut self, place: Place, value: f64) {
        match place {
            Place::Output(position) => self.features.put(position, value),
            Place::Temp(temp) => self.temps[temp] = value,
        }
    }

    #[inline(always)]
    fn codes(&mut self, code: u32, output: &Codes) -> Result<(), Refused> {
        if code == REFUSED {
            return Err(Refused);
        }
        match &output.writes {
            Writes::OneHot { width } => match output.to {
                Place::Output(position) => {
                    if code != ZEROS {
                        self.features.put(position + code as usize, output.hot);
                    }
                }
                Place::Temp(temp) => {
                    let columns = &mut self.temps[temp..temp + width];
                    columns.fill(0.0);
                    if code != ZEROS {
                        columns[code as usize] = 1.0;
                    }
                }
            },
            Writes::Ordinal { values } => {
                self.number(output.to, values.get(code as usize).copied().unwrap_or(f64::NAN));
            }
            Writes::Rows { width, values } => {
                for column in 0..*width {
                    self.number(output.to.further(column), row_number(values, *width, code, column));
                }
            }
        }
        Ok(())
    }
}

/// A value is no known category.
struct Refused;

/// Makes sure that there are as many values as the plan reads, and that it makes numbers alone.
pub(super) fn check_values(program: &Program, values: usize) -> Result<()> {
    if values != program.slots.len() {
        return Err(Error::schema_mismatch(
            "transform",
            "values",
            format!("expected {} values, got {values}", program.slots.len()),
        )
        .remedy("make the row with the plan's input schema"));
    }
    program.check_numeric()
}

/// The value as the slot reads it, as a float: rounded to its type where that is a narrower float. `None` where it cannot be
/// read so.
#[inline]
pub(crate) fn widened(slot: Slot, value: Value<'_>) -> Option<f64> {
    if slot.takes_any_number() && value.is_number() {
        return value.as_f64();
    }
    match (slot.dtype, slot.held(value)?) {
        (_, Value::Null) => slot.nullable.then_some(f64::NAN),
        // A finite number that a narrower float would make infinite is none of the column's.
        (DType::Float32, value @ Value::Float(_)) => f32::from_value(value).map(f64::from),
        (DType::Float16, value @ Value::Float(_)) => {
            <Float16Type as ArrowPrimitiveType>::Native::from_value(value).map(f64::from)
        }
        // Nothing computes on text, dates and times; they only have to be what the plan reads.
        (dtype, held) if dtype.is_numeric() => held.as_f64(),
        _ => Some(0.0),
    }
}

/// The error of a value that the column cannot hold.
pub(crate) fn unfit_value(
    program: &Program,
    position: usize,
    value: &Value<'_>,
    row: Option<usize>,
) -> Error {
    let name = program.input.fields().get(position).map_or("", |field| field.name());
    let dtype = program.slots.get(position).map_or_else(String::new, |slot| slot.dtype.to_string());
    let at = row.map_or_else(String::new, |row| format!("row {row}: "));
    match value {
        Value::Null => Error::schema_mismatch(
            "transform",
            name,
            format!("{at}the value is null, and the column is not nullable"),
        )
        .remedy("send a value, or fit on a table whose column is nullable or with an imputer"),
        value => {
            let problem = format!("{at}expected {dtype}, got {}", value.described());
            Error::schema_mismatch("transform", name, problem)
                .remedy("cast the column to the type it was fitted on, or fit again")
        }
    }
}

pub(crate) fn shown_moment(value: Value<'_>) -> String {
    if value.is_null() { "a missing value".to_owned() } else { value.to_string() }
}

pub(crate) fn shown_exact(bits: Option<u64>, dtype: DType) -> String {
    bits.map_or_else(|| "a missing value".to_owned(), |bits| exact_value(bits, dtype).to_string())
}
