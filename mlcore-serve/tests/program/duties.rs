//! What the program does beside answering: webhooks, backups, retention.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use mlcore::artifact::{ArtifactStoreExt, FolderStore};
use mlcore::name::Version;
use mlcore::registry::webhook::verify_webhook;
use mlcore::registry::{Expected, Registry, RegistryExt, SqliteRegistry, Stage};
use mlcore::tracking::{RunSearch, SqliteTracker, Tracker};
use serde_json::{Value, json};

use crate::place::{Place, eventually};
use crate::{champion, change, registry};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A server of somebody else, which keeps what it is told: the head and the body of each request.
struct Receiver {
    port: u16,
    told: Arc<Mutex<Vec<(String, String)>>>,
}

impl Receiver {
    fn new(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = Arc::<Mutex<Vec<(String, String)>>>::default();
        let kept = told.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if let Some(request) = read(&stream) {
                    kept.lock().unwrap().push(request);
                }
                let _ = (&stream).write_all(
                    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes(),
                );
            }
        });
        Self { port, told }
    }

    fn bodies(&self) -> Vec<Value> {
        self.told.lock().unwrap().iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
    }
}

fn read(mut stream: &TcpStream) -> Option<(String, String)> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut piece).ok()?;
        bytes.extend_from_slice(piece.get(..read)?);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        if read == 0 {
            return None;
        }
    }
}

fn header<'h>(head: &'h str, name: &str) -> &'h str {
    let line = head.lines().find_map(|line| {
        let (own, value) = line.split_once(": ")?;
        own.eq_ignore_ascii_case(name).then_some(value)
    });
    line.unwrap_or_else(|| panic!("{name} is not in {head}"))
}

#[test]
fn webhooks_are_told_what_happens() {
    let (place, receiver) = (Place::new(), Receiver::new("204 No Content"));
    let (registry, forest) = registry(&place);
    place.write_here("secret", format!("{SECRET}\n"));
    let port = receiver.port;
    place.write_here(
        "serve.toml",
        format!(
            r#"
            registry = "sqlite:///registry.db"
            [[webhooks]]
            name = "by file"
            url = "http://127.0.0.1:{port}/hidden-path"
            secret_file = "secret"
            events = ["version.promoted", "alias.rolled_back"]
            allow_private = true
            allow_http = true
            [[webhooks]]
            name = "by variable"
            url = "http://127.0.0.1:{port}/other"
            secret_env = "HOOK_SECRET"
            models = ["nobody"]
            allow_private = true
            allow_http = true
            [[webhooks]]
            name = "inside"
            url = "http://localhost:{port}/inside"
            secret_file = "secret"
            events = ["version.promoted"]
            allow_http = true
            "#
        ),
    );
    let running = place.again().with_variables(&[("HOOK_SECRET", SECRET)]);
    let running = running.serve(&["--config", "serve.toml"]);
    // Hooks begin behind what has happened before they were followed first.
    let cursor = place.path("registry.db.webhooks");
    eventually("the hooks have their places", || cursor.exists());
    let second = Version::new(2).unwrap();
    registry.promote(&forest, second, &champion(), Expected::Any, &change()).unwrap();
    registry.set_model_tag(&forest, "nobody", "is told", &change()).unwrap();
    registry.roll_back(&forest, &champion(), Expected::Any, &change()).unwrap();
    eventually("both are told", || receiver.told.lock().unwrap().len() >= 2);
    eventually("the private address is not asked", || running.log().contains("none of the Internet"));
    let told: Vec<_> = receiver.bodies();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].to_string().contains("version.promoted"), "{told:?}");
    assert!(told[1].to_string().contains("alias.rolled_back"), "{told:?}");
    for (head, body) in receiver.told.lock().unwrap().iter() {
        assert!(head.starts_with("POST /hidden-path "), "{head}");
        let [delivery, seconds] = ["x-mlcore-delivery", "x-mlcore-timestamp"]
            .map(|name| header(head, name).parse::<u64>().unwrap());
        let signature = header(head, "x-mlcore-signature");
        let seconds = i64::try_from(seconds).unwrap();
        verify_webhook(SECRET, delivery, seconds, body, signature).unwrap();
    }
    let log = running.log();
    assert!(!log.contains(SECRET) && !log.contains("hidden-path"), "{log}");
    assert_eq!(running.stop(), Some(0));

    // What happened while it did not run is told when it runs again, and nothing twice.
    registry.promote(&forest, second, &champion(), Expected::Any, &change()).unwrap();
    let running = place.again().with_variables(&[("HOOK_SECRET", SECRET)]);
    let running = running.serve(&["--config", "serve.toml"]);
    eventually("it is told", || receiver.told.lock().unwrap().len() >= 3);
    assert_eq!(running.stop(), Some(0));
    let deliveries: Vec<String> = receiver
        .told
        .lock()
        .unwrap()
        .iter()
        .map(|(head, _)| header(head, "x-mlcore-delivery").to_owned())
        .collect();
    let mut once = deliveries.clone();
    once.dedup();
    assert_eq!((deliveries.len(), once), (3, deliveries));
}

