//! Where the features of one row go: into a place for each of them, or into a list of those that are not zero.

use super::output::Output;

/// Where the features of one row go. Each column is put at most once, after a [`clear`](RowSink::clear) or after none.
pub(super) trait RowSink {
    /// Makes every feature zero.
    fn clear(&mut self);

    /// Sets a feature.
    fn put(&mut self, column: usize, value: f64);
}

impl<T: Output> RowSink for [T] {
    #[inline(always)]
    fn clear(&mut self) {
        self.fill(T::of(0.0));
    }

    #[inline(always)]
    fn put(&mut self, column: usize, value: f64) {
        self[column] = T::of(value);
    }
}

/// The features of a row that are not zero, with their columns.
#[derive(Clone, Debug)]
pub(super) struct Entries<T>(Vec<(i32, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Output> Entries<T> {
    /// The columns and the features, in the order of the columns.
    pub(super) fn sorted(&mut self) -> &[(i32, T)] {
        self.0.sort_unstable_by_key(|(column, _)| *column);
        &self.0
    }
}

impl<T: Output> RowSink for Entries<T> {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn put(&mut self, column: usize, value: f64) {
        let value = T::of(value);
        // What a narrower float rounds to zero is zero.
        if value.to_f64() != 0.0
            && let Ok(column) = i32::try_from(column)
        {
            self.0.push((column, value));
        }
    }
}
