//! Approvals, signatures, cards, and the policy that every way to production asks.

use std::time::Duration;

use super::*;
use crate::artifact::MemoryStore;
use crate::registry::{
    Better, Condition, DetachedSignature, GovernanceExt, Incumbent, ModelVersion, Mutation, PolicyVerdict,
    PromotionPolicy, ValidationVerdict,
};

pub(super) fn asks_the_policy(places: &Places<'_, dyn Registry>) {
    approvals_are_those_of_others(places);
    approvals_lapse_with_what_was_approved(places);
    signatures_and_cards_are_kept(places);
    policies_are_kept_and_checked(places);
    every_way_to_production_asks(places);
    each_condition_is_decided_from_what_is_stored(places);
    what_asks_nothing_goes_on(places);
}

fn approvals_are_those_of_others(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let version = world.version();
    world.refuses("invalid_input", || world.approve_as("conformance", version));
    world.refuses("not_found", || world.approve_as("ana", number(9)));
    let before = world.registry.verify().unwrap().sequence;
    let reason = world.change_of("ana").with_reason("read it");
    world.registry.approve(&world.model, version, Some("auditor"), &reason).unwrap();
    world.approve_as("ben", version).unwrap();
    // One person counts once, whatever is said how often.
    let again = world.approve_as("ana", version).unwrap();
    assert_eq!(again.sequence, before + 3, "each is one entry");
    assert_eq!(world.approvers(version), ["ben", "ana"], "one person counts once");
    let found = world.found(version);
    let last = found.approvals.last().unwrap();
    assert_eq!((last.sequence, last.at, last.role.as_deref()), (again.sequence, again.at, None));
    world.registry.approve(&world.model, version, Some("auditor"), &reason).unwrap();
    let found = world.found(version);
    let last = found.approvals.last().unwrap();
    assert_eq!((last.role.as_deref(), last.reason.as_deref()), (Some("auditor"), Some("read it")));

    let ben = world.change_of("ben");
    world.registry.withdraw_approval(&world.model, version, &ben).unwrap();
    assert_eq!(world.approvers(version), ["ana"]);
    world.refuses("not_found", || world.registry.withdraw_approval(&world.model, version, &ben));
    world.refuses("invalid_input", || {
        world.registry.approve(&world.model, version, Some("a\nb"), &world.change_of("cem"))
    });
    for place in 0..99 {
        world.approve_as(&format!("person {place}"), version).unwrap();
    }
    world.refuses("invalid_input", || world.approve_as("one more", version));
    world.approve_as("ana", version).unwrap();
    world.registry.verify().unwrap();
    world.is_kept();
}

fn approvals_lapse_with_what_was_approved(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let (registry, model) = (&*world.registry, &world.model);
    let new = world.new_version().with_metric("auc", 0.8);
    let version = registry.create_version(new, &world.change()).unwrap().version;
    let kept = |what: &str| assert_eq!(world.approvers(version), ["ana"], "an approval outlives {what}");
    let lapsed = |what: &str| {
        assert!(world.approvers(version).is_empty(), "an approval lapses with {what}");
        world.approve_as("ana", version).unwrap();
    };
    world.approve_as("ana", version).unwrap();
    world.transition(version, Stage::Dev, Stage::Staging).unwrap();
    kept("a stage");
    registry.set_version_tag(model, version, "k", "v", &world.change()).unwrap();
    registry.describe(model, Some(version), "words", &world.change()).unwrap();
    kept("labels and words");
    world.sign(version, "a").unwrap();
    kept("a signature");
    registry.set_metrics(model, version, [("auc", 0.8)], &world.change()).unwrap();
    kept("a metric that is measured again");
    registry.set_metrics(model, version, [("auc", 0.9)], &world.change()).unwrap();
    lapsed("another number");
    registry.set_metrics(model, version, [("log_loss", 0.4)], &world.change()).unwrap();
    lapsed("another metric");
    registry.delete_metric(model, version, "log_loss", &world.change()).unwrap();
    lapsed("a metric that is gone");
    world.set_card(version, Some("card")).unwrap();
    lapsed("a card");
    world.set_card(version, Some("card")).unwrap();
    kept("the same card");
    world.set_card(version, None).unwrap();
    lapsed("a card that is gone");
    world.is_kept();
}

