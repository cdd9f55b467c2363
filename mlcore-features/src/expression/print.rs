//! From operations back to a text that parses to the same operations.

use std::fmt::Write;

use super::operation::{Binary, Members, Operation, Table, binding};
use super::token::{RESERVED, begins_a_name, continues_a_name};

/// The text of these operations.
pub(super) fn print(operations: &[Operation]) -> String {
    let mut printed = Printed::default();
    operations.iter().for_each(|operation| printed.add(operation));
    printed.pop().0
}

/// The texts of the values on the stack, and how tightly the last operation of each binds.
#[derive(Default)]
struct Printed(Vec<(String, u8)>);

impl Printed {
    fn pop(&mut self) -> (String, u8) {
        self.0.pop().unwrap_or_default()
    }

    /// The last value, between parentheses where it binds less tightly than this.
    fn pop_bound(&mut self, least: u8) -> String {
        let (text, binding) = self.pop();
        if binding < least { format!("({text})") } else { text }
    }

    fn add(&mut self, operation: &Operation) {
        let (text, binding) = match operation {
            Operation::Column(name) => (name_of(name), binding::ATOM),
            Operation::Number(number) => (shown(*number), binding::ATOM),
            Operation::Truth(truth) => (truth.to_string(), binding::ATOM),
            Operation::Text(text) => (quoted(text), binding::ATOM),
            Operation::Null => ("null".to_owned(), binding::ATOM),
            Operation::Negate => (format!("-{}", self.pop_bound(binding::SIGN)), binding::SIGN),
            Operation::Not => (format!("not {}", self.pop_bound(binding::NOT)), binding::NOT),
            Operation::Binary(binary) => self.binary(*binary),
            Operation::Choose => {
                let (otherwise, _) = self.pop();
                let condition = self.pop_bound(binding::OR);
                let mut text = self.pop_bound(binding::OR);
                _ = write!(text, " if {condition} else {otherwise}");
                (text, binding::CHOICE)
            }
            Operation::Among(members) => {
                let mut text = self.pop_bound(binding::SUM);
                let members: Vec<String> = match members {
                    Members::Numbers(numbers) => numbers.iter().map(|number| shown(*number)).collect(),
                    Members::Texts(texts) => texts.iter().map(|text| quoted(text)).collect(),
                };
                _ = write!(text, " in ({})", members.join(", "));
                (text, binding::COMPARISON)
            }
            Operation::Lookup(table) => self.lookup(table, shown),
            Operation::Relabel(table, words) => self
                .lookup(table, |word| words.get(word as usize).map_or_else(String::new, |word| quoted(word))),
            Operation::Call(function, count) => {
                let first = self.0.len().saturating_sub(*count as usize);
                let arguments: Vec<String> = self.0.drain(first..).map(|(text, _)| text).collect();
                (format!("{}({})", function.name(), arguments.join(", ")), binding::ATOM)
            }
        };
        self.0.push((text, binding));
    }

    /// A look-up with its table, whose values are written so.
    fn lookup(&mut self, table: &Table, value: impl Fn(f64) -> String) -> (String, u8) {
        let ((default, _), (key, _)) = (self.pop(), self.pop());
        let entries: Vec<String> = match table {
            Table::Numbers(entries) => {
                entries.iter().map(|(key, own)| format!("{}: {}", shown(*key), value(*own))).collect()
            }
            Table::Texts(entries) => {
                entries.iter().map(|(key, own)| format!("{}: {}", quoted(key), value(*own))).collect()
            }
        };
        (format!("lookup({key}, {{{}}}, {default})", entries.join(", ")), binding::ATOM)
    }

    fn binary(&mut self, binary: Binary) -> (String, u8) {
        let own = binary.binding();
        let (left, right) = match own {
            binding::POWER => (own + 1, binding::SIGN),
            binding::COMPARISON => (own + 1, own + 1),
            _ => (own, own + 1),
        };
        let right = self.pop_bound(right);
        let mut text = self.pop_bound(left);
        _ = write!(text, " {} {right}", binary.sign());
        (text, own)
    }
}

fn name_of(name: &str) -> String {
    let is_plain = name.chars().next().is_some_and(begins_a_name)
        && name.chars().all(continues_a_name)
        && !RESERVED.contains(&name);
    if is_plain { name.to_owned() } else { format!("`{}`", name.replace('`', "``")) }
}

/// The number with all its digits.
fn shown(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    // Whole numbers are written as such while every float there is a whole number of its own.
    let is_short =
        number.fract() == 0.0 && number.abs() < 1e15 && !(number == 0.0 && number.is_sign_negative());
    if is_short { format!("{number:.0}") } else { format!("{number:?}") }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '"' | '\\' => quoted.extend(['\\', c]),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
