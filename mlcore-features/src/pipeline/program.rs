//! A plan compiled flat: what both executors interpret. Columns are slots, steps are fused per column, names are gone.

use std::sync::Arc;

use arrow::array::RecordBatch;
use mlcore::batch::Value;
use mlcore::schema::{DType, Dim, Field, Schema};
use mlcore::{Error, Result};

use super::kernel::{Kernel, canonical};
use super::lookup::Lookup;
use crate::transform::FittedTransformer;

/// A plan ready to run. Instructions stand in an order in which each reads only what an earlier one wrote.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) input: Schema,
    pub(crate) output: Schema,
    pub(crate) slots: Vec<Slot>,
    pub(crate) instructions: Vec<Instruction>,
    /// What each output column is in a table; in a dense matrix all are floats.
    pub(crate) columns: Vec<OutputColumn>,
    pub(crate) sites: Vec<Site>,
    pub(crate) temps: usize,
}

/// How one input column is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) dtype: DType,
    pub(crate) nullable: bool,
}

/// What to name when a value is refused: the step and the column.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) operation: String,
    pub(crate) column: String,
}

#[derive(Debug)]
pub(crate) struct Instruction {
    pub(crate) read: Read,
    pub(crate) write: Write,
    /// Is the result needed only where a table's column is shared instead?
    pub(crate) dense_only: bool,
}

#[derive(Debug)]
pub(crate) enum Read {
    /// A float, after these steps.
    Number { source: Source, kernels: Box<[Kernel]> },
    /// An integer or a bool as its 64-bit pattern.
    Exact { slot: usize, fill: Option<u64> },
    /// A text.
    Text { slot: usize, fill: Option<Arc<str>> },
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Source {
    Input(usize),
    Temp(usize),
}

#[derive(Debug)]
pub(crate) enum Write {
    Number(Place),
    Codes {
        encoder: Encoder,
        site: u32,
        first: Place,
    },
    /// 1 where nothing was read, else 0.
    Missing(Place),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Output(usize),
    Temp(usize),
}

#[derive(Debug)]
pub(crate) enum OutputColumn {
    /// A column of floats computed by an instruction.
    Number,
    /// An input column as it came.
    Shared { slot: usize },
    /// An integer column with its missing values filled in.
    FilledExact { slot: usize, fill: u64 },
    /// A text column with its missing values filled in.
    FilledText { slot: usize, fill: Arc<str> },
}

/// From a category to what is written for it.
#[derive(Debug)]
pub(crate) struct Encoder {
    pub(crate) table: Table,
    pub(crate) missing: u32,
    pub(crate) unknown: u32,
    pub(crate) writes: Writes,
}

#[derive(Debug)]
pub(crate) enum Table {
    /// Floats, integers and bools by their bits.
    Bits(Lookup),
    Texts(Lookup),
    /// The number is its own code.
    Index,
}

#[derive(Debug)]
pub(crate) enum Writes {
    /// `width` columns, 1 in the one that the slot names.
    OneHot { width: usize },
    /// One column, the number that the slot names.
    Ordinal { values: Box<[f64]> },
}

/// A slot that writes nothing: all columns stay 0.
pub(crate) const ZEROS: u32 = u32::MAX - 1;
/// A slot that refuses the value.
pub(crate) const REFUSED: u32 = u32::MAX;

impl Encoder {
    #[inline]
    pub(crate) fn number(&self, value: f64) -> u32 {
        if value.is_nan() {
            return self.missing;
        }
        match &self.table {
            Table::Bits(lookup) => lookup.bits(float_bits(value)).unwrap_or(self.unknown),
            Table::Index => value as u32,
            Table::Texts(_) => self.unknown,
        }
    }

    #[inline]
    pub(crate) fn exact(&self, value: Option<u64>) -> u32 {
        match (value, &self.table) {
            (None, _) => self.missing,
            (Some(bits), Table::Bits(lookup)) => lookup.bits(bits).unwrap_or(self.unknown),
            _ => self.unknown,
        }
    }

    #[inline]
    pub(crate) fn text(&self, value: Option<&str>) -> u32 {
        match (value, &self.table) {
            (None, _) => self.missing,
            (Some(text), Table::Texts(lookup)) => lookup.text(text).unwrap_or(self.unknown),
            _ => self.unknown,
        }
    }