fn signatures_and_cards_are_kept(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let version = world.version();
    world.sign(version, "a").unwrap();
    world.sign(version, "b").unwrap();
    world.sign(version, "a").unwrap();
    let keys = |version| -> Vec<String> {
        world.found(version).signatures.into_iter().map(|signature| signature.key).collect()
    };
    assert_eq!(keys(version), ["b", "a"], "one signature of each key");
    let of_another = DetachedSignature::new("c", "none", Digest::of("another"), "s");
    world.refuses("invalid_input", || {
        world.registry.sign(&world.model, version, of_another.clone(), &world.change())
    });
    let nameless = DetachedSignature::new("", "none", world.found(version).artifact, "s");
    world.refuses("invalid_input", || {
        world.registry.sign(&world.model, version, nameless.clone(), &world.change())
    });
    for place in 0..14 {
        world.sign(version, &format!("key {place}")).unwrap();
    }
    world.refuses("invalid_input", || world.sign(version, "one more"));
    let source = NewVersion::external(world.model.clone(), "s3://models/churn");
    let elsewhere = world.registry.create_version(source, &world.change()).unwrap().version;
    world.refuses("invalid_input", || world.sign(elsewhere, "a"));

    world.refuses("not_found", || world.set_card(version, None));
    let store = MemoryStore::new();
    world.registry.attach_card(&store, &world.model, version, b"# churn", &world.change()).unwrap();
    assert_eq!(world.found(version).card, Some(Digest::of(b"# churn")));
    world.set_card(version, None).unwrap();
    assert_eq!(world.found(version).card, None);
    world.is_kept();
}

fn policies_are_kept_and_checked(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let policy = PromotionPolicy::new()
        .with(Condition::metric_at_least("auc", 0.1 + 0.2))
        .with(Condition::no_regression("log_loss", Better::Lower, 0.01))
        .with(Condition::signed(["release"]))
        .with(Condition::approvals(2).by(["ana", "ben"]).in_role("auditor"))
        .with_alias(alias("champion"));
    let entry = world.set_policy(policy.clone()).unwrap();
    let stored = world.model().policy.unwrap();
    assert_eq!((stored.revision, &stored.policy), (entry.sequence, &policy), "a policy is kept to the bit");
    let many = (0..51).fold(PromotionPolicy::new(), |policy, _| policy.with(Condition::card_present()));
    for refused in [
        PromotionPolicy::new(),
        many,
        PromotionPolicy::new().with(Condition::metric_at_least("auc", f64::NAN)),
        PromotionPolicy::new().with(Condition::metric_at_most("", 1.0)),
        PromotionPolicy::new().with(Condition::no_regression("auc", Better::Higher, -0.1)),
        PromotionPolicy::new().with(Condition::data_validated("")),
        PromotionPolicy::new().with(Condition::approvals(0)),
        PromotionPolicy::new().with(Condition::approvals(101)),
    ] {
        world.refuses("invalid_input", || world.set_policy(refused.clone()));
    }
    let change = world.change();
    world.refuses("not_found", || world.registry.set_policy(&name("other"), Some(policy.clone()), &change));
    world.registry.set_policy(&world.model, None, &world.change()).unwrap();
    assert_eq!(world.model().policy, None);
    world.refuses("not_found", || world.registry.set_policy(&world.model, None, &change));
    world.is_kept();
}

