//! What follows a registry: webhooks, and the collection of artifacts that nobody names.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, Digest, MemoryStore, VerifiedReader};
use mlcore::name::{Alias, ModelName, Version};
use mlcore::registry::webhook::{
    CursorStore, FileCursor, SendWebhook, Webhook, WebhookEvent, WebhookFollower, WebhookOptions,
    WebhookRequest, verify_webhook,
};
use mlcore::registry::{
    Change, Expected, GovernanceExt, Lineage, MemoryRegistry, NewVersion, Registry, RegistryExt, Retention,
    RetentionExt, Stage,
};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};

const SECRET: &str = "0123456789abcdef";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn change(actor: &str) -> Change {
    Change::new(actor, at(0))
}

fn churn() -> ModelName {
    ModelName::new("churn").unwrap()
}

/// A receiver that answers what it is told to, in turn, and 204 after that.
#[derive(Default)]
struct Receiver {
    answers: Mutex<Vec<Result<u16>>>,
    got: Mutex<Vec<WebhookRequest>>,
}

impl Receiver {
    fn answers(self: &Arc<Self>, answers: impl IntoIterator<Item = Result<u16>>) {
        *self.answers.lock().unwrap() = answers.into_iter().collect();
    }

    fn deliveries(&self) -> Vec<u64> {
        let got = self.got.lock().unwrap();
        got.iter().map(|request| header(request, "X-Mlcore-Delivery").parse().unwrap()).collect()
    }
}

impl SendWebhook for Receiver {
    fn send(&self, request: &WebhookRequest) -> Result<u16> {
        let mut answers = self.answers.lock().unwrap();
        if !answers.is_empty() {
            let answer = answers.remove(0);
            if !matches!(answer, Ok(200..=299)) {
                return answer;
            }
        }
        self.got.lock().unwrap().push(request.clone());
        Ok(204)
    }
}

fn header<'a>(request: &'a WebhookRequest, name: &str) -> &'a str {
    request.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str()).unwrap()
}

fn follower(
    registry: &Arc<MemoryRegistry>,
    hooks: Vec<Webhook>,
    receiver: &Arc<Receiver>,
    file: &std::path::Path,
) -> WebhookFollower {
    let cursor = Arc::new(FileCursor::new(file));
    let registry: Arc<dyn Registry> = registry.clone();
    WebhookFollower::new(registry, hooks, receiver.clone(), cursor, WebhookOptions::default()).unwrap()
}

/// A model with a version that was approved, promoted and rolled back from; entries 1 to 8.
fn busy() -> Arc<MemoryRegistry> {
    let registry = Arc::new(MemoryRegistry::new());
    registry.create_model(churn(), &change("ana")).unwrap();
    for number in 1..=2 {
        let new = NewVersion::new(churn(), Digest::of(number.to_string()), Signature::default());
        registry.create_version(new, &change("ana")).unwrap();
    }
    registry.approve(&churn(), Version::new(2).unwrap(), None, &change("ben")).unwrap();
    for number in 1..=2 {
        let version = Version::new(number).unwrap();
        registry.transition(&churn(), version, Stage::Dev, Stage::Staging, &change("ana")).unwrap();
        let champion = Alias::new("champion").unwrap();
        registry.promote(&churn(), version, &champion, Expected::Any, &change("ana")).unwrap();
    }
    registry
}

