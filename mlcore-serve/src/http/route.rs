use http::Method;

use crate::auth::Act;

/// What a path of the protocol names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Route {
    Server,
    Metrics,
    OpenApi,
    Live,
    Ready,
    Model(ModelPath, ModelRoute),
    AllStatistics,
    Index,
    Load(String),
    Unload(String),
    LiveV1,
    ModelsV1,
    ReadyV1(String),
    PredictV1(String),
    /// MLflow's, of the only model.
    Invocations,
    /// Whether a model answers, in MLflow's words.
    Ping,
    /// The version of MLflow.
    VersionOfMlflow,
    /// MLflow's tracking server.
    #[cfg(feature = "mlflow")]
    Tracking(crate::mlflow::Matched),
    /// Feast's feature server.
    #[cfg(feature = "feast")]
    Feast(crate::feast::Endpoint),
    Log,
    /// Of a model, or of the server.
    Trace(Option<String>),
    /// Shared memory of either kind: whether it asks for the status.
    SharedMemory {
        is_status: bool,
    },
}

impl Route {
    /// What a request for it does, where it is sent by this method.
    pub(super) fn act(&self, method: &Method) -> Act {
        match self {
            Self::Live | Self::Ready | Self::LiveV1 | Self::ReadyV1(_) | Self::Ping => Act::Health,
            Self::Model(_, route) => route.act(),
            Self::PredictV1(_) | Self::Invocations => Act::Predict,
            #[cfg(feature = "mlflow")]
            Self::Tracking(matched) => matched.act(),
            #[cfg(feature = "feast")]
            Self::Feast(endpoint) => endpoint.act(),
            Self::Server
            | Self::Metrics
            | Self::OpenApi
            | Self::AllStatistics
            | Self::Index
            | Self::ModelsV1
            | Self::VersionOfMlflow => Act::Read,
            Self::Load(_) => Act::Load,
            Self::Unload(_) => Act::Unload,
            Self::Log | Self::Trace(_) if method == Method::POST => Act::Set,
            Self::Log | Self::Trace(_) => Act::Read,
            // What would change something there is refused.
            Self::SharedMemory { .. } => Act::Read,
        }
    }

    /// Its path, with names in braces instead of those of models.
    pub(super) fn template(&self) -> &'static str {
        match self {
            Self::Server => "/v2",
            Self::Metrics => "/metrics",
            Self::OpenApi => "/openapi.json",
            Self::Live => "/v2/health/live",
            Self::Ready => "/v2/health/ready",
            Self::Model(path, route) => route.template(path.version.is_some()),
            Self::AllStatistics => "/v2/models/stats",
            Self::Index => "/v2/repository/index",
            Self::Load(_) => "/v2/repository/models/{model}/load",
            Self::Unload(_) => "/v2/repository/models/{model}/unload",
            Self::LiveV1 => "/",
            Self::ModelsV1 => "/v1/models",
            Self::ReadyV1(_) => "/v1/models/{model}",
            Self::PredictV1(_) => "/v1/models/{model}:predict",
            Self::Invocations => "/invocations",
            Self::Ping => "/ping",
            Self::VersionOfMlflow => "/version",
            #[cfg(feature = "mlflow")]
            Self::Tracking(matched) => matched.template(),
            #[cfg(feature = "feast")]
            Self::Feast(endpoint) => endpoint.template(),
            Self::Log => "/v2/logging",
            Self::Trace(None) => "/v2/trace/setting",
            Self::Trace(Some(_)) => "/v2/models/{model}/trace/setting",
            Self::SharedMemory { .. } => "/v2/{kind}sharedmemory",
        }
    }

    /// Whether its errors are told as MLflow tells them.
    pub(super) fn is_of_mlflow(&self) -> bool {
        match self {
            Self::Invocations | Self::Ping | Self::VersionOfMlflow => true,
            #[cfg(feature = "mlflow")]
            Self::Tracking(_) => true,
            Self::Model(_, route) => *route == ModelRoute::Invocations,
            _ => false,
        }
    }
}

/// A model in a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ModelPath {
    pub(super) name: String,
    /// As it stands there.
    pub(super) version: Option<String>,
}

impl ModelPath {
    fn new(name: &str, version: Option<&str>) -> Option<Self> {
        let version = match version {
            Some(version) => Some(decoded(version)?),
            None => None,
        };
        Some(Self { name: decoded(name)?, version })
    }

    /// The text of the version; empty where the path names none.
    pub(super) fn version(&self) -> &str {
        self.version.as_deref().unwrap_or_default()
    }
}

/// What is asked of a model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ModelRoute {
    Metadata,
    Ready,
    Config,
    Statistics,
    Infer,
    /// Raw records.
    Predict,
    Outcomes,
    /// MLflow's.
    Invocations,
}

