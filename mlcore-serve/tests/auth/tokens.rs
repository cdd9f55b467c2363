//! Access tokens: issued, used, expired, revoked, and kept within their resources.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use mlcore::Error;
use mlcore::time::Timestamp;
use mlcore_serve::auth::{
    AnyOf, Auth, Authenticator, Credentials, KeyOptions, Keys, NewToken, Resources, Role, TokenFile, Tokens,
    hash_key,
};
use mlcore_serve::http::HttpService;

use crate::key;
use crate::support::Place;

struct World {
    folder: tempfile::TempDir,
    now: Arc<AtomicI64>,
}

impl World {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), now: Arc::new(AtomicI64::new(1_000_000)) }
    }

    fn open(&self) -> Arc<Tokens> {
        let now = self.now.clone();
        let clock = move || Timestamp::from_micros(now.load(Ordering::Relaxed));
        Arc::new(
            Tokens::open(Arc::new(TokenFile::new(self.folder.path().join("tokens.json"))), clock).unwrap(),
        )
    }
}

fn who(tokens: &Tokens, token: &str) -> Option<String> {
    let known = tokens.authenticate(&Credentials::Bearer(token.as_bytes().to_vec())).unwrap();
    known.map(|principal| principal.name().to_owned())
}

#[test]
fn tokens_are_shown_once_and_kept_as_hashes() {
    let world = World::new();
    let tokens = world.open();
    let token = tokens.issue(NewToken::new("nightly", "trainer", [Role::Predict]), [7; 32]).unwrap();
    assert_eq!(token.len(), 68);
    assert_eq!(who(&tokens, &token).as_deref(), Some("trainer"));
    for wrong in ["", "mlc_", &token[..67], &token.to_uppercase(), &format!("{token}0")] {
        assert_eq!(who(&tokens, wrong), None, "{wrong}");
    }
    let basic = |user: &str| {
        let shown = Credentials::Basic { user: user.to_owned(), password: token.as_bytes().to_vec() };
        tokens.authenticate(&shown).unwrap().is_some()
    };
    assert!(basic("trainer") && !basic("nightly") && !basic("ana"));
    let file = world.folder.path().join("tokens.json");
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(!kept.contains(&token[4..]) && !format!("{tokens:?}").contains("sha256"), "{kept}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // It is there when the server starts again, and its last use once that was saved.
    world.now.store(5_000_000, Ordering::Relaxed);
    assert!(who(&tokens, &token).is_some());
    assert_eq!(tokens.list()[0].last_used_at, Some(5_000_000));
    assert_eq!(world.open().list()[0].last_used_at, None, "no request waits for the disk");
    tokens.save_last_uses().unwrap();
    assert_eq!(world.open().list()[0].last_used_at, Some(5_000_000));
    assert!(who(&world.open(), &token).is_some());
    std::fs::write(&file, "[{\"name\": 1}]").unwrap();
    let damaged = Tokens::open(Arc::new(TokenFile::new(&file)), || Timestamp::from_micros(0));
    assert!(matches!(damaged, Err(Error::Corrupt(_))));
}

#[test]
fn tokens_end() {
    let world = World::new();
    let tokens = world.open();
    let new = |name: &str| NewToken::new(name, "trainer", [Role::Predict]);
    let short = tokens.issue(new("short").until(Timestamp::from_micros(2_000_000)), [1; 32]).unwrap();
    let long = tokens.issue(new("long"), [2; 32]).unwrap();
    assert!(who(&tokens, &short).is_some() && who(&tokens, &long).is_some());
    assert!(matches!(tokens.forget("short"), Err(Error::Conflict(_))));
    world.now.store(2_000_000, Ordering::Relaxed);
    assert!(who(&tokens, &short).is_none() && who(&tokens, &long).is_some());
    tokens.revoke("long").unwrap();
    assert!(who(&tokens, &long).is_none() && who(&world.open(), &long).is_none());
    tokens.revoke("long").unwrap();
    assert_eq!(tokens.list()[1].revoked_at, Some(2_000_000));
    assert!(matches!(tokens.revoke("nobody's"), Err(Error::NotFound(_))));
    // A name is not given twice until it is forgotten.
    assert!(matches!(tokens.issue(new("long"), [3; 32]), Err(Error::AlreadyExists(_))));
    tokens.forget("long").unwrap();
    tokens.issue(new("long"), [3; 32]).unwrap();
    assert!(who(&tokens, &long).is_none());
    for (new, random) in [
        (new("a:b"), [4; 32]),
        (new(""), [4; 32]),
        (NewToken::new("x", "p", []), [4; 32]),
        (NewToken::new("x", "p\n", [Role::Predict]), [4; 32]),
        (new("x"), [0; 32]),
    ] {
        assert!(matches!(tokens.issue(new, random), Err(Error::InvalidInput(_))));
    }
}

#[test]
fn a_token_of_some_models_reaches_nothing_else() {
    let world = World::new();
    let tokens = world.open();
    let new = |name: &str, model: &str| {
        let resources = Resources::default().with_model(model);
        NewToken::new(name, name, [Role::Admin]).with_resources(resources)
    };
    let own = tokens.issue(new("own", "m"), [1; 32]).unwrap();
    let other = tokens.issue(new("other", "n*"), [2; 32]).unwrap();
    let keys =
        Keys::new([KeyOptions::of_token("op", [Role::Admin], hash_key(key(None).as_bytes()).unwrap())]);
    let auth = Auth::new(AnyOf::new().or(keys.unwrap()).or(tokens));
    let service = HttpService::new(Place::new().service.models().clone()).with_auth(auth);
    let ask = |method: &str, path: &str, shown: &str| {
        let request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {shown}"));
        let request = request
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from_static(b"{}")))
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(service.answer(request)).status()
    };
    for (method, path) in [
        ("GET", "/v2/models/m"),
        ("GET", "/v2/models/m/config"),
        ("POST", "/v2/models/m/infer"),
        ("POST", "/v1/models/m:predict"),
    ] {
        assert_ne!(ask(method, path, &own), StatusCode::FORBIDDEN, "{path}");
        assert_eq!(ask(method, path, &other), StatusCode::FORBIDDEN, "{path}");
        assert_ne!(
            ask(method, path, &key(None)),
            StatusCode::FORBIDDEN,
            "keys beside them are taken as ever"
        );
    }
    for (method, path) in [
        ("GET", "/v2"),
        ("GET", "/v1/models"),
        ("GET", "/v2/models/stats"),
        ("POST", "/v2/repository/index"),
        ("POST", "/invocations"),
        ("POST", "/v2/logging"),
        ("GET", "/v2/trace/setting"),
        ("GET", "/v2/models/%6d"),
        ("POST", "/v2/repository/models/none/load"),
    ] {
        assert_eq!(ask(method, path, &own), StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(ask("GET", "/v2/health/live", &own), StatusCode::OK);
}
