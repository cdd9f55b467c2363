//! The one table of routes: method, path, what it does, the fields that it knows, and who answers.

use http::Method;

use super::call::{Call, Reply};
use super::fields::{
    Field, Message, boolean, double, int32, int64, many, one, text, texts, word,
};
use super::refusal::Result;
use super::{artifacts, experiments, log, logged_models, metrics, page, query, runs, search};
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
}

/// A route.
pub(super) struct Endpoint {
    under: Under,
    method: Method,
    path: &'static str,
    pub(super) template: &'static str,
    pub(super) act: Act,
    pub(super) brings: Brings,
    pub(super) handler: Handler,
}

macro_rules! endpoints {
    (@template Api2 $path:literal) => { concat!("/api/2.0/", $path) };
    (@template Ajax2 $path:literal) => { concat!("/ajax-api/2.0/", $path) };
    (@template Api3 $path:literal) => { concat!("/api/3.0/", $path) };
    (@template Ajax3 $path:literal) => { concat!("/ajax-api/3.0/", $path) };
    (@template Root $path:literal) => { concat!("/", $path) };
    ($($under:ident $method:ident $path:literal $act:ident $brings:expr => $handler:expr;)+) => {
        static ENDPOINTS: &[Endpoint] = &[$(Endpoint {
            under: Under::$under,
            method: Method::$method,
            path: $path,
            template: endpoints!(@template $under $path),
            act: Act::$act,
            brings: $brings,
            handler: $handler,
        }),+];
    };
}

use Brings::{Bytes, Fields as F, File, Nothing};

// `{}` stands for one part of a path, `{*}` for the rest of it.
endpoints! {
    Api2 POST "mlflow/experiments/create" Track F(CREATE_EXPERIMENT) => experiments::create;
    Api2 GET "mlflow/experiments/get" Browse F(EXPERIMENT) => experiments::get;
    Api2 GET "mlflow/experiments/get-by-name" Browse F(EXPERIMENT_NAME) => experiments::get_by_name;
    Api2 POST "mlflow/experiments/delete" Erase F(EXPERIMENT) => experiments::delete;
    Api2 POST "mlflow/experiments/restore" Track F(EXPERIMENT) => experiments::restore;
    Api2 POST "mlflow/experiments/update" Track F(UPDATE_EXPERIMENT) => experiments::update;
    Api2 POST "mlflow/experiments/set-experiment-tag" Track F(EXPERIMENT_TAG) => experiments::set_tag;
    Api2 POST "mlflow/experiments/delete-experiment-tag" Track F(EXPERIMENT_TAG_KEY) => experiments::delete_tag;
    Api2 GET "mlflow/experiments/search" Browse F(SEARCH_EXPERIMENTS) => experiments::find;
    Api2 POST "mlflow/experiments/search" Browse F(SEARCH_EXPERIMENTS) => experiments::find;
    Api2 POST "mlflow/experiments/search-datasets" Browse F(&[texts("experiment_ids")]) => experiments::search_datasets;

    Api2 POST "mlflow/runs/create" Track F(CREATE_RUN) => runs::create;
    Api2 GET "mlflow/runs/get" Browse F(RUN) => runs::get;
    Api2 POST "mlflow/runs/update" Track F(UPDATE_RUN) => runs::update;
    Api2 POST "mlflow/runs/delete" Erase F(ONE_RUN) => runs::delete;
    Api2 POST "mlflow/runs/restore" Track F(ONE_RUN) => runs::restore;
    Api2 POST "mlflow/runs/set-tag" Track F(RUN_TAG) => runs::set_tag;
    Api2 POST "mlflow/runs/delete-tag" Track F(RUN_TAG_KEY) => runs::delete_tag;
    Api2 POST "mlflow/runs/search" Browse F(SEARCH_RUNS) => runs::find;
    Api2 POST "mlflow/runs/log-model" Track F(LOG_MODEL) => runs::log_model;
    Api2 POST "mlflow/runs/log-metric" Track F(LOG_METRIC) => log::metric;
    Api2 POST "mlflow/runs/log-parameter" Track F(LOG_PARAM) => log::param;
    Api2 POST "mlflow/runs/log-batch" Track F(LOG_BATCH) => log::batch;
    Api2 POST "mlflow/runs/log-inputs" Track F(LOG_INPUTS) => log::inputs;
    Api2 POST "mlflow/runs/outputs" Track F(LOG_OUTPUTS) => log::outputs;

    Api2 GET "mlflow/metrics/get-history" Browse F(HISTORY) => metrics::history;
    Api2 GET "mlflow/metrics/get-history-bulk-interval" Browse F(INTERVAL) => metrics::interval;
    Ajax2 GET "mlflow/metrics/get-history-bulk" Browse Nothing => metrics::bulk;

    Api2 POST "mlflow/logged-models" Track F(CREATE_MODEL) => logged_models::create;
    Api2 POST "mlflow/logged-models/search" Browse F(SEARCH_MODELS) => logged_models::find;
    Api2 GET "mlflow/logged-models/{}" Browse Nothing => logged_models::get;
    Api2 PATCH "mlflow/logged-models/{}" Track F(FINALIZE_MODEL) => logged_models::finalize;
    Api2 DELETE "mlflow/logged-models/{}" Erase Nothing => logged_models::delete;
    Api2 PATCH "mlflow/logged-models/{}/tags" Track F(MODEL_TAGS) => logged_models::set_tags;
    Api2 DELETE "mlflow/logged-models/{}/tags/{}" Track Nothing => logged_models::delete_tag;
    Api2 POST "mlflow/logged-models/{}/params" Track F(MODEL_PARAMS) => logged_models::log_params;
    Api2 GET "mlflow/logged-models/{}/artifacts/directories" Browse F(MODEL_ARTIFACTS) => artifacts::list_of_model;
    Ajax2 GET "mlflow/logged-models/{}/artifacts/files" Browse Nothing => artifacts::get_of_model;

    Api2 GET "mlflow/artifacts/list" Browse F(ARTIFACTS) => artifacts::list_of_run;
    Api2 POST "mlflow/artifacts/presigned-upload-url" Track F(PRESIGNED_UPLOAD) => artifacts::no_presigned_upload;
    Api2 POST "mlflow/artifacts/presigned-download-url" Browse F(PRESIGNED_DOWNLOAD) => artifacts::no_presigned_download;
    Api2 GET "mlflow-artifacts/artifacts" Browse F(&[text("path")]) => artifacts::list;
    Api2 GET "mlflow-artifacts/artifacts/{*}" Browse Nothing => artifacts::get;
    Api2 PUT "mlflow-artifacts/artifacts/{*}" Track File => artifacts::get;
    Api2 DELETE "mlflow-artifacts/artifacts/{*}" Erase Nothing => artifacts::delete;
    Api2 POST "mlflow-artifacts/mpu/create/{*}" Track F(PATH) => artifacts::no_multipart;
    Api2 POST "mlflow-artifacts/mpu/complete/{*}" Track F(PATH) => artifacts::no_multipart;
    Api2 POST "mlflow-artifacts/mpu/abort/{*}" Track F(PATH) => artifacts::no_multipart;
    Api2 GET "mlflow-artifacts/presigned/{*}" Browse Nothing => artifacts::no_presigned;

    // The registry of models stands here, too: registered_models.rs and model_versions.rs beside this file.

    Ajax2 POST "mlflow/upload-artifact" Track Bytes => artifacts::take_upload;
    Root GET "get-artifact" Browse Nothing => artifacts::get_of_run;
    Root POST "graphql" Browse F(GRAPHQL) => page::graphql;
    Ajax2 GET "mlflow/gateway-proxy" Browse Nothing => page::gateway;
    Ajax3 GET "mlflow/assistant/config" Browse Nothing => page::assistant;
    Ajax3 GET "mlflow/assistant/providers" Browse Nothing => page::assistant_providers;
    Api3 GET "mlflow/server-info" Browse Nothing => page::server_info;
    Root GET "health" Health Nothing => page::health;
    Root GET "version" Browse Nothing => page::version;
}

