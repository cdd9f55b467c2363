//! A registry that is made of another one's log.

use super::*;
use crate::error::Error;
use crate::registry::{MemoryRegistry, copy_log, export_log, import_log};

/// The registry takes the log of another one whole, or nothing of it, or says that it takes none.
pub(super) fn from_a_log(places: &Places<'_, dyn Registry>) {
    let reference = MemoryRegistry::new();
    let clock = std::cell::Cell::new(0);
    let change = || {
        clock.set(clock.get() + 1);
        Change::new("reference", Timestamp::from_millis(clock.get()))
    };
    let (churn, champion) = (name("churn"), alias("champion"));
    reference.create_model(&churn, &change()).unwrap();
    for round in 0..3 {
        let new = NewVersion::new(churn.clone(), Digest::of(format!("model {round}")), signature());
        let version = reference.create_version(new.with_metric("auc", 0.8), &change()).unwrap().version;
        reference.transition(&churn, version, Stage::Dev, Stage::Staging, &change()).unwrap();
        reference.promote(&churn, version, &champion, Expected::Any, &change()).unwrap();
    }
    reference.roll_back(&churn, &champion, Expected::Any, &change()).unwrap();
    let mut lines = Vec::new();
    let head = export_log(&reference, &mut lines).unwrap();

    let mut registry = places.fresh();
    match copy_log(&reference, &*registry) {
        Err(Error::Unsupported(_)) => return,
        copied => assert_eq!(copied.unwrap(), head, "a log that is copied keeps its head"),
    }
    same(&told(&*registry), &told(&reference), "a log gives the same registry");
    registry.is_kept(told);
    assert_eq!(copy_log(&reference, &*registry).unwrap_err().kind(), "already_exists");
    // It goes on from there.
    registry.set_model_tag(&churn, "k", "v", &change()).unwrap();
    assert_eq!(registry.verify().unwrap().sequence, head.sequence + 1);
    registry.is_kept(told);

    let text = String::from_utf8(lines).unwrap();
    let all: Vec<&str> = text.lines().collect();
    let without = |place: usize| -> String {
        let kept = all.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, line)| *line);
        kept.map(|line| format!("{line}\n")).collect()
    };
    let registry = places.fresh();
    let attempt = |text: &str, noted: Option<&AuditHead>, what: &str| {
        let refused = import_log(&*registry, &mut text.as_bytes(), noted).unwrap_err();
        assert_eq!(refused.kind(), "corrupt", "{what}: {refused}");
        assert_eq!(registry.verify().unwrap().sequence, 0, "{what} left something");
    };
    for place in 0..all.len() {
        attempt(&without(place), None, "a log without one of its lines");
    }
    attempt(&text.replace("\"reference\"", "\"somebody\""), None, "a log with other words");
    attempt(text.trim_end(), None, "a log whose last line is not whole");
    attempt(&format!("{text}x\n"), None, "a log with more behind its end");
    attempt(&text, Some(&AuditHead::noted(head.sequence, Digest::ZERO)), "another head than was noted");
    assert_eq!(import_log(&*registry, &mut text.as_bytes(), Some(&head)).unwrap(), head);
    same(&told(&*registry), &told(&reference), "an exported log gives the same registry");
}
