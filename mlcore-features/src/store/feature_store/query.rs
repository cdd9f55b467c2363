use mlcore::{Error, Result};

use crate::store::definition::FeatureReference;

/// Which features are asked for: some by their references, or those of a service.
///
/// ```
/// use mlcore_features::store::feature_store::FeatureQuery;
///
/// let some = FeatureQuery::references(["driver_stats:conv_rate", "driver_stats@v2:trips"])?;
/// let all = FeatureQuery::service("ranking").with_full_feature_names(true);
/// assert!(some < all || all < some);
/// assert!(FeatureQuery::references(["driver_stats"]).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FeatureQuery {
    pub(super) wanted: Wanted,
    pub(super) full_feature_names: bool,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Wanted {
    References(Vec<FeatureReference>),
    Service(String),
}

impl FeatureQuery {
    /// Features by their references, `view:feature` or `view@v2:feature`, in this order.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a text that is no reference, and for none at all.
    pub fn references<'a>(references: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let wanted: Vec<FeatureReference> =
            references.into_iter().map(FeatureReference::parse).collect::<Result<_>>()?;
        if wanted.is_empty() {
            return Err(Error::invalid_input("ask for features", "features", "none are asked for")
                .remedy("name at least one, as view:feature"));
        }
        Ok(Self { wanted: Wanted::References(wanted), full_feature_names: false })
    }

    /// The features of a service, in its order.
    #[must_use]
    pub fn service(name: impl Into<String>) -> Self {
        Self { wanted: Wanted::Service(name.into()), full_feature_names: false }
    }

    /// Begins each name in the answer with that of the view, as `driver_stats__conv_rate`. Default: false, as in Feast.
    #[must_use]
    pub fn with_full_feature_names(mut self, full: bool) -> Self {
        self.full_feature_names = full;
        self
    }
}
