//! The one table of routes: method, path, what it does, what it is about, the fields that it knows, and who answers.

use http::Method;

use super::call::{Call, Reply};
use super::fields::{Message, text, texts};
use super::messages::{
    ARTIFACTS, CREATE_EXPERIMENT, CREATE_MODEL, CREATE_RUN, EXPERIMENT, EXPERIMENT_NAME, EXPERIMENT_TAG,
    EXPERIMENT_TAG_KEY, FINALIZE_MODEL, GRAPHQL, HISTORY, INTERVAL, LOG_BATCH, LOG_INPUTS, LOG_METRIC,
    LOG_MODEL, LOG_OUTPUTS, LOG_PARAM, MODEL_ARTIFACTS, MODEL_PARAMS, MODEL_TAGS, ONE_RUN, PATH,
    PRESIGNED_DOWNLOAD, PRESIGNED_UPLOAD, RUN, RUN_TAG, RUN_TAG_KEY, SEARCH_EXPERIMENTS, SEARCH_MODELS,
    SEARCH_RUNS, UPDATE_EXPERIMENT, UPDATE_RUN,
};
use super::refusal::Result;
use super::scope::About;
use super::{artifacts, experiments, log, logged_models, metrics, page, page_files, query, registry, runs};
use crate::auth::Act;

/// Who answers a request.
pub(super) type Handler = fn(&Call<'_>) -> Result<Reply>;

/// What a request brings.
#[derive(Clone, Copy)]
pub(super) enum Brings {
    /// Fields: in the query of a GET, in the body of others.
    Fields(Message),
    /// A body that is read whole, whatever it is.
    Bytes,
    /// A file, which is stored while it is read.
    File,
    /// Nothing that is read.
    Nothing,
}

/// Under which prefixes a path stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Under {
    /// `/api/2.0/` and `/ajax-api/2.0/`.
    Api2,
    /// `/ajax-api/2.0/`, which the page uses.
    Ajax2,
    /// `/api/3.0/` and `/ajax-api/3.0/`.
    Api3,
    /// `/ajax-api/3.0/`.
    Ajax3,
    /// `/`.
    Root,
    /// `/`, where MLflow's own page is served.
    Page,
}

/// A route.
pub(super) struct Endpoint {
    under: Under,
    method: Method,
    path: &'static str,
    pub(super) template: &'static str,
    pub(super) act: Act,
    pub(super) about: About,
    pub(super) brings: Brings,
    pub(super) handler: Handler,
}

macro_rules! endpoints {
    (@template Api2 $path:literal) => { concat!("/api/2.0/", $path) };
    (@template Ajax2 $path:literal) => { concat!("/ajax-api/2.0/", $path) };
    (@template Api3 $path:literal) => { concat!("/api/3.0/", $path) };
    (@template Ajax3 $path:literal) => { concat!("/ajax-api/3.0/", $path) };
    (@template Root $path:literal) => { concat!("/", $path) };
    (@template Page $path:literal) => { concat!("/", $path) };
    ($($under:ident $method:ident $path:literal $act:ident $about:ident $brings:expr => $handler:expr;)+) => {
        static ENDPOINTS: &[Endpoint] = &[$(Endpoint {
            under: Under::$under,
            method: Method::$method,
            path: $path,
            template: endpoints!(@template $under $path),
            act: Act::$act,
            about: About::$about,
            brings: $brings,
            handler: $handler,
        }),+];
    };
}

use Brings::{Bytes, Fields as F, File, Nothing};