impl ModelRoute {
    /// Its path, with names in braces.
    fn template(self, has_version: bool) -> &'static str {
        macro_rules! of {
            ($base:literal, $end:literal) => {
                match has_version {
                    true => concat!($base, "/models/{model}/versions/{version}", $end),
                    false => concat!($base, "/models/{model}", $end),
                }
            };
        }
        match self {
            Self::Metadata => of!("/v2", ""),
            Self::Ready => of!("/v2", "/ready"),
            Self::Config => of!("/v2", "/config"),
            Self::Statistics => of!("/v2", "/stats"),
            Self::Infer => of!("/v2", "/infer"),
            Self::Predict => of!("/mlcore", "/predict"),
            Self::Outcomes => of!("/mlcore", "/outcomes"),
            Self::Invocations => of!("/mlcore", "/invocations"),
        }
    }

    fn act(self) -> Act {
        match self {
            Self::Ready => Act::Health,
            Self::Metadata | Self::Config | Self::Statistics => Act::Read,
            Self::Infer | Self::Predict | Self::Outcomes | Self::Invocations => Act::Predict,
        }
    }
}

/// Whether a path is there, and takes the method.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    Route(Route),
    /// It takes another method.
    OtherMethod(&'static str),
    /// It would be MLflow's.
    #[cfg_attr(
        not(feature = "mlflow"),
        expect(dead_code, reason = "the tracking server alone knows such paths")
    )]
    NoEndpoint,
    Nothing,
}

/// Finds the route of a path.
pub(super) fn find(method: &Method, path: &str) -> Found {
    let mut segments = [""; MOST_SEGMENTS];
    let mut count = 0;
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        let Some(place) = segments.get_mut(count) else { return Found::Nothing };
        *place = segment;
        count += 1;
    }
    let Some((route, methods)) = segments.get(..count).and_then(route_of) else { return Found::Nothing };
    let takes = match methods {
        "GET" => method == Method::GET || method == Method::HEAD,
        "POST" => method == Method::POST,
        _ => method == Method::GET || method == Method::POST,
    };
    if takes { Found::Route(route) } else { Found::OtherMethod(methods) }
}

/// The route of these segments, and the methods that it takes.
fn route_of(segments: &[&str]) -> Option<(Route, &'static str)> {
    const GET: &str = "GET";
    const POST: &str = "POST";
    const BOTH: &str = "GET, POST";
    let (first, rest) = segments.split_first()?;
    if first.is_empty() && rest.is_empty() {
        return Some((Route::LiveV1, GET));
    }
    if rest.is_empty() {
        match *first {
            "metrics" => return Some((Route::Metrics, GET)),
            "openapi.json" => return Some((Route::OpenApi, GET)),
            "invocations" => return Some((Route::Invocations, POST)),
            "ping" | "health" => return Some((Route::Ping, GET)),
            "version" => return Some((Route::VersionOfMlflow, GET)),
            _ => {}
        }
    }
    if *first == "mlcore" {
        let (path, route) = match rest {
            ["models", name, "predict"] => (ModelPath::new(name, None)?, ModelRoute::Predict),
            ["models", name, "versions", version, "predict"] => {
                (ModelPath::new(name, Some(version))?, ModelRoute::Predict)
            }
            ["models", name, "outcomes"] => (ModelPath::new(name, None)?, ModelRoute::Outcomes),
            ["models", name, "invocations"] => (ModelPath::new(name, None)?, ModelRoute::Invocations),
            ["models", name, "versions", version, "invocations"] => {
                (ModelPath::new(name, Some(version))?, ModelRoute::Invocations)
            }
            _ => return None,
        };
        return Some((Route::Model(path, route), POST));
    }
    if *first == "v1" {
        return Some(match rest {
            ["models"] => (Route::ModelsV1, GET),
            ["models", model] => match model.split_once(':') {
                Some((name, "predict")) => (Route::PredictV1(decoded(name)?), POST),
                Some(_) => return None,
                None => (Route::ReadyV1(decoded(model)?), GET),
            },
            _ => return None,
        });
    }
    if *first != "v2" {
        return None;
    }
    Some(match rest {
        [] => (Route::Server, GET),
        ["health", "live"] => (Route::Live, GET),
        ["health", "ready"] => (Route::Ready, GET),
        ["models", "stats"] => (Route::AllStatistics, GET),
        ["repository", "index"] => (Route::Index, POST),
        ["repository", "models", name, "load"] => (Route::Load(decoded(name)?), POST),
        ["repository", "models", name, "unload"] => (Route::Unload(decoded(name)?), POST),
        ["logging"] => (Route::Log, BOTH),
        ["trace", "setting"] => (Route::Trace(None), BOTH),
        ["models", name, "trace", "setting"] => (Route::Trace(Some(decoded(name)?)), BOTH),
        ["systemsharedmemory" | "cudasharedmemory", rest @ ..] => match rest {
            ["status"] | ["region", _, "status"] => (Route::SharedMemory { is_status: true }, GET),
            ["region", _, "register" | "unregister"] | ["unregister"] => {
                (Route::SharedMemory { is_status: false }, POST)
            }
            _ => return None,
        },
        ["models", name, "versions", version, of @ ..] => {
            let (route, method) = model_route_of(of)?;
            (Route::Model(ModelPath::new(name, Some(version))?, route), method)
        }
        ["models", name, of @ ..] => {
            let (route, method) = model_route_of(of)?;
            (Route::Model(ModelPath::new(name, None)?, route), method)
        }
        _ => return None,
    })
}

