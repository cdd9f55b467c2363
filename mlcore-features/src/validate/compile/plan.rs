//! From a check to its plan.

use std::collections::BTreeSet;

use mlcore::schema::{DType, Schema};

use super::reference::Reference;
use super::rows::Pairs;
use super::{Ask, Inner, Interval, Plan, References, RowTest, Test, ValueSet, no_column, no_values, pattern};
use crate::validate::report::Observed;
use crate::validate::{Bounds, Check, Expectation, Literal};

/// The plan of a check that the schema alone answers, or the number of rows; `None` for others.
pub(super) fn of_schema(expectation: &Expectation, schema: &Schema) -> Option<Result<Plan, String>> {
    let names = || Observed::Names(schema.names().map(str::to_owned).collect());
    let known = |success: bool, observed: Option<Observed>| Ok(Plan::Known { success, observed });
    let count = Observed::count(schema.len() as u64);
    let of_type = |column: &str, types: &[&String]| {
        let field = schema.field(column).ok_or_else(|| no_column(column, schema))?;
        if field.shape().len() != 1 {
            return Err(no_values(column));
        }
        let own = field.dtype().to_string();
        let success =
            types.iter().any(|name| name.parse::<DType>().is_ok_and(|dtype| dtype == field.dtype()));
        known(success, Some(Observed::Names(vec![own])))
    };
    let plan = match &expectation.check {
        Check::ColumnToExist { column, column_index } => {
            let place = schema.position(column);
            known(place.is_some() && column_index.is_none_or(|index| place == Some(index)), None)
        }
        Check::TableColumnsToMatchSet { column_set, exact_match } => {
            let (own, expected): (BTreeSet<&str>, BTreeSet<&str>) =
                (schema.names().collect(), column_set.iter().map(String::as_str).collect());
            let success = if *exact_match { own == expected } else { expected.is_subset(&own) };
            known(success, Some(Observed::Names(own.into_iter().map(str::to_owned).collect())))
        }
        Check::TableColumnsToMatchOrderedList { column_list } => {
            known(schema.names().eq(column_list.iter().map(String::as_str)), Some(names()))
        }
        Check::TableColumnCountToEqual { value } => known(*value == schema.len() as u64, Some(count)),
        Check::TableColumnCountToBeBetween { bounds } => Interval::of_numbers(bounds)
            .and_then(|interval| known(interval.contains_number(schema.len() as f64), Some(count))),
        Check::ColumnValuesToBeOfType { column, type_ } => of_type(column, &[type_]),
        Check::ColumnValuesToBeInTypeList { column, type_list } => {
            of_type(column, &type_list.iter().collect::<Vec<_>>())
        }
        _ => return None,
    };
    Some(plan)
}

/// The plan of a check that rows answer.
pub(super) fn of_rows(
    inner: &mut Inner,
    check: &Check,
    condition: Option<usize>,
    schema: &Schema,
    references: &References,
) -> Result<Plan, String> {
    match check {
        Check::TableRowCountToEqual { value } => {
            exactly(*value).map(|interval| Plan::RowCount { interval, condition })
        }
        Check::TableRowCountToBeBetween { bounds } => {
            Interval::of_numbers(bounds).map(|interval| Plan::RowCount { interval, condition })
        }
        Check::ColumnValuesToBeIncreasing { column, strictly } => {
            let (column, _) = inner.column(column, schema)?;
            Ok(Plan::Order { column, condition, descending: false, strictly: *strictly })
        }
        Check::ColumnValuesToBeDecreasing { column, strictly } => {
            let (column, _) = inner.column(column, schema)?;
            Ok(Plan::Order { column, condition, descending: true, strictly: *strictly })
        }
        Check::CompoundColumnsToBeUnique { column_list, ignore_row_if } => {
            let columns =
                inner.columns_of(column_list, schema)?.into_iter().map(|(column, _)| column).collect();
            Ok(Plan::Compound { columns, condition, ignore: *ignore_row_if })
        }
        _ => {
            if let Some(name) = single_column(check) {
                let (column, dtype) = inner.column(name, schema)?;
                if let Some(test) = value_test(check, dtype, references) {
                    return Ok(Plan::Column { column, condition, test: test? });
                }
                if let Some(ask) = Ask::of(check, dtype, references) {
                    let ask = ask?;
                    return Ok(Plan::Domain { domain: inner.domain(column, condition, ask.needs()), ask });
                }
            }
            several_columns(inner, check, condition, schema)
        }
    }
}

