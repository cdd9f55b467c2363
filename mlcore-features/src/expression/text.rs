//! What is computed with texts.

use std::sync::Arc;

use crate::program::text::{Refused, TextKernel, TextRow, TextScratch};
use crate::program::words::TextMaker;

/// A text that an operation reads.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct TextOperand {
    pub(crate) from: TextSource,
    pub(crate) changes: Vec<TextChange>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum TextSource {
    /// The column of this position in the table.
    Column(usize),
    Literal(Arc<str>),
}

/// How a text is changed before it is looked at.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum TextChange {
    Lower,
    Upper,
    Trim,
    /// A text in the place of a missing one.
    Fill(Arc<str>),
}

/// What is asked about one text, or two.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum TextQuestion {
    IsNull,
    Length,
    Contains,
    StartsWith,
    EndsWith,
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    /// Sorted texts.
    Among(Box<[Arc<str>]>),
    /// Sorted keys, and their numbers.
    Lookup(Box<[(Arc<str>, f64)]>),
}

/// A number from one text or two.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct AskTexts {
    pub(crate) left: TextOperand,
    pub(crate) right: Option<TextOperand>,
    pub(crate) question: TextQuestion,
}

impl AskTexts {
    /// The columns that it reads, each time that it reads one.
    pub(crate) fn columns(&self) -> Vec<usize> {
        let operands = [Some(&self.left), self.right.as_ref()].into_iter().flatten();
        operands
            .filter_map(|operand| match operand.from {
                TextSource::Column(position) => Some(position),
                TextSource::Literal(_) => None,
            })
            .collect()
    }
}

/// Writes the text whose position is the number. Columns are numbered in the order of the texts that are one.
#[derive(Debug)]
pub(crate) struct SayText(pub(crate) Box<[TextOperand]>);

impl SayText {
    /// The texts, where each of them is written in the expression as it is.
    pub(crate) fn literals(&self) -> Option<Vec<Arc<str>>> {
        let literal = |operand: &TextOperand| match &operand.from {
            TextSource::Literal(text) if operand.changes.is_empty() => Some(text.clone()),
            _ => None,
        };
        self.0.iter().map(literal).collect()
    }

    /// The columns that it reads, in its order.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        self.0.iter().filter_map(|operand| match operand.from {
            TextSource::Column(position) => Some(position),
            TextSource::Literal(_) => None,
        })
    }
}

impl TextMaker for SayText {
    fn make(&self, row: &TextRow<'_>, scratch: &mut TextScratch, made: &mut String) -> bool {
        let position =
            row.numbers.first().filter(|position| **position >= 0.0).map(|position| *position as usize);
        let Some((position, operand)) = position.and_then(|position| Some((position, self.0.get(position)?)))
        else {
            return false;
        };
        let is_column = |operand: &&TextOperand| matches!(operand.from, TextSource::Column(_));
        let mut read = self.0.iter().take(position).filter(is_column).count();
        match resolve(operand, row, &mut read, &mut scratch.text) {
            Some(text) => {
                made.push_str(text);
                true
            }
            None => false,
        }
    }
}

impl TextKernel for AskTexts {
    fn apply(&self, row: &TextRow<'_>, scratch: &mut TextScratch) -> Result<(), Refused> {
        let mut read = 0;
        let TextScratch { text, joined, features, .. } = scratch;
        let left = resolve(&self.left, row, &mut read, text);
        let right = self.right.as_ref().map(|right| resolve(right, row, &mut read, joined));
        let number = answer(&self.question, left, right.flatten(), self.right.is_some());
        if number != 0.0 {
            features.add(0, number);
        }
        Ok(())
    }
}

/// The text after its changes. The columns of a kernel are numbered in the order in which it reads them.
fn resolve<'a, 'row: 'a>(
    operand: &'a TextOperand,
    row: &TextRow<'row>,
    read: &mut usize,
    buffer: &'a mut String,
) -> Option<&'a str> {
    let mut text = match &operand.from {
        TextSource::Literal(text) => Some(&**text),
        TextSource::Column(_) => {
            *read += 1;
            row.text(*read - 1)
        }
    };
    if operand.changes.is_empty() {
        return text;
    }
    let mut is_present = text.is_some();
    buffer.clear();
    buffer.push_str(text.take().unwrap_or_default());
    for change in &operand.changes {
        match change {
            TextChange::Fill(fill) if !is_present => {
                buffer.push_str(fill);
                is_present = true;
            }
            TextChange::Fill(_) => {}
            TextChange::Trim => {
                buffer.truncate(buffer.trim_end().len());
                let leading = buffer.len() - buffer.trim_start().len();
                buffer.drain(..leading);
            }
            TextChange::Lower => letters(buffer, char::to_lowercase),
            TextChange::Upper => letters(buffer, char::to_uppercase),
        }
    }
    is_present.then_some(buffer.as_str())
}

/// Replaces each character. The result is written behind the text, so that no second memory is needed.
fn letters<I: Iterator<Item = char>>(buffer: &mut String, replaced: impl Fn(char) -> I) {
    let length = buffer.len();
    let mut place = 0;
    while place < length {
        let Some(c) = buffer.get(place..).and_then(|rest| rest.chars().next()) else { break };
        buffer.extend(replaced(c));
        place += c.len_utf8();
    }
    buffer.drain(..length);
}

fn answer(question: &TextQuestion, left: Option<&str>, right: Option<&str>, is_pair: bool) -> f64 {
    let flag = |truth: bool| f64::from(u8::from(truth));
    let Some(left) = left else {
        return match question {
            TextQuestion::IsNull => 1.0,
            _ => f64::NAN,
        };
    };
    let right = match right {
        Some(right) => right,
        None if is_pair => return f64::NAN,
        None => "",
    };
    match question {
        TextQuestion::IsNull => 0.0,
        TextQuestion::Length => left.chars().count() as f64,
        TextQuestion::Contains => flag(left.contains(right)),
        TextQuestion::StartsWith => flag(left.starts_with(right)),
        TextQuestion::EndsWith => flag(left.ends_with(right)),
        TextQuestion::Equal => flag(left == right),
        TextQuestion::Unequal => flag(left != right),
        TextQuestion::Less => flag(left < right),
        TextQuestion::AtMost => flag(left <= right),
        TextQuestion::Greater => flag(left > right),
        TextQuestion::AtLeast => flag(left >= right),
        TextQuestion::Among(members) => flag(members.binary_search_by(|own| (**own).cmp(left)).is_ok()),
        TextQuestion::Lookup(table) => {
            let found = table.binary_search_by(|(own, _)| (**own).cmp(left)).ok();
            found.and_then(|place| table.get(place)).map_or(f64::NAN, |(_, number)| *number)
        }
    }
}