#[test]
fn deliveries_are_signed_ordered_and_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, receiver) = (busy(), Arc::new(Receiver::default()));
    let hook = || Webhook::new("all", "https://example.com/h", SECRET).from_the_start();
    let cursor = folder.path().join("cursor.json");
    let mut follower = follower(&registry, vec![hook()], &receiver, &cursor);
    assert_eq!(follower.deliver(at(100)).unwrap().delivered, 7);
    assert_eq!(receiver.deliveries(), [2, 3, 4, 5, 6, 7, 8], "the creation of a model is told to nobody");
    let last = receiver.got.lock().unwrap().last().unwrap().clone();
    let body: serde_json::Value = serde_json::from_str(&last.body).unwrap();
    assert_eq!(body["events"], serde_json::json!(["version.promoted", "stage.changed", "alias.moved"]));
    assert_eq!(
        (&body["model"], &body["version"], &body["delivery"]),
        (&"churn".into(), &2.into(), &8.into())
    );
    assert_eq!(body["aliases"][0]["alias"], "champion");
    let verified = |secret: &str, delivery, seconds, body: &str| {
        verify_webhook(secret, delivery, seconds, body, header(&last, "X-Mlcore-Signature"))
    };
    verified(SECRET, 8, 100, &last.body).unwrap();
    assert_eq!(header(&last, "X-Mlcore-Timestamp"), "100");
    for refused in [
        verified("another secret...", 8, 100, &last.body),
        verified(SECRET, 7, 100, &last.body),
        verified(SECRET, 8, 101, &last.body),
        verified(SECRET, 8, 100, "{}"),
        verify_webhook(SECRET, 8, 100, &last.body, "v1,00"),
        verify_webhook(SECRET, 8, 100, &last.body, ""),
    ] {
        assert!(matches!(refused, Err(Error::PermissionDenied(_))));
    }

    // A process that ends goes on where it was, and a hook that is new begins at the end.
    drop(follower);
    let late = Webhook::new("late", "https://example.com/l", SECRET);
    let mut follower = self::follower(&registry, vec![hook(), late], &receiver, &cursor);
    assert_eq!(follower.deliver(at(101)).unwrap().delivered, 0);
    registry.roll_back(&churn(), &Alias::new("champion").unwrap(), Expected::Any, &change("ana")).unwrap();
    assert_eq!(follower.deliver(at(102)).unwrap().delivered, 2, "both are told");
    assert!(!format!("{follower:?}").contains(SECRET), "a secret is shown to nobody");
}

#[test]
fn a_hook_is_told_what_it_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, receiver) = (busy(), Arc::new(Receiver::default()));
    let hooks = vec![
        Webhook::new("a", "https://a", SECRET).from_the_start().with_event(WebhookEvent::VersionApproved),
        Webhook::new("b", "https://b", SECRET).from_the_start().with_model(ModelName::new("fraud").unwrap()),
    ];
    let mut follower = follower(&registry, hooks, &receiver, &folder.path().join("cursor.json"));
    assert_eq!(follower.deliver(at(0)).unwrap().delivered, 1);
    assert_eq!(receiver.deliveries(), [4]);
    let two = vec![Webhook::new("a", "https://a", SECRET), Webhook::new("a", "https://b", SECRET)];
    let short = vec![Webhook::new("a", "https://a", "short")];
    for hooks in [two, short] {
        let cursor = Arc::new(FileCursor::new(folder.path().join("other.json")));
        let refused = WebhookFollower::new(
            registry.clone(),
            hooks,
            receiver.clone(),
            cursor,
            WebhookOptions::default(),
        );
        assert!(matches!(refused, Err(Error::InvalidInput(_))));
    }
}

#[test]
fn failures_are_repeated_ever_more_seldom_and_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, receiver) = (busy(), Arc::new(Receiver::default()));
    let hook = || vec![Webhook::new("all", "https://example.com/h", SECRET).from_the_start()];
    let cursor = folder.path().join("cursor.json");
    let mut follower = follower(&registry, hook(), &receiver, &cursor);
    let away = || Err(Error::unavailable("send webhook", "example.com", "it does not answer"));
    receiver.answers([Ok(200), Ok(503), away(), Ok(302)]);
    let report = follower.deliver(at(0)).unwrap();
    assert_eq!((report.delivered, report.failed.len(), report.due), (1, 1, Some(at(1))));
    assert!(report.failed[0].problem.contains("503"), "{report:?}");
    assert_eq!(follower.deliver(Timestamp::from_millis(999)).unwrap().failed.len(), 0, "it waits");
    assert_eq!(follower.deliver(at(1)).unwrap().due, Some(at(3)), "twice as long");
    // What waits survives the process, its attempts too.
    drop(follower);
    let mut follower = self::follower(&registry, hook(), &receiver, &cursor);
    assert_eq!(follower.deliver(at(2)).unwrap().due, Some(at(3)));
    let report = follower.deliver(at(3)).unwrap();
    assert_eq!((report.failed[0].attempts, report.due), (3, Some(at(7))));
    let report = follower.deliver(at(7)).unwrap();
    assert_eq!((report.delivered, report.due), (6, None));
    assert_eq!(receiver.deliveries(), [2, 3, 4, 5, 6, 7, 8], "in order, nothing left out");

    // Three days later a delivery is dead, and what comes after it goes on.
    registry
        .set_alias(&churn(), &Alias::new("a").unwrap(), Some(Version::FIRST), Expected::Any, &change("ana"))
        .unwrap();
    registry
        .set_alias(&churn(), &Alias::new("b").unwrap(), Some(Version::FIRST), Expected::Any, &change("ana"))
        .unwrap();
    receiver.answers([away(), away()]);
    assert_eq!(follower.deliver(at(100)).unwrap().failed.len(), 1);
    let report = follower.deliver(at(100 + 3 * 24 * 3600)).unwrap();
    assert_eq!((report.delivered, report.dead.len(), report.dead[0].delivery), (1, 1, 9));
    drop(follower);
    let follower = self::follower(&registry, hook(), &receiver, &cursor);
    assert_eq!(follower.dead().map(|dead| dead.delivery).collect::<Vec<_>>(), [9]);
    std::fs::write(&cursor, "no cursor").unwrap();
    assert!(FileCursor::new(&cursor).load().unwrap().is_some());
    let damaged = WebhookFollower::new(
        registry,
        hook(),
        receiver,
        Arc::new(FileCursor::new(&cursor)),
        WebhookOptions::default(),
    );
    assert!(matches!(damaged, Err(Error::Corrupt(_))));
}

