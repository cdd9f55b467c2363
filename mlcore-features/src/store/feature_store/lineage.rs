use mlcore::Result;

use super::FeatureStore;
use crate::store::registry::{StoreGraph, StoreNode};

impl FeatureStore {
    /// What an object comes of: see [`Repository::upstream`](crate::store::definition::Repository::upstream).
    ///
    /// # Errors
    /// [`NotFound`](mlcore::Error::NotFound) for an object that is not there; those of the definitions.
    pub fn upstream(&self, node: &StoreNode) -> Result<StoreGraph> {
        self.snapshot()?.repository().upstream(node)
    }

    /// What comes of an object or a plan: see [`Repository::downstream`](crate::store::definition::Repository::downstream).
    ///
    /// # Errors
    /// As [`upstream`](Self::upstream).
    pub fn downstream(&self, node: &StoreNode) -> Result<StoreGraph> {
        self.snapshot()?.repository().downstream(node)
    }
}
