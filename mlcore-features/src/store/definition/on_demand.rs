use std::collections::{BTreeMap, BTreeSet};

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::feature_view::pin;
use super::field::check_all;
use super::metadata::{built_from, metadata_getters, metadata_setters};
use super::transformation::check_plan;
use super::{Field, Kind, PlanReference, Projection, Transformation, ViewVersion, name};
use crate::expression::Expression;

/// Features that are computed when they are asked for, of other views and of values that the request brings. Feast's `OnDemandFeatureView`.
///
/// The function is a formula for each feature, or a feature plan. It sees each column by the feature's name, and by view and feature,
/// `driver_stats__conv_rate`, where two inputs have a feature of one name. A formula's number is a `float64`, its truth value 1 or 0, its
/// text a `string`.
///
/// ```
/// use mlcore::schema::DType;
/// use mlcore_features::expression::{Expression, col};
/// use mlcore_features::store::definition::{Field, OnDemandFeatureView};
///
/// let view = OnDemandFeatureView::builder("transformed")
///     .view("driver_stats:conv_rate")
///     .request_source("vals")
///     .schema([Field::new("rate_plus_val", DType::Float64)])
///     .expression("rate_plus_val", col("conv_rate") + col("val"))
///     .build()?;
/// assert_eq!(view.request_sources(), ["vals"]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "OnDemandFeatureViewBuilder", into = "OnDemandFeatureViewBuilder")]
pub struct OnDemandFeatureView(OnDemandFeatureViewBuilder);

/// Collects what an [`OnDemandFeatureView`] is, and is how one is stored.
#[must_use = "a view is made by `build`"]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnDemandFeatureViewBuilder {
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    views: Vec<Projection>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    request_sources: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    schema: Vec<Field>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    expressions: BTreeMap<String, Expression>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<PlanReference>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    owner: String,
    #[serde(default, with = "pin", skip_serializing_if = "Option::is_none")]
    version: Option<ViewVersion>,
    /// The first text that was no reference.
    #[serde(skip)]
    wrong: Option<String>,
}

impl OnDemandFeatureView {
    /// Begins a view.
    pub fn builder(name: impl Into<String>) -> OnDemandFeatureViewBuilder {
        OnDemandFeatureViewBuilder {
            name: name.into(),
            views: Vec::new(),
            request_sources: Vec::new(),
            schema: Vec::new(),
            expressions: BTreeMap::new(),
            plan: None,
            description: String::new(),
            tags: BTreeMap::new(),
            owner: String::new(),
            version: None,
            wrong: None,
        }
    }

    /// The views that it reads, on-demand views included.
    #[must_use]
    pub fn views(&self) -> &[Projection] {
        &self.0.views
    }

    /// The sources of the values that a request brings, by name.
    #[must_use]
    pub fn request_sources(&self) -> &[String] {
        &self.0.request_sources
    }

    /// The features.
    #[must_use]
    pub fn schema(&self) -> &[Field] {
        &self.0.schema
    }

    /// What it computes.
    #[must_use]
    pub fn transformation(&self) -> Transformation<'_> {
        match &self.0.plan {
            Some(plan) => Transformation::Plan(plan),
            None => Transformation::Expressions(&self.0.expressions),
        }
    }

    /// The version that is pinned; `None` for the latest.
    #[must_use]
    pub fn version(&self) -> Option<ViewVersion> {
        self.0.version
    }

    /// The same with another pin.
    pub(in crate::store) fn with_version(mut self, version: Option<ViewVersion>) -> Self {
        self.0.version = version;
        self
    }
}

metadata_getters!(OnDemandFeatureView);
built_from!(OnDemandFeatureView, OnDemandFeatureViewBuilder);
metadata_setters!(OnDemandFeatureViewBuilder);

impl OnDemandFeatureViewBuilder {
    /// Reads `view`, `view:feature`, `view@v2` or `view@v2:feature`.
    pub fn view(mut self, reference: impl AsRef<str>) -> Self {
        match Projection::parse(reference.as_ref()) {
            Ok(projection) => self.views.push(projection),
            Err(_) => self.wrong = self.wrong.or_else(|| Some(reference.as_ref().to_owned())),
        }
        self
    }

    /// Reads a projection of a view.
    pub fn projection(mut self, projection: Projection) -> Self {
        self.views.push(projection);
        self
    }

    /// Reads the values of a request source.
    pub fn request_source(mut self, name: impl Into<String>) -> Self {
        self.request_sources.push(name.into());
        self
    }

