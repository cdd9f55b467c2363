//! From fitted transformers to a [`Program`]: each appends its steps, one column at a time.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use mlcore::schema::{DType, Dim, Field, Schema};
use mlcore::{Error, Result};

use super::encoder::{BitTable, Codes, Encoder, Encoding, NumberTable, Table, TextTable, exact_value};
use super::held::Integer;
use super::instruction::{Instruction, Place, Reading, Scaled, Source, Step, TextFrom, TextReading};
use super::joint::JointKernel;
use super::kernel::{Kernel, canonical, fused};
use super::words::Mapping;
use super::{Lower, Origin, OutputColumn, Program, Site, Slot};

impl Program {
    /// Compiles a fitted step for tables of its schema.
    pub(crate) fn compile<L: Lower + ?Sized>(step: &L) -> Result<Self> {
        let mut builder = ProgramBuilder::default();
        let columns = builder.inputs(step.schema())?;
        let outputs = step.lower(&mut builder, columns)?;
        builder.finish(step.schema().clone(), outputs)
    }
}

/// One column on its way through the steps while they are compiled.
#[derive(Clone, Debug)]
pub struct Column {
    pub(crate) name: String,
    pub(crate) dtype: DType,
    pub(crate) nullable: bool,
    pub(super) flow: Flow,
}

#[derive(Clone, Debug)]
pub(super) enum Flow {
    Number {
        source: Source,
        kernels: Vec<Kernel>,
    },
    Exact {
        slot: usize,
        fill: Option<u64>,
    },
    Text(TextReading),
    /// Texts that a mapping makes of another column.
    Mapped {
        base: Box<Column>,
        mapping: Arc<Mapping>,
    },
    /// Dates and times, which are handed on as they are.
    Moment {
        slot: usize,
    },
}

impl Column {
    pub(crate) fn renamed(mut self, name: String) -> Self {
        self.name = name;
        self
    }

    /// Whether it is read as text.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.flow, Flow::Text(_) | Flow::Mapped { .. })
    }

    /// Columns of these names, the intermediate results from `first` on.
    pub(super) fn derived(names: Vec<String>, first: usize) -> Vec<Self> {
        names.into_iter().zip(first..).map(|(name, temp)| derived(name, temp)).collect()
    }
}

/// What the fitted transformers write themselves into.
#[derive(Default, Debug)]
pub struct ProgramBuilder {
    slots: Vec<Slot>,
    pub(super) instructions: Vec<Instruction>,
    sites: Vec<Site>,
    origins: Vec<Origin>,
    pub(super) temps: usize,
    made: usize,
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
                self.slots.push(Slot { dtype: field.dtype(), nullable: field.is_nullable(), exact: false });
                let flow = match field.dtype() {
                    DType::String => Flow::Text(TextReading { from: TextFrom::Input(slot), fill: None }),
                    dtype if dtype.is_temporal() => Flow::Moment { slot },
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

    /// Lets a transformer of this name append its steps, and notes that they are its own.
    pub(crate) fn originate(
        &mut self,
        transformer: &'static str,
        columns: Vec<Column>,
        lower: impl FnOnce(&mut Self, Vec<Column>) -> Result<Vec<Column>>,
    ) -> Result<Vec<Column>> {
        const NAMED: usize = 3;
        let mut names: Vec<&str> = columns.iter().take(NAMED).map(|column| column.name.as_str()).collect();
        if columns.len() > NAMED {
            names.push("and more");
        }
        let (names, first) = (names.join(", "), self.instructions.len());
        let lowered = lower(self, columns)?;
        let instructions = first..self.instructions.len();
        if !instructions.is_empty() {
            self.origins.push(Origin { instructions, transformer, columns: names });
        }
        Ok(lowered)
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
            Flow::Text(reading) => {
                reading.fill.get_or_insert_with(|| fill.into());
                column.nullable = false;
                Ok(column)
            }
            Flow::Mapped { mapping, .. } => {
                Self::fill_mapped(mapping, fill)?;
                column.nullable = false;
                Ok(column)
            }
            _ => Err(unfit(&column, "a text column")),
        }
    }