// `{}` stands for one part of a path, `{*}` for the rest of it.
endpoints! {
    Api2 POST "mlflow/experiments/create" Track Named F(CREATE_EXPERIMENT) => experiments::create;
    Api2 GET "mlflow/experiments/get" Browse Named F(EXPERIMENT) => experiments::get;
    Api2 GET "mlflow/experiments/get-by-name" Browse Named F(EXPERIMENT_NAME) => experiments::get_by_name;
    Api2 POST "mlflow/experiments/delete" Erase Named F(EXPERIMENT) => experiments::delete;
    Api2 POST "mlflow/experiments/restore" Track Named F(EXPERIMENT) => experiments::restore;
    Api2 POST "mlflow/experiments/update" Track Named F(UPDATE_EXPERIMENT) => experiments::update;
    Api2 POST "mlflow/experiments/set-experiment-tag" Track Named F(EXPERIMENT_TAG) => experiments::set_tag;
    Api2 POST "mlflow/experiments/delete-experiment-tag" Track Named F(EXPERIMENT_TAG_KEY) => experiments::delete_tag;
    Api2 GET "mlflow/experiments/search" Browse Named F(SEARCH_EXPERIMENTS) => experiments::find;
    Api2 POST "mlflow/experiments/search" Browse Named F(SEARCH_EXPERIMENTS) => experiments::find;
    Api2 POST "mlflow/experiments/search-datasets" Browse Named F(&[texts("experiment_ids")]) => experiments::search_datasets;

    Api2 POST "mlflow/runs/create" Track Named F(CREATE_RUN) => runs::create;
    Api2 GET "mlflow/runs/get" Browse Named F(RUN) => runs::get;
    Api2 POST "mlflow/runs/update" Track Named F(UPDATE_RUN) => runs::update;
    Api2 POST "mlflow/runs/delete" Erase Named F(ONE_RUN) => runs::delete;
    Api2 POST "mlflow/runs/restore" Track Named F(ONE_RUN) => runs::restore;
    Api2 POST "mlflow/runs/set-tag" Track Named F(RUN_TAG) => runs::set_tag;
    Api2 POST "mlflow/runs/delete-tag" Track Named F(RUN_TAG_KEY) => runs::delete_tag;
    Api2 POST "mlflow/runs/search" Browse Named F(SEARCH_RUNS) => runs::find;
    Api2 POST "mlflow/runs/log-model" Track Named F(LOG_MODEL) => runs::log_model;
    Api2 POST "mlflow/runs/log-metric" Track Named F(LOG_METRIC) => log::metric;
    Api2 POST "mlflow/runs/log-parameter" Track Named F(LOG_PARAM) => log::param;
    Api2 POST "mlflow/runs/log-batch" Track Named F(LOG_BATCH) => log::batch;
    Api2 POST "mlflow/runs/log-inputs" Track Named F(LOG_INPUTS) => log::inputs;
    Api2 POST "mlflow/runs/outputs" Track Named F(LOG_OUTPUTS) => log::outputs;

    Api2 GET "mlflow/metrics/get-history" Browse Named F(HISTORY) => metrics::history;
    Api2 GET "mlflow/metrics/get-history-bulk-interval" Browse Named F(INTERVAL) => metrics::interval;
    Ajax2 GET "mlflow/metrics/get-history-bulk" Browse Named Nothing => metrics::bulk;

    Api2 POST "mlflow/logged-models" Track Named F(CREATE_MODEL) => logged_models::create;
    Api2 POST "mlflow/logged-models/search" Browse Named F(SEARCH_MODELS) => logged_models::find;
    Api2 GET "mlflow/logged-models/{}" Browse Logged Nothing => logged_models::get;
    Api2 PATCH "mlflow/logged-models/{}" Track Logged F(FINALIZE_MODEL) => logged_models::finalize;
    Api2 DELETE "mlflow/logged-models/{}" Erase Logged Nothing => logged_models::delete;
    Api2 PATCH "mlflow/logged-models/{}/tags" Track Logged F(MODEL_TAGS) => logged_models::set_tags;
    Api2 DELETE "mlflow/logged-models/{}/tags/{}" Track Logged Nothing => logged_models::delete_tag;
    Api2 POST "mlflow/logged-models/{}/params" Track Logged F(MODEL_PARAMS) => logged_models::log_params;
    Api2 GET "mlflow/logged-models/{}/artifacts/directories" Browse Logged F(MODEL_ARTIFACTS) => artifacts::list_of_model;
    Ajax2 GET "mlflow/logged-models/{}/artifacts/files" Browse Logged Nothing => artifacts::get_of_model;

    Api2 GET "mlflow/artifacts/list" Browse Named F(ARTIFACTS) => artifacts::list_of_run;
    Api2 POST "mlflow/artifacts/presigned-upload-url" Track Named F(PRESIGNED_UPLOAD) => artifacts::no_presigned_upload;
    Api2 POST "mlflow/artifacts/presigned-download-url" Browse Named F(PRESIGNED_DOWNLOAD) => artifacts::no_presigned_download;
    Api2 GET "mlflow-artifacts/artifacts" Browse Files F(&[text("path")]) => artifacts::list;
    Api2 GET "mlflow-artifacts/artifacts/{*}" Browse Files Nothing => artifacts::get;
    Api2 PUT "mlflow-artifacts/artifacts/{*}" Track Files File => artifacts::get;
    Api2 DELETE "mlflow-artifacts/artifacts/{*}" Erase Files Nothing => artifacts::delete;
    Api2 POST "mlflow-artifacts/mpu/create/{*}" Track Files F(PATH) => artifacts::no_multipart;
    Api2 POST "mlflow-artifacts/mpu/complete/{*}" Track Files F(PATH) => artifacts::no_multipart;
    Api2 POST "mlflow-artifacts/mpu/abort/{*}" Track Files F(PATH) => artifacts::no_multipart;
    Api2 GET "mlflow-artifacts/presigned/{*}" Browse Files Nothing => artifacts::no_presigned;

    Api2 POST "mlflow/registered-models/create" Register Registered F(registry::CREATE_REGISTERED_MODEL) => registry::create;
    Api2 GET "mlflow/registered-models/get" Browse Registered F(registry::REGISTERED_MODEL) => registry::get;
    Api2 PATCH "mlflow/registered-models/update" Register Registered F(registry::UPDATE_REGISTERED_MODEL) => registry::update;
    Api2 POST "mlflow/registered-models/rename" Release Registered F(registry::RENAME_REGISTERED_MODEL) => registry::rename;
    Api2 DELETE "mlflow/registered-models/delete" Release Registered F(registry::REGISTERED_MODEL) => registry::delete;
    Api2 GET "mlflow/registered-models/search" Browse All F(registry::SEARCH_REGISTRY) => registry::find;
    Api2 GET "mlflow/registered-models/get-latest-versions" Browse Registered F(registry::LATEST_VERSIONS) => registry::latest;
    Api2 POST "mlflow/registered-models/get-latest-versions" Browse Registered F(registry::LATEST_VERSIONS) => registry::latest;
    Api2 POST "mlflow/registered-models/set-tag" Register Registered F(registry::REGISTERED_MODEL_TAG) => registry::set_tag;
    Api2 DELETE "mlflow/registered-models/delete-tag" Register Registered F(registry::REGISTERED_MODEL_TAG_KEY) => registry::delete_tag;
    Api2 GET "mlflow/registered-models/alias" Browse Registered F(registry::ALIAS) => registry::alias;
    Api2 POST "mlflow/registered-models/alias" Release Registered F(registry::SET_ALIAS) => registry::set_alias;
    Api2 DELETE "mlflow/registered-models/alias" Release Registered F(registry::ALIAS) => registry::delete_alias;
    Api2 POST "mlflow/model-versions/create" Register Registered F(registry::CREATE_VERSION) => registry::create_version;
    Api2 GET "mlflow/model-versions/get" Browse Registered F(registry::VERSION_OF_MODEL) => registry::get_version;
    Api2 PATCH "mlflow/model-versions/update" Register Registered F(registry::UPDATE_VERSION) => registry::update_version;
    Api2 DELETE "mlflow/model-versions/delete" Release Registered F(registry::VERSION_OF_MODEL) => registry::delete_version;
    Api2 POST "mlflow/model-versions/transition-stage" Release Registered F(registry::TRANSITION) => registry::transition;
    Api2 GET "mlflow/model-versions/search" Browse All F(registry::SEARCH_REGISTRY) => registry::find_versions;
    Api2 GET "mlflow/model-versions/get-download-uri" Browse Registered F(registry::DOWNLOAD_URI) => registry::download_uri;
    Api2 POST "mlflow/model-versions/set-tag" Register Registered F(registry::VERSION_TAG) => registry::set_version_tag;
    Api2 DELETE "mlflow/model-versions/delete-tag" Register Registered F(registry::VERSION_TAG_KEY) => registry::delete_version_tag;

    Ajax2 POST "mlflow/upload-artifact" Track Named Bytes => artifacts::take_upload;
    Root GET "get-artifact" Browse Named Nothing => artifacts::get_of_run;
    Root GET "model-versions/get-artifact" Browse Registered Nothing => artifacts::get_of_version;
    Root POST "graphql" Browse All F(GRAPHQL) => page::graphql;
    Ajax2 GET "mlflow/gateway-proxy" Browse Free Nothing => page::gateway;
    Ajax3 GET "mlflow/assistant/config" Browse Free Nothing => page::assistant;
    Ajax3 GET "mlflow/assistant/providers" Browse Free Nothing => page::assistant_providers;
    Api3 GET "mlflow/server-info" Browse Free Nothing => page::server_info;
    Root GET "health" Health Free Nothing => page::health;
    Root GET "version" Browse Free Nothing => page::version;
    Page GET "" Browse Free Nothing => page_files::index;
    Page GET "static-files/{*}" Browse Free Nothing => page_files::file;
}

