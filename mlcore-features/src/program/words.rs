//! From a row to texts that are no column of the input.
//!
//! A column of categories becomes other categories by a [`Mapping`], which costs a row nothing where an encoder follows: the
//! encoder's table is asked once, beforehand, for every text that the mapping can answer. Other texts are written by a
//! [`TextMaker`] into memory that is used again from row to row.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use mlcore::{Error, Result};

use super::builder::{Column, Flow, ProgramBuilder, unfit};
use super::encoder::{Encoding, Table, Writes};
use super::instruction::{Instruction, TextFrom, TextReading};
use super::kernel::Kernel;
use super::lookup::Lookup;
use super::number::NumberKernel;
use super::text::{Refused, TextKernel, TextRow, TextScratch};
use crate::graph::{Graph, Inexpressible, Tensor};

/// Writes a text from the texts and the numbers of one row.
///
/// Both executors call it for one row after another, so that they cannot disagree. A missing text is `None` and a missing
/// number NaN. Whatever comes in, it must not panic, and nothing is allocated beyond the text and the scratch.
pub(crate) trait TextMaker: Debug + Send + Sync {
    /// Writes the text into `made`, which is empty. Answers false for a missing text, whatever was written.
    fn make(&self, row: &TextRow<'_>, scratch: &mut TextScratch, made: &mut String) -> bool;
}

/// What a program does to make a text.
#[derive(Debug)]
pub(crate) struct MakeStep {
    pub(crate) maker: Arc<dyn TextMaker>,
    pub(crate) texts: Box<[TextReading]>,
    /// Intermediate results.
    pub(crate) numbers: Range<usize>,
    /// Its place among the texts that are made; it reads only those before it.
    pub(crate) to: usize,
}

/// A text that was made of one row.
#[derive(Clone, Default, Debug)]
pub(crate) struct MadeText {
    text: String,
    is_present: bool,
}

impl MadeText {
    /// With room for a text that is not long, so that it needs no memory.
    pub(super) fn with_room() -> Self {
        Self { text: String::with_capacity(super::text::ROOM), is_present: false }
    }

    /// The text; none where it is missing.
    pub(super) fn get(&self) -> Option<&str> {
        self.is_present.then_some(self.text.as_str())
    }

    /// Makes it anew.
    pub(super) fn make(&mut self, maker: &dyn TextMaker, row: &TextRow<'_>, scratch: &mut TextScratch) {
        self.text.clear();
        self.is_present = maker.make(row, scratch, &mut self.text);
    }
}

/// The texts that were made of a block of rows.
#[derive(Default, Debug)]
pub(super) struct MadeBlock {
    text: String,
    /// Where each ends, and whether it is there.
    ends: Vec<(usize, bool)>,
}

impl MadeBlock {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    pub(super) fn push(&mut self, text: Option<&str>) {
        self.text.push_str(text.unwrap_or_default());
        self.ends.push((self.text.len(), text.is_some()));
    }

    /// The text of this row of the block; none where it is missing.
    pub(super) fn get(&self, offset: usize) -> Option<&str> {
        let (end, is_present) = *self.ends.get(offset)?;
        let begin = match offset.checked_sub(1).and_then(|before| self.ends.get(before)) {
            Some((begin, _)) => *begin,
            None => 0,
        };
        if is_present { self.text.get(begin..end) } else { None }
    }
}

/// Which text each category of a column becomes.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    /// The known values, each with the position of its text.
    pub(crate) keys: Keys,
    pub(crate) texts: Vec<Arc<str>>,
    /// The text of a missing value; none where it stays missing.
    pub(crate) missing: Option<u32>,
    /// The text of a value that is no key; none where it becomes missing.
    pub(crate) unknown: Option<u32>,
}

/// The values of a column that are looked up.
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    Texts(Vec<(Arc<str>, u32)>),
    /// Floats, integers and bools by their bits.
    Bits(Vec<(u64, u32)>),
}

impl Mapping {
    /// What an encoding of its texts is for the values that it maps.
    fn composed(&self, column: &Column, encoding: Encoding) -> Result<Encoding> {
        let Encoding { table: Table::Texts(lookup), missing, unknown, writes } = encoding else {
            return Err(unfit(column, "the column type it was fitted on"));
        };
        let codes: Vec<u32> = self.texts.iter().map(|text| lookup.text(text).unwrap_or(unknown)).collect();
        let code =
            |text: Option<u32>| text.and_then(|text| codes.get(text as usize).copied()).unwrap_or(missing);
        let table = self.table(|text| code(Some(text)))?;
        Ok(Encoding { table, missing: code(self.missing), unknown: code(self.unknown), writes })
    }