#[test]
fn versions_are_kept_as_long_as_the_retention_says() {
    let registry = MemoryRegistry::new();
    registry.create_model(churn(), &change("ana")).unwrap();
    let days = |days: i64| Change::new("ana", at(days * 86_400));
    for number in 1..=6_u64 {
        let new = NewVersion::new(churn(), Digest::of(number.to_string()), Signature::default());
        let version = registry.create_version(new, &change("ana")).unwrap().version;
        if number != 3 {
            registry
                .transition(
                    &churn(),
                    version,
                    Stage::Dev,
                    Stage::Archived,
                    &days(i64::try_from(number).unwrap()),
                )
                .unwrap();
        }
    }
    registry
        .set_alias(&churn(), &Alias::new("old").unwrap(), Some(Version::FIRST), Expected::Absent, &days(7))
        .unwrap();
    let month = Retention::default().with_archived_for(Duration::from_secs(30 * 86_400)).with_keep_last(1);
    let numbers = |now: i64, retention: &Retention| -> Vec<u64> {
        let expired = registry.expired(&churn(), retention, at(now * 86_400)).unwrap();
        expired.into_iter().map(|expired| expired.version.get()).collect()
    };
    assert_eq!(numbers(32, &month), [] as [u64; 0], "the alias was meant yesterday, 2 is thirty days old");
    assert_eq!(numbers(35, &month), [2, 4], "1 is meant, 3 is in dev, 5 is young, 6 is the last");
    assert_eq!(numbers(100, &month.with_keep_last(4)), [2]);
    assert_eq!(numbers(100, &Retention::default()), [] as [u64; 0]);
    let deleted = registry.expire(&churn(), &month, &days(35)).unwrap();
    assert_eq!(deleted.len(), 2);
    assert!(registry.version(&churn(), Version::new(2).unwrap()).is_err());
    registry.verify().unwrap();
}

