use std::collections::{BTreeMap, BTreeSet};

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::metadata::{built_from, metadata_getters, metadata_setters};
use super::{Kind, Projection, name};

/// Features that are read together, such as those of one model. Feast's `FeatureService`.
///
/// ```
/// use mlcore_features::store::definition::{FeatureService, Projection};
///
/// let flights = FeatureService::builder("flights")
///     .feature("plane_stats")
///     .feature("pilot_stats@v2:hours")
///     .projection(Projection::of("weather").with_name("origin").with_join_key("location_id", "origin_id"))
///     .build()?;
/// assert_eq!(flights.projections().len(), 3);
/// assert!(FeatureService::builder("flights").feature("@v2").build().is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "FeatureServiceBuilder", into = "FeatureServiceBuilder")]
pub struct FeatureService(FeatureServiceBuilder);

/// Collects what a [`FeatureService`] is, and is how one is stored.
#[must_use = "a service is made by `build`"]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureServiceBuilder {
    name: String,
    #[serde(default)]
    features: Vec<Projection>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    owner: String,
    /// The first text that was no reference.
    #[serde(skip)]
    wrong: Option<String>,
}

impl FeatureService {
    /// Begins a service.
    pub fn builder(name: impl Into<String>) -> FeatureServiceBuilder {
        FeatureServiceBuilder {
            name: name.into(),
            features: Vec::new(),
            description: String::new(),
            tags: BTreeMap::new(),
            owner: String::new(),
            wrong: None,
        }
    }

    /// The views that it takes, in order.
    #[must_use]
    pub fn projections(&self) -> &[Projection] {
        &self.0.features
    }
}

metadata_getters!(FeatureService);
built_from!(FeatureService, FeatureServiceBuilder);
metadata_setters!(FeatureServiceBuilder);

impl FeatureServiceBuilder {
    /// Adds `view`, `view:feature`, `view@v2` or `view@v2:feature`.
    pub fn feature(mut self, reference: impl AsRef<str>) -> Self {
        match Projection::parse(reference.as_ref()) {
            Ok(projection) => self.features.push(projection),
            Err(_) => self.wrong = self.wrong.or_else(|| Some(reference.as_ref().to_owned())),
        }
        self
    }

    /// Adds a projection of a view.
    pub fn projection(mut self, projection: Projection) -> Self {
        self.features.push(projection);
        self
    }

    /// Makes the service.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a name that may not be, for a text that is no reference, for a service without
    /// features, and for a feature that is taken twice under one name.
    pub fn build(self) -> Result<FeatureService> {
        name::check_object(Kind::FeatureService, &self.name)?;
        self.check_parts().map_err(|error| error.within(name::shown(&self.name)))?;
        Ok(FeatureService(self))
    }

    fn check_parts(&self) -> Result<()> {
        if let Some(wrong) = &self.wrong {
            Projection::parse(wrong)?;
        }
        name::check_metadata(OPERATION, &self.description, &self.tags, &self.owner)?;
        name::check_count(OPERATION, "features", self.features.len())?;
        if self.features.is_empty() {
            return Err(Error::invalid_input(OPERATION, "features", "there are none")
                .remedy("name at least one view or feature"));
        }
        // The views of which some features are taken, those that are taken whole, and the features.
        let (mut some, mut whole, mut seen) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for projection in &self.features {
            projection.check(OPERATION)?;
            let own = projection.name_to_use();
            let is_twice = if projection.features.is_empty() {
                some.contains(&own) || !whole.insert(own.clone())
            } else {
                let mut features = projection.features.iter();
                some.insert(own.clone());
                whole.contains(&own) || features.any(|feature| !seen.insert((own.clone(), feature)))
            };
            if is_twice {
                let problem = "one of its features is taken twice under one name";
                return Err(Error::invalid_input(OPERATION, own, problem)
                    .remedy("name each feature once, or give one of the views another name (with_name)"));
            }
        }
        Ok(())
    }
}

const OPERATION: &str = "define feature service";
