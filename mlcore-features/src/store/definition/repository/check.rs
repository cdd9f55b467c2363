//! Views with what they name, checked against it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mlcore::schema::DType;
use mlcore::{Error, Result};

use super::super::entity::check_key_type;
use super::super::{
    AnyView, Definition, DefinitionId, Entity, FeatureService, FeatureView, Field, InputColumn, InputOrigin,
    Kind, OnDemandFeatureView, Origin, Projection, ResolvedOnDemandView, ResolvedView, Source, SourceKind,
    Transformation, ValueType, name,
};
use super::{Named, OPERATION, Objects, Views, unknown};
use crate::expression::Expression;
use crate::program::bind::converts;

/// Views that read views that read views: more than anybody needs, and few enough for any stack.
const MOST_DEPTH: usize = 16;

/// All views of both kinds by name, and a check of sources and services.
pub(super) fn views(objects: &Objects, versions: &dyn Views) -> Result<BTreeMap<String, AnyView>> {
    let mut resolver = Resolver { objects, versions, views: BTreeMap::new(), open: Vec::new() };
    for definition in mlcore::interrupt::paced(objects.values()) {
        match &**definition {
            Definition::FeatureView(_) | Definition::OnDemandFeatureView(_) => {
                drop(resolver.view(definition.name())?);
            }
            Definition::Source(source) => {
                drop(resolver.source(source).map_err(|error| within(definition, error))?);
            }
            Definition::Entity(_) | Definition::FeatureService(_) => {}
        }
    }
    for definition in mlcore::interrupt::paced(objects.values()) {
        if let Definition::FeatureService(service) = &**definition {
            resolver.service(service).map_err(|error| within(definition, error))?;
        }
    }
    mlcore::interrupt::check(OPERATION)?;
    Ok(resolver.views)
}

fn within(definition: &Definition, error: Error) -> Error {
    error.within(definition.id())
}

struct Resolver<'a> {
    objects: &'a Objects,
    versions: &'a dyn Views,
    views: BTreeMap<String, AnyView>,
    /// The on-demand views that wait for their inputs.
    open: Vec<String>,
}