    pub(crate) fn width(&self) -> usize {
        match &self.writes {
            Writes::OneHot { width } => *width,
            Writes::Ordinal { .. } => 1,
        }
    }
}

/// The bits by which equal floats are equal: both zeros are one.
#[inline(always)]
pub(crate) fn float_bits(value: f64) -> u64 {
    if value == 0.0 { 0 } else { value.to_bits() }
}

/// The 64-bit pattern of an integer or a bool, unique within one column type; `None` for a null or anything else.
#[inline(always)]
pub(crate) fn exact_bits(value: &Value<'_>) -> Option<u64> {
    match value {
        Value::Bool(value) => Some(u64::from(*value)),
        Value::Int(value) => Some(*value as u64),
        Value::UInt(value) => Some(*value),
        _ => None,
    }
}

/// The number that a 64-bit pattern stands for in a column of this type.
pub(crate) fn exact_number(bits: u64, dtype: DType) -> f64 {
    match dtype {
        DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64 => bits as i64 as f64,
        _ => bits as f64,
    }
}

impl Program {
    /// Compiles a fitted step for tables of this schema.
    pub(crate) fn compile(step: &FittedTransformer, input: &Schema) -> Result<Self> {
        let mut builder = ProgramBuilder::default();
        let columns = builder.inputs(input)?;
        let outputs = step.lower(&mut builder, columns)?;
        builder.finish(input.clone(), outputs)
    }

    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// The error of a value that an instruction refuses.
    pub(crate) fn refused(&self, site: u32, row: Option<usize>, shown: &str, problem: Refusal) -> Error {
        let (operation, column) = self
            .sites
            .get(site as usize)
            .map_or(("transform", ""), |site| (site.operation.as_str(), site.column.as_str()));
        let at = row.map_or_else(String::new, |row| format!("row {row}: "));
        let (problem, remedy) = match problem {
            Refusal::Unknown => (
                format!("{at}{shown} is none of the categories seen by fit"),
                "send a known category, set handle_unknown, or fit again with data that holds it",
            ),
            Refusal::NotFinite => (
                format!("{at}{shown} is not a number it can take"),
                "send a finite number, or a missing one where an imputer stands before it",
            ),
        };
        Error::invalid_input(operation.to_owned(), column, problem).remedy(remedy)
    }

    /// Can a matrix of floats hold the output?
    pub(crate) fn check_numeric(&self) -> Result<()> {
        match self.output.fields().iter().find(|field| field.dtype() == DType::String) {
            None => Ok(()),
            Some(field) => Err(Error::unsupported(
                "transform",
                field.name(),
                "the column is text, which no matrix of floats holds",
            )
            .remedy("encode it, drop it, or ask for a table or one tensor per column")),
        }
    }
}

/// Why an instruction refused a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    Unknown,
    NotFinite,
}

/// A value in an error message: cut where it is long, and quoted where it is text.
pub(crate) fn shown_text(text: Option<&str>) -> String {
    match text {
        None => "a missing value".to_owned(),
        Some(text) if text.chars().count() > 60 => {
            format!("{:?}...", text.chars().take(60).collect::<String>())
        }
        Some(text) => format!("{text:?}"),
    }
}

pub(crate) fn shown_number(value: f64) -> String {
    if value.is_nan() { "a missing value".to_owned() } else { value.to_string() }
}

/// One column on its way through the steps while they are compiled.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) dtype: DType,
    pub(crate) nullable: bool,
    flow: Flow,
}

#[derive(Clone, Debug)]
enum Flow {
    Number { source: Source, kernels: Vec<Kernel> },
    Exact { slot: usize, fill: Option<u64> },
    Text { slot: usize, fill: Option<Arc<str>> },
}

impl Column {
    pub(crate) fn renamed(mut self, name: String) -> Self {
        self.name = name;
        self
    }
}

/// What the fitted transformers write themselves into.
#[derive(Default, Debug)]
pub(crate) struct ProgramBuilder {
    slots: Vec<Slot>,
    instructions: Vec<Instruction>,
    sites: Vec<Site>,
    temps: usize,
}

impl ProgramBuilder {
    fn inputs(&mut self, schema: &Schema) -> Result<Vec<Column>> {
        schema
            .fields()
            .iter()
            .enumerate()
            .map(|(slot, field)| {
                if field.shape() != [Dim::Dynamic] {
                    return Err(Error::unsupported(
                        "compile plan",
                        field.name(),
                        format!("only plain columns are transformed, this one is {field}"),
                    )
                    .remedy("split it into one column per element first"));
                }
                self.slots.push(Slot { dtype: field.dtype(), nullable: field.is_nullable() });
                let flow = match field.dtype() {
                    DType::String => Flow::Text { slot, fill: None },
                    dtype if dtype.is_float() => {
                        Flow::Number { source: Source::Input(slot), kernels: Vec::new() }
                    }
                    _ => Flow::Exact { slot, fill: None },
                };
                Ok(Column {
                    name: field.name().to_owned(),
                    dtype: field.dtype(),
                    nullable: field.is_nullable(),
                    flow,
                })
            })
            .collect()
    }

