//! Who may do what: over HTTP, over gRPC, and by the program; and TLS.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking, in its helpers too")]

mod calls;
mod keys;
mod mlflow;
#[path = "../program/place.rs"]
#[expect(dead_code, reason = "the tests of the program use the rest")]
mod place;
mod program;
mod routes;
#[path = "../http/support.rs"]
#[expect(dead_code, reason = "the tests of the service use the rest")]
mod support;
mod tenants;
mod tls;
mod tokens;

use mlcore_serve::auth::{Auth, KeyOptions, Keys, Role, hash_key};

/// The key of a role, or one that nobody has.
fn key(role: Option<Role>) -> String {
    format!("the key of {} for tests only", role.map_or("nobody", Role::name))
}

/// A key for each role, which has that role alone.
fn auth() -> Auth {
    let keys = Role::ALL
        .map(|role| KeyOptions::of_token(role.name(), [role], hash_key(key(Some(role)).as_bytes()).unwrap()));
    Auth::new(Keys::new(keys).unwrap())
}

fn bearer(role: Option<Role>) -> String {
    format!("Bearer {}", key(role))
}
