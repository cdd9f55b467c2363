//! What a line cannot show, in words.

use super::Along;
use crate::page::shown;

/// Points that no drawing has, by what they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Gaps {
    not_numbers: Places,
    infinite: Places,
    without_logarithm: Places,
}

#[derive(Clone, Debug, Default)]
struct Places {
    count: usize,
    /// The first few.
    first: Vec<f64>,
}

impl Places {
    fn see(&mut self, x: f64) {
        self.count += 1;
        if self.first.len() < MOST_NAMED && self.first.last() != Some(&x) {
            self.first.push(x);
        }
    }
}

impl Gaps {
    pub(super) fn see(&mut self, x: f64, y: f64, log: bool) {
        if y.is_nan() {
            self.not_numbers.see(x);
        } else if y.is_infinite() {
            self.infinite.see(x);
        } else if log && y <= 0.0 {
            self.without_logarithm.see(x);
        }
    }

    pub(super) fn words(&self, along: Along) -> Vec<String> {
        let kinds = [
            (&self.not_numbers, "is not a number", "are not numbers"),
            (&self.infinite, "is infinite", "are infinite"),
            (
                &self.without_logarithm,
                "is not above zero and has no logarithm",
                "are not above zero and have no logarithm",
            ),
        ];
        let some = kinds.into_iter().filter(|(places, ..)| places.count > 0);
        some.map(|(places, one, many)| {
            let named: Vec<String> = places.first.iter().map(|x| along.place(*x)).collect();
            let more = if places.count > named.len() { ", and others" } else { "" };
            let is = if places.count == 1 { one } else { many };
            format!("{} {is} ({}{more}).", shown::counted(places.count, "point", "points"), named.join(", "))
        })
        .collect()
    }
}

const MOST_NAMED: usize = 3;