/// What is asked of each value of a column of this type; `None` for a check of another kind.
fn value_test(check: &Check, dtype: DType, references: &References) -> Option<Result<Test, String>> {
    let set = |literals: &[Literal], negated: bool| {
        ValueSet::new(literals, dtype).map(|set| Test::Among(set, negated))
    };
    let text = |test: Result<Test, String>| match dtype {
        DType::String => test,
        other => Err(format!("the column is of type {other}, and text is needed")),
    };
    let patterns = |texts: &[String]| texts.iter().map(|text| pattern(text)).collect::<Result<Vec<_>, _>>();
    Some(match check {
        Check::ColumnValuesToBeNull { .. } => Ok(Test::Missing),
        Check::ColumnValuesToNotBeNull { .. } => Ok(Test::Present),
        Check::ColumnValuesToBeBetween { bounds, .. } => Interval::new(bounds, dtype).map(Test::Within),
        Check::ColumnValuesToBeInSet { value_set, .. } => set(value_set, false),
        Check::ColumnValuesToNotBeInSet { value_set, .. } => set(value_set, true),
        Check::ColumnValuesToBeInReference { reference, .. } => {
            references.find(reference).and_then(|found| {
                let Reference::Column(own, keys) = found else {
                    return Err(format!(
                        "the reference {reference:?} is a profile; hand in a column of keys"
                    ));
                };
                let is_of_kind = own == &dtype || (own.is_numeric() && dtype.is_numeric());
                if !is_of_kind {
                    return Err(format!("the keys are of type {own} and the column of type {dtype}"));
                }
                Ok(Test::Among(ValueSet::of_values(keys.clone(), dtype), false))
            })
        }
        Check::ColumnValuesToMatchRegex { regex, .. } => {
            text(pattern(regex).map(|pattern| Test::Found(vec![pattern], false)))
        }
        Check::ColumnValuesToNotMatchRegex { regex, .. } => {
            text(pattern(regex).map(|pattern| Test::NotFound(vec![pattern])))
        }
        Check::ColumnValuesToMatchRegexList { regex_list, match_all, .. } => {
            text(patterns(regex_list).map(|patterns| Test::Found(patterns, *match_all)))
        }
        Check::ColumnValuesToNotMatchRegexList { regex_list, .. } => {
            text(patterns(regex_list).map(Test::NotFound))
        }
        Check::ColumnValueLengthsToEqual { value, .. } => text(exactly(*value).map(Test::Length)),
        Check::ColumnValueLengthsToBeBetween { bounds, .. } => {
            text(Interval::of_numbers(bounds).map(Test::Length))
        }
        _ => return None,
    })
}