#[test]
fn a_backup_is_made_while_it_serves_and_the_old_ones_go() {
    let place = Place::new();
    let (registry, forest) = registry(&place);
    place.write_here(
        "serve.toml",
        "registry = \"sqlite:///registry.db\"\nartifacts = \"files\"\n[backup]\nfolder = \"kept\"\ninterval_secs = 1\nkeep = 2\n",
    );
    // The versions' files lie beside the registry.
    fs::rename(place.path("registry.db.artifacts"), place.path("files")).unwrap();
    let running = place.again().serve(&["--config", "serve.toml"]);
    let create = json!({ "experiment_id": "0", "run_name": "kept" });
    running.post("/api/2.0/mlflow/runs/create", &create);
    let names = || {
        let mut names: Vec<String> = fs::read_dir(place.path("kept"))
            .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
            .unwrap_or_default();
        names.sort();
        names
    };
    let of = |kind: &str| {
        names().into_iter().filter(|name| name.starts_with(kind) && name.ends_with(".db")).collect::<Vec<_>>()
    };
    let first = {
        eventually("there is a backup", || !of("registry-").is_empty());
        of("registry-")[0].clone()
    };
    let sequence = registry.set_model_tag(&forest, "a", "later", &change()).unwrap().sequence;
    eventually("the first one is gone", || !names().contains(&first));
    eventually("there are two", || of("registry-").len() == 2);
    assert_eq!(running.stop(), Some(0));
    assert!(names().len() <= 6, "{:?}", names());

    let stamp = of("registry-").pop().unwrap().replace("registry-", "");
    let copy = SqliteRegistry::open(place.path(&format!("kept/registry-{stamp}"))).unwrap();
    assert_eq!(copy.verify().unwrap().sequence, sequence);
    assert_eq!(copy.model(&forest).unwrap().tags["a"], "later");
    let tracker = SqliteTracker::open(place.path(&format!("kept/tracking-{stamp}"))).unwrap();
    let runs = tracker.search_runs(&RunSearch::new(["0".parse().unwrap()])).unwrap().items;
    assert_eq!(runs.iter().map(|run| run.info.name.as_str()).collect::<Vec<_>>(), ["kept"]);

    // One that is young enough is not made again by a restart.
    place.write_here(
        "daily.toml",
        "registry = \"sqlite:///registry.db\"\nartifacts = \"files\"\n[backup]\nfolder = \"kept\"\n",
    );
    let before = names();
    let running = place.again().serve(&["--config", "daily.toml"]);
    thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(running.stop(), Some(0));
    assert_eq!(names(), before);
}

