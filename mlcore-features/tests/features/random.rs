//! Random columns and tables, in the layouts that tables arrive in.

use std::sync::Arc;

use mlcore::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int16Array,
    Int64Array, LargeStringArray, RecordBatch, StringArray, StringViewArray, UInt64Array,
};
use mlcore::arrow::datatypes::{Field as ArrowField, Int8Type, Schema as ArrowSchema};
use mlcore::schema::DType;
use mlcore::stats::SplitMix64;

/// The choices of a case, which all follow from one number: proptest shrinks and reports it.
pub(crate) trait Choices {
    fn chance(&mut self, percent: usize) -> bool;
}

impl Choices for SplitMix64 {
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

pub(crate) const TYPES: [DType; 7] =
    [DType::Float64, DType::Float32, DType::Int64, DType::Int16, DType::UInt64, DType::Bool, DType::String];

/// How wild the cells of a table are.
#[derive(Clone, Copy)]
pub(crate) struct Wildness {
    pub(crate) null_percent: usize,
    pub(crate) odd_percent: usize,
}

pub(crate) const TAME: Wildness = Wildness { null_percent: 10, odd_percent: 0 };

pub(crate) fn float(choices: &mut SplitMix64, wildness: Wildness) -> f64 {
    if choices.chance(wildness.odd_percent) {
        return [f64::INFINITY, f64::NEG_INFINITY, 1e308, 5e-324, -0.0][choices.below(5)];
    }
    match choices.below(4) {
        0 => f64::NAN,
        1 => choices.below(5) as f64,
        _ => (choices.uniform() - 0.5) * 20.0,
    }
}

pub(crate) fn word(choices: &mut SplitMix64, wildness: Wildness) -> String {
    if choices.chance(wildness.odd_percent) {
        return format!("never seen {}", choices.below(3));
    }
    ["", "a", "b", "Zürich", "eight ch", "a text of more than sixteen bytes"][choices.below(6)].to_owned()
}

pub(crate) fn array(
    choices: &mut SplitMix64,
    dtype: DType,
    rows: usize,
    nulls: bool,
    wildness: Wildness,
) -> ArrayRef {
    let wild = Wildness { null_percent: if nulls { wildness.null_percent } else { 0 }, ..wildness };
    macro_rules! of {
        ($array:ty, $make:expr) => {
            Arc::new(
                (0..rows)
                    .map(|_| (!choices.chance(wild.null_percent)).then(|| $make(&mut *choices)))
                    .collect::<$array>(),
            )
        };
    }
    let odd = wild.odd_percent;
    match dtype {
        DType::Float64 => of!(Float64Array, |choices: &mut SplitMix64| float(choices, wild)),
        DType::Float32 => of!(Float32Array, |choices: &mut SplitMix64| float(choices, wild) as f32),
        DType::Int64 => of!(Int64Array, |choices: &mut SplitMix64| if choices.chance(odd) {
            i64::MAX - choices.below(3) as i64
        } else {
            choices.below(6) as i64 - 3
        }),
        DType::Int16 => of!(Int16Array, |choices: &mut SplitMix64| choices.below(4 + odd) as i16 - 2),
        DType::UInt64 => {
            of!(UInt64Array, |choices: &mut SplitMix64| if choices.chance(odd) {
                u64::MAX
            } else {
                choices.next_u64() % 4
            })
        }
        DType::Bool => of!(BooleanArray, |choices: &mut SplitMix64| choices.chance(50)),
        _ => of!(StringArray, |choices: &mut SplitMix64| word(choices, wild)),
    }
}

/// The same column in one of the layouts that tables arrive in, now and then as a piece of a longer one.
pub(crate) fn relaid(choices: &mut SplitMix64, column: &ArrayRef) -> ArrayRef {
    let whole = laid_out(choices, column);
    if choices.chance(50) {
        return whole;
    }
    arrow_select::concat::concat(&[&whole, &whole]).unwrap().slice(whole.len(), whole.len())
}

fn laid_out(choices: &mut SplitMix64, column: &ArrayRef) -> ArrayRef {
    let Some(text) = column.as_string_opt::<i32>() else { return column.clone() };
    match choices.below(4) {
        0 => column.clone(),
        1 => Arc::new(text.iter().collect::<LargeStringArray>()),
        2 => Arc::new(text.iter().collect::<StringViewArray>()),
        _ => Arc::new(text.iter().collect::<DictionaryArray<Int8Type>>()),
    }
}

pub(crate) fn table(columns: &[(String, ArrayRef, bool)]) -> RecordBatch {
    let fields: Vec<ArrowField> = columns
        .iter()
        .map(|(name, array, nullable)| ArrowField::new(name, array.data_type().clone(), *nullable))
        .collect();
    let arrays = columns.iter().map(|(_, array, _)| array.clone()).collect();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()
}

/// A target of so many rows, of a few classes.
pub(crate) fn target(rows: usize, classes: usize) -> ArrayRef {
    Arc::new((0..rows).map(|row| Some((row * row % classes) as i64)).collect::<Int64Array>())
}