    /// The table from each key to what its text stands for.
    fn table(&self, code: impl Fn(u32) -> u32) -> Result<Table> {
        Ok(match &self.keys {
            Keys::Texts(keys) => {
                Table::Texts(Lookup::of_texts(keys.iter().map(|(key, text)| (&**key, code(*text))))?)
            }
            Keys::Bits(keys) => {
                Table::Bits(Lookup::of_bits(keys.iter().map(|(key, text)| (*key, code(*text))))?)
            }
        })
    }

    /// The positions of the texts as numbers, and NaN for a missing one.
    fn positions(&self) -> Result<Encoding> {
        let none = u32::try_from(self.texts.len()).map_err(|_| too_many())?;
        let values = (0..none).map(f64::from).chain([f64::NAN]).collect();
        Ok(Encoding {
            table: self.table(|text| text.min(none))?,
            missing: self.missing.unwrap_or(none),
            unknown: self.unknown.unwrap_or(none),
            writes: Writes::Ordinal { values },
        })
    }

    /// The same with a text in the place of a missing one.
    fn filled(&self, fill: &str) -> Result<Self> {
        let mut filled = self.clone();
        let position = u32::try_from(self.texts.len()).map_err(|_| too_many())?;
        filled.texts.push(fill.into());
        filled.missing = self.missing.or(Some(position));
        filled.unknown = self.unknown.or(Some(position));
        Ok(filled)
    }
}

fn too_many() -> Error {
    Error::unsupported("compile plan", "categories", "there are too many")
}

/// The text of a position; a missing one for NaN.
#[derive(Debug)]
struct Words(Box<[Arc<str>]>);

impl TextMaker for Words {
    fn make(&self, row: &TextRow<'_>, _: &mut TextScratch, made: &mut String) -> bool {
        let position = row.numbers.first().filter(|position| **position >= 0.0);
        match position.and_then(|position| self.0.get(*position as usize)) {
            Some(word) => {
                made.push_str(word);
                true
            }
            None => false,
        }
    }
}

/// Takes what is there, and does nothing with it.
#[derive(Debug)]
struct Present;

impl TextKernel for Present {
    fn apply(&self, row: &TextRow<'_>, _: &mut TextScratch) -> Result<(), Refused> {
        let refused = Refused { input: 0, problem: "is not taken", remedy: "impute missing values first" };
        row.text(0).map(drop).ok_or(refused)
    }
}

impl NumberKernel for Present {
    fn takes(&self, value: f64) -> bool {
        !value.is_nan()
    }

    fn apply(&self, value: f64) -> f64 {
        value
    }

    fn onnx(&self, graph: &mut Graph, value: Tensor) -> Result<Tensor, Inexpressible> {
        let missing = graph.is_missing(value);
        graph.refuse(missing, 1);
        Ok(value)
    }
}

impl ProgramBuilder {
    /// The texts that the mapping makes of the values of a column; a number passes the checks first.
    pub(crate) fn map_texts(
        &mut self,
        column: Column,
        mapping: Mapping,
        checks: impl IntoIterator<Item = Kernel>,
    ) -> Result<Column> {
        let column = match (&column.flow, &mapping.keys) {
            (Flow::Number { .. }, Keys::Bits(_)) => self.number(column, checks)?,
            (Flow::Exact { .. }, Keys::Bits(_)) | (Flow::Text(_) | Flow::Mapped { .. }, Keys::Texts(_)) => {
                column
            }
            _ => return Err(unfit(&column, "the column type it was fitted on")),
        };
        let may_miss = column.nullable || matches!(column.flow, Flow::Number { .. });
        Ok(Column {
            name: column.name.clone(),
            dtype: mlcore::schema::DType::String,
            nullable: mapping.unknown.is_none() || (may_miss && mapping.missing.is_none()),
            flow: Flow::Mapped { base: Box::new(column), mapping: Arc::new(mapping) },
        })
    }

    /// An encoding of mapped texts, as one of the values that they are made of.
    pub(super) fn encode_mapped(
        &mut self,
        (column, base, mapping): (&Column, &Column, &Mapping),
        site: u32,
        encoding: Encoding,
        names: Vec<String>,
    ) -> Result<Vec<Column>> {
        let composed = mapping.composed(column, encoding)?;
        self.encode(base, site, composed, [], names)
    }