    /// 1 where the column is missing, 0 where it is present.
    pub(crate) fn indicate(&mut self, column: Column, name: String) -> Result<Column> {
        match &column.flow {
            Flow::Text(_) | Flow::Mapped { .. } => {
                let from = self.text("indicator", &column)?;
                let temp = self.temp(1)?;
                self.instructions.push(Instruction::IndicateText { from, to: Place::Temp(temp) });
                Ok(derived(name, temp))
            }
            _ => Ok(self.number(column, [Kernel::Indicate])?.renamed(name)),
        }
    }

    /// The columns that the encoding writes for this one; a number passes the checks first.
    pub(crate) fn encode(
        &mut self,
        column: &Column,
        site: u32,
        encoding: Encoding,
        checks: impl IntoIterator<Item = Kernel>,
        names: Vec<String>,
    ) -> Result<Vec<Column>> {
        if let Flow::Mapped { base, mapping } = &column.flow {
            return self.encode_mapped((column, base, mapping), site, encoding, names);
        }
        let Encoding { table, missing, unknown, writes } = encoding;
        if names.len() != writes.width() {
            return Err(Error::corrupt(
                "compile plan",
                &column.name,
                "names and columns of an encoder differ in number",
            ));
        }
        if let Flow::Exact { slot, .. } = column.flow {
            self.read_as_it_is(slot);
        }
        let first = self.temp(names.len())?;
        let output = Codes { writes, site, to: Place::Temp(first), hot: 1.0 };
        let number = |source: &Source, kernels: &[Kernel], table, output| Instruction::EncodeNumber {
            from: Reading { source: *source, kernels: fused(kernels.iter().cloned().chain(checks)) },
            encoder: Encoder::new(table, missing, unknown, output),
        };
        self.instructions.push(match (&column.flow, table) {
            (Flow::Number { source, kernels }, Table::Bits(lookup)) => {
                number(source, kernels, NumberTable::Bits(BitTable(lookup)), output)
            }
            (Flow::Number { source, kernels }, Table::Index) => {
                number(source, kernels, NumberTable::Index, output)
            }
            (Flow::Exact { slot, fill }, Table::Bits(lookup)) => Instruction::EncodeExact {
                slot: *slot,
                fill: *fill,
                encoder: Encoder::new(BitTable(lookup), missing, unknown, output),
            },
            (Flow::Text(reading), Table::Texts(lookup)) => Instruction::EncodeText {
                from: reading.clone(),
                encoder: Encoder::new(TextTable(lookup), missing, unknown, output),
            },
            (_, Table::Bits(_) | Table::Texts(_) | Table::Index) => {
                return Err(unfit(column, "the column type it was fitted on"));
            }
        });
        Ok(Column::derived(names, first))
    }

    /// The columns of these names that the kernel computes from these columns.
    pub(crate) fn join(
        &mut self,
        columns: &[Column],
        kernel: impl JointKernel + 'static,
        names: Vec<String>,
    ) -> Result<Vec<Column>> {
        let inputs = self.intermediate(columns)?;
        let first = self.temp(names.len())?;
        let outputs = first..first + names.len();
        self.instructions.push(Instruction::Joint { kernel: Arc::new(kernel), inputs, outputs });
        Ok(Column::derived(names, first))
    }

    /// The columns as intermediate results side by side.
    pub(super) fn intermediate(&mut self, columns: &[Column]) -> Result<Range<usize>> {
        let first = self.temp(columns.len())?;
        for (column, temp) in columns.iter().zip(first..) {
            let (source, kernels) = numeric(column)?;
            self.instructions.push(Instruction::Number {
                from: Reading { source, kernels: fused(kernels) },
                to: Place::Temp(temp),
                dense_only: false,
            });
        }
        Ok(first..first + columns.len())
    }

