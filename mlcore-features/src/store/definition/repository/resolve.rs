use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mlcore::{Error, Result};

use super::super::{
    AnyView, FeatureReference, Field, Origin, Projection, ResolvedOnDemandView, ResolvedView, ValueType,
    ViewVersion,
};
use super::check::{check_projection, taken};

/// Where references find their views: a repository, or what a host puts before one.
///
/// ```
/// use mlcore::{Error, Result};
/// use mlcore_features::store::definition::{AnyView, Repository, ViewVersion, Views};
///
/// /// The views of a team alone.
/// struct Team<'a>(&'a Repository, &'a str);
///
/// impl Views for Team<'_> {
///     fn view(&self, name: &str, version: Option<ViewVersion>) -> Result<AnyView> {
///         if name.starts_with(self.1) {
///             return Views::view(self.0, name, version);
///         }
///         Err(Error::permission_denied("look up view", name, "it is another team's").remedy("ask for a view of your own"))
///     }
/// }
/// # let repository = Repository::new("rides", [])?;
/// assert!(Team(&repository, "fraud_").view("rides_stats", None).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait Views {
    /// The view of this name, of either kind; the latest version where none is named.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) for a view or a version that is not there, and where it cannot be read.
    fn view(&self, name: &str, version: Option<ViewVersion>) -> Result<AnyView>;
}

/// How features are named in an answer.
///
/// ```
/// use mlcore_features::store::definition::ResolveOptions;
///
/// assert!(!ResolveOptions::default().full_feature_names);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ResolveOptions {
    /// Whether each name begins with that of the view: `driver_stats__conv_rate`, `driver_stats@v2__conv_rate`. Default: false, as in Feast.
    pub full_feature_names: bool,
}

impl ResolveOptions {
    /// Begins each name with that of the view.
    #[must_use]
    pub fn with_full_feature_names(mut self, full: bool) -> Self {
        self.full_feature_names = full;
        self
    }
}

/// What references or a service mean: which features, of which views, by which keys.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Resolution {
    /// The features in the order in which they were asked for.
    pub features: Vec<ResolvedFeature>,
    /// The stored views that are read for them, inputs of on-demand views included, each with the features that are needed.
    pub reads: Vec<ViewRead>,
    /// The on-demand views that are computed, in an order in which each finds its inputs.
    pub on_demand: Vec<OnDemandStep>,
    /// The values that a request brings for on-demand views.
    pub request: Vec<Field>,
    /// The columns of a request that say about whom it asks.
    pub join_keys: Vec<JoinKey>,
}

/// One feature of an answer.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResolvedFeature {
    /// What its view is called in this answer: the key of [`ViewRead`] or [`OnDemandStep`].
    pub name_to_use: String,
    /// The view.
    pub view: String,
    /// The version that was asked for; the latest where there is none.
    pub version: Option<ViewVersion>,
    /// The feature.
    pub field: Field,
    /// What it is called in the answer.
    pub output: String,
}

/// A stored view that is read.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct ViewRead {
    /// What the view is called in this answer.
    pub name_to_use: String,
    /// The view.
    pub view: Arc<ResolvedView>,
    /// The version that was asked for; the latest where there is none.
    pub version: Option<ViewVersion>,
    /// The columns of the request that hold the join keys, in the view's order.
    pub columns: Vec<String>,
    /// The features that are needed, in the view's order.
    pub features: Vec<Field>,
}

/// An on-demand view that is computed.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct OnDemandStep {
    /// What the view is called in this answer.
    pub name_to_use: String,
    /// The view.
    pub view: Arc<ResolvedOnDemandView>,
}

/// A column of a request by which a view is read.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinKey {
    /// The column.
    pub column: String,
    /// Its type, and what the first view says of it.
    pub field: Field,
}

impl Resolution {
    /// What the features are called, in order.
    pub fn output_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.features.iter().map(|feature| feature.output.as_str())
    }
}