    /// Registers what to name when a value of this column is refused.
    pub(crate) fn site(&mut self, transformer: &str, column: &Column) -> u32 {
        self.sites
            .push(Site { operation: format!("transform with {transformer}"), column: column.name.clone() });
        u32::try_from(self.sites.len() - 1).unwrap_or(u32::MAX)
    }

    /// The column as floats after these steps.
    pub(crate) fn number(
        &mut self,
        column: Column,
        steps: impl IntoIterator<Item = Kernel>,
    ) -> Result<Column> {
        let (source, mut kernels) = numeric(&column)?;
        kernels.extend(steps);
        Ok(Column {
            name: column.name,
            dtype: DType::Float64,
            nullable: false,
            flow: Flow::Number { source, kernels },
        })
    }

    /// The integer or bool column with this pattern in the place of nulls, as the type it has.
    pub(crate) fn fill_exact(&mut self, mut column: Column, fill: u64) -> Result<Column> {
        match &mut column.flow {
            Flow::Exact { fill: own, .. } => {
                own.get_or_insert(fill);
                column.nullable = false;
                Ok(column)
            }
            _ => Err(unfit(&column, "an integer column")),
        }
    }

    /// The text column with this text in the place of nulls.
    pub(crate) fn fill_text(&mut self, mut column: Column, fill: &str) -> Result<Column> {
        match &mut column.flow {
            Flow::Text { fill: own, .. } => {
                own.get_or_insert_with(|| fill.into());
                column.nullable = false;
                Ok(column)
            }
            _ => Err(unfit(&column, "a text column")),
        }
    }

    /// 1 where the column is missing, 0 where it is present.
    pub(crate) fn indicate(&mut self, column: Column, name: String) -> Result<Column> {
        match column.flow {
            Flow::Text { slot, fill } => {
                let temp = self.temp(1)?;
                self.instructions.push(Instruction {
                    read: Read::Text { slot, fill },
                    write: Write::Missing(Place::Temp(temp)),
                    dense_only: false,
                });
                Ok(derived(name, temp))
            }
            _ => Ok(self.number(column, [Kernel::Indicate])?.renamed(name)),
        }
    }

    /// The columns that the encoder writes for this one.
    pub(crate) fn encode(
        &mut self,
        column: &Column,
        site: u32,
        encoder: Encoder,
        checks: impl IntoIterator<Item = Kernel>,
        names: Vec<String>,
    ) -> Result<Vec<Column>> {
        if names.len() != encoder.width() {
            return Err(Error::corrupt(
                "compile plan",
                &column.name,
                "names and columns of an encoder differ in number",
            ));
        }
        let read = match (&column.flow, &encoder.table) {
            (Flow::Text { slot, fill }, Table::Texts(_)) => Read::Text { slot: *slot, fill: fill.clone() },
            (Flow::Exact { slot, fill }, Table::Bits(_)) => Read::Exact { slot: *slot, fill: *fill },
            (Flow::Number { source, kernels }, Table::Bits(_) | Table::Index) => {
                let kernels = kernels.iter().cloned().chain(checks).collect();
                Read::Number { source: *source, kernels }
            }
            _ => return Err(unfit(column, "the column type it was fitted on")),
        };
        let first = self.temp(encoder.width())?;
        self.instructions.push(Instruction {
            read,
            write: Write::Codes { encoder, site, first: Place::Temp(first) },
            dense_only: false,
        });
        Ok(names.into_iter().zip(first..).map(|(name, temp)| derived(name, temp)).collect())
    }

    fn temp(&mut self, count: usize) -> Result<usize> {
        let first = self.temps;
        self.temps = first
            .checked_add(count)
            .ok_or_else(|| Error::unsupported("compile plan", "columns", "there are too many"))?;
        Ok(first)
    }

    fn finish(mut self, input: Schema, outputs: Vec<Column>) -> Result<Program> {
        let output = Schema::new(outputs.iter().map(|column| {
            let field = Field::column(column.name.clone(), column.dtype);
            if column.nullable { field.nullable() } else { field }
        }))
        .map_err(|cause| {
            Error::invalid_input(
                "compile plan",
                cause.context().subject(),
                "two output columns have this name",
            )
            .remedy("rename a column or a step, or set verbose_feature_names_out")
        })?;
        let mut direct = self.place_encoders(&outputs);
        let mut columns = Vec::with_capacity(outputs.len());
        for (position, column) in outputs.into_iter().enumerate() {
            let dtype = column.dtype;
            let described = match &column.flow {
                Flow::Number { source: Source::Input(slot), kernels } if kernels.is_empty() => {
                    OutputColumn::Shared { slot: *slot }
                }
                Flow::Number { .. } => OutputColumn::Number,
                Flow::Exact { slot, fill: None } | Flow::Text { slot, fill: None } => {
                    OutputColumn::Shared { slot: *slot }
                }
                Flow::Exact { slot, fill: Some(fill) } => {
                    OutputColumn::FilledExact { slot: *slot, fill: *fill }
                }
                Flow::Text { slot, fill: Some(fill) } => {
                    OutputColumn::FilledText { slot: *slot, fill: fill.clone() }
                }
            };
            if dtype != DType::String && !direct.remove(position) {
                let (source, kernels) = numeric(&column)?;
                self.instructions.push(Instruction {
                    read: Read::Number { source, kernels: kernels.into() },
                    write: Write::Number(Place::Output(position)),
                    dense_only: !matches!(described, OutputColumn::Number),
                });
            }
            columns.push(described);
        }
        Ok(Program {
            input,
            output,
            slots: self.slots,
            instructions: self.instructions,
            columns,
            sites: self.sites,
            temps: self.temps,
        })
    }