impl Resolver<'_> {
    fn unknown(&self, named: Named, name: &str) -> Error {
        unknown(OPERATION, self.objects, named, name)
    }

    fn view(&mut self, name: &str) -> Result<AnyView> {
        if let Some(known) = self.views.get(name) {
            return Ok(known.clone());
        }
        let id =
            super::find(self.objects, Named::View, name).ok_or_else(|| self.unknown(Named::View, name))?;
        let definition = self.objects.get(&id).ok_or_else(|| self.unknown(Named::View, name))?;
        let view = match &**definition {
            Definition::OnDemandFeatureView(view) => {
                self.enter(name)?;
                let resolved = self.on_demand_view(view);
                self.open.pop();
                resolved.map(|view| AnyView::OnDemand(Arc::new(view)))
            }
            Definition::FeatureView(view) => {
                self.feature_view(view).map(|view| AnyView::View(Arc::new(view)))
            }
            _ => Err(self.unknown(Named::View, name)),
        };
        // An input has named itself already.
        let view =
            view.map_err(|error| if self.is_named(&error) { error } else { within(definition, error) })?;
        self.views.insert(name.to_owned(), view.clone());
        Ok(view)
    }

    /// Whether an error is that of a view below, which says its name.
    fn is_named(&self, error: &Error) -> bool {
        let subject = error.context().subject();
        [Kind::FeatureView, Kind::OnDemandFeatureView]
            .iter()
            .any(|kind| subject.strip_prefix(kind.noun()).is_some_and(|rest| rest.starts_with(' ')))
    }

    fn enter(&mut self, name: &str) -> Result<()> {
        let subject = DefinitionId::new(Kind::OnDemandFeatureView, name).to_string();
        if let Some(place) = self.open.iter().position(|open| open == name) {
            let circle: Vec<&str> = self.open.iter().skip(place).map(String::as_str).chain([name]).collect();
            let problem = format!("it reads itself: {}", circle.join(" reads "));
            return Err(Error::invalid_input(OPERATION, subject, problem).remedy("break the circle"));
        }
        if self.open.len() >= MOST_DEPTH {
            return Err(too_deep(subject));
        }
        self.open.push(name.to_owned());
        Ok(())
    }

    fn find_source(&self, name: &str) -> Result<&Source> {
        match self.objects.get(&DefinitionId::new(Kind::Source, name)).map(|found| &**found) {
            Some(Definition::Source(source)) => Ok(source),
            _ => Err(self.unknown(Named::Source, name)),
        }
    }

    /// A push source has a batch source that is one.
    fn source(&self, source: &Source) -> Result<Option<Source>> {
        let Origin::Push { batch_source: Some(batch) } = source.origin() else { return Ok(None) };
        let batch = self.find_source(batch)?;
        if batch.is_batch() {
            return Ok(Some(batch.clone()));
        }
        let problem = format!("it is a {} source and holds no history", batch.kind());
        Err(Error::invalid_input(OPERATION, format!("batch source {}", batch.name()), problem)
            .remedy("name a file, PostgreSQL or Arrow source"))
    }

    fn feature_view(&self, view: &FeatureView) -> Result<ResolvedView> {
        let (source, batch_source) = match view.source() {
            None => (None, None),
            Some(name) => {
                let source = self.find_source(name)?;
                if source.kind() == SourceKind::Request {
                    return Err(Error::invalid_input(
                        OPERATION,
                        format!("source {name}"),
                        "it is values of requests",
                    )
                    .remedy("name a source of rows, or make it an on-demand feature view"));
                }
                let batch = if source.is_batch() { Some(source.clone()) } else { self.source(source)? };
                (Some(source.clone()), batch)
            }
        };
        let entities = view.entities().iter().map(|name| self.entity(name)).collect::<Result<Vec<_>>>()?;
        let join_keys = join_keys(view, &entities)?;
        let features = features(view, &join_keys)?;
        let resolved =
            ResolvedView { view: view.clone(), entities, source, batch_source, join_keys, features };
        check_columns(&resolved)?;
        Ok(resolved)
    }

    fn entity(&self, name: &str) -> Result<Entity> {
        match self.objects.get(&DefinitionId::new(Kind::Entity, name)).map(|found| &**found) {
            Some(Definition::Entity(entity)) => Ok(entity.clone()),
            _ => Err(self.unknown(Named::Entity, name)),
        }
    }

    fn input(&mut self, projection: &Projection) -> Result<AnyView> {
        let view = match projection.version {
            None => self.view(&projection.view)?,
            version @ Some(_) => self.versions.view(&projection.view, version)?,
        };
        check_projection(projection, &view)?;
        Ok(view)
    }

    fn service(&mut self, service: &FeatureService) -> Result<()> {
        service.projections().iter().try_for_each(|projection| self.input(projection).map(drop))
    }

    fn on_demand_view(&mut self, view: &OnDemandFeatureView) -> Result<ResolvedOnDemandView> {
        let mut columns = Vec::new();
        let mut inputs = Vec::new();
        for (place, projection) in view.views().iter().enumerate() {
            let input = self.input(projection)?;
            for feature in taken(projection, &input) {
                columns.push(InputColumn {
                    name: feature.name.clone(),
                    full_name: format!("{}__{}", projection.name_to_use(), feature.name),
                    dtype: feature.dtype,
                    origin: InputOrigin::View(place),
                });
            }
            inputs.push((projection.clone(), input));
        }
        let mut request_sources = Vec::new();
        for name in view.request_sources() {
            let source = self.find_source(name)?;
            let Origin::Request { schema } = source.origin() else {
                let problem = format!("it is a {} source", source.kind());
                return Err(Error::invalid_input(OPERATION, format!("source {name}"), problem)
                    .remedy("name a request source, or the view of the source"));
            };
            columns.extend(schema.iter().map(|field| InputColumn {
                name: field.name.clone(),
                full_name: field.name.clone(),
                dtype: field.dtype,
                origin: InputOrigin::Request(name.clone()),
            }));
            request_sources.push(source.clone());
        }
        let depth = 1 + inputs.iter().map(|(_, input)| input.depth()).max().unwrap_or(0);
        if depth > MOST_DEPTH {
            return Err(too_deep("inputs".to_owned()));
        }
        let resolved = ResolvedOnDemandView { view: view.clone(), inputs, request_sources, columns, depth };
        check_function(&resolved)?;
        Ok(resolved)
    }
}

fn too_deep(subject: String) -> Error {
    let problem = format!("more than {MOST_DEPTH} views read each other");
    Error::invalid_input(OPERATION, subject, problem).remedy("compute it in fewer steps")
}

/// The features of a view that a projection takes, in its order.
pub(super) fn taken<'a>(projection: &'a Projection, view: &'a AnyView) -> Vec<&'a Field> {
    if projection.features.is_empty() {
        view.features().iter().collect()
    } else {
        projection.features.iter().filter_map(|name| view.feature(name)).collect()
    }
}