/// All routes: the method, and the path with braces where it names something. What stands under `/api/2.0` stands under `/ajax-api/2.0`, too.
///
/// ```
/// let routes: Vec<_> = mlcore_serve::mlflow::routes().collect();
/// assert!(routes.contains(&("GET", "/api/2.0/mlflow/runs/get")));
/// ```
pub fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    ENDPOINTS.iter().map(|endpoint| (name_of(&endpoint.method), endpoint.template))
}

/// A route that a request asks for, and what its path names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Matched {
    place: usize,
    pub(super) names: Vec<String>,
}

impl Matched {
    /// The path, with braces where it names something.
    pub(crate) fn template(&self) -> &'static str {
        self.endpoint().template
    }

    /// What the request does.
    pub(crate) fn act(&self) -> Act {
        self.endpoint().act
    }

    /// Whether the request sends a file, which may take its time.
    #[cfg(feature = "server")]
    pub(crate) fn is_upload(&self) -> bool {
        matches!(self.endpoint().brings, Brings::File)
    }

    pub(super) fn endpoint(&self) -> &'static Endpoint {
        // It was found there.
        ENDPOINTS.get(self.place).unwrap_or(&NOWHERE)
    }
}

static NOWHERE: Endpoint = Endpoint {
    under: Under::Root,
    method: Method::GET,
    path: "",
    template: "",
    act: Act::Erase,
    about: About::All,
    brings: Brings::Nothing,
    handler: page::health,
};

