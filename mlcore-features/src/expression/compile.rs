//! From operations and the types of columns to what is read and what is computed.

use mlcore::schema::DType;

use super::evaluate::{Step, Unary};
use super::moment::{AskMoments, MomentQuestion, MomentSource, fixed, is_comparable};
use super::operation::{Binary, Function, Members, Operation, Table};
use super::text::{AskTexts, TextOperand, TextQuestion, TextSource};

/// What an expression is for a table of certain columns.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The numbers that are read.
    pub(crate) reads: Vec<Read>,
    pub(crate) steps: Vec<Step>,
    /// How high the stack of the steps grows.
    pub(crate) height: usize,
    /// The texts that the result is a position among; none where the result is a number.
    pub(crate) texts: Option<Vec<TextOperand>>,
}

/// A number that is read from a row.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Read {
    /// A column of numbers or of truth values.
    Number(usize),
    Texts(AskTexts),
    Moments(AskMoments),
}

/// What is wrong, and with which operation.
#[derive(Debug)]
pub(crate) struct Misuse {
    pub(crate) operation: usize,
    pub(crate) problem: String,
}

/// The name and the type of each column.
pub(crate) type Columns<'a> = [(&'a str, DType)];

/// What stands on the stack. Numbers and truth values are computed by then; texts and moments are read by the operation that
/// asks about them.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Number,
    Truth,
    /// A missing number or truth value.
    Missing,
    Text(TextOperand),
    Moment(MomentSource, DType),
    /// One of the texts that may be the result, by its position, which is a number on the stack.
    Chosen,
}

impl Operand {
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Truth => "a truth value",
            Self::Missing => "null",
            Self::Text(_) => "a text",
            Self::Chosen => "a text that is chosen",
            Self::Moment(..) => "a date or a time",
        }
    }

    pub(super) fn literal(&self) -> Option<&str> {
        match self {
            Self::Text(TextOperand { from: TextSource::Literal(text), changes }) if changes.is_empty() => {
                Some(text)
            }
            _ => None,
        }
    }
}

/// An operand, and the operation that made it.
pub(super) type Placed = (Operand, usize);

pub(crate) fn compile(operations: &[Operation], columns: &Columns<'_>) -> Result<Compiled, Misuse> {
    let mut compiler = Compiler {
        columns,
        stack: Vec::new(),
        reads: Vec::new(),
        steps: Vec::new(),
        now: 0,
        height: 0,
        most: 0,
        operations,
        results: Vec::new(),
    };
    for (position, operation) in operations.iter().enumerate() {
        compiler.now = position;
        let made = compiler.operation(operation)?;
        compiler.stack.push((made, position));
    }
    let (operand, at) = compiler.pop();
    let is_text = match operand {
        Operand::Text(text) => {
            let position = compiler.result(text);
            compiler.step(Step::Constant(position), 0);
            true
        }
        Operand::Chosen => true,
        other => {
            compiler.number(&(other, at))?;
            false
        }
    };
    let Compiler { reads, steps, most, results, .. } = compiler;
    Ok(Compiled { reads, steps, height: most, texts: is_text.then_some(results) })
}

pub(super) struct Compiler<'a> {
    columns: &'a Columns<'a>,
    stack: Vec<Placed>,
    reads: Vec<Read>,
    steps: Vec<Step>,
    /// The operation at hand.
    now: usize,
    height: usize,
    most: usize,
    operations: &'a [Operation],
    /// The texts that may be the result.
    pub(super) results: Vec<TextOperand>,
}

