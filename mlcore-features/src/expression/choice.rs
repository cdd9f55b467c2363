//! Texts that are changed, and those that are chosen as results.

use std::sync::Arc;

use super::compile::{Compiler, Misuse, Operand, Placed};
use super::evaluate::Step;
use super::operation::{Function, Table};
use super::text::{TextChange, TextOperand, TextQuestion, TextSource};

impl Compiler<'_> {
    /// The choice between two texts, either of which may be missing.
    pub(super) fn choose_text(&mut self, value: Placed, otherwise: Placed) -> Result<Operand, Misuse> {
        let (value, otherwise) = (self.text_result(value)?, self.text_result(otherwise)?);
        let takes = 1 + usize::from(value.is_none()) + usize::from(otherwise.is_none());
        self.step(Step::Pick { value, otherwise }, takes);
        Ok(Operand::Chosen)
    }

    /// The position of a text among the results; none where it is a number on the stack already.
    fn text_result(&mut self, (operand, at): Placed) -> Result<Option<f64>, Misuse> {
        match operand {
            Operand::Text(text) => Ok(Some(self.result(text))),
            Operand::Chosen | Operand::Missing => Ok(None),
            other => self.misuse(at, format!("a text is expected here, not {}", other.word())),
        }
    }

    /// Takes a text among the results.
    pub(super) fn result(&mut self, text: TextOperand) -> f64 {
        let known = self.results.iter().position(|own| *own == text);
        let position = known.unwrap_or_else(|| {
            self.results.push(text);
            self.results.len() - 1
        });
        position as f64
    }

    /// The text that a table has for the key, or another.
    pub(super) fn relabel(&mut self, table: &Table, words: &[Arc<str>]) -> Result<Operand, Misuse> {
        let (default, key) = (self.pop(), self.pop());
        if let Some(position) = self.text_result(default)? {
            self.step(Step::Constant(position), 0);
        }
        let positions: Vec<f64> = words
            .iter()
            .map(|word| {
                let from = TextSource::Literal(word.clone());
                self.result(TextOperand { from, changes: Vec::new() })
            })
            .collect();
        let position = |word: f64| positions.get(word as usize).copied().unwrap_or(f64::NAN);
        let table = match table {
            Table::Numbers(entries) => {
                Table::Numbers(entries.iter().map(|(key, word)| (*key, position(*word))).collect())
            }
            Table::Texts(entries) => {
                Table::Texts(entries.iter().map(|(key, word)| (key.clone(), position(*word))).collect())
            }
        };
        self.lookup(&table, key)?;
        Ok(Operand::Chosen)
    }

    /// The functions of texts; none where this is a function of something else.
    pub(super) fn of_texts(
        &mut self,
        function: Function,
        arguments: &[Placed],
    ) -> Result<Option<Operand>, Misuse> {
        let (first, second) = match arguments {
            [first] => (first, None),
            [first, second] => (first, Some(second.clone())),
            _ => return Ok(None),
        };
        let change = match function {
            Function::Lower => TextChange::Lower,
            Function::Upper => TextChange::Upper,
            Function::Trim => TextChange::Trim,
            Function::Coalesce => match (&first.0, &second) {
                (Operand::Text(_), Some((second, at))) => match second.literal() {
                    Some(text) => TextChange::Fill(text.into()),
                    None => return self.misuse(*at, "the text for a missing one stands between quotes"),
                },
                _ => return Ok(None),
            },
            _ => {
                let (question, made) = match (function, &first.0) {
                    (Function::Length, _) => (TextQuestion::Length, Operand::Number),
                    (Function::Contains, _) => (TextQuestion::Contains, Operand::Truth),
                    (Function::StartsWith, _) => (TextQuestion::StartsWith, Operand::Truth),
                    (Function::EndsWith, _) => (TextQuestion::EndsWith, Operand::Truth),
                    (Function::IsNull, Operand::Text(_)) => (TextQuestion::IsNull, Operand::Truth),
                    _ => return Ok(None),
                };
                self.texts(first.clone(), second, question)?;
                return Ok(Some(made));
            }
        };
        match &first.0 {
            Operand::Text(text) => {
                let mut text = text.clone();
                text.changes.push(change);
                Ok(Some(Operand::Text(text)))
            }
            other => self.misuse(first.1, format!("a text is expected here, not {}", other.word())),
        }
    }
}