/// The features and join keys that a projection names are the view's.
pub(super) fn check_projection(projection: &Projection, view: &AnyView) -> Result<()> {
    for feature in &projection.features {
        if view.feature(feature).is_none() {
            return Err(no_feature(view, projection, feature));
        }
    }
    let join_keys: &[Field] = match view {
        AnyView::View(view) => &view.join_keys,
        AnyView::OnDemand(_) => &[],
    };
    for join_key in projection.join_key_map.keys() {
        if !join_keys.iter().any(|known| known.name == *join_key) {
            let known: Vec<&str> = join_keys.iter().map(|known| known.name.as_str()).collect();
            let subject = format!("{}, join key {}", projection.name_to_use(), name::shown(join_key));
            let problem = format!("the view has the join keys {}", known.join(", "));
            return Err(
                Error::invalid_input(OPERATION, subject, problem).remedy("map a join key of the view")
            );
        }
    }
    Ok(())
}

/// A view lacks a feature; those that it has are named.
fn no_feature(view: &AnyView, projection: &Projection, feature: &str) -> Error {
    let subject = format!("{}:{}", projection.name_to_use(), name::shown(feature));
    let is_key = matches!(view, AnyView::View(view) if view.join_keys.iter().any(|key| key.name == feature));
    let problem = if is_key { "it is a join key and no feature" } else { "the view has no such feature" };
    let mut known: Vec<&str> = view.features().iter().map(|field| field.name.as_str()).take(11).collect();
    let more = if known.len() > 10 { " and others" } else { "" };
    known.truncate(10);
    Error::not_found(OPERATION, subject, problem).remedy(format!("use one of {}{more}", known.join(", ")))
}

/// The join keys of a view's entities with their types.
fn join_keys(view: &FeatureView, entities: &[Entity]) -> Result<Vec<Field>> {
    let mut keys: Vec<Field> = Vec::new();
    for entity in entities {
        let join_key = entity.join_key();
        if keys.iter().any(|known| known.name == join_key) {
            let problem = format!("two of its entities have the join key {join_key}");
            return Err(Error::invalid_input(OPERATION, "entities", problem)
                .remedy("give each entity a join key of its own"));
        }
        let declared = view.schema().iter().find(|field| field.name == join_key);
        let dtype = match (declared.map(|field| field.dtype), entity.value_type()) {
            (Some(own), Some(other)) if own != other => {
                let problem = format!("the field is {own}, and entity {} is {other}", entity.name());
                return Err(Error::schema_mismatch(OPERATION, format!("field {join_key}"), problem)
                    .remedy("give both one type, or leave the field away"));
            }
            (Some(dtype), _) | (None, Some(dtype)) => dtype,
            (None, None) => {
                let problem = "nothing says the type of its join key";
                return Err(Error::invalid_input(OPERATION, format!("entity {}", entity.name()), problem)
                    .remedy(format!("give the entity a value_type, or the schema a field {join_key}")));
            }
        };
        check_key_type(OPERATION, entity.name(), dtype)?;
        keys.push(Field { dtype, ..declared.cloned().unwrap_or_else(|| Field::new(join_key, dtype)) });
    }
    Ok(keys)
}

/// The features of a view.
fn features(view: &FeatureView, join_keys: &[Field]) -> Result<Vec<Field>> {
    let is_key = |name: &str| join_keys.iter().any(|key| key.name == name);
    let features: Vec<Field> = if view.aggregations().is_empty() {
        view.schema().iter().filter(|field| !is_key(&field.name)).cloned().collect()
    } else {
        let made = view.aggregations().iter().map(|own| {
            let column = view.schema().iter().find(|field| field.name == own.column);
            Ok(Field::new(own.resolved_name(), own.output_type(column.map(|field| field.dtype))?))
        });
        made.collect::<Result<_>>()?
    };
    if let Some(feature) = features.iter().find(|feature| is_key(&feature.name)) {
        return Err(Error::invalid_input(
            OPERATION,
            format!("feature {}", feature.name),
            "a join key has this name",
        )
        .remedy("give the aggregation another name"));
    }
    if features.is_empty() {
        return Err(Error::invalid_input(OPERATION, "schema", "all of its fields are join keys")
            .remedy("add a feature"));
    }
    Ok(features)
}

/// No feature or key is called as a column of times, or as a column that has another name as a feature.
fn check_columns(view: &ResolvedView) -> Result<()> {
    let times = [
        ("timestamp_field", view.timestamp_field()),
        ("created_timestamp_column", view.created_timestamp_column()),
    ];
    let mapping = view.batch_source.as_ref().or(view.source.as_ref()).map(Source::field_mapping);
    let fields = view.features.iter().chain(&view.join_keys).chain(view.view.schema());
    let mut checked = BTreeSet::new();
    for field in fields.filter(|field| checked.insert(&field.name)) {
        for (what, column) in times {
            if column == Some(field.name.as_str()) {
                let problem = format!("it is the {what} of its source");
                return Err(Error::invalid_input(OPERATION, format!("field {}", field.name), problem)
                    .remedy("leave the field away, or map the column to another name (field_mapping)"));
            }
        }
        if let Some(mapped) = mapping.and_then(|mapping| mapping.get(&field.name)) {
            let problem = format!("its source maps the column to {mapped}");
            return Err(Error::invalid_input(OPERATION, format!("field {}", field.name), problem)
                .remedy(format!("call the field {mapped}, or take the mapping away")));
        }
    }
    Ok(())
}

