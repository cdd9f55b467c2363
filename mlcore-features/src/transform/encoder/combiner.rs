//! How a one-hot encoder calls its features.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use mlcore::Result;
use mlcore::batch::OwnedValue;

/// The function of a column's name and a category that names a feature; none for both with `_` between.
///
/// A plan stores the names that it made and never the function, so that any two functions are equal.
#[derive(Clone, Default)]
pub(crate) struct Combiner(Option<Arc<Combine>>);

type Combine = dyn Fn(&str, &OwnedValue) -> Result<String> + Send + Sync;

impl Combiner {
    pub(crate) fn new(combine: impl Fn(&str, &OwnedValue) -> Result<String> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(combine)))
    }

    /// The names of the features of each column, by its name and its categories; none without a function.
    pub(crate) fn names<'a>(
        &self,
        columns: impl IntoIterator<Item = (&'a str, Vec<OwnedValue>)>,
    ) -> Result<Option<Vec<Vec<String>>>> {
        let Some(combine) = &self.0 else { return Ok(None) };
        let named = columns.into_iter().map(|(column, categories)| {
            categories.iter().map(|category| combine(column, category)).collect::<Result<Vec<_>>>()
        });
        named.collect::<Result<_>>().map(Some)
    }
}

impl PartialEq for Combiner {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Combiner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Combiner(a function)" } else { "Combiner(concat)" })
    }
}

/// The same names, each once: the text `nan` and a missing value, or column `a_b` with category `c` and column `a` with `b_c`,
/// make one name twice. The second gets a number, `_1`, that no name has.
pub(crate) fn told_apart(names: Vec<String>) -> Vec<String> {
    let mut taken: HashSet<String> = names.iter().cloned().collect();
    if taken.len() == names.len() {
        return names;
    }
    let mut seen = HashSet::new();
    let told_apart = |name: String| {
        if seen.insert(name.clone()) {
            return name;
        }
        let mut number = 1_usize;
        loop {
            let other = format!("{name}_{number}");
            if taken.insert(other.clone()) {
                return other;
            }
            number += 1;
        }
    };
    names.into_iter().map(told_apart).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_occur_twice_are_told_apart() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(told_apart(names(&["a", "b"])), ["a", "b"]);
        assert_eq!(told_apart(names(&["a", "a", "a_1", "a"])), ["a", "a_2", "a_1", "a_3"]);
    }
}