pub(in crate::store) fn references(
    views: &dyn Views,
    references: &[FeatureReference],
    options: &ResolveOptions,
) -> Result<Resolution> {
    let one = |reference: &FeatureReference| Projection {
        version: reference.version,
        ..Projection::of(&reference.view).with_features([&reference.feature])
    };
    let all: Vec<Projection> = references.iter().map(one).collect();
    projections(views, &all, options)
}

pub(in crate::store) fn projections(
    views: &dyn Views,
    projections: &[Projection],
    options: &ResolveOptions,
) -> Result<Resolution> {
    if projections.is_empty() {
        return Err(
            Error::invalid_input(OPERATION, "features", "none are asked for").remedy("name at least one")
        );
    }
    let mut resolver = Resolver {
        views,
        known: BTreeMap::new(),
        resolution: Resolution::default(),
        needed: Vec::new(),
        places: BTreeMap::new(),
        steps: BTreeMap::new(),
        columns: BTreeMap::new(),
        values: BTreeMap::new(),
    };
    for projection in mlcore::interrupt::paced(projections) {
        projection.check(OPERATION)?;
        let view = resolver.view(&projection.view, projection.version)?;
        check_projection(projection, &view)?;
        resolver.take(projection, &view)?;
        let name_to_use = projection.name_to_use();
        for field in taken(projection, &view) {
            let output = match options.full_feature_names {
                true => format!("{name_to_use}__{}", field.name),
                false => field.name.clone(),
            };
            resolver.resolution.features.push(ResolvedFeature {
                name_to_use: name_to_use.clone(),
                view: projection.view.clone(),
                version: projection.version,
                field: field.clone(),
                output,
            });
        }
    }
    mlcore::interrupt::check(OPERATION)?;
    let Resolver { mut resolution, needed, .. } = resolver;
    for (read, needed) in resolution.reads.iter_mut().zip(&needed) {
        let is_needed = |field: &&Field| needed.contains(&field.name);
        read.features = read.view.features.iter().filter(is_needed).cloned().collect();
    }
    check_outputs(&resolution, options)?;
    Ok(resolution)
}

struct Resolver<'a> {
    views: &'a dyn Views,
    known: BTreeMap<(String, Option<ViewVersion>), AnyView>,
    resolution: Resolution,
    /// The features that are needed of each read.
    needed: Vec<BTreeSet<String>>,
    /// Where the read of a name stands, and of which view an on-demand step of a name is.
    places: BTreeMap<String, usize>,
    steps: BTreeMap<String, String>,
    /// The types of columns and values of the request.
    columns: BTreeMap<String, ValueType>,
    values: BTreeMap<String, ValueType>,
}

