//! The people who are asked, and the questions.

use std::collections::HashMap;

use doctor_visit::data::Rows;
use mlcore::arrow::array::{Array, AsArray, RecordBatch};
use mlcore::arrow::datatypes::{Float64Type, Int64Type};
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};

/// The questions by name. Each is answered by yes or no, and yes foretells a visit to a doctor.
pub(crate) const QUESTIONS: [&str; 4] = ["went-last-year", "went-twice", "over-ten-diseases", "free-care"];

/// A person at the beginning of a year.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// What the person would answer to each question.
    pub(crate) answers: [bool; QUESTIONS.len()],
    /// Whether the person saw a doctor in that year, which nobody knows before its end.
    pub(crate) went: bool,
}

impl Person {
    /// What the question earns: 1 where its answer foretold what came.
    pub(crate) fn reward(&self, question: usize) -> f64 {
        f64::from(u8::from(self.answers[question] == self.went))
    }
}

/// Everybody who was there for the first two years, in an order drawn with `seed`.
pub(crate) fn people(rows: &Rows, seed: u64) -> Result<Vec<Person>> {
    let sites = [1, 2, 3, 4, 5, 6];
    let (first, second) = (rows.of(&sites, &[1])?, rows.of(&sites, &[2])?);
    let went: HashMap<i64, bool> = second.persons()?.into_iter().zip(second.visited()?).collect();
    let (visits, diseases) =
        (column::<i64>(&first.table, "visits")?, column::<f64>(&first.table, "chronic_diseases")?);
    let plans = first.table.column_by_name("plan").and_then(|plans| plans.as_string_opt::<i32>());
    let plans = plans.ok_or_else(|| wrong("plan"))?;
    let mut people = Vec::new();
    for (row, person) in first.persons()?.into_iter().enumerate() {
        if let Some(went) = went.get(&person) {
            let answers =
                [visits[row] > 0, visits[row] > 1, diseases[row] > 10.0, plans.value(row) == "free"];
            people.push(Person { answers, went: *went });
        }
    }
    SplitMix64::new(seed).shuffle(&mut people);
    Ok(people)
}

/// A column of numbers without nulls.
fn column<T: Number>(table: &RecordBatch, name: &str) -> Result<Vec<T>> {
    let found = table.column_by_name(name).filter(|column| column.null_count() == 0);
    found.and_then(|column| T::of(column.as_ref())).ok_or_else(|| wrong(name))
}

trait Number: Sized {
    fn of(column: &dyn Array) -> Option<Vec<Self>>;
}

impl Number for i64 {
    fn of(column: &dyn Array) -> Option<Vec<Self>> {
        column.as_primitive_opt::<Int64Type>().map(|numbers| numbers.values().to_vec())
    }
}

impl Number for f64 {
    fn of(column: &dyn Array) -> Option<Vec<Self>> {
        column.as_primitive_opt::<Float64Type>().map(|numbers| numbers.values().to_vec())
    }
}

fn wrong(name: &str) -> Error {
    Error::schema_mismatch(
        "read data set",
        name,
        "it is not there, or not of the type that is read, without nulls",
    )
}