/// The function of an on-demand view fits what it reads and what the view promises.
fn check_function(view: &ResolvedOnDemandView) -> Result<()> {
    let named = view.columns_by_name();
    let join_keys = view.inputs.iter().filter_map(|(_, input)| match input {
        AnyView::View(input) => Some(&input.join_keys),
        AnyView::OnDemand(_) => None,
    });
    let join_keys: BTreeSet<&str> = join_keys.flatten().map(|key| key.name.as_str()).collect();
    if let Some(field) = view.view.schema().iter().find(|field| join_keys.contains(field.name.as_str())) {
        return Err(Error::invalid_input(
            OPERATION,
            format!("field {}", field.name),
            "a join key has this name",
        )
        .remedy("give the feature another name"));
    }
    match view.view.transformation() {
        Transformation::Expressions(expressions) => {
            let columns: Vec<(&str, DType)> = named
                .iter()
                .filter_map(|(name, column)| match column.dtype {
                    ValueType::Scalar(dtype) => Some((*name, dtype)),
                    ValueType::List(_) => None,
                })
                .collect();
            for field in view.view.schema() {
                if let Some(expression) = expressions.get(&field.name) {
                    check_expression(view, field, expression, &columns)?;
                }
            }
            Ok(())
        }
        Transformation::Plan(plan) => plan.input.iter().try_for_each(|wanted| {
            let subject = format!("plan column {}", name::shown(&wanted.name));
            let Some(got) = named.get(wanted.name.as_str()) else {
                return Err(no_column(view, subject, &wanted.name));
            };
            let fits = match (got.dtype, wanted.dtype) {
                (ValueType::Scalar(got), ValueType::Scalar(wanted)) => got == wanted || converts(got, wanted),
                (got, wanted) => got == wanted,
            };
            if fits {
                return Ok(());
            }
            let problem = format!("the plan reads {}, and the input is {}", wanted.dtype, got.dtype);
            Err(Error::schema_mismatch(OPERATION, subject, problem)
                .remedy("fit the plan on the types of the inputs"))
        }),
    }
}

fn check_expression(
    view: &ResolvedOnDemandView,
    field: &Field,
    expression: &Expression,
    columns: &[(&str, DType)],
) -> Result<()> {
    let subject = format!("feature {}", field.name);
    for read in expression.columns() {
        if !columns.iter().any(|(name, _)| *name == read) {
            return Err(no_column(view, subject, read));
        }
    }
    let compiled = expression.compile(columns).map_err(|cause| {
        let problem = format!("{}: {}", cause.context().subject(), cause.context().problem());
        Error::schema_mismatch(OPERATION, subject.as_str(), problem)
            .remedy("change the formula, or the type of its input")
            .caused_by(cause)
    })?;
    let made = if compiled.texts.is_some() { DType::String } else { DType::Float64 };
    if field.dtype == ValueType::Scalar(made) {
        return Ok(());
    }
    let problem = format!("its formula makes {made}, and the schema says {}", field.dtype);
    Err(Error::schema_mismatch(OPERATION, subject, problem).remedy(format!("declare the field as {made}")))
}

/// The inputs have no column of this name, or several, or a list.
fn no_column(view: &ResolvedOnDemandView, subject: String, column: &str) -> Error {
    let full: Vec<&str> =
        view.columns.iter().filter(|own| own.name == column).map(|own| own.full_name.as_str()).collect();
    let is_list =
        view.columns.iter().any(|own| own.dtype.is_list() && (own.name == column || own.full_name == column));
    if is_list {
        let problem = format!("its formula reads {}, which is a list", name::shown(column));
        return Error::unsupported(OPERATION, subject, problem).remedy("read values that are no lists");
    }
    if full.len() > 1 {
        let problem = format!("several of its inputs have a column {}", name::shown(column));
        return Error::invalid_input(OPERATION, subject, problem)
            .remedy(format!("name one of {}", full.join(", ")));
    }
    let problem = format!("none of its inputs has a column {}", name::shown(column));
    let known: Vec<&str> = view.columns.iter().map(|own| own.name.as_str()).take(10).collect();
    Error::not_found(OPERATION, subject, problem).remedy(format!("use one of {}", known.join(", ")))
}