    /// Lets encoders whose columns are the output's, side by side and used nowhere else, write there directly.
    fn place_encoders(&mut self, outputs: &[Column]) -> Direct {
        let bare = |column: &Column| match &column.flow {
            Flow::Number { source: Source::Temp(temp), kernels } if kernels.is_empty() => Some(*temp),
            _ => None,
        };
        let mut uses = vec![0_u32; self.temps];
        let mut count = |temp: usize| {
            if let Some(uses) = uses.get_mut(temp) {
                *uses += 1;
            }
        };
        for column in outputs {
            if let Flow::Number { source: Source::Temp(temp), .. } = column.flow {
                count(temp);
            }
        }
        for instruction in &self.instructions {
            if let Read::Number { source: Source::Temp(temp), .. } = instruction.read {
                count(temp);
            }
        }
        let bare_temps: Vec<Option<usize>> = outputs.iter().map(bare).collect();
        let mut direct = Direct(vec![false; outputs.len()]);
        for instruction in &mut self.instructions {
            let (place, width) = match &mut instruction.write {
                Write::Codes { encoder, first, .. } => (first, encoder.width()),
                Write::Missing(place) => (place, 1),
                Write::Number(_) => continue,
            };
            let Place::Temp(temp) = *place else { continue };
            let Some(position) = bare_temps.iter().position(|own| *own == Some(temp)) else { continue };
            let wanted = (temp..).take(width).map(Some);
            let found = bare_temps.iter().skip(position).take(width).copied();
            let once = uses.iter().skip(temp).take(width).all(|uses| *uses == 1);
            if width > 0 && once && found.eq(wanted) {
                *place = Place::Output(position);
                direct.0.iter_mut().skip(position).take(width).for_each(|direct| *direct = true);
            }
        }
        direct
    }
}

/// Which outputs an encoder writes itself.
struct Direct(Vec<bool>);

impl Direct {
    fn remove(&mut self, position: usize) -> bool {
        self.0.get_mut(position).is_some_and(std::mem::take)
    }
}

fn derived(name: String, temp: usize) -> Column {
    let flow = Flow::Number { source: Source::Temp(temp), kernels: Vec::new() };
    Column { name, dtype: DType::Float64, nullable: false, flow }
}

/// The numeric reading of a column.
fn numeric(column: &Column) -> Result<(Source, Vec<Kernel>)> {
    match &column.flow {
        Flow::Number { source, kernels } => Ok((*source, kernels.clone())),
        Flow::Exact { slot, fill } => {
            let fill = fill.map(|bits| Kernel::Impute(canonical(exact_number(bits, column.dtype))));
            Ok((Source::Input(*slot), fill.into_iter().collect()))
        }
        Flow::Text { .. } => Err(unfit(column, "a numeric column")),
    }
}

fn unfit(column: &Column, expected: &str) -> Error {
    Error::schema_mismatch("compile plan", &column.name, format!("expected {expected}, got {}", column.dtype))
        .remedy("encode text before numeric steps, and fit again after changing a column's type")
}

/// The columns of a table that a plan reads, in its order.
pub(crate) fn project(table: &RecordBatch, names: &[String], operation: &'static str) -> Result<RecordBatch> {
    let mut positions = Vec::with_capacity(names.len());
    for name in names {
        positions
            .push(table.schema_ref().index_of(name).map_err(|_| missing_column(table, name, operation))?);
    }
    table
        .project(&positions)
        .map_err(|cause| Error::internal(operation, "columns", cause.to_string()).caused_by(cause))
}

pub(crate) fn missing_column(table: &RecordBatch, name: &str, operation: &'static str) -> Error {
    let there: Vec<&str> =
        table.schema_ref().fields().iter().map(|field| field.name().as_str()).take(20).collect();
    Error::schema_mismatch(
        operation,
        name,
        format!("the column is missing; the table has {}", there.join(", ")),
    )
    .remedy("add the column, or rename the one that holds it")
}
