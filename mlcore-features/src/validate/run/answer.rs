//! From what one pass has seen to the result of each expectation.

use mlcore::batch::OwnedValue;
use mlcore::time::TimeUnit;
use mlcore::{Result, interrupt};

use super::domain::DomainState;
use super::{Run, State};
use crate::validate::compile::{Ask, Inner, Interval, Plan, ValueSet, order};
use crate::validate::report::{ExpectationResult, Observed, Unexpected};
use crate::validate::{Interpolation, QuantileRange};

impl Run {
    /// The result of an expectation.
    pub(super) fn answer(&mut self, inner: &Inner, place: usize) -> Result<ExpectationResult> {
        let expectation = inner.suite.expectations().get(place).cloned();
        let expectation = expectation.ok_or_else(|| {
            mlcore::Error::internal("finish run", inner.suite.name(), "an expectation is lost")
        })?;
        let mut result = ExpectationResult::new(expectation);
        let (Some(plan), Some(state)) = (inner.plans.get(place), self.states.get_mut(place)) else {
            return Ok(result);
        };
        match (plan, std::mem::replace(state, State::Nothing)) {
            (Plan::Problem(problem), _) => result.problem = Some(problem.clone()),
            (Plan::Known { success, observed }, _) => {
                (result.success, result.observed_value) = (*success, observed.clone());
            }
            (Plan::RowCount { interval, condition }, _) => {
                let rows =
                    condition.map_or(Some(self.rows), |condition| self.conditions.get(condition).copied());
                let rows = rows.unwrap_or_default();
                result.success = interval.contains_number(rows as f64);
                result.observed_value = Some(Observed::count(rows));
            }
            (Plan::Column { test, .. }, State::Tally(tally)) => {
                let missing = (!test.is_about_missing()).then_some(tally.missing);
                result.count(tally.elements, missing, tally.unexpected, tally.examples);
            }
            (Plan::Row { .. }, State::Tally(tally)) => {
                result.count(tally.elements, Some(tally.missing), tally.unexpected, tally.examples);
            }
            (Plan::Order { .. }, State::Order(order)) => {
                let tally = order.tally;
                result.count(tally.elements, Some(tally.missing), tally.unexpected, tally.examples);
            }
            (Plan::Compound { .. }, State::Compound(counts, tally)) => {
                result.count(tally.elements, Some(tally.missing), counts.repeated(), counts.examples());
            }
            (Plan::Domain { domain, ask }, _) => {
                if let (Some(state), Some(domain)) =
                    (self.domains.get_mut(*domain), inner.domains.get(*domain))
                {
                    let is_integer = inner
                        .columns
                        .get(domain.column)
                        .is_some_and(|column| column.dtype.is_numeric() && !column.dtype.is_float());
                    let asked = Asked {
                        state,
                        is_integer,
                        most: self.options.most_unexpected,
                        now: self.options.now,
                    };
                    asked.answer(ask, &mut result)?;
                }
            }
            _ => {}
        }
        Ok(result)
    }
}

/// A column that is asked.
struct Asked<'a> {
    state: &'a mut DomainState,
    is_integer: bool,
    most: usize,
    now: Option<mlcore::time::Timestamp>,
}