fn model_route_of(segments: &[&str]) -> Option<(ModelRoute, &'static str)> {
    Some(match segments {
        [] => (ModelRoute::Metadata, "GET"),
        ["ready"] => (ModelRoute::Ready, "GET"),
        ["config"] => (ModelRoute::Config, "GET"),
        ["stats"] => (ModelRoute::Statistics, "GET"),
        ["infer"] => (ModelRoute::Infer, "POST"),
        _ => return None,
    })
}

/// A segment without its percent signs; `None` where they do not spell text.
fn decoded(segment: &str) -> Option<String> {
    if segment.is_empty() {
        return None;
    }
    if !segment.contains('%') {
        return Some(segment.to_owned());
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        if *byte != b'%' {
            bytes.push(*byte);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_first_chunk::<2>()?;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// The longest path of the protocol.
const MOST_SEGMENTS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_with_their_methods() {
        let model = |version: Option<&str>, route| {
            let path = ModelPath { name: "m x".into(), version: version.map(str::to_owned) };
            Found::Route(Route::Model(path, route))
        };
        let get = |path| find(&Method::GET, path);
        let post = |path| find(&Method::POST, path);
        assert_eq!(get("/v2"), Found::Route(Route::Server));
        assert_eq!(find(&Method::HEAD, "/v2/health/live"), Found::Route(Route::Live));
        assert_eq!(get("/v2/models/m%20x"), model(None, ModelRoute::Metadata));
        assert_eq!(get("/v2/models/m%20x/versions/3/ready"), model(Some("3"), ModelRoute::Ready));
        assert_eq!(post("/v2/models/m%20x/versions/3/infer"), model(Some("3"), ModelRoute::Infer));
        assert_eq!(get("/v2/models/m/infer"), Found::OtherMethod("POST"));
        assert_eq!(find(&Method::PUT, "/v2/logging"), Found::OtherMethod("GET, POST"));
        assert_eq!(post("/v2/models/m/trace/setting"), Found::Route(Route::Trace(Some("m".into()))));
        assert_eq!(get("/v2/models/stats"), Found::Route(Route::AllStatistics));
        assert_eq!(post("/v2/repository/models/m/load"), Found::Route(Route::Load("m".into())));
        assert_eq!(
            post("/v2/cudasharedmemory/region/r/register"),
            Found::Route(Route::SharedMemory { is_status: false })
        );
        assert_eq!(post("/mlcore/models/m%20x/versions/3/predict"), model(Some("3"), ModelRoute::Predict));
        assert_eq!(post("/v1/models/m:predict"), Found::Route(Route::PredictV1("m".into())));
        assert_eq!(get("/v1/models/m"), Found::Route(Route::ReadyV1("m".into())));
        assert_eq!(post("/v1/models/m:explain"), Found::Nothing);
        assert_eq!(get("/mlcore/models/m/outcomes"), Found::OtherMethod("POST"));
        assert_eq!(get("/"), Found::Route(Route::LiveV1));
        assert_eq!(get("/metrics"), Found::Route(Route::Metrics));
        assert_eq!(post("/metrics"), Found::OtherMethod("GET"));
        assert_eq!(post("/invocations"), Found::Route(Route::Invocations));
        assert_eq!(get("/invocations"), Found::OtherMethod("POST"));
        assert_eq!(get("/ping"), Found::Route(Route::Ping));
        assert_eq!(get("/health"), Found::Route(Route::Ping));
        assert_eq!(get("/version"), Found::Route(Route::VersionOfMlflow));
        assert_eq!(post("/mlcore/models/m%20x/invocations"), model(None, ModelRoute::Invocations));
        assert_eq!(
            post("/mlcore/models/m%20x/versions/3/invocations"),
            model(Some("3"), ModelRoute::Invocations)
        );
        for (path, template) in [
            ("/v2", "/v2"),
            ("/v2/models/m%20x/versions/3/ready", "/v2/models/{model}/versions/{version}/ready"),
            ("/v2/models/m", "/v2/models/{model}"),
            ("/v2/models/stats", "/v2/models/stats"),
            ("/v2/models/m/trace/setting", "/v2/models/{model}/trace/setting"),
            ("/v1/models/m", "/v1/models/{model}"),
            ("/", "/"),
        ] {
            let Found::Route(route) = get(path) else { panic!("{path}") };
            assert_eq!(route.template(), template);
        }
        for nothing in [
            "//",
            "/v1",
            "/v2/",
            "/v2/models",
            "/v2/models/",
            "/v2/models//infer",
            "/v2/models/%zz",
            "/v2/models/%ff",
            "/v2/models/m/versions/1/infer/more",
            "/v2/a/b/c/d/e/f/g/h",
            "//v2",
            "/v2/models/%+1",
            "/ping/",
            "/invocations/m",
        ] {
            assert_eq!(get(nothing), Found::Nothing, "{nothing}");
        }
    }
}
