use mlcore::batch::Value;
use mlcore::schema::{DType, Dim, Field};
use mlcore::{Error, Result};

use super::super::Cell;
use super::{Answer, PreparedQuery};

/// How many numbers a feature has; `None` where it is no number, or a list of any length.
pub(super) fn width(field: &Field) -> Option<usize> {
    match field.shape() {
        _ if !field.dtype().is_numeric() => None,
        [_] => Some(1),
        [_, Dim::Fixed(size)] => Some(*size),
        _ => None,
    }
}

impl PreparedQuery {
    /// How many numbers the features of one entity have: one for each, and for a list of fixed length as many as it has.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] naming the first feature that is no number: a text, a date, a list of any length.
    pub fn numeric_width(&self) -> Result<usize> {
        self.plan
            .width
            .map_err(|number| not_numeric(self.plan.features.get(number).map(|feature| &feature.field)))
    }
}

impl Answer {
    /// Writes the features as numbers: entity by entity, for each [`numeric_width`](PreparedQuery::numeric_width) of them. A bool
    /// is 0 or 1; what is null, not found or too old is NaN.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a feature that is no number, by its name; [`Error::InvalidInput`] for a slice of another
    /// length.
    pub fn write_f64(&self, numbers: &mut [f64]) -> Result<()> {
        self.write_numbers(numbers, f64::NAN, |value| value)
    }

    /// The same in single precision, to which values are rounded; those that are too large become infinite.
    ///
    /// # Errors
    /// As [`write_f64`](Self::write_f64).
    pub fn write_f32(&self, numbers: &mut [f32]) -> Result<()> {
        self.write_numbers(numbers, f32::NAN, |value| value as f32)
    }

    fn write_numbers<T: Copy>(&self, numbers: &mut [T], missing: T, narrow: impl Fn(f64) -> T) -> Result<()> {
        let Some(plan) = self.plan() else { return check_length(numbers.len(), 0) };
        let width = plan.width.map_err(|number| not_numeric(self.features().nth(number)))?;
        check_length(numbers.len(), self.entities() * width)?;
        numbers.fill(missing);
        if width == 0 {
            return Ok(());
        }
        for (entity, numbers) in numbers.chunks_exact_mut(width).enumerate() {
            for (table, features) in plan.by_table.iter().enumerate() {
                let Some(row) = self.counting_row(entity, table) else { continue };
                for feature in features.iter().filter_map(|number| plan.features.get(*number)) {
                    let place =
                        numbers.get_mut(feature.offset..feature.offset + feature.width).unwrap_or_default();
                    // Each was read before, when the row was taken over.
                    match row.read(feature.place).unwrap_or(Cell::NULL) {
                        Cell::Value(value) => place.fill(number_of(value, missing, &narrow)),
                        Cell::List(list) => {
                            for (place, value) in place.iter_mut().zip(list.iter()) {
                                *place = number_of(value, missing, &narrow);
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

fn number_of<T>(value: Value<'_>, missing: T, narrow: impl Fn(f64) -> T) -> T {
    if value.is_null() { missing } else { value.as_f64().map_or(missing, narrow) }
}

fn check_length(length: usize, expected: usize) -> Result<()> {
    if length == expected {
        return Ok(());
    }
    let problem = format!("the slice has {length} places, and the answer has {expected} numbers");
    Err(Error::invalid_input(OPERATION, "slice", problem)
        .remedy("pass entities times the numeric width of the query"))
}

fn not_numeric(field: Option<&Field>) -> Error {
    let (name, shown) =
        field.map_or_else(Default::default, |field| (field.name().to_owned(), field.to_string()));
    let remedy = match field.map(Field::dtype) {
        Some(DType::String) => "leave it out, or encode it with a feature plan",
        _ => "leave it out, or derive numbers from it with a feature plan",
    };
    Error::schema_mismatch(OPERATION, name, format!("{shown} is no number")).remedy(remedy)
}

const OPERATION: &str = "write features as numbers";