impl Asked<'_> {
    fn answer(mut self, ask: &Ask, result: &mut ExpectationResult) -> Result<()> {
        let (rows, missing, present) = (self.state.rows, self.state.missing, self.state.present());
        let distinct = || self.state.counts.as_ref().map_or(0, super::Counts::distinct);
        match ask {
            Ask::Unique => {
                let counts = self.state.counts.as_ref();
                let (repeated, examples) =
                    counts.map_or((0, Vec::new()), |counts| (counts.repeated(), counts.examples()));
                result.count(rows, Some(missing), repeated, examples);
            }
            Ask::ZScores { threshold, double_sided } => {
                let (unexpected, examples) = self.far(*threshold, *double_sided)?;
                result.count(rows, Some(missing), unexpected, examples);
            }
            Ask::Min(interval) => {
                within(result, interval, self.state.extremes.as_ref().map(|(low, _)| low.clone()));
            }
            Ask::Max(interval) => {
                within(result, interval, self.state.extremes.as_ref().map(|(_, high)| high.clone()));
            }
            Ask::Mean(interval) => {
                within(result, interval, self.state.mean(self.is_integer).map(OwnedValue::Float));
            }
            Ask::Stdev(interval) => within(result, interval, self.state.deviation().map(OwnedValue::Float)),
            Ask::Sum(interval) => within(result, interval, Some(self.state.sum(self.is_integer))),
            Ask::Median(interval) => {
                let median = self.median()?;
                within(result, interval, median.map(OwnedValue::Float));
            }
            Ask::Quantiles(ranges, interpolation) => {
                quantiles(result, self.sorted()?, ranges, *interpolation);
            }
            Ask::DistinctCount(interval) => {
                result.success = interval.contains_number(distinct() as f64);
                result.observed_value = Some(Observed::count(distinct()));
            }
            Ask::DistinctShare(interval) => share(result, interval, distinct(), present),
            Ask::PresentShare(interval) => share(result, interval, present, rows),
            Ask::DistinctIn(set) => {
                let others = self.values_outside(set);
                result.success = others.is_empty();
                result.unexpected_count = Some(others.len() as u64);
                result.unexpected = without_rows(others, self.most);
            }
            Ask::DistinctContain(values) => self.lacks(values, result),
            Ask::DistinctEqual(set, values) => {
                self.lacks(values, result);
                let others = self.values_outside(set);
                result.success &= others.is_empty();
                result.unexpected_count = Some(others.len() as u64);
                result.unexpected = without_rows(others, self.most);
            }
            Ask::MostCommon(set, ties_okay) => {
                let common = self.most_common();
                let known = common.iter().filter(|value| set.contains(value.as_value())).count();
                result.success = if *ties_okay { known > 0 } else { common.len() == 1 && known == 1 };
                result.observed_value = Some(Observed::Values(common));
            }
            Ask::Newest(max_age) => self.newest(*max_age, result),
            Ask::Distribution(compared) => {
                let counts = self.state.counts.iter().flat_map(super::Counts::values);
                let state = &self.state;
                let numbers = if state.values.is_empty() { &state.sorted } else { &state.values };
                match compared.compare(numbers, counts) {
                    Ok(Some((value, success))) => {
                        result.success = success;
                        result.observed_value = Some(Observed::Value(OwnedValue::Float(value)));
                    }
                    Ok(None) => result.problem = Some("the column has no value to compare".to_owned()),
                    Err(problem) => result.problem = Some(problem),
                }
            }
        }
        Ok(())
    }

    /// The values in ascending order.
    fn sorted(&mut self) -> Result<&[f64]> {
        if self.state.sorted.is_empty() {
            // z-scores need the rows of the values, and so their order.
            let keeps = !self.state.value_rows.is_empty();
            let values = &mut self.state.values;
            let mut values = if keeps { values.clone() } else { std::mem::take(values) };
            interrupt::sort_unstable_by(&mut values, f64::total_cmp);
            self.state.sorted = values;
        }
        interrupt::check("finish run")?;
        Ok(&self.state.sorted)
    }

    /// The value in the middle, or the mean of the two there: found without a sort, which takes ten times as long.
    fn median(&mut self) -> Result<Option<f64>> {
        interrupt::check("finish run")?;
        let state = &mut *self.state;
        let mut copy: Vec<f64>;
        let values = if state.value_rows.is_empty() && state.sorted.is_empty() {
            &mut state.values
        } else {
            copy = if state.sorted.is_empty() { state.values.clone() } else { state.sorted.clone() };
            &mut copy
        };
        if values.is_empty() {
            return Ok(None);
        }
        let (middle, is_even) = (values.len() / 2, values.len() % 2 == 0);
        let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
        let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Ok(Some(if is_even { lower.midpoint(*upper) } else { *upper }))
    }

    /// The numbers that are too many standard deviations from the mean. Where there is no deviation, none is.
    fn far(&self, threshold: f64, double_sided: bool) -> Result<(u64, Vec<Unexpected>)> {
        let (Some(mean), Some(deviation)) = (self.state.mean(self.is_integer), self.state.deviation()) else {
            return Ok((0, Vec::new()));
        };
        if deviation == 0.0 || deviation.is_nan() {
            return Ok((0, Vec::new()));
        }
        let is_far = |value: f64| {
            let score = (value - mean) / deviation;
            if double_sided { score.abs() >= threshold.abs() } else { score >= threshold }
        };
        let (mut count, mut examples) = (0, Vec::new());
        for (value, row) in interrupt::paced(self.state.values.iter().zip(&self.state.value_rows)) {
            if is_far(*value) {
                count += 1;
                if examples.len() < self.most {
                    let value = if self.is_integer {
                        OwnedValue::Int(*value as i64)
                    } else {
                        OwnedValue::Float(*value)
                    };
                    examples.push(Unexpected { row: Some(*row), values: vec![value] });
                }
            }
        }
        interrupt::check("finish run")?;
        Ok((count, examples))
    }

    /// The distinct values with their counts, until the caller is asked to stop.
    fn values(&self) -> impl Iterator<Item = (OwnedValue, u64)> {
        interrupt::paced(self.state.counts.iter().flat_map(super::Counts::values))
    }

    /// The distinct values that are not of the set, in ascending order.
    fn values_outside(&self, set: &ValueSet) -> Vec<OwnedValue> {
        let values = self.values().map(|(value, _)| value);
        let mut others: Vec<OwnedValue> = values.filter(|value| !set.contains(value.as_value())).collect();
        others.sort_by(order);
        others
    }

    /// The values of a set that do not occur.
    fn lacks(&self, values: &[OwnedValue], result: &mut ExpectationResult) {
        let occurs = |value: &&OwnedValue| self.state.counts.as_ref().is_some_and(|counts| counts.has(value));
        let lacking: Vec<OwnedValue> = values.iter().filter(|value| !occurs(value)).cloned().collect();
        result.success = lacking.is_empty();
        result.missing_count = Some(lacking.len() as u64);
        result.observed_value = Some(Observed::Lacking(lacking.into_iter().take(self.most).collect()));
    }

    /// The values that occur most often, in ascending order.
    fn most_common(&self) -> Vec<OwnedValue> {
        let (mut common, mut most) = (Vec::new(), 0);
        for (value, count) in self.values() {
            if count > most {
                common.clear();
                most = count;
            }
            if count == most {
                common.push(value);
            }
        }
        common.sort_by(order);
        common
    }

    fn newest(&self, max_age: f64, result: &mut ExpectationResult) {
        let Some(now) = self.now else {
            result.problem =
                Some("no clock was handed in; start the run with the moment that it is".to_owned());
            return;
        };
        let newest = match self.state.extremes.as_ref().map(|(_, newest)| newest) {
            Some(OwnedValue::Timestamp(moment)) => Some(moment.nanoseconds()),
            Some(OwnedValue::DateTime(shown)) => Some(shown.nanoseconds()),
            Some(OwnedValue::Date(date)) => {
                let midnight = mlcore::time::DateTime::new(i64::from(date.days()) * 86_400, TimeUnit::Second);
                Some(midnight.nanoseconds())
            }
            _ => None,
        };
        let age = newest.map(|newest| (now.nanoseconds() - newest) as f64 / 1e9);
        result.success = age.is_some_and(|age| age <= max_age);
        result.observed_value = age.map(|age| Observed::Value(OwnedValue::Float(age)));
    }
}