    /// The mapped texts with this one in the place of those that are missing.
    pub(super) fn fill_mapped(mapping: &mut Arc<Mapping>, fill: &str) -> Result<()> {
        *mapping = Arc::new(mapping.filled(fill)?);
        Ok(())
    }

    /// The column as a text that is read from the input, or made before.
    pub(super) fn text(&mut self, transformer: &str, column: &Column) -> Result<TextReading> {
        match &column.flow {
            Flow::Text(reading) => Ok(reading.clone()),
            Flow::Mapped { base, mapping } => {
                let site = self.site(transformer, base);
                let positions = mapping.positions()?;
                let number = self.encode(base, site, positions, [], vec![column.name.clone()])?;
                self.make_text(Words(mapping.texts.as_slice().into()), Vec::new(), &number)
            }
            Flow::Number { .. } | Flow::Exact { .. } | Flow::Moment { .. } => {
                Err(unfit(column, "a text column"))
            }
        }
    }

    /// The text that is made of these texts and numbers.
    pub(super) fn make_text(
        &mut self,
        maker: impl TextMaker + 'static,
        texts: Vec<TextReading>,
        numbers: &[Column],
    ) -> Result<TextReading> {
        let numbers = self.intermediate(numbers)?;
        let to = self.made_place();
        let step = MakeStep { maker: Arc::new(maker), texts: texts.into(), numbers, to };
        self.instructions.push(Instruction::Make(step));
        Ok(TextReading { from: TextFrom::Made(to), fill: None })
    }

    /// Refuses what is missing in the column.
    pub(crate) fn require_present(&mut self, transformer: &str, column: &mut Column) -> Result<()> {
        if column.is_text() {
            self.step_texts(transformer, &[column], Vec::new(), 0..0, Present, Vec::new())?;
        } else {
            let site = self.site(transformer, column);
            let checked = self.number(column.clone(), [Kernel::function(site, Present)])?;
            self.intermediate(&[checked])?;
        }
        column.nullable = false;
        Ok(())
    }

    /// The column of texts that the maker writes from these columns of texts and of numbers.
    pub(crate) fn make_texts(
        &mut self,
        transformer: &str,
        columns: &[Column],
        maker: impl TextMaker + 'static,
        name: String,
    ) -> Result<Column> {
        let (mut texts, mut numbers) = (Vec::new(), Vec::new());
        for column in columns {
            match &column.flow {
                Flow::Text(_) | Flow::Mapped { .. } => texts.push(self.text(transformer, column)?),
                Flow::Number { .. } | Flow::Exact { .. } | Flow::Moment { .. } => {
                    numbers.push(column.clone());
                }
            }
        }
        let reading = self.make_text(maker, texts, &numbers)?;
        Ok(Column { name, dtype: mlcore::schema::DType::String, nullable: true, flow: Flow::Text(reading) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_answers_each_row_its_own_text() {
        let mut block = MadeBlock::default();
        for text in [Some("a"), None, Some(""), Some("Zürich")] {
            block.push(text);
        }
        let found: Vec<_> = (0..5).map(|offset| block.get(offset)).collect();
        assert_eq!(found, [Some("a"), None, Some(""), Some("Zürich"), None]);
        block.clear();
        assert_eq!(block.get(0), None);
    }

    #[test]
    fn an_encoding_of_texts_is_one_of_what_they_are_made_of() -> Result<()> {
        let mapping = Mapping {
            keys: Keys::Bits(vec![(7, 0), (9, 1)]),
            texts: vec!["seven".into(), "nine".into(), "other".into()],
            missing: None,
            unknown: Some(2),
        };
        let (column, _) = (Column::derived(vec!["x".to_owned()], 0), ());
        let table = Table::Texts(Lookup::of_texts([("nine", 4), ("other", 5)])?);
        let writes = Writes::Ordinal { values: Box::new([]) };
        let encoding = Encoding { table, missing: 8, unknown: 6, writes };
        let composed = mapping.composed(&column[0], encoding)?;
        let Table::Bits(lookup) = composed.table else { return Err(too_many()) };
        assert_eq!((lookup.bits(7), lookup.bits(9), lookup.bits(1)), (Some(6), Some(4), None));
        assert_eq!((composed.missing, composed.unknown), (8, 5));
        Ok(())
    }
}