    /// Names the features. With a plan they are the plan's, unless some of them are named.
    pub fn schema(mut self, schema: impl IntoIterator<Item = Field>) -> Self {
        self.schema = schema.into_iter().collect();
        self
    }

    /// Computes a feature by a formula.
    pub fn expression(mut self, feature: impl Into<String>, expression: Expression) -> Self {
        self.expressions.insert(feature.into(), expression);
        self
    }

    /// Computes the features by a plan.
    pub fn plan(mut self, plan: PlanReference) -> Self {
        self.plan = Some(plan);
        self
    }

    /// Pins a version that the registry has: applying the view goes back to it.
    pub fn version(mut self, version: ViewVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Makes the view. Its formulas are checked against the types of its inputs in a [`Repository`](super::Repository).
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a name that may not be, a view without inputs, neither or both of formulas and a plan,
    /// and a feature without a formula; [`SchemaMismatch`](Error::SchemaMismatch) for a feature that the plan does not make.
    pub fn build(mut self) -> Result<OnDemandFeatureView> {
        name::check_object(Kind::OnDemandFeatureView, &self.name)?;
        if self.schema.is_empty()
            && let Some(plan) = &self.plan
        {
            self.schema.clone_from(&plan.output);
        }
        check_all(OPERATION, &self.name, &self.schema)?;
        self.check_parts().map_err(|error| error.within(name::shown(&self.name)))?;
        Ok(OnDemandFeatureView(self))
    }

    fn check_parts(&self) -> Result<()> {
        if let Some(wrong) = &self.wrong {
            Projection::parse(wrong)?;
        }
        name::check_metadata(OPERATION, &self.description, &self.tags, &self.owner)?;
        if self.views.is_empty() && self.request_sources.is_empty() {
            return Err(Error::invalid_input(OPERATION, "inputs", "it reads nothing")
                .remedy("name a view or a request source"));
        }
        name::check_count(OPERATION, "views", self.views.len())?;
        let mut names = BTreeSet::new();
        for projection in &self.views {
            projection.check(OPERATION)?;
            if !names.insert(projection.name_to_use()) {
                return Err(twice(projection.name_to_use()));
            }
        }
        let mut requests = BTreeSet::new();
        for request in &self.request_sources {
            name::check_object(Kind::Source, request)?;
            if !requests.insert(request) {
                return Err(twice(request.clone()));
            }
        }
        match (&self.plan, self.expressions.is_empty()) {
            (Some(plan), true) => self.check_plan(plan),
            (None, false) => self.check_expressions(),
            (Some(_), false) => Err(Error::invalid_input(OPERATION, "plan", "it has formulas, too")
                .remedy("compute all features by formulas, or all by the plan")),
            (None, true) => Err(Error::invalid_input(OPERATION, "expressions", "it computes nothing")
                .remedy("give each feature a formula, or name a plan")),
        }
    }

    fn check_plan(&self, plan: &PlanReference) -> Result<()> {
        check_plan(OPERATION, plan)?;
        for field in &self.schema {
            let made = plan.output.iter().find(|made| made.name == field.name);
            if made.is_none_or(|made| made.dtype != field.dtype) {
                let problem = match made {
                    Some(made) => {
                        format!("the plan makes it {}, and the schema says {}", made.dtype, field.dtype)
                    }
                    None => "the plan does not make it".to_owned(),
                };
                return Err(Error::schema_mismatch(OPERATION, format!("field {}", field.name), problem)
                    .remedy("leave the schema away to take that of the plan"));
            }
        }
        Ok(())
    }

    fn check_expressions(&self) -> Result<()> {
        let fields: BTreeSet<&str> = self.schema.iter().map(|field| field.name.as_str()).collect();
        let formulas: BTreeSet<&str> = self.expressions.keys().map(String::as_str).collect();
        let alone = fields.symmetric_difference(&formulas).next();
        let Some(name) = alone else { return Ok(()) };
        let (problem, remedy) = if formulas.contains(name) {
            ("the schema has no field of this name", "add the field with its type, float64 or string")
        } else {
            ("no formula computes it", "give each feature a formula")
        };
        Err(Error::invalid_input(OPERATION, format!("feature {}", name::shown(name)), problem).remedy(remedy))
    }
}

fn twice(name: String) -> Error {
    Error::invalid_input(OPERATION, name, "it is read twice").remedy("name each input once")
}

const OPERATION: &str = "define on-demand feature view";