const TAG: Message = &[text("key"), text("value")];
const KEYED: Message = &[text("key").required(), text("value")];
const EXPERIMENT: Message = &[text("experiment_id").required()];
const EXPERIMENT_NAME: Message = &[text("experiment_name").required()];
const CREATE_EXPERIMENT: Message = &[text("name").required(), text("artifact_location"), many("tags", TAG)];
const UPDATE_EXPERIMENT: Message = &[text("experiment_id").required(), text("new_name").required()];
const EXPERIMENT_TAG: Message = &[text("experiment_id").required(), text("key").required(), text("value")];
const EXPERIMENT_TAG_KEY: Message = &[text("experiment_id").required(), text("key").required()];
const SEARCH_EXPERIMENTS: Message = &[
    word("view_type", search::VIEWS),
    int64("max_results"),
    texts("order_by"),
    text("filter"),
    text("page_token"),
];
const RUN_UUID: Field = text("run_uuid");
const ONE_RUN: Message = &[text("run_id").required()];
const RUN: Message = &[text("run_id").required(), RUN_UUID];
const CREATE_RUN: Message =
    &[text("experiment_id"), int64("start_time"), text("run_name"), text("user_id"), many("tags", TAG)];
const UPDATE_RUN: Message = &[
    text("run_id").required(),
    int64("end_time"),
    word("status", runs::STATUSES),
    text("run_name"),
    RUN_UUID,
];
const RUN_TAG: Message = &[text("run_id").required(), text("key").required(), text("value"), RUN_UUID];
const RUN_TAG_KEY: Message = &[text("run_id").required(), text("key").required()];
const SEARCH_RUNS: Message = &[
    texts("experiment_ids"),
    text("filter"),
    int32("max_results"),
    texts("order_by"),
    word("run_view_type", search::VIEWS),
    text("page_token"),
];
const LOG_MODEL: Message = &[text("run_id").required(), text("model_json").required()];
const LOG_METRIC: Message = &[
    text("run_id").required(),
    text("key").required(),
    double("value").required(),
    int64("timestamp").required(),
    int64("step"),
    text("model_id"),
    text("dataset_name"),
    text("dataset_digest"),
    RUN_UUID,
];
const BATCH_METRIC: Message = &[
    text("key").required(),
    double("value").required(),
    int64("timestamp").required(),
    int64("step"),
    text("model_id"),
    text("dataset_name"),
    text("dataset_digest"),
];
const LOG_PARAM: Message = &[text("run_id").required(), text("key").required(), text("value"), RUN_UUID];
const LOG_BATCH: Message =
    &[text("run_id").required(), many("metrics", BATCH_METRIC), many("params", KEYED), many("tags", KEYED)];