#[test]
fn what_is_kept_no_longer_goes_once_it_was_told() {
    let place = Place::new();
    let (registry, forest) = registry(&place);
    let second = Version::new(2).unwrap();
    registry.transition(&forest, second, Stage::Staging, Stage::Archived, &change()).unwrap();
    let store = FolderStore::open(place.path("registry.db.artifacts")).unwrap();
    let forgotten = store.put_bytes(b"an upload that was broken off").unwrap();
    let signature = store.put_bytes(b"a signature").unwrap();
    registry
        .set_version_tag(&forest, Version::FIRST, "mlcore.signature", &signature.to_string(), &change())
        .unwrap();
    let table = "registry = \"sqlite:///registry.db\"\n[retention]\nkeep_last = 0\ninterval_secs = 1\nartifacts = true\ngrace_secs = 1\n";
    place.write_here("told.toml", table);
    place.write_here("done.toml", format!("{table}dry_run = false\n"));

    let running = place.again().serve(&["--config", "told.toml"]);
    eventually("it is told", || running.log().contains("a version would be deleted"));
    eventually("so are artifacts", || running.log().contains("artifacts would be deleted"));
    assert_eq!(running.stop(), Some(0));
    assert!(registry.version(&forest, second).is_ok() && store.contains(&forgotten).unwrap());

    let artifact = registry.version(&forest, second).unwrap().artifact;
    let running = place.again().serve(&["--config", "done.toml"]);
    eventually("the version is gone", || registry.version(&forest, second).is_err());
    eventually("so are its artifact and the forgotten one", || {
        !store.contains(&artifact).unwrap() && !store.contains(&forgotten).unwrap()
    });
    assert_eq!(running.stop(), Some(0));
    let first = registry.version(&forest, Version::FIRST).unwrap();
    assert!(store.contains(&first.artifact).unwrap() && store.contains(&signature).unwrap());
    let entry = registry.audit(1, 1000).unwrap().pop().unwrap();
    assert_eq!((entry.actor.as_str(), entry.event.operation()), ("retention", "delete version"));
}

#[test]
fn what_cannot_be_done_is_told_at_the_start() {
    let place = Place::new();
    drop(registry(&place));
    place.write_here("short", "too short");
    let hook = |more: &str| {
        format!(
            "registry = \"sqlite:///registry.db\"\n[[webhooks]]\nname = \"h\"\nurl = \"https://example.com/hidden\"\n{more}"
        )
    };
    let secret = "secret_file = \"short\"\n";
    for (name, text, code, problem) in [
        ("none", hook(""), 2, "its secret comes from secret_env or from secret_file"),
        ("unset", hook("secret_env = \"NOT_SET\"\n"), 2, "the variable NOT_SET"),
        ("missing", hook("secret_file = \"nowhere\"\n"), 1, "nowhere"),
        ("short", hook(secret), 2, "its secret has fewer than 16 bytes"),
        ("event", hook("events = [\"model.eaten\"]\n"), 2, "event.toml: line "),
        ("field", hook("secrets = \"x\"\n"), 2, "field.toml: line "),
        (
            "plain",
            hook(secret).replace("https://", "http://"),
            2,
            "its address does not begin with https://; use https://, or set allow_http = true",
        ),
        (
            "alone",
            "model-repository = \"models\"\n[[webhooks]]\nname = \"h\"\nurl = \"https://e\"\n".into(),
            2,
            "webhooks: it is given, and no registry is",
        ),
        (
            "mlflow",
            "registry = \"mlflow+http://localhost:9\"\n[backup]\nfolder = \"b\"\n".into(),
            2,
            "the registry is an MLflow server, which is only read",
        ),
        (
            "keep",
            "registry = \"sqlite:///registry.db\"\n[backup]\nfolder = \"b\"\nkeep = 0\n".into(),
            2,
            "keep and interval_secs are at least 1",
        ),
        (
            "often",
            "registry = \"sqlite:///registry.db\"\n[retention]\ninterval_secs = 0\n".into(),
            2,
            "interval_secs is at least 1",
        ),
        (
            "memory",
            "registry = \"memory:\"\n[backup]\nfolder = \"b\"\n".into(),
            1,
            "it copies files of SQLite",
        ),
    ] {
        let file = format!("{name}.toml");
        place.write_here(&file, text);
        let (found, told) = place.again().fails(&["--config", &file]);
        assert_eq!(found, Some(code), "{name}: {told}");
        assert!(told.contains(problem), "{name}: {told}");
        assert!(!told.contains("hidden") && !told.contains("too short"), "{name}: {told}");
    }
}