/// Whether a path is one of MLflow's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    Endpoint(Matched),
    /// It takes another method.
    OtherMethod(&'static str),
    /// It stands under a prefix of MLflow's, and is none that there is.
    Nothing,
}

/// Finds the route of a path; none where it is not MLflow's.
pub(crate) fn find(method: &Method, path: &str, has_page: bool) -> Option<Found> {
    const PREFIXES: [(&str, &[Under]); 4] = [
        ("/api/2.0/", &[Under::Api2]),
        ("/ajax-api/2.0/", &[Under::Api2, Under::Ajax2]),
        ("/api/3.0/", &[Under::Api3]),
        ("/ajax-api/3.0/", &[Under::Api3, Under::Ajax3]),
    ];
    let prefixed = PREFIXES.iter().find_map(|(prefix, under)| Some((path.strip_prefix(prefix)?, *under)));
    let (rest, under) = match prefixed {
        Some(found) => found,
        None if has_page => (path.strip_prefix('/')?, [Under::Root, Under::Page].as_slice()),
        None => (path.strip_prefix('/')?, [Under::Root].as_slice()),
    };
    let mut other = None;
    for (place, endpoint) in ENDPOINTS.iter().enumerate() {
        if !under.contains(&endpoint.under) {
            continue;
        }
        let Some(names) = names_in(endpoint.path, rest) else { continue };
        let is_read = *method == Method::HEAD && endpoint.method == Method::GET;
        if *method == endpoint.method || is_read {
            return Some(Found::Endpoint(Matched { place, names }));
        }
        other = Some(match other {
            None => name_of(&endpoint.method),
            Some(_) => "GET, POST, PUT, PATCH, DELETE",
        });
    }
    match other {
        Some(methods) => Some(Found::OtherMethod(methods)),
        None => (prefixed.is_some() || path.starts_with("/api/") || path.starts_with("/ajax-api/"))
            .then_some(Found::Nothing),
    }
}

fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "POST",
    }
}

/// What a path names where it is of this pattern. A name holds no slash, not even a coded one.
fn names_in(pattern: &str, path: &str) -> Option<Vec<String>> {
    if !pattern.contains('{') {
        return (pattern == path).then(Vec::new);
    }
    let (mut names, mut rest) = (Vec::new(), Some(path));
    for part in pattern.split('/') {
        let own = rest?;
        if part == "{*}" {
            names.push(own.to_owned());
            return Some(names);
        }
        let (own, after) = match own.split_once('/') {
            Some((own, after)) => (own, Some(after)),
            None => (own, None),
        };
        rest = after;
        match part {
            "{}" => names
                .push(Some(query::decoded(own, false)).filter(|own| !own.is_empty() && !own.contains('/'))?),
            part if part == own => {}
            _ => return None,
        }
    }
    rest.is_none().then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(method: &Method, path: &str) -> Option<(&'static str, Vec<String>)> {
        match find(method, path, false) {
            Some(Found::Endpoint(found)) => Some((found.template(), found.names)),
            _ => None,
        }
    }

    #[test]
    fn paths_are_found_under_their_prefixes() {
        for prefix in ["/api/2.0", "/ajax-api/2.0"] {
            let (template, _) = names(&Method::GET, &format!("{prefix}/mlflow/runs/get")).unwrap();
            assert_eq!(template, "/api/2.0/mlflow/runs/get");
        }
        let found = names(&Method::DELETE, "/api/2.0/mlflow/logged-models/m-1/tags/a%20b").unwrap();
        assert_eq!(found.1, ["m-1", "a b"]);
        let found = names(&Method::GET, "/api/2.0/mlflow-artifacts/artifacts/a/b%2Fc").unwrap();
        assert_eq!(found.1, ["a/b%2Fc"]);
        assert_eq!(
            find(&Method::GET, "/api/2.0/mlflow/runs/create", false),
            Some(Found::OtherMethod("POST"))
        );
        for nothing in [
            "/api/2.0/mlflow/runs/get/",
            "/api/3.0/mlflow/runs/get",
            "/api/2.0/mlflow/metrics/get-history-bulk",
            "/api/9.0/x",
            "/api/2.0/mlflow/logged-models/",
            "/api/2.0/mlflow/logged-models/m-1/tags/a%2Fb",
        ] {
            assert_eq!(find(&Method::GET, nothing, false), Some(Found::Nothing), "{nothing}");
        }
        assert_eq!(find(&Method::GET, "/v2/models/m", true), None);
        assert_eq!(find(&Method::GET, "/", false), None);
        for path in ["/", "/static-files/static/main.js"] {
            assert!(matches!(find(&Method::GET, path, true), Some(Found::Endpoint(_))), "{path}");
        }
    }
}