    pub(super) fn temp(&mut self, count: usize) -> Result<usize> {
        let first = self.temps;
        self.temps = first
            .checked_add(count)
            .ok_or_else(|| Error::unsupported("compile plan", "columns", "there are too many"))?;
        Ok(first)
    }

    /// Reads the integers or bools of a slot without loss.
    pub(super) fn read_as_it_is(&mut self, slot: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.exact = true;
        }
    }

    /// A place for a text that is made.
    pub(super) fn made_place(&mut self) -> usize {
        self.made += 1;
        self.made - 1
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
            .remedy(
                "rename one of the columns, let a ColumnTransformer begin names with that of the step \
                 (verbose_feature_names_out), or give a OneHotEncoder a feature_name_combiner",
            )
        })?;
        let mut outputs = outputs;
        for column in &mut outputs {
            if let Flow::Mapped { .. } = &column.flow {
                column.flow = Flow::Text(self.text("output", column)?);
            }
        }
        let mut direct = self.place_encoders(&outputs);
        let mut columns = Vec::with_capacity(outputs.len());
        for (position, column) in outputs.into_iter().enumerate() {
            let dtype = column.dtype;
            let described = match &column.flow {
                Flow::Number { source: Source::Input(slot), kernels } if kernels.is_empty() => {
                    OutputColumn::Shared { slot: *slot }
                }
                Flow::Number { .. } => OutputColumn::Number,
                Flow::Exact { slot, fill: None }
                | Flow::Text(TextReading { from: TextFrom::Input(slot), fill: None })
                | Flow::Moment { slot } => OutputColumn::Shared { slot: *slot },
                Flow::Exact { slot, fill: Some(fill) } => {
                    OutputColumn::FilledExact { slot: *slot, fill: *fill }
                }
                Flow::Text(TextReading { from: TextFrom::Input(slot), fill: Some(fill) }) => {
                    OutputColumn::FilledText { slot: *slot, fill: fill.clone() }
                }
                Flow::Text(from) => {
                    self.instructions.push(Instruction::WriteText { from: from.clone(), column: position });
                    OutputColumn::Made
                }
                Flow::Mapped { .. } => return Err(unfit(&column, "a text that is made")),
            };
            if dtype.is_numeric() && !direct.remove(position) {
                let (source, kernels) = numeric(&column)?;
                self.instructions.push(Instruction::Number {
                    from: Reading { source, kernels: fused(kernels) },
                    to: Place::Output(position),
                    dense_only: !matches!(described, OutputColumn::Number),
                });
            }
            columns.push(described);
        }
        self.leave_out_unused();
        let (scaled, others) = Scaled::apart(&self.instructions);
        let dtype_of = |slot: usize| self.slots.get(slot).map_or(DType::Bool, |slot| slot.dtype);
        Ok(Program {
            integers: Integer::all(&columns, dtype_of),
            steps: Step::all(&self.instructions),
            scaled,
            others,
            first_other: output.fields().iter().position(|field| !field.dtype().is_numeric()),
            input,
            output,
            slots: self.slots,
            instructions: self.instructions,
            columns,
            sites: self.sites,
            origins: self.origins,
            temps: self.temps,
            made: self.made,
            familiar: OnceLock::new(),
        })
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
            let fill = fill.and_then(|bits| exact_value(bits, column.dtype).as_f64());
            let fill = fill.map(|number| Kernel::Impute(canonical(number)));
            Ok((Source::Input(*slot), fill.into_iter().collect()))
        }
        Flow::Text(_) | Flow::Mapped { .. } | Flow::Moment { .. } => Err(unfit(column, "a numeric column")),
    }
}

pub(super) fn unfit(column: &Column, expected: &str) -> Error {
    let remedy = if column.dtype.is_temporal() {
        "derive an hour, a weekday or an age first"
    } else {
        "encode text before numeric steps, and fit again after changing a column's type"
    };
    let problem = format!("expected {expected}, got {}", column.dtype);
    Error::schema_mismatch("compile plan", &column.name, problem).remedy(remedy)
}