impl Compiler<'_> {
    pub(super) fn pop(&mut self) -> Placed {
        self.stack.pop().unwrap_or((Operand::Missing, self.now))
    }

    pub(super) fn misuse<T>(&self, operation: usize, problem: impl Into<String>) -> Result<T, Misuse> {
        Err(Misuse { operation, problem: problem.into() })
    }

    /// Adds a step that takes so many numbers off the stack and leaves one there.
    pub(super) fn step(&mut self, step: Step, takes: usize) {
        self.height = self.height.saturating_sub(takes) + 1;
        self.most = self.most.max(self.height);
        self.steps.push(step);
    }

    fn load(&mut self, read: Read) {
        let known = self.reads.iter().position(|own| *own == read);
        let position = known.unwrap_or_else(|| {
            self.reads.push(read);
            self.reads.len() - 1
        });
        self.step(Step::Load(position), 0);
    }

    fn number(&self, (operand, at): &Placed) -> Result<(), Misuse> {
        match operand {
            Operand::Number | Operand::Truth | Operand::Missing => Ok(()),
            Operand::Chosen => self.misuse(
                *at,
                "a text that is chosen is the result and is not read again; make a column of it first, by another DerivedColumns",
            ),
            Operand::Text(_) => self.misuse(
                *at,
                "a number is expected here, not a text; ask for its length, compare it or look it up",
            ),
            Operand::Moment(..) => self.misuse(
                *at,
                "a number is expected here, not a date or a time; ask for a part such as year, or for days_between",
            ),
        }
    }

    fn truth(&self, (operand, at): &Placed) -> Result<(), Misuse> {
        match operand {
            Operand::Truth | Operand::Missing => Ok(()),
            Operand::Number => {
                self.misuse(*at, "a truth value is expected here, not a number; compare it, as in x != 0")
            }
            _ => self.misuse(*at, format!("a truth value is expected here, not {}", operand.word())),
        }
    }

    pub(super) fn operation(&mut self, operation: &Operation) -> Result<Operand, Misuse> {
        match operation {
            Operation::Column(name) => return self.column(name),
            Operation::Number(number) => self.step(Step::Constant(*number), 0),
            Operation::Truth(truth) => {
                self.step(Step::Constant(f64::from(u8::from(*truth))), 0);
                return Ok(Operand::Truth);
            }
            Operation::Text(text) => {
                let from = TextSource::Literal(text.clone());
                return Ok(Operand::Text(TextOperand { from, changes: Vec::new() }));
            }
            Operation::Null => {
                self.step(Step::Constant(f64::NAN), 0);
                return Ok(Operand::Missing);
            }
            Operation::Negate => {
                let operand = self.pop();
                self.number(&operand)?;
                self.step(Step::Unary(Unary::Negate), 1);
            }
            Operation::Not => {
                let operand = self.pop();
                self.truth(&operand)?;
                self.step(Step::Unary(Unary::Not), 1);
                return Ok(Operand::Truth);
            }
            Operation::Binary(binary) => return self.binary(*binary),
            Operation::Choose => return self.choose(),
            Operation::Among(members) => return self.among(members),
            Operation::Lookup(table) => {
                let (default, key) = (self.pop(), self.pop());
                self.number(&default)?;
                self.lookup(table, key)?;
            }
            Operation::Relabel(table, words) => return self.relabel(table, words),
            Operation::Call(function, count) => return self.call(*function, *count as usize),
        }
        Ok(Operand::Number)
    }

    fn column(&mut self, name: &str) -> Result<Operand, Misuse> {
        let Some(position) = self.columns.iter().position(|(own, _)| *own == name) else {
            let there: Vec<&str> = self.columns.iter().map(|(own, _)| *own).take(20).collect();
            return self.misuse(
                self.now,
                format!("there is no column {name:?}; the table has {}", there.join(", ")),
            );
        };
        let dtype = self.columns.get(position).map_or(DType::Float64, |(_, dtype)| *dtype);
        Ok(match dtype {
            DType::String => {
                Operand::Text(TextOperand { from: TextSource::Column(position), changes: Vec::new() })
            }
            dtype if dtype.is_temporal() => Operand::Moment(MomentSource::Column(position), dtype),
            dtype if dtype.is_numeric() => {
                self.load(Read::Number(position));
                if dtype == DType::Bool { Operand::Truth } else { Operand::Number }
            }
            dtype => return self.misuse(self.now, format!("no expression reads a column of {dtype}")),
        })
    }

    fn binary(&mut self, binary: Binary) -> Result<Operand, Misuse> {
        let (right, left) = (self.pop(), self.pop());
        let question = match binary {
            Binary::And | Binary::Or => {
                self.truth(&left)?;
                self.truth(&right)?;
                self.step(Step::Binary(binary), 2);
                return Ok(Operand::Truth);
            }
            Binary::Add
            | Binary::Subtract
            | Binary::Multiply
            | Binary::Divide
            | Binary::Remainder
            | Binary::Power => {
                self.number(&left)?;
                self.number(&right)?;
                self.step(Step::Binary(binary), 2);
                return Ok(Operand::Number);
            }
            Binary::Equal => TextQuestion::Equal,
            Binary::Unequal => TextQuestion::Unequal,
            Binary::Less => TextQuestion::Less,
            Binary::AtMost => TextQuestion::AtMost,
            Binary::Greater => TextQuestion::Greater,
            Binary::AtLeast => TextQuestion::AtLeast,
        };
        match (&left.0, &right.0) {
            (Operand::Text(_), Operand::Text(_)) => self.texts(left, Some(right), question)?,
            (Operand::Moment(..), _) | (_, Operand::Moment(..)) => {
                // Their distance has the sign of their order, since no distance but none is rounded to 0.
                self.apart(right, left, 1.0)?;
                self.step(Step::Constant(0.0), 0);
                self.step(Step::Binary(binary), 2);
            }
            (Operand::Text(_), other) | (other, Operand::Text(_)) => {
                let problem = format!("a text is not compared with {}", other.word());
                return self.misuse(self.now, problem);
            }
            _ => {
                self.number(&left)?;
                self.number(&right)?;
                self.step(Step::Binary(binary), 2);
            }
        }
        Ok(Operand::Truth)
    }

    fn choose(&mut self) -> Result<Operand, Misuse> {
        let (otherwise, condition, value) = (self.pop(), self.pop(), self.pop());
        self.truth(&condition)?;
        if is_text(&value.0) || is_text(&otherwise.0) {
            return self.choose_text(value, otherwise);
        }
        self.number(&value)?;
        self.number(&otherwise)?;
        self.step(Step::Choose, 3);
        Ok(common([&value.0, &otherwise.0]))
    }

    fn among(&mut self, members: &Members) -> Result<Operand, Misuse> {
        let value = self.pop();
        match members {
            Members::Numbers(numbers) => {
                self.number(&value)?;
                let mut sorted: Box<[f64]> = numbers.as_slice().into();
                sorted.sort_unstable_by(f64::total_cmp);
                self.step(Step::Among(sorted), 1);
            }
            Members::Texts(texts) => {
                let mut sorted: Box<[_]> = texts.as_slice().into();
                sorted.sort_unstable();
                self.texts(value, None, TextQuestion::Among(sorted))?;
            }
        }
        Ok(Operand::Truth)
    }

    /// Looks the key up; the number for all others stands on the stack, behind the key if that is a number.
    pub(super) fn lookup(&mut self, table: &Table, key: Placed) -> Result<(), Misuse> {
        match table {
            Table::Numbers(entries) => {
                self.number(&key)?;
                let mut sorted: Box<[_]> = entries.as_slice().into();
                sorted.sort_unstable_by(|(left, _), (right, _)| left.total_cmp(right));
                self.step(Step::Lookup(sorted), 2);
            }
            Table::Texts(entries) => {
                let mut sorted: Box<[_]> = entries.as_slice().into();
                sorted.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
                self.texts(key, None, TextQuestion::Lookup(sorted))?;
                self.step(Step::OrElse, 2);
            }
        }
        Ok(())
    }

    /// A number that is read from texts.
    pub(super) fn texts(
        &mut self,
        left: Placed,
        right: Option<Placed>,
        question: TextQuestion,
    ) -> Result<(), Misuse> {
        let text = |(operand, at): Placed| match operand {
            Operand::Text(text) => Ok(text),
            other => self.misuse(at, format!("a text is expected here, not {}", other.word())),
        };
        let (left, right) = (text(left)?, right.map(text).transpose()?);
        self.load(Read::Texts(AskTexts { left, right, question }));
        Ok(())
    }

    /// How far it is from one moment to another.
    fn apart(&mut self, from: Placed, until: Placed, per_unit: f64) -> Result<(), Misuse> {
        let dtype = |operand: &Operand| match operand {
            Operand::Moment(_, dtype) => Some(*dtype),
            _ => None,
        };
        let Some(known) = dtype(&from.0).or(dtype(&until.0)) else {
            return self.misuse(from.1, format!("a date or a time is expected here, not {}", from.0.word()));
        };
        let source = |(operand, at): Placed| match (&operand, operand.literal()) {
            (_, Some(text)) => match fixed(text, known) {
                Some(moment) => Ok(MomentSource::Fixed(moment)),
                None => self.misuse(at, format!("{text:?} is not written as {known} is, such as 2024-02-29")),
            },
            (Operand::Moment(source, own), None) if is_comparable(*own, known) => Ok(*source),
            (Operand::Moment(_, own), None) => self.misuse(at, format!("{own} is not compared with {known}")),
            _ => self.misuse(at, format!("a date or a time is expected here, not {}", operand.word())),
        };
        let (from, until) = (source(from)?, source(until)?);
        let question = MomentQuestion::Apart { from, until, per_unit };
        self.load(Read::Moments(AskMoments { question }));
        Ok(())
    }

    fn call(&mut self, function: Function, count: usize) -> Result<Operand, Misuse> {
        let first = self.stack.len().saturating_sub(count);
        let arguments = self.stack.split_off(first);
        if let Some(operand) = self.of_texts(function, &arguments)? {
            return Ok(operand);
        }
        let missing = || (Operand::Missing, self.now);
        let argument = |position: usize| arguments.get(position).cloned().unwrap_or_else(missing);
        match function {
            Function::Part(part) => {
                let (operand, at) = argument(0);
                let Operand::Moment(MomentSource::Column(column), dtype) = operand else {
                    return self
                        .misuse(at, format!("a date or a time is expected here, not {}", operand.word()));
                };
                if matches!(dtype, DType::Time(_)) && !part.is_of_day() {
                    return self.misuse(at, format!("a time of day has no {}", part.name()));
                }
                self.load(Read::Moments(AskMoments { question: MomentQuestion::Part { column, part } }));
                return Ok(if part.is_truth() { Operand::Truth } else { Operand::Number });
            }
            Function::Between(between) => {
                self.apart(argument(0), argument(1), between.nanoseconds())?;
                return Ok(Operand::Number);
            }
            Function::IsNull => {
                match argument(0).0 {
                    Operand::Moment(MomentSource::Column(column), _) => {
                        let question = MomentQuestion::IsNull { column };
                        self.load(Read::Moments(AskMoments { question }));
                    }
                    _ => {
                        self.number(&argument(0))?;
                        self.step(Step::Unary(Unary::IsNull), 1);
                    }
                }
                return Ok(Operand::Truth);
            }
            _ => {}
        }
        arguments.iter().try_for_each(|argument| self.number(argument))?;
        if let (Function::Round, Some((_, at))) = (function, arguments.get(1)) {
            return match self.operations.get(*at) {
                Some(Operation::Number(digits)) if MOST_DIGITS >= *digits && digits.fract() == 0.0 => {
                    self.step(Step::RoundTo, 2);
                    Ok(Operand::Number)
                }
                _ => self.misuse(*at, format!("a whole number from 0 to {MOST_DIGITS} is expected here")),
            };
        }
        self.step(
            match function {
                Function::Abs => Step::Unary(Unary::Abs),
                Function::Ceil => Step::Unary(Unary::Ceil),
                Function::Exp => Step::Unary(Unary::Exp),
                Function::Floor => Step::Unary(Unary::Floor),
                Function::Log => Step::Unary(Unary::Log),
                Function::Log1p => Step::Unary(Unary::Log1p),
                Function::Round => Step::Unary(Unary::Round),
                Function::Sqrt => Step::Unary(Unary::Sqrt),
                Function::Clip => Step::Clip,
                Function::Min => Step::Min(count),
                Function::Max => Step::Max(count),
                Function::Coalesce => Step::Coalesce(count),
                _ => return self.misuse(self.now, format!("{} has no numbers", function.name())),
            },
            count,
        );
        Ok(match function {
            Function::Coalesce => common(arguments.iter().map(|(operand, _)| operand)),
            _ => Operand::Number,
        })
    }
}

/// The most digits behind the point, beyond which powers of ten are rounded themselves.
const MOST_DIGITS: f64 = 22.0;

pub(super) fn is_text(operand: &Operand) -> bool {
    matches!(operand, Operand::Text(_) | Operand::Chosen)
}

/// A truth value where all are, else a number.
fn common<'a>(operands: impl IntoIterator<Item = &'a Operand>) -> Operand {
    let mut made = Operand::Missing;
    for operand in operands {
        match operand {
            Operand::Missing => {}
            Operand::Truth if !matches!(made, Operand::Number) => made = Operand::Truth,
            _ => made = Operand::Number,
        }
    }
    made
}
