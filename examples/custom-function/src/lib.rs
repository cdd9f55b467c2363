//! Two functions that no library has, as steps of a feature plan: one reads a text, the other learns.
//!
//! `custom_function.py` beside this folder has both in Python, under the same names and versions, and fits the same plan.

pub mod serving;

use mlcore::arrow::array::AsArray;
use mlcore::arrow::datatypes::Float64Type;
use mlcore::{Error, Result};
use mlcore_features::expression::Expression;
use mlcore_features::pipeline::{ColumnTransformer, Plan};
use mlcore_features::transform::custom::{
    BoundFunction, CustomFunction, CustomTransformer, Functions, InputRow, Learnt, Refusal, RowFunction,
    RowKernel, State,
};
use mlcore_features::transform::{DerivedColumns, Training};
use mlcore_features::typed::{Features, to_table};

/// A payment as a service has it: a row of the plan.
#[derive(Features)]
pub struct Payment<'a> {
    pub amount: Option<f64>,
    pub usual: Option<f64>,
    pub hour: Option<i64>,
    pub iban: Option<&'a str>,
}

impl<'a> Payment<'a> {
    pub fn new(amount: f64, usual: f64, hour: i64, iban: &'a str) -> Self {
        Self { amount: Some(amount), usual: Some(usual), hour: Some(hour), iban: Some(iban) }
    }
}

/// The payments that the plan learns from.
pub fn history() -> [Payment<'static>; 4] {
    [
        Payment::new(20.0, 40.0, 9, "DE89370400440532013000"),
        Payment::new(35.5, 20.0, 23, "GB82WEST12345698765432"),
        Payment::new(80.0, 80.0, 14, "DE89370400440532013001"),
        Payment::new(950.0, 50.0, 3, "FR1420041010050500013M02606"),
    ]
}

/// What a service brings along to load the plan.
pub fn functions() -> Functions {
    Functions::new().with(valid_iban()).with(RatioToMedian)
}

/// Fits the plan: formulas for what they can say, functions for what they cannot.
pub fn fit() -> Result<Plan> {
    let derived = DerivedColumns::default()
        .column("night", Expression::parse("hour < 6 or hour >= 22")?)
        .column("against_usual", Expression::parse("amount / usual")?);
    ColumnTransformer::new()
        .with("derived", derived, ["amount", "usual", "hour"])
        .with("iban", CustomTransformer::new(valid_iban()), ["iban"])
        .with("typical", CustomTransformer::new(RatioToMedian), ["amount"])
        .fit(&to_table(&history())?)
}

/// Whether the check digits of an IBAN are right: ISO 13616, by the remainder of 97.
pub fn valid_iban() -> RowFunction {
    RowFunction::new("valid_iban", 1, ["valid"], |row, features| {
        let iban = row.text(0).ok_or_else(|| {
            Refusal::new("it is missing").of_column(0).remedy("send the account's IBAN, without spaces")
        })?;
        features.fill(f64::from(u8::from(is_valid(iban))));
        Ok(())
    })
}

fn is_valid(iban: &str) -> bool {
    let (Some(country), Some(account @ [_, ..])) = (iban.get(..4), iban.get(4..).map(str::as_bytes)) else {
        return false;
    };
    let mut remainder = 0;
    for letter in account.iter().copied().chain(country.bytes()) {
        let Some(digit) = char::from(letter).to_digit(36) else { return false };
        remainder = (remainder * if digit < 10 { 10 } else { 100 } + digit) % 97;
    }
    remainder == 1
}

/// A number by the median of its column in the training table.
#[derive(Debug)]
pub struct RatioToMedian;

impl CustomFunction for RatioToMedian {
    fn name(&self) -> &str {
        "ratio_to_median"
    }

    fn version(&self) -> u32 {
        1
    }

    fn learn(&self, training: &Training<'_>) -> Result<State> {
        let mut medians = Vec::new();
        for (field, column) in training.table().schema_ref().fields().iter().zip(training.table().columns()) {
            let column = column.as_primitive_opt::<Float64Type>().ok_or_else(|| {
                Error::schema_mismatch("learn ratio_to_median", field.name(), "expected float64 numbers")
            })?;
            let mut values: Vec<f64> = column.iter().flatten().filter(|value| !value.is_nan()).collect();
            values.sort_by(f64::total_cmp);
            let middle = values.get(values.len().saturating_sub(1) / 2).zip(values.get(values.len() / 2));
            medians.push(middle.map(|(low, high)| (low + high) / 2.0));
        }
        State::of(&medians)
    }

    fn bind(&self, learnt: &Learnt<'_>) -> Result<BoundFunction> {
        Ok(BoundFunction::new(learnt.input().names(), Ratios(learnt.state().read()?)))
    }
}

#[derive(Debug)]
struct Ratios(Vec<f64>);

impl RowKernel for Ratios {
    fn apply(&self, row: &InputRow<'_>, features: &mut [f64]) -> Result<(), Refusal> {
        for ((feature, number), median) in features.iter_mut().zip(row.numbers()).zip(&self.0) {
            *feature = number / median;
        }
        Ok(())
    }
}
