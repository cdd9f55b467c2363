//! How often each category occurs.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use mlcore::interrupt;

use super::counter::MixBuilder;
use super::remainders::{Remainders, whole};
use super::runs::{Resemblance, runs_test};
use super::spelling::{Spelling, float_text};

/// Categories with their counts, in the order of their text: equal multisets of rows give equal values, whatever the
/// order of the rows and the codes of a dictionary.
///
/// ```
/// use mlcore_drift::sample::Categories;
///
/// let plans = Categories::new([("pro", 3), ("free", 5), ("pro", 1)]);
/// assert_eq!((plans.len(), plans.total(), plans.count("pro")), (2, 9, 4));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Categories {
    entries: Arc<[(Box<str>, u64)]>,
    overflow: u64,
    total: u64,
    spelling: Spelling,
    /// Where it is known how rows followed each other. Categories are equal whatever their rows' order was.
    order: Option<Arc<Order>>,
}

/// How rows followed each other.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// How often a row of each category, in the order of their text, followed one of the same.
    pub(crate) repeats: Vec<u64>,
    /// The categories of the first and the last row.
    pub(crate) ends: (Box<str>, Box<str>),
}

impl PartialEq for Categories {
    fn eq(&self, other: &Self) -> bool {
        (&self.entries, self.overflow, self.spelling) == (&other.entries, other.overflow, other.spelling)
    }
}

impl Eq for Categories {}

impl Categories {
    /// The categories with these counts. Counts of equal categories add up; a category without a row is dropped.
    #[must_use]
    pub fn new<C: Into<Box<str>>>(counts: impl IntoIterator<Item = (C, u64)>) -> Self {
        Self::with_overflow(counts, 0)
    }

    /// As [`new`](Self::new), with rows whose category was not kept.
    pub(crate) fn with_overflow<C: Into<Box<str>>>(
        counts: impl IntoIterator<Item = (C, u64)>,
        overflow: u64,
    ) -> Self {
        let mut entries: Vec<(Box<str>, u64)> = counts
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(category, count)| (category.into(), count))
            .collect();
        interrupt::sort_unstable_by(&mut entries, |a, b| a.0.cmp(&b.0));
        entries.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            same
        });
        let total = entries.iter().fold(overflow, |sum, (_, count)| sum.saturating_add(*count));
        Self { entries: entries.into(), overflow, total, spelling: Spelling::Text, order: None }
    }

    /// The categories of rows in their order, as keys that `text` spells; no two keys have the same text.
    pub(crate) fn in_order<K: Copy + Eq + Hash>(
        keys: impl Iterator<Item = K>,
        text: impl Fn(K) -> String,
    ) -> Self {
        let mut counts: HashMap<K, (u64, u64), MixBuilder> = HashMap::default();
        let (mut first, mut last) = (None, None);
        for key in interrupt::paced(keys) {
            let (count, repeats) = counts.entry(key).or_default();
            *count += 1;
            *repeats += u64::from(last == Some(key));
            first.get_or_insert(key);
            last = Some(key);
        }
        let counts = interrupt::paced(counts);
        let counted = counts.map(|(key, counts)| (text(key).into_boxed_str(), counts)).collect();
        let ends = first.zip(last).map(|(first, last)| (text(first).into(), text(last).into()));
        Self::ordered(counted, 0, ends)
    }

    /// Distinct categories with their counts and how often each followed itself, and those of the first and the last row.
    pub(super) fn ordered(
        mut counted: Vec<(Box<str>, (u64, u64))>,
        overflow: u64,
        ends: Option<(Box<str>, Box<str>)>,
    ) -> Self {
        counted.retain(|(_, (count, _))| *count > 0);
        interrupt::sort_unstable_by(&mut counted, |a, b| a.0.cmp(&b.0));
        let repeats = counted.iter().map(|(_, (_, repeats))| *repeats).collect();
        let counts = counted.into_iter().map(|(text, (count, _))| (text, count));
        let order = ends.map(|ends| Arc::new(Order { repeats, ends }));
        Self { order, ..Self::with_overflow(counts, overflow) }
    }

    /// How rows followed each other, where it is known.
    pub(crate) fn order(&self) -> Option<&Order> {
        self.order.as_deref()
    }

    /// The runs test of the categories but the most frequent one; `None` where the order of the rows is not known.
    pub(crate) fn resemblance(&self) -> Option<Resemblance> {
        let order = self.order()?;
        if self.overflow > 0 {
            return None;
        }
        let counts = self.entries.iter().map(|(_, count)| *count);
        let mut classes: Vec<(u64, u64)> = counts.zip(order.repeats.iter().copied()).collect();
        let (largest, _) = classes.iter().enumerate().max_by_key(|(_, (count, _))| *count)?;
        classes.swap_remove(largest);
        runs_test(self.total, &classes)
    }

    /// The distinct numbers, with all digits that tell them apart; -0 is 0.
    pub(crate) fn of_numbers(values: &[f64], remainders: &Remainders) -> Self {
        let counted = if remainders.is_empty() {
            // Adding zero turns -0 into 0 and nothing else.
            let bits = values.iter().map(|value| (value + 0.0).to_bits());
            Self::in_order(bits, |bits| float_text(f64::from_bits(bits)))
        } else {
            let numbers = remainders.beside(values).map(|(value, taken)| (value.to_bits(), taken));
            Self::in_order(numbers, |(bits, taken)| {
                let value = f64::from_bits(bits);
                whole((value, taken)).map_or_else(|| float_text(value), |whole| whole.to_string())
            })
        };
        counted.spelled(Spelling::Number)
    }

    /// The same, with what the values were before they became text.
    pub(crate) fn spelled(mut self, spelling: Spelling) -> Self {
        self.spelling = spelling;
        self
    }

    /// The same counts, without knowing how rows followed each other.
    pub(crate) fn unordered(&self) -> Self {
        Self { order: None, ..self.clone() }
    }

    /// What the values were before they became text.
    pub(crate) fn spelling(&self) -> Spelling {
        self.spelling
    }

    /// The number of distinct categories.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The number of rows.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The rows whose category was not kept because a bounded counter was full; 0 for whole columns.
    #[must_use]
    pub fn overflow(&self) -> u64 {
        self.overflow
    }

    /// How often `category` occurs.
    #[must_use]
    pub fn count(&self, category: &str) -> u64 {
        let found = self.entries.binary_search_by(|(own, _)| (**own).cmp(category));
        found.ok().and_then(|position| self.entries.get(position)).map_or(0, |(_, count)| *count)
    }

    /// Categories and counts, in the order of their text.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.entries.iter().map(|(category, count)| (&**category, *count))
    }

    /// Every category of either, in the order of their text and as `self` spells it, with its count in `self` and in
    /// `other`.
    pub(crate) fn union<'a>(&'a self, other: &'a Self) -> Vec<(&'a str, u64, u64)> {
        let mut rows = Vec::with_capacity(self.len().max(other.len()));
        let theirs = other.iter().map(|(text, count)| (self.spelling.respelled(other.spelling, text), count));
        let mut theirs: Vec<(&str, u64)> = theirs.collect();
        if self.spelling.respells(other.spelling) {
            interrupt::sort_unstable_by(&mut theirs, Ord::cmp);
        }
        let (mut ours, mut theirs) = (self.iter().peekable(), theirs.into_iter().peekable());
        let mut pace = interrupt::Pace::default();
        loop {
            if pace.is_stopped(1) {
                return rows;
            }
            match (ours.peek().copied(), theirs.peek().copied()) {
                (Some((a, n)), Some((b, m))) if a == b => {
                    rows.push((a, n, m));
                    ours.next();
                    theirs.next();
                }
                (Some((a, n)), other) if other.is_none_or(|(b, _)| a < b) => {
                    rows.push((a, n, 0));
                    ours.next();
                }
                (_, Some((b, m))) => {
                    rows.push((b, 0, m));
                    theirs.next();
                }
                (_, None) => return rows,
            }
        }
    }
}

