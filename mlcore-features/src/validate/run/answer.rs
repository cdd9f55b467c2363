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
            (Plan::Compound { .. }, State::Compound(mut counts, tally)) => {
                let (repeated, examples) = repeats(Some(&mut counts))?;
                result.count(tally.elements, Some(tally.missing), repeated, examples);
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
        match ask {
            Ask::Unique => {
                let (repeated, examples) = repeats(self.state.counts.as_mut())?;
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
                let last = self.state.values.len().saturating_sub(1) as f64;
                let positions = ranges.iter().map(|range| range.quantile * last);
                let ends = positions.flat_map(|position| [position.floor(), position.ceil()]);
                let mut places: Vec<usize> = ends.map(|position| position as usize).collect();
                quantiles(result, self.placed(&mut places)?, ranges, *interpolation);
            }
            Ask::DistinctCount(interval) => {
                let distinct = self.distinct()?;
                result.success = interval.contains_number(distinct as f64);
                result.observed_value = Some(Observed::count(distinct));
            }
            Ask::DistinctShare(interval) => share(result, interval, self.distinct()?, present),
            Ask::PresentShare(interval) => share(result, interval, present, rows),
            Ask::DistinctIn(set) => {
                result.success = true;
                self.values_outside(set, result)?;
            }
            Ask::DistinctContain(values) => self.lacks(values, result)?,
            Ask::DistinctEqual(set, values) => {
                self.lacks(values, result)?;
                self.values_outside(set, result)?;
            }
            Ask::MostCommon(set, ties_okay) => self.most_common(set, *ties_okay, result)?,
            Ask::Newest(max_age) => self.newest(*max_age, result),
            Ask::Distribution(compared) => {
                let state = &self.state;
                if state.counts.as_ref().is_some_and(super::Counts::is_spilled) {
                    result.problem = Some("the column has too many categories to compare them".to_owned());
                    return Ok(());
                }
                let counts = state.counts.iter().flat_map(super::Counts::values);
                match compared.compare(&state.values, counts) {
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

    /// The numbers, those at these places in their ascending order: found without a sort, which takes ten times as long.
    fn placed(&mut self, places: &mut [usize]) -> Result<&[f64]> {
        interrupt::check("finish run")?;
        let numbers = self.state.numbers();
        places.sort_unstable();
        place(numbers, 0, places);
        Ok(numbers)
    }

    /// The value in the middle, or the mean of the two there.
    fn median(&mut self) -> Result<Option<f64>> {
        let (middle, is_even) = (self.state.values.len() / 2, self.state.values.len().is_multiple_of(2));
        let lower = middle.saturating_sub(1);
        let numbers = self.placed(&mut [lower, middle])?;
        let upper = numbers.get(middle).copied();
        Ok(upper.and_then(|upper| Some(if is_even { numbers.get(lower)?.midpoint(upper) } else { upper })))
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

    /// How many distinct values there are.
    fn distinct(&mut self) -> Result<u64> {
        let mut distinct = 0;
        each_part(self.state.counts.as_mut(), |part| distinct += part.distinct())?;
        Ok(distinct)
    }

    /// The distinct values that are not of the set; of them the smallest are told, in ascending order.
    fn values_outside(&mut self, set: &ValueSet, result: &mut ExpectationResult) -> Result<()> {
        let (mut count, mut smallest) = (0, Smallest::new(self.most));
        each_value(self.state.counts.as_mut(), |value, _| {
            if !set.contains(value.as_value()) {
                count += 1;
                smallest.add(value);
            }
        })?;
        result.success &= count == 0;
        result.unexpected_count = Some(count);
        result.unexpected = without_rows(smallest.sorted());
        Ok(())
    }

    /// The values of a set that do not occur.
    fn lacks(&mut self, values: &[OwnedValue], result: &mut ExpectationResult) -> Result<()> {
        let mut lacking = values.to_vec();
        each_part(self.state.counts.as_mut(), |part| lacking.retain(|value| !part.has(value)))?;
        result.success = lacking.is_empty();
        result.missing_count = Some(lacking.len() as u64);
        lacking.truncate(self.most);
        result.observed_value = Some(Observed::Lacking(lacking));
        Ok(())
    }

    /// The values that occur most often, in ascending order: all of them, or so many as are worth to be read.
    fn most_common(&mut self, set: &ValueSet, ties_okay: bool, result: &mut ExpectationResult) -> Result<()> {
        let (mut most, mut ties, mut known) = (0, 0_u64, 0_u64);
        let mut common = Smallest::new(MOST_COMMON);
        each_value(self.state.counts.as_mut(), |value, count| {
            if count > most {
                (most, ties, known) = (count, 0, 0);
                common = Smallest::new(MOST_COMMON);
            }
            if count == most {
                ties += 1;
                known += u64::from(set.contains(value.as_value()));
                common.add(value);
            }
        })?;
        result.success = if ties_okay { known > 0 } else { ties == 1 && known == 1 };
        result.observed_value = Some(Observed::Values(common.sorted()));
        Ok(())
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

fn without_rows(values: Vec<OwnedValue>) -> Vec<Unexpected> {
    values.into_iter().map(|value| Unexpected { row: None, values: vec![value] }).collect()
}

/// So many values that are the most common ones are told.
const MOST_COMMON: usize = 10_000;

/// Asks the counts, in one piece or in parts.
fn each_part(counts: Option<&mut super::Counts>, mut ask: impl FnMut(&super::Counts)) -> Result<()> {
    if let Some(counts) = counts {
        counts.each_part(|part| {
            ask(part);
            Ok(())
        })?;
    }
    interrupt::check("finish run")
}

/// Tells of each distinct value with its count, until the caller is asked to stop.
fn each_value(counts: Option<&mut super::Counts>, mut tell: impl FnMut(OwnedValue, u64)) -> Result<()> {
    each_part(counts, |part| interrupt::paced(part.values()).for_each(|(value, count)| tell(value, count)))
}

/// How many rows hold what another one holds, too, and the first of them.
fn repeats(counts: Option<&mut super::Counts>) -> Result<(u64, Vec<Unexpected>)> {
    let Some(counts) = counts else { return Ok((0, Vec::new())) };
    let mut repeated = 0;
    each_part(Some(&mut *counts), |part| repeated += part.repeated())?;
    Ok((repeated, counts.examples()))
}

/// The smallest of many values.
struct Smallest {
    most: usize,
    values: Vec<OwnedValue>,
}

impl Smallest {
    fn new(most: usize) -> Self {
        Self { most, values: Vec::new() }
    }

    fn add(&mut self, value: OwnedValue) {
        if self.values.len() >= self.most.saturating_mul(2).saturating_add(1024) {
            self.values.sort_by(order);
            self.values.truncate(self.most);
        }
        self.values.push(value);
    }

    fn sorted(mut self) -> Vec<OwnedValue> {
        self.values.sort_by(order);
        self.values.truncate(self.most);
        self.values
    }
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

/// Moves the numbers at these places of the ascending order to where they belong, all others to the right side of them. Places
/// ascend, and are counted from `start` on.
fn place(numbers: &mut [f64], start: usize, places: &[usize]) {
    let Some(middle) = places.get(places.len() / 2).copied() else { return };
    let at = middle - start;
    if at >= numbers.len() {
        return;
    }
    let (below, _, above) = numbers.select_nth_unstable_by(at, f64::total_cmp);
    place(below, start, places.get(..places.partition_point(|place| *place < middle)).unwrap_or_default());
    let rest = places.partition_point(|place| *place <= middle);
    place(above, middle + 1, places.get(rest..).unwrap_or_default());
}

/// Great Expectations' tolerance at the ends of the range of a quantile: numpy's `isclose` with `rtol=1e-4`.
fn is_close(value: f64, end: f64) -> bool {
    end.is_finite() && (value - end).abs() <= 1e-8 + 1e-4 * end.abs()
}

/// pandas' quantile of values of which those that matter are at their places of the ascending order.
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