fn every_way_to_production_asks(places: &Places<'_, dyn Registry>) {
    type Way = fn(&World<'_>, Version) -> Result<AuditEntry>;
    let ways: [(&str, Way); 6] = [
        ("promote", |world, next| world.promote(next, Expected::Any)),
        ("promote a trial", |world, next| {
            let (to, trial) = (alias("champion"), alias("challenger"));
            world.registry.promote_trial(&world.model, next, &to, Expected::Any, &trial, &world.change())
        }),
        ("replace production", |world, next| {
            world.registry.replace_production(&world.model, next, Stage::Staging, &world.change())
        }),
        ("move the stage", |world, next| {
            world.registry.move_stage(&world.model, next, Stage::Production, true, &world.change())
        }),
        ("move a live alias", |world, next| world.set("champion", next, Expected::Any)),
        ("move a guarded alias", |world, next| world.set("guarded", next, Expected::Absent)),
    ];
    for (what, way) in ways {
        let mut world = World::new(places);
        let (champion, next) = (world.version_in(Stage::Staging), world.version_in(Stage::Staging));
        let entry = world.promote(champion, Expected::Absent).unwrap();
        assert_eq!(entry.event.verdict(), None, "without a policy nothing is asked");
        world.set("challenger", next, Expected::Absent).unwrap();
        let policy = PromotionPolicy::new().with(Condition::approvals(1)).with_alias(alias("guarded"));
        let revision = world.set_policy(policy).unwrap().sequence;
        world.refuses("conflict", || way(&world, next));
        world.approve_as("ana", next).unwrap();
        let entry = way(&world, next).unwrap();
        let verdict =
            entry.event.verdict().map(|verdict| (verdict.revision, verdict.is_met(), verdict.champion));
        assert_eq!(verdict, Some((revision, true, Some(champion))), "{what} asks the policy");
        world.registry.verify().unwrap();
        world.is_kept();
    }
}

fn each_condition_is_decided_from_what_is_stored(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let (champion, next) = (world.version_in(Stage::Staging), world.version_in(Stage::Staging));
    world.measure(champion, &[("auc", 0.8), ("log_loss", 0.4)]);
    world.promote(champion, Expected::Absent).unwrap();
    let says = |condition: Condition| -> bool {
        world.set_policy(PromotionPolicy::new().with(condition)).unwrap();
        world.verdict(next).is_met()
    };
    // Nothing is known yet: nothing is met.
    for condition in [
        Condition::metric_at_least("auc", 0.0),
        Condition::metric_at_most("auc", 1.0),
        Condition::no_regression("auc", Better::Higher, 1.0),
        Condition::drift_clean(),
        Condition::data_validated("orders"),
        Condition::signed([] as [&str; 0]),
        Condition::card_present(),
        Condition::approvals(1),
        Condition::measured_within(Duration::from_secs(1_000_000)),
    ] {
        assert!(!says(condition.clone()), "{condition} of a version of which nothing is known");
    }
    world.measure(next, &[("auc", 0.75), ("log_loss", 0.5), ("drift.findings", 0.0), ("own", 1.0)]);
    assert!(says(Condition::metric_at_least("auc", 0.75)) && !says(Condition::metric_at_least("auc", 0.76)));
    assert!(says(Condition::metric_at_most("auc", 0.75)) && !says(Condition::metric_at_most("auc", 0.74)));
    let regression = |metric: &str, better, margin| says(Condition::no_regression(metric, better, margin));
    assert!(regression("auc", Better::Higher, 0.06) && !regression("auc", Better::Higher, 0.04));
    assert!(regression("log_loss", Better::Lower, 0.11) && !regression("log_loss", Better::Lower, 0.09));
    assert!(!regression("own", Better::Higher, 1.0), "the champion has no such metric");
    assert!(says(Condition::drift_clean()));
    world.measure(next, &[("drift.findings", 2.0)]);
    assert!(!says(Condition::drift_clean()));
    let (content, other) = (Digest::of(b"suite"), Digest::of(b"another"));
    let passed = ValidationVerdict::new("orders", content, 10);
    for (verdict, is_met) in [(passed.clone().with_failed("x is not null"), false), (passed, true)] {
        let change = world.change_of("ana");
        world.registry.record_validation(&world.model, next, &verdict, &change).unwrap();
        assert_eq!(ValidationVerdict::of(&world.found(next), "orders").unwrap(), Some(verdict));
        assert_eq!(says(Condition::data_validated("orders")), is_met);
        assert_eq!(says(Condition::data_validated("orders").of_digest(content)), is_met);
        assert!(!says(Condition::data_validated("orders").of_digest(other)), "the suite was changed");
        assert!(!says(Condition::data_validated("customers")));
    }
    world.sign(next, "release").unwrap();
    assert!(says(Condition::signed([] as [&str; 0])) && says(Condition::signed(["other", "release"])));
    assert!(!says(Condition::signed(["other"])));
    world.set_card(next, Some("card")).unwrap();
    assert!(says(Condition::card_present()));
    world.registry.approve(&world.model, next, Some("auditor"), &world.change_of("ana")).unwrap();
    assert!(says(Condition::approvals(1)) && !says(Condition::approvals(2)));
    assert!(says(Condition::approvals(1).by(["ana"])) && !says(Condition::approvals(1).by(["ben"])));
    assert!(
        says(Condition::approvals(1).in_role("auditor")) && !says(Condition::approvals(1).in_role("owner"))
    );
    assert!(says(Condition::measured_within(Duration::from_secs(60))));

    // One error names all that is missing, and the log's time counts: a clock that goes back makes nothing younger.
    world.clock.set(world.clock.get() + 120_000);
    let policy = PromotionPolicy::new()
        .with(Condition::measured_within(Duration::from_secs(60)))
        .with(Condition::metric_at_least("auc", 0.9))
        .with(Condition::metric_at_least("auc", 0.1));
    world.set_policy(policy).unwrap();
    let early = Change::new("conformance", Timestamp::from_millis(1));
    let refused = world.registry.promote(&world.model, next, &alias("champion"), Expected::Any, &early);
    let error = refused.unwrap_err();
    assert_eq!((error.kind(), error.context().subject()), ("conflict", "churn/2"), "{error}");
    let verdict = world.verdict(next);
    let met: Vec<bool> = verdict.checks.iter().map(|check| check.met).collect();
    assert_eq!((met, verdict.champion), (vec![false, false, true], Some(champion)));
    world.is_kept();
}

fn what_asks_nothing_goes_on(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let (one, two) = (world.version_in(Stage::Staging), world.version_in(Stage::Staging));
    world.promote(one, Expected::Absent).unwrap();
    world.promote(two, Expected::Any).unwrap();
    let impossible = PromotionPolicy::new().with(Condition::approvals(100)).with_alias(alias("champion"));
    world.set_policy(impossible).unwrap();
    // What is found done counts as done.
    assert_eq!(world.promote(two, Expected::Any).unwrap().event.verdict(), None);
    assert_eq!(world.set("champion", two, Expected::Any).unwrap().event.verdict(), None);
    // A roll-back is never stopped, and neither is what leads away from production.
    world.roll_back(Expected::Version(two)).unwrap();
    assert_eq!((world.champion(), world.model().production), (Some(one), Some(one)));
    world.transition(one, Stage::Production, Stage::Staging).unwrap();
    let (model, incumbent) = (world.model.clone(), Incumbent::Keep);
    let again =
        Mutation::Transition { model, version: one, from: Stage::Staging, to: Stage::Production, incumbent };
    world.refuses("conflict", || world.registry.apply(&again, &world.change()));
    world.set("champion", None, Expected::Any).unwrap();
    world.set("canary", two, Expected::Absent).unwrap();
    world.refuses("conflict", || world.set("champion", two, Expected::Absent));
    world.is_kept();
}

impl World<'_> {
    fn change_of(&self, actor: &str) -> Change {
        Change { actor: actor.to_owned(), ..self.change() }
    }

    fn found(&self, version: Version) -> ModelVersion {
        self.registry.version(&self.model, version).unwrap()
    }

    fn approve_as(&self, actor: &str, version: Version) -> Result<AuditEntry> {
        self.registry.approve(&self.model, version, None, &self.change_of(actor))
    }

    fn approvers(&self, version: Version) -> Vec<String> {
        self.found(version).approvals.into_iter().map(|approval| approval.by).collect()
    }

    fn sign(&self, version: Version, key: &str) -> Result<AuditEntry> {
        let signature = DetachedSignature::new(key, "none", self.found(version).artifact, "s");
        self.registry.sign(&self.model, version, signature, &self.change())
    }

    fn set_card(&self, version: Version, card: Option<&str>) -> Result<AuditEntry> {
        let card = card.map(Digest::of);
        self.registry.apply(&Mutation::SetCard { model: self.model.clone(), version, card }, &self.change())
    }

    fn set_policy(&self, policy: PromotionPolicy) -> Result<AuditEntry> {
        self.registry.set_policy(&self.model, Some(policy), &self.change())
    }

    fn measure(&self, version: Version, metrics: &[(&str, f64)]) {
        let metrics = metrics.iter().copied();
        self.registry.set_metrics(&self.model, version, metrics, &self.change()).unwrap();
    }

    fn verdict(&self, version: Version) -> PolicyVerdict {
        let now = Timestamp::from_millis(self.clock.get());
        self.registry.policy_verdict(&self.model, version, now).unwrap().unwrap()
    }
}
