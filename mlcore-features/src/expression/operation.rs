//! The operations of an expression, in the order in which a stack runs them.

use std::sync::Arc;

use crate::transform::DatetimeFeature;

/// One operation: it takes its operands off a stack and leaves one value there.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Operation {
    Column(Arc<str>),
    Number(f64),
    Truth(bool),
    Text(Arc<str>),
    /// A missing number.
    Null,
    Negate,
    Not,
    Binary(Binary),
    /// Takes the one value, the condition and the other value, as they are written.
    Choose,
    /// Is the value one of these?
    Among(Members),
    /// Takes the key and the number for all others.
    Lookup(Table),
    /// Takes the key and the text for all others. The numbers of the table are positions among these texts.
    Relabel(Table, Vec<Arc<str>>),
    /// A function of so many arguments.
    Call(Function, u32),
}

/// The values of a list.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Members {
    Numbers(Vec<f64>),
    Texts(Vec<Arc<str>>),
}

/// Numbers by their keys.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Table {
    Numbers(Vec<(f64, f64)>),
    Texts(Vec<(Arc<str>, f64)>),
}

/// How tightly operators bind: those of a greater number first.
pub(crate) mod binding {
    pub(crate) const CHOICE: u8 = 0;
    pub(crate) const OR: u8 = 1;
    pub(crate) const AND: u8 = 2;
    pub(crate) const NOT: u8 = 3;
    pub(crate) const COMPARISON: u8 = 4;
    pub(crate) const SUM: u8 = 5;
    pub(crate) const PRODUCT: u8 = 6;
    pub(crate) const SIGN: u8 = 7;
    pub(crate) const POWER: u8 = 8;
    pub(crate) const ATOM: u8 = 9;
}

/// An operator between two values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    And,
    Or,
}

impl Binary {
    pub(crate) const ALL: [Self; 14] = [
        Self::Add,
        Self::Subtract,
        Self::Multiply,
        Self::Divide,
        Self::Remainder,
        Self::Power,
        Self::Equal,
        Self::Unequal,
        Self::Less,
        Self::AtMost,
        Self::Greater,
        Self::AtLeast,
        Self::And,
        Self::Or,
    ];

    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Power => "**",
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::And => "and",
            Self::Or => "or",
        }
    }

    pub(crate) const fn binding(self) -> u8 {
        match self {
            Self::Add | Self::Subtract => binding::SUM,
            Self::Multiply | Self::Divide | Self::Remainder => binding::PRODUCT,
            Self::Power => binding::POWER,
            Self::Equal | Self::Unequal | Self::Less | Self::AtMost | Self::Greater | Self::AtLeast => {
                binding::COMPARISON
            }
            Self::And => binding::AND,
            Self::Or => binding::OR,
        }
    }
}

/// A function that is called by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Function {
    Abs,
    Ceil,
    Clip,
    Coalesce,
    Contains,
    Between(Between),
    EndsWith,
    Exp,
    Floor,
    IsNull,
    Length,
    Log,
    Log1p,
    Lower,
    Max,
    Min,
    Part(DatetimeFeature),
    Round,
    Sqrt,
    StartsWith,
    Trim,
    Upper,
}

/// What is counted between two moments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Between {
    Days,
    Hours,
    Minutes,
    Seconds,
}

/// The most arguments of functions that take any number of them.
const MANY: u32 = 255;

/// Every function but the parts of moments: its name, and how many arguments it takes.
const FUNCTIONS: [(&str, Function, u32, u32); 25] = [
    ("abs", Function::Abs, 1, 1),
    ("ceil", Function::Ceil, 1, 1),
    ("clip", Function::Clip, 3, 3),
    ("coalesce", Function::Coalesce, 2, MANY),
    ("contains", Function::Contains, 2, 2),
    ("days_between", Function::Between(Between::Days), 2, 2),
    ("ends_with", Function::EndsWith, 2, 2),
    ("exp", Function::Exp, 1, 1),
    ("floor", Function::Floor, 1, 1),
    ("hours_between", Function::Between(Between::Hours), 2, 2),
    ("is_null", Function::IsNull, 1, 1),
    ("length", Function::Length, 1, 1),
    ("log", Function::Log, 1, 1),
    ("log1p", Function::Log1p, 1, 1),
    ("lower", Function::Lower, 1, 1),
    ("max", Function::Max, 2, MANY),
    ("min", Function::Min, 2, MANY),
    ("minutes_between", Function::Between(Between::Minutes), 2, 2),
    ("round", Function::Round, 1, 2),
    ("seconds_between", Function::Between(Between::Seconds), 2, 2),
    ("sqrt", Function::Sqrt, 1, 1),
    ("starts_with", Function::StartsWith, 2, 2),
    ("trim", Function::Trim, 1, 1),
    ("upper", Function::Upper, 1, 1),
    // Another name, which is not printed.
    ("fill_null", Function::Coalesce, 2, 2),
];

impl Function {
    /// The function of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let part = if name == "day" { "day_of_month" } else { name };
        let part = || DatetimeFeature::ALL.into_iter().find(|feature| feature.name() == part).map(Self::Part);
        FUNCTIONS.iter().find(|(own, ..)| *own == name).map(|own| own.1).or_else(part)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Part(feature) => feature.name(),
            _ => FUNCTIONS.iter().find(|own| own.1 == self).map_or("", |own| own.0),
        }
    }

    /// The fewest and the most arguments.
    pub(crate) fn arguments(self) -> (u32, u32) {
        FUNCTIONS.iter().find(|own| own.1 == self).map_or((1, 1), |own| (own.2, own.3))
    }

    /// The names of all functions.
    pub(crate) fn names() -> Vec<&'static str> {
        let parts = DatetimeFeature::ALL.into_iter().map(DatetimeFeature::name);
        let mut names: Vec<_> = FUNCTIONS.iter().map(|own| own.0).chain(parts).chain(["lookup"]).collect();
        names.sort_unstable();
        names
    }
}
