//! What the paths are, for those who read them by a program: `openapi.json`, which is kept by hand. The tests hold it to the routes.

use http::Response;
use http::header::{self, HeaderValue};

use super::AnswerBody;

/// The document.
pub(super) fn document() -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::from(DOCUMENT));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

const DOCUMENT: &str = include_str!("openapi.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use http::Method;
    use serde_json::Value;

    use super::*;
    use crate::http::route::{Found, ModelRoute, Route, find};

    /// The place of a route, so that none is added without one.
    fn place(route: &Route) -> usize {
        match route {
            Route::Server => 0,
            Route::Metrics => 1,
            Route::OpenApi => 2,
            Route::Live => 3,
            Route::Ready => 4,
            Route::AllStatistics => 5,
            Route::Index => 6,
            Route::Load(_) => 7,
            Route::Unload(_) => 8,
            Route::LiveV1 => 9,
            Route::ModelsV1 => 10,
            Route::ReadyV1(_) => 11,
            Route::PredictV1(_) => 12,
            Route::Log => 13,
            Route::Trace(None) => 14,
            Route::Trace(Some(_)) => 15,
            Route::SharedMemory { is_status: true } => 16,
            Route::SharedMemory { is_status: false } => 17,
            Route::Model(_, ModelRoute::Metadata) => 18,
            Route::Model(_, ModelRoute::Ready) => 19,
            Route::Model(_, ModelRoute::Config) => 20,
            Route::Model(_, ModelRoute::Statistics) => 21,
            Route::Model(_, ModelRoute::Infer) => 22,
            Route::Model(_, ModelRoute::Predict) => 23,
            Route::Model(_, ModelRoute::Outcomes) => 24,
            Route::Model(_, ModelRoute::Invocations) => 25,
            Route::Invocations => 26,
            Route::Ping => 27,
            Route::VersionOfMlflow => 28,
            // They are Feast's, and found only where it is served.
            #[cfg(feature = "feast")]
            Route::Feast(_) => usize::MAX,
            // They are MLflow's, and found only where it is served.
            #[cfg(feature = "mlflow")]
            Route::Tracking(_) => usize::MAX,
        }
    }

    const ROUTES: usize = 29;

    #[test]
    fn the_document_lists_every_route_and_nothing_else() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let (mut found, mut identifiers) = (BTreeSet::new(), BTreeSet::new());
        for (path, item) in document["paths"].as_object().unwrap() {
            let own = path.replace("{model}", "m").replace("{version}", "1").replace("{region}", "r");
            for (name, method) in [("get", Method::GET), ("post", Method::POST)] {
                let Some(operation) = item.get(name) else {
                    assert!(matches!(find(&method, &own), Found::OtherMethod(_)), "{name} {path}");
                    continue;
                };
                let Found::Route(route) = find(&method, &own) else { panic!("{name} {path} is no route") };
                found.insert(place(&route));
                let id = operation["operationId"].as_str().unwrap();
                assert!(identifiers.insert(id.to_owned()), "{id} is there twice");
                // It says which role is needed, as the table of acts does.
                let role = route.act(&method).role().map(|role| role.to_string());
                assert_eq!(operation["x-mlcore-role"].as_str(), role.as_deref(), "{name} {path}");
            }
        }
        assert_eq!(found, (0..ROUTES).collect(), "a route is missing");
    }
}