fn without_rows(values: Vec<OwnedValue>, most: usize) -> Vec<Unexpected> {
    values.into_iter().take(most).map(|value| Unexpected { row: None, values: vec![value] }).collect()
}

/// A value that has to lie within an interval; none does not.
fn within(result: &mut ExpectationResult, interval: &Interval, value: Option<OwnedValue>) {
    let value = value.filter(|value| !value.is_missing());
    result.success = value.as_ref().is_some_and(|value| interval.contains(value.as_value()));
    result.observed_value = value.map(Observed::Value);
}

fn share(result: &mut ExpectationResult, interval: &Interval, part: u64, whole: u64) {
    let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    result.success = interval.contains_number(share);
    result.observed_value = Some(Observed::Value(OwnedValue::Float(share)));
}

fn quantiles(
    result: &mut ExpectationResult,
    sorted: &[f64],
    ranges: &[QuantileRange],
    interpolation: Interpolation,
) {
    let values: Vec<Option<f64>> =
        ranges.iter().map(|range| quantile(sorted, range.quantile, interpolation)).collect();
    result.success = values.iter().zip(ranges).all(|(value, range)| {
        value.is_some_and(|value| {
            let (low, high) =
                (range.min_value.unwrap_or(f64::NEG_INFINITY), range.max_value.unwrap_or(f64::INFINITY));
            (low..=high).contains(&value) || is_close(value, low) || is_close(value, high)
        })
    });
    result.observed_value =
        Some(Observed::Quantiles(ranges.iter().map(|range| range.quantile).zip(values).collect()));
}

/// Great Expectations' tolerance at the ends of the range of a quantile: numpy's `isclose` with `rtol=1e-4`.
fn is_close(value: f64, end: f64) -> bool {
    end.is_finite() && (value - end).abs() <= 1e-8 + 1e-4 * end.abs()
}

/// pandas' quantile of values in ascending order.
fn quantile(sorted: &[f64], share: f64, interpolation: Interpolation) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = share * last as f64;
    let (below, above) = (position.floor(), position.ceil());
    let at = |position: f64| sorted.get(position as usize).copied();
    match interpolation {
        Interpolation::Lower => at(below),
        Interpolation::Higher => at(above),
        Interpolation::Midpoint => Some(at(below)?.midpoint(at(above)?)),
        // A position in the middle goes to the even one.
        Interpolation::Nearest => at(position.round_ties_even()),
        Interpolation::Linear => Some(mlcore::stats::lerp(at(below)?, at(above)?, position - below)),
    }
}
