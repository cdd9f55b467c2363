use std::collections::HashMap;

use mlcore::Result;
use mlcore::batch::OwnedValue;
use serde::{Deserialize, Serialize};

use super::categories::{Key, Learning, key};
use crate::transform::input::FitColumn;
use crate::transform::parts::{Merge, Tally};

/// What some rows tell of the categories of one column.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Found {
    /// The categories that there are, with their rows.
    Counted(Tally<u64>),
    /// The rows of each category that is listed.
    Listed(Vec<u64>),
}

impl Merge for Found {
    fn merge(self, other: Self) -> Self {
        match (self, other) {
            (Self::Counted(own), Self::Counted(other)) => Self::Counted(own.merge(other)),
            (Self::Listed(own), Self::Listed(other)) => {
                Self::Listed(own.into_iter().zip(other).map(|(own, other)| own.merge(other)).collect())
            }
            (own @ (Self::Counted(_) | Self::Listed(_)), _) => own,
        }
    }
}

impl Learning<'_> {
    /// How many rows have each of the listed categories.
    pub(super) fn counts(
        &self,
        column: &FitColumn,
        categories: &[OwnedValue],
        counted: Vec<(OwnedValue, u64)>,
    ) -> Result<Vec<u64>> {
        let bits: Vec<Key> = categories.iter().filter(|category| !category.is_missing()).map(key).collect();
        column.check()?;
        let positions: HashMap<&Key, usize> = bits.iter().zip(0..).collect();
        let missing = categories.last().filter(|last| last.is_missing()).map(|_| categories.len() - 1);
        let mut counts = vec![0; categories.len()];
        for (value, count) in counted {
            let found = if value.is_missing() { missing } else { positions.get(&key(&value)).copied() };
            match found.and_then(|found| counts.get_mut(found)) {
                Some(own) => *own += count,
                None if self.refuse_unknown => {
                    let shown =
                        if value.is_missing() { "a missing value".to_owned() } else { value.to_string() };
                    return Err(column.error(format!("{shown} is none of the listed categories")));
                }
                None => {}
            }
        }
        Ok(counts)
    }
}