fn several_columns(
    inner: &mut Inner,
    check: &Check,
    condition: Option<usize>,
    schema: &Schema,
) -> Result<Plan, String> {
    let (names, ignore) = match check {
        Check::ColumnPairValuesToBeEqual { column_a, column_b, ignore_row_if }
        | Check::ColumnPairValuesAToBeGreaterThanB { column_a, column_b, ignore_row_if, .. }
        | Check::ColumnPairValuesToBeInSet { column_a, column_b, ignore_row_if, .. } => {
            (vec![column_a.clone(), column_b.clone()], *ignore_row_if)
        }
        Check::MulticolumnSumToEqual { column_list, ignore_row_if, .. }
        | Check::MulticolumnValuesToBeEqual { column_list, ignore_row_if }
        | Check::SelectColumnValuesToBeUniqueWithinRecord { column_list, ignore_row_if } => {
            (column_list.clone(), *ignore_row_if)
        }
        _ => return Err("this version cannot answer it".to_owned()),
    };
    let columns = inner.columns_of(&names, schema)?;
    let compared = || {
        let mut kinds = names.iter().zip(&columns).map(|(name, (_, dtype))| (name, dtype));
        let Some((first, first_type)) = kinds.next() else { return Ok(()) };
        match kinds.find(|(_, dtype)| !comparable(*first_type, **dtype)) {
            None => Ok(()),
            Some((name, dtype)) => {
                Err(format!("{first:?} is of type {first_type} and {name:?} of type {dtype}"))
            }
        }
    };
    let test = match check {
        Check::ColumnPairValuesToBeEqual { .. } => compared().map(|()| RowTest::Equal),
        Check::ColumnPairValuesAToBeGreaterThanB { or_equal, .. } => {
            compared().map(|()| RowTest::Greater(*or_equal))
        }
        Check::ColumnPairValuesToBeInSet { value_pairs_set, .. } => match columns.as_slice() {
            [(_, a), (_, b)] => {
                Pairs::new(value_pairs_set, *a, *b).map(|pairs| RowTest::Pairs(Box::new(pairs)))
            }
            _ => Err("two columns are needed".to_owned()),
        },
        Check::MulticolumnSumToEqual { sum_total, .. } => {
            match names.iter().zip(&columns).find(|(_, (_, dtype))| !dtype.is_numeric()) {
                None => Ok(RowTest::Sum(*sum_total)),
                Some((name, (_, dtype))) => {
                    Err(format!("{name:?} is of type {dtype}, and numbers are needed"))
                }
            }
        }
        Check::MulticolumnValuesToBeEqual { .. } => compared().map(|()| RowTest::AllEqual),
        _ => Ok(RowTest::AllDifferent),
    }?;
    let columns = columns.into_iter().map(|(column, _)| column).collect();
    Ok(Plan::Row { columns, condition, ignore, test })
}

fn comparable(a: DType, b: DType) -> bool {
    match (a, b) {
        (DType::Timestamp(_, a), DType::Timestamp(_, b)) => a.is_some() == b.is_some(),
        (DType::Time(_), DType::Time(_)) => true,
        (a, b) => a == b || (a.is_numeric() && b.is_numeric()),
    }
}

fn exactly(value: u64) -> Result<Interval, String> {
    Interval::of_numbers(&Bounds::at_least(value).and_at_most(value))
}

/// The column of a check about one column.
fn single_column(check: &Check) -> Option<&str> {
    match check {
        Check::ColumnValuesToBeNull { column }
        | Check::ColumnValuesToNotBeNull { column }
        | Check::ColumnValuesToBeBetween { column, .. }
        | Check::ColumnValuesToBeInSet { column, .. }
        | Check::ColumnValuesToNotBeInSet { column, .. }
        | Check::ColumnValuesToMatchRegex { column, .. }
        | Check::ColumnValuesToNotMatchRegex { column, .. }
        | Check::ColumnValuesToMatchRegexList { column, .. }
        | Check::ColumnValuesToNotMatchRegexList { column, .. }
        | Check::ColumnValueLengthsToEqual { column, .. }
        | Check::ColumnValueLengthsToBeBetween { column, .. }
        | Check::ColumnValuesToBeInReference { column, .. }
        | Check::ColumnValuesToBeUnique { column }
        | Check::ColumnValueZScoresToBeLessThan { column, .. }
        | Check::ColumnMinToBeBetween { column, .. }
        | Check::ColumnMaxToBeBetween { column, .. }
        | Check::ColumnMeanToBeBetween { column, .. }
        | Check::ColumnMedianToBeBetween { column, .. }
        | Check::ColumnStdevToBeBetween { column, .. }
        | Check::ColumnSumToBeBetween { column, .. }
        | Check::ColumnQuantileValuesToBeBetween { column, .. }
        | Check::ColumnUniqueValueCountToBeBetween { column, .. }
        | Check::ColumnProportionOfUniqueValuesToBeBetween { column, .. }
        | Check::ColumnProportionOfNonNullValuesToBeBetween { column, .. }
        | Check::ColumnDistinctValuesToBeInSet { column, .. }
        | Check::ColumnDistinctValuesToContainSet { column, .. }
        | Check::ColumnDistinctValuesToEqualSet { column, .. }
        | Check::ColumnMostCommonValueToBeInSet { column, .. }
        | Check::ColumnNewestValueToBeWithin { column, .. }
        | Check::ColumnDistributionToMatchReference { column, .. } => Some(column),
        _ => None,
    }
}
