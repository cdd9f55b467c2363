use std::cmp::Ordering;

use mlcore::batch::OwnedValue;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::transform::encoder::categories::order;

/// What two parts tell, as one.
pub trait Merge: Sized {
    /// The rows of this part, then those of the other.
    fn merge(self, other: Self) -> Self;
}

impl Merge for u64 {
    fn merge(self, other: Self) -> Self {
        // A stored count may be any number.
        self.saturating_add(other)
    }
}

impl Merge for bool {
    fn merge(self, other: Self) -> Self {
        self || other
    }
}

/// The distinct values of a column, each with what is known about its rows.
///
/// They are kept in sorted runs, each less than half as long as the one before: a small part that joins many categories is not
/// paid for by all of them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tally<V> {
    runs: Vec<Run<V>>,
}

/// Sorted, each value once, a missing one last.
type Run<V> = Vec<(OwnedValue, V)>;

impl<V: Merge> Tally<V> {
    /// Of values that are sorted, each there once, a missing one last.
    pub(crate) fn of(run: Run<V>) -> Self {
        Self { runs: vec![run] }
    }

    /// All values, sorted, each once, a missing one last.
    pub(crate) fn into_run(self) -> Run<V> {
        self.runs.into_iter().rev().reduce(|behind, before| merged(before, behind)).unwrap_or_default()
    }

    fn settle(&mut self) {
        while let [.., before, last] = self.runs.as_slice()
            && before.len() / 2 <= last.len()
        {
            if let (Some(last), Some(before)) = (self.runs.pop(), self.runs.pop()) {
                self.runs.push(merged(before, last));
            }
        }
    }
}

impl<V: Merge> Merge for Tally<V> {
    fn merge(mut self, other: Self) -> Self {
        for run in other.runs {
            self.runs.push(run);
            self.settle();
        }
        self
    }
}

/// The values of both, sorted; what is in both is there once.
fn merged<V: Merge>(left: Run<V>, right: Run<V>) -> Run<V> {
    let mut both = Vec::with_capacity(left.len().max(right.len()));
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some((own, _)), Some((other, _))) = (left.peek(), right.peek()) {
        match missing_last(own, other) {
            Ordering::Less => both.extend(left.next()),
            Ordering::Greater => both.extend(right.next()),
            Ordering::Equal => {
                if let (Some((value, own)), Some((_, other))) = (left.next(), right.next()) {
                    both.push((value, own.merge(other)));
                }
            }
        }
    }
    both.extend(left);
    both.extend(right);
    both
}

fn missing_last(left: &OwnedValue, right: &OwnedValue) -> Ordering {
    left.is_missing().cmp(&right.is_missing()).then_with(|| order(left, right))
}

impl<V: Merge + Clone + Serialize> Serialize for Tally<V> {
    /// One run, so that equal tallies have equal bytes.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.runs.as_slice() {
            [run] => run.serialize(serializer),
            _ => self.clone().into_run().serialize(serializer),
        }
    }
}

impl<'de, V: Merge + Deserialize<'de>> Deserialize<'de> for Tally<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let run = Run::<V>::deserialize(deserializer)?;
        let is_before = |(left, _): &(OwnedValue, V), (right, _): &(OwnedValue, V)| {
            let alike = std::mem::discriminant(left) == std::mem::discriminant(right) || right.is_missing();
            alike && missing_last(left, right).is_lt()
        };
        if run.is_sorted_by(is_before) {
            Ok(Self::of(run))
        } else {
            Err(serde::de::Error::custom("the categories are not sorted"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_there_once_and_a_missing_one_last() {
        let run = |values: &[Option<i64>]| {
            let value = |own: &Option<i64>| own.map_or(OwnedValue::Null, OwnedValue::Int);
            Tally::of(values.iter().map(|own| (value(own), 1_u64)).collect())
        };
        let parts = [run(&[Some(1), Some(3), None]), run(&[]), run(&[Some(2), Some(3)]), run(&[None])];
        let all = parts.into_iter().fold(Tally::default(), Merge::merge);
        let json = r#"[[{"int":1},1],[{"int":2},1],[{"int":3},2],["null",2]]"#;
        assert_eq!(serde_json::to_string(&all).unwrap(), json);
        let read: Tally<u64> = serde_json::from_str(json).unwrap();
        assert_eq!(read.into_run(), all.into_run());
        for forged in [
            r#"[[{"int":2},1],[{"int":1},1]]"#,
            r#"[[{"int":1},1],[{"text":"a"},1]]"#,
            r#"[["null",1],["null",1]]"#,
        ] {
            assert!(serde_json::from_str::<Tally<u64>>(forged).is_err(), "{forged}");
        }
    }
}
