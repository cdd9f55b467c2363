//! Features for a request.

mod answer;
mod entity_rows;
mod prepared;
mod reader;
mod view;

use std::sync::PoisonError;

use mlcore::Result;

pub use self::answer::{OnlineFeatures, OutputFeature};
pub use self::entity_rows::EntityRows;
pub use self::prepared::PreparedFeatures;
pub(super) use self::prepared::request_column;
pub use self::reader::StoreReader;
use super::{FeatureQuery, FeatureStore};

/// As many queries as a service asks, and few enough to be forgotten at once.
const MOST_PREPARED: usize = 256;

impl FeatureStore {
    /// The features of entities, as of now. A query that was asked before is not resolved again while the definitions are the same; a
    /// caller that asks often holds [`PreparedFeatures`] instead, which looks at no definitions.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare) and [`PreparedFeatures::read`].
    pub fn online_features(&self, query: &FeatureQuery, rows: &EntityRows<'_>) -> Result<OnlineFeatures> {
        let revision = self.snapshot()?.revision();
        let known = || self.inner.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().get(query).filter(|prepared| prepared.revision() == revision).cloned();
        let prepared = match found {
            Some(prepared) => prepared,
            None => {
                let prepared = self.prepare(query)?;
                let mut known = known();
                if known.len() >= MOST_PREPARED {
                    known.clear();
                }
                known.insert(query.clone(), prepared.clone());
                prepared
            }
        };
        let mut answer = OnlineFeatures::default();
        prepared.read(rows, &mut answer)?;
        Ok(answer)
    }

    /// Resolves a query once, to be read many times. What is applied afterwards does not change it: its
    /// [`revision`](PreparedFeatures::revision) tells whether to prepare it again.
    ///
    /// # Errors
    /// [`NotFound`](mlcore::Error::NotFound) for a service, a view, a version or a feature that is not there, and for a plan that the store
    /// was not built with; [`InvalidInput`](mlcore::Error::InvalidInput) for features that would have one name;
    /// [`Unsupported`](mlcore::Error::Unsupported) for a view that is not online, and for stored lists of texts.
    pub fn prepare(&self, query: &FeatureQuery) -> Result<PreparedFeatures> {
        PreparedFeatures::new(self, self.compile(query)?)
    }
}