/// Distinct numbers with their counts, in no order; `None` once there are more than `limit`. -0 counts as 0.
pub(crate) fn count_numbers(values: &[f64], limit: usize) -> Option<Vec<(f64, u64)>> {
    let mut counts: HashMap<u64, u64, MixBuilder> = HashMap::with_hasher(MixBuilder::default());
    for value in values {
        // Adding zero turns -0 into 0 and nothing else.
        *counts.entry((value + 0.0).to_bits()).or_default() += 1;
        if counts.len() > limit {
            return None;
        }
    }
    Some(counts.into_iter().map(|(bits, count)| (f64::from_bits(bits), count)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_union_keeps_new_and_vanished_categories() {
        let a = Categories::new([("a", 1), ("c", 2), ("d", 4)]);
        let b = Categories::new([("b", 7), ("c", 3)]);
        assert_eq!(a.union(&b), [("a", 1, 0), ("b", 0, 7), ("c", 2, 3), ("d", 4, 0)]);
        assert_eq!(Categories::default().union(&b), [("b", 0, 7), ("c", 0, 3)]);
        assert_eq!(b.union(&Categories::default()), [("b", 7, 0), ("c", 3, 0)]);
    }

    #[test]
    fn truth_values_are_zeros_and_ones_as_the_first_spells_them() {
        let flags = Categories::new([("true", 3), ("false", 2)]).spelled(Spelling::Boolean);
        let numbers = Categories::new([("0", 5), ("1", 7), ("10", 1)]).spelled(Spelling::Number);
        let text = Categories::new([("true", 1), ("1", 1)]);
        assert_eq!(flags.union(&numbers), [("10", 0, 1), ("false", 2, 5), ("true", 3, 7)]);
        assert_eq!(numbers.union(&flags), [("0", 5, 2), ("1", 7, 3), ("10", 1, 0)]);
        assert_eq!(text.union(&flags), [("1", 1, 0), ("false", 0, 2), ("true", 1, 3)]);
        assert_eq!(text.union(&numbers), [("0", 0, 5), ("1", 1, 7), ("10", 0, 1), ("true", 1, 0)]);
    }

    #[test]
    fn numbers_are_counted_by_value() {
        let counted = Categories::of_numbers(&[0.0, -0.0, 1.5, f64::INFINITY, 1.5], &Remainders::default());
        let rows: Vec<_> = counted.iter().collect();
        assert_eq!(rows, [("0", 2), ("1.5", 2), ("inf", 1)]);
        assert!(count_numbers(&[1.0, 2.0, 3.0], 2).is_none());
    }
}
