//! Feast's feature server over HTTP, for the stock client of Feast 0.67: features of entities are read, rows are written, and history is
//! materialised.
//!
//! A [`Feast`] is served beside the other routes of an [`HttpService`](crate::http::HttpService), under Feast's own paths:
//!
//! ```
//! use std::sync::Arc;
//!
//! use mlcore_features::store::feature_store::FeatureStore;
//! use mlcore_features::store::online::MemoryStore;
//! use mlcore_features::store::registry::MemoryDefinitions;
//! use mlcore_serve::feast::Feast;
//! use mlcore_serve::http::HttpService;
//! use mlcore_serve::models::Models;
//!
//! let definitions = Arc::new(MemoryDefinitions::new("rides")?);
//! let store = FeatureStore::builder(definitions, Arc::new(MemoryStore::new())).build()?;
//! let service = HttpService::new(Models::new()).with_feast(Feast::new(store));
//! # Ok::<(), mlcore::Error>(())
//! ```
//!
//! The program does the same with `--feature-store FOLDER`. A Feast repository with a registry of its own reads from it and writes to it by
//! `online_store: {type: remote, path: "http://host:8000"}` in `feature_store.yaml`. Both sides must define the same views.
//!
//! # What it answers
//! | route | what |
//! |---|---|
//! | `POST /get-online-features` | the latest features of entities, by references or by a service |
//! | `POST /push` | rows for every view of a push source: online, offline or both |
//! | `POST /write-to-online-store` | rows for one view |
//! | `POST /materialize`, `/materialize-incremental` | from history into the online store |
//! | `GET /health` | 200 while the definitions can be read, 503 otherwise |
//! | `POST /search`, `/retrieve-online-documents` | 501: vectors are not searched here |
//!
//! An error is answered as Feast does: a JSON string, which holds `module`, `class` and `message` as JSON. The stock client raises that
//! class. Malformed and unfit requests are 422, unknown views and services 404, views that are being materialised 409.
//!
//! # Values
//! A timestamp is its whole seconds since 1970, a date its text, a float of 32 bits the same number with 64 bits, and NaN and the infinities are
//! texts. In what is sent, a bare `NaN` is missing, but for those in lists; whole numbers are seconds where it is a timestamp; a time
//! without a zone is UTC. The client sends event times as `event_timestamp` and `created`, whatever the source calls them; both are taken.
//!
//! # What differs from Feast's server
//! | | here | Feast 0.67 |
//! |---|---|---|
//! | a value past its `ttl` | `OUTSIDE_MAX_AGE`, and null | `PRESENT`, with the value |
//! | a row without a value | `NULL_VALUE` | `PRESENT`, with null |
//! | the order of the features of a view | as they are asked for | none in particular |
//! | no entities, or columns of different lengths | empty results; 422 | 500 |
//! | bad input | 422 with what is wrong, by column and row | 500 |
//! | `disable_event_timestamp` | all of history up to now, with its own event times | with now as event time |
//! | a request to materialise whose client goes away | stops, and changes nothing that was right | goes on |
//!
//! # Materialisation
//! A request waits for the end of the run. Where its client goes away the run stops soon; it noted nothing then, and is repeated as a whole.
//! With `?async=true` the answer is 202 at once, and the run goes on by itself until it ends or the process does, which loses nothing
//! either. While a view is materialised, another request for it is answered 409, unless it says `?force=true`.
//!
//! # Keys
//! With [keys](crate::auth) every route but `/health` needs one: `predict` or `write` to read, `write` for all else. The stock client
//! sends a key as `auth: {type: oidc, token: KEY}` or `token_env_var`. Tokens that are for some models only are refused.

mod answer;
mod endpoints;
mod limits;
mod materialise;
mod read;
mod refusal;
mod request;
mod serve;
mod told;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use mlcore_features::store::feature_store::{FeatureQuery, FeatureStore, PreparedFeatures};

pub use self::endpoints::routes;
pub(crate) use self::endpoints::{Endpoint, Found, find};
pub use self::limits::FeastLimits;
use self::materialise::Runs;
pub(crate) use self::refusal::written;
#[doc(hidden)]
pub use self::request::check as check_request;
use self::serve::Expected;
use self::told::Told;

/// Feast's feature server. Cloning shares it.
#[derive(Clone)]
pub struct Feast {
    inner: Arc<Inner>,
}

/// What all requests share.
struct Inner {
    store: FeatureStore,
    limits: FeastLimits,
    runs: Runs,
    /// Queries that were asked lately, resolved.
    prepared: Mutex<BTreeMap<FeatureQuery, PreparedFeatures>>,
    expected: Expected,
    told: Told,
}

impl Feast {
    /// A server of this store. A recorder of metrics is to be installed before.
    #[must_use]
    pub fn new(store: FeatureStore) -> Self {
        Self::with_limits(store, FeastLimits::default())
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(store: FeatureStore, limits: FeastLimits) -> Self {
        let inner = Inner {
            store,
            limits,
            runs: Runs::default(),
            prepared: Mutex::default(),
            expected: Expected::default(),
            told: Told::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &FeatureStore {
        &self.inner.store
    }
}

impl fmt::Debug for Feast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feast").field("store", &self.inner.store).finish_non_exhaustive()
    }
}
