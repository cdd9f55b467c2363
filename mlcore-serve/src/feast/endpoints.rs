//! The one table of routes.

use http::Method;

use crate::auth::Act;

/// A route of Feast's server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Endpoint {
    Read,
    Push,
    Write,
    Materialise,
    MaterialiseIncremental,
    Health,
    Search,
    SearchDocuments,
}

impl Endpoint {
    const ALL: [Self; 8] = [
        Self::Read,
        Self::Push,
        Self::Write,
        Self::Materialise,
        Self::MaterialiseIncremental,
        Self::Health,
        Self::Search,
        Self::SearchDocuments,
    ];

    /// Its path.
    pub(crate) const fn template(self) -> &'static str {
        match self {
            Self::Read => "/get-online-features",
            Self::Push => "/push",
            Self::Write => "/write-to-online-store",
            Self::Materialise => "/materialize",
            Self::MaterialiseIncremental => "/materialize-incremental",
            Self::Health => "/health",
            Self::Search => "/search",
            Self::SearchDocuments => "/retrieve-online-documents",
        }
    }

    /// The method that it takes.
    pub(crate) const fn method(self) -> &'static str {
        match self {
            Self::Health => "GET",
            Self::Read
            | Self::Push
            | Self::Write
            | Self::Materialise
            | Self::MaterialiseIncremental
            | Self::Search
            | Self::SearchDocuments => "POST",
        }
    }

    /// What a request for it does.
    pub(crate) const fn act(self) -> Act {
        match self {
            Self::Health => Act::Health,
            Self::Read | Self::Search | Self::SearchDocuments => Act::ReadFeatures,
            Self::Push | Self::Write => Act::WriteFeatures,
            Self::Materialise | Self::MaterialiseIncremental => Act::Materialise,
        }
    }
}

/// All routes: the method, and the path.
///
/// ```
/// assert!(mlcore_serve::feast::routes().any(|route| route == ("POST", "/get-online-features")));
/// ```
pub fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    Endpoint::ALL.into_iter().map(|endpoint| (endpoint.method(), endpoint.template()))
}

/// Whether a path is Feast's, and takes the method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    Endpoint(Endpoint),
    /// It takes another method.
    OtherMethod(&'static str),
}

/// The route of a path; `None` where the path is not Feast's.
pub(crate) fn find(method: &Method, path: &str) -> Option<Found> {
    let endpoint = Endpoint::ALL.into_iter().find(|endpoint| endpoint.template() == path)?;
    let takes = match endpoint.method() {
        "GET" => method == Method::GET || method == Method::HEAD,
        _ => method == Method::POST,
    };
    Some(if takes { Found::Endpoint(endpoint) } else { Found::OtherMethod(endpoint.method()) })
}