const DATASET: Message =
    &[text("name"), text("digest"), text("source_type"), text("source"), text("schema"), text("profile")];
const LOG_INPUTS: Message = &[
    text("run_id").required(),
    many("datasets", &[many("tags", TAG), one("dataset", DATASET)]),
    many("models", &[text("model_id")]),
];
const LOG_OUTPUTS: Message =
    &[text("run_id").required(), many("models", &[text("model_id"), int64("step")]).required()];
const HISTORY: Message = &[
    text("run_id").required(),
    text("metric_key").required(),
    text("page_token"),
    int32("max_results"),
    RUN_UUID,
];
const INTERVAL: Message = &[
    texts("run_ids").required(),
    text("metric_key").required(),
    int32("start_step"),
    int32("end_step"),
    int32("max_results"),
];
const CREATE_MODEL: Message = &[
    text("experiment_id").required(),
    text("name"),
    text("model_type"),
    text("source_run_id"),
    many("params", TAG),
    many("tags", TAG),
];
const FINALIZE_MODEL: Message =
    &[text("model_id").required(), word("status", logged_models::STATUSES).required()];
const MODEL_TAGS: Message = &[many("tags", TAG)];
const MODEL_PARAMS: Message = &[text("model_id").required(), many("params", TAG)];
const SEARCH_MODELS: Message = &[
    texts("experiment_ids").required(),
    text("filter"),
    many("datasets", &[text("dataset_name"), text("dataset_digest")]),
    int32("max_results"),
    many(
        "order_by",
        &[text("field_name"), boolean("ascending"), text("dataset_name"), text("dataset_digest")],
    ),
    text("page_token"),
];
const MODEL_ARTIFACTS: Message = &[text("artifact_directory_path")];
const ARTIFACTS: Message = &[text("run_id").required(), text("path"), text("page_token"), RUN_UUID];
const PRESIGNED_UPLOAD: Message =
    &[text("run_id"), text("model_id"), text("path").required(), int64("expiration")];
const PRESIGNED_DOWNLOAD: Message =
    &[text("run_id").required(), text("path").required(), int64("expiration")];
const PATH: Message = &[text("path").required()];
const GRAPHQL: Message = &[text("operationName"), text("query")];

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
pub(crate) fn find(method: &Method, path: &str) -> Option<Found> {
    const PREFIXES: [(&str, &[Under]); 4] = [
        ("/api/2.0/", &[Under::Api2]),
        ("/ajax-api/2.0/", &[Under::Api2, Under::Ajax2]),
        ("/api/3.0/", &[Under::Api3]),
        ("/ajax-api/3.0/", &[Under::Api3, Under::Ajax3]),
    ];
    let prefixed = PREFIXES.iter().find_map(|(prefix, under)| Some((path.strip_prefix(prefix)?, *under)));
    let (rest, under) = match prefixed {
        Some(found) => found,
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
            "{}" => names.push(Some(query::decoded(own, false)).filter(|own| !own.is_empty() && !own.contains('/'))?),
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
        match find(method, path) {
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
        assert_eq!(find(&Method::GET, "/api/2.0/mlflow/runs/create"), Some(Found::OtherMethod("POST")));
        for nothing in [
            "/api/2.0/mlflow/runs/get/",
            "/api/3.0/mlflow/runs/get",
            "/api/2.0/mlflow/metrics/get-history-bulk",
            "/api/9.0/x",
            "/api/2.0/mlflow/logged-models/",
            "/api/2.0/mlflow/logged-models/m-1/tags/a%2Fb",
        ] {
            assert_eq!(find(&Method::GET, nothing), Some(Found::Nothing), "{nothing}");
        }
        assert_eq!(find(&Method::GET, "/v2/models/m"), None);
    }
}