impl Resolver<'_> {
    /// A view, which is looked up once.
    fn view(&mut self, name: &str, version: Option<ViewVersion>) -> Result<AnyView> {
        let key = (name.to_owned(), version);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let view = self.views.view(name, version)?;
        self.known.insert(key, view.clone());
        Ok(view)
    }

    /// Notes what must be read and computed for a projection.
    fn take(&mut self, projection: &Projection, view: &AnyView) -> Result<()> {
        match view {
            AnyView::View(view) => self.read(projection, view),
            AnyView::OnDemand(view) => self.compute(projection, view),
        }
    }

    fn read(&mut self, projection: &Projection, view: &Arc<ResolvedView>) -> Result<()> {
        let name_to_use = projection.name_to_use();
        let column = |key: &Field| projection.join_key_map.get(&key.name).unwrap_or(&key.name).clone();
        let columns: Vec<String> = view.join_keys.iter().map(column).collect();
        for (key, column) in view.join_keys.iter().zip(&columns) {
            match self.columns.insert(column.clone(), key.dtype) {
                Some(known) if known != key.dtype => {
                    let problem =
                        format!("one view has keys of {known} in it, and {name_to_use} of {}", key.dtype);
                    return Err(Error::schema_mismatch(OPERATION, format!("column {column}"), problem)
                        .remedy("read one of the join keys from another column (join_key_map)"));
                }
                Some(_) => {}
                None => {
                    self.resolution.join_keys.push(JoinKey { column: column.clone(), field: key.clone() });
                }
            }
        }
        let all = AnyView::View(Arc::clone(view));
        let needed = taken(projection, &all).into_iter().map(|field| field.name.clone());
        let place = *self.places.entry(name_to_use.clone()).or_insert(self.resolution.reads.len());
        match (self.resolution.reads.get(place), self.needed.get_mut(place)) {
            (Some(read), _) if read.columns != columns || read.view.view.name() != view.view.name() => {
                Err(Error::invalid_input(
                    OPERATION,
                    name_to_use,
                    "two views, or one by two keys, are read under this name",
                )
                .remedy("give one of them another name (with_name)"))
            }
            (Some(_), Some(known)) => {
                known.extend(needed);
                Ok(())
            }
            _ => {
                self.needed.push(needed.collect());
                self.resolution.reads.push(ViewRead {
                    name_to_use,
                    view: Arc::clone(view),
                    version: projection.version,
                    columns,
                    features: Vec::new(),
                });
                Ok(())
            }
        }
    }

    /// Notes an on-demand view after its inputs. Views read each other a few levels deep at most.
    fn compute(&mut self, projection: &Projection, view: &Arc<ResolvedOnDemandView>) -> Result<()> {
        let name_to_use = projection.name_to_use();
        match self.steps.insert(name_to_use.clone(), view.view.name().to_owned()) {
            Some(known) if known == view.view.name() => return Ok(()),
            Some(_) => {
                return Err(Error::invalid_input(
                    OPERATION,
                    name_to_use,
                    "two views are computed under this name",
                )
                .remedy("give one of them another name (with_name)"));
            }
            None => {}
        }
        for (input, found) in &view.inputs {
            self.take(input, found)?;
        }
        for source in &view.request_sources {
            let Origin::Request { schema } = source.origin() else { continue };
            for field in schema {
                match self.values.insert(field.name.clone(), field.dtype) {
                    Some(known) if known != field.dtype => {
                        let problem =
                            format!("two sources of requests have it as {known} and {}", field.dtype);
                        return Err(Error::schema_mismatch(
                            OPERATION,
                            format!("value {}", field.name),
                            problem,
                        )
                        .remedy("rename it in one of them"));
                    }
                    Some(_) => {}
                    None => self.resolution.request.push(field.clone()),
                }
            }
        }
        self.resolution.on_demand.push(OnDemandStep { name_to_use, view: Arc::clone(view) });
        Ok(())
    }
}

/// No two features have one name, and none that of a column that says about whom it is asked: Feast's rule, and ours about keys.
fn check_outputs(resolution: &Resolution, options: &ResolveOptions) -> Result<()> {
    let mut by_output: BTreeMap<&str, &ResolvedFeature> = BTreeMap::new();
    for feature in &resolution.features {
        if let Some(other) = by_output.insert(&feature.output, feature) {
            let named = |own: &ResolvedFeature| format!("{}:{}", own.name_to_use, own.field.name);
            let problem = format!("{} and {} would both be called so", named(other), named(feature));
            let remedy = match options.full_feature_names {
                true => "ask for each feature once, or give one of the views another name (with_name)",
                false => "ask for full feature names (full_feature_names), or for each feature once",
            };
            return Err(Error::invalid_input(OPERATION, feature.output.as_str(), problem).remedy(remedy));
        }
    }
    let taken = resolution.join_keys.iter().find(|key| by_output.contains_key(key.column.as_str()));
    match taken {
        None => Ok(()),
        Some(key) => {
            let problem = "a feature has the name of the column by which it is asked for";
            Err(Error::invalid_input(OPERATION, key.column.as_str(), problem)
                .remedy("ask for full feature names (full_feature_names)"))
        }
    }
}

const OPERATION: &str = "resolve features";