#[test]
fn only_what_nobody_names_is_collected_and_not_too_soon() {
    let (registry, store) = (MemoryRegistry::new(), MemoryStore::new());
    let put = |text: &str| store.put_bytes(text.as_bytes()).unwrap();
    let (model, plan, monitor, loose, tracked) =
        (put("model"), put("plan"), put("monitor"), put("loose"), put("run's"));
    let lineage = Lineage::default().with_plan(Digest::of("plan's hash"), plan).with_monitor(monitor);
    let new = NewVersion::new(churn(), model, Signature::default()).with_lineage(lineage);
    let version = registry.register(&store, new, &change("ana")).unwrap().version;
    registry.attach_card(&store, &churn(), version, b"# card", &change("ana")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.onnx"), "weights").unwrap();
    let package = store.put_folder(folder.path(), &Default::default()).unwrap();
    let new = NewVersion::new(churn(), package, Signature::default()).with_format("onnx-package");
    registry.register(&store, new, &change("ana")).unwrap();

    let (elsewhere, day) = (BTreeSet::from([tracked]), Duration::from_secs(86_400));
    let late = put("an upload that a version will name");
    let marked = registry.mark(&store, &elsewhere, at(0)).unwrap();
    let mut due = vec![loose, late];
    due.sort();
    assert_eq!((marked.artifacts.clone(), marked.bytes), (due, 5 + 34));
    let text = serde_json::to_string(&marked).unwrap();
    assert_eq!(serde_json::from_str::<mlcore::registry::Marked>(&text).unwrap(), marked);
    let early = registry.sweep(&store, &elsewhere, &marked, day, at(86_399));
    assert!(matches!(early, Err(Error::Conflict(_))));
    registry.register(&store, NewVersion::new(churn(), late, Signature::default()), &change("ana")).unwrap();
    let swept = registry.sweep(&store, &elsewhere, &marked, day, at(86_400)).unwrap();
    assert_eq!((swept.deleted, swept.kept, swept.bytes, swept.lost), (vec![loose], vec![late], 5, vec![]));
    assert!(store.contains(&tracked).unwrap());
    assert!(registry.scrub(&store).unwrap().damaged.is_empty());
}

/// A store in which a version is registered just when an artifact is deleted.
struct Racing<'a> {
    store: &'a MemoryStore,
    registry: &'a MemoryRegistry,
    is_before: bool,
}

impl Racing<'_> {
    fn register(&self, digest: Digest) {
        let new = NewVersion::new(churn(), digest, Signature::default());
        self.registry.create_version(new, &change("ana")).unwrap();
    }
}

impl ArtifactStore for Racing<'_> {
    fn put(&self, content: &mut dyn Read) -> Result<Digest> {
        self.store.put(content)
    }

    fn open(&self, digest: &Digest) -> Result<VerifiedReader> {
        self.store.open(digest)
    }

    fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        self.store.size(digest)
    }

    fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Vec<Digest>> {
        self.store.list(after, limit)
    }

    fn delete(&self, digest: &Digest) -> Result<bool> {
        if self.is_before {
            self.register(*digest);
        }
        self.store.delete(digest)
    }
}

/// A signature and golden vectors are named by tags: without them a version would no longer be loaded.
#[test]
fn what_tags_name_is_not_collected() {
    let (registry, store) = (MemoryRegistry::new(), MemoryStore::new());
    let put = |text: &str| store.put_bytes(text.as_bytes()).unwrap();
    let (model, golden, signature, late, other) =
        (put("model"), put("golden"), put("signature"), put("late"), put("other"));
    let new =
        NewVersion::new(churn(), model, Signature::default()).with_tag("mlcore.golden", golden.to_string());
    let version = registry.register(&store, new, &change("ana")).unwrap().version;
    let tag = |key: &str, digest: Digest| {
        registry.set_version_tag(&churn(), version, key, &digest.to_string(), &change("ana")).unwrap();
    };
    tag("mlcore.signature", signature);
    tag("team.note", other);
    let marked = registry.mark(&store, &BTreeSet::new(), at(0)).unwrap();
    let mut due = vec![late, other];
    due.sort();
    assert_eq!(marked.artifacts, due);
    tag("mlcore.signature", late);
    let swept = registry.sweep(&store, &BTreeSet::new(), &marked, Duration::ZERO, at(0)).unwrap();
    assert_eq!((swept.deleted, swept.kept), (vec![other], vec![late]));
    let absent = NewVersion::new(churn(), model, Signature::default())
        .with_tag("mlcore.golden", Digest::of("nowhere").to_string());
    let refused = registry.register(&store, absent, &change("ana"));
    assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
}

#[test]
fn a_registration_in_the_moment_of_a_deletion_is_told() {
    let (registry, store) = (MemoryRegistry::new(), MemoryStore::new());
    registry.create_model(churn(), &change("ana")).unwrap();
    let old = store.put_bytes(b"old").unwrap();
    let racing = Racing { store: &store, registry: &registry, is_before: true };
    let marked = registry.mark(&racing, &BTreeSet::new(), at(0)).unwrap();
    let swept = registry.sweep(&racing, &BTreeSet::new(), &marked, Duration::ZERO, at(0)).unwrap();
    assert_eq!((swept.lost, registry.scrub(&store).unwrap().damaged.len()), (vec![old], 1));
    store.put_bytes(b"old").unwrap();
    assert!(registry.scrub(&store).unwrap().damaged.is_empty(), "the same bytes mend it");
}
