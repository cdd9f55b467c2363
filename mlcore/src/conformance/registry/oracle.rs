#![expect(clippy::panic, reason = "a test suite fails by panicking")]

use super::*;
use crate::error::Error;
use crate::name::RequestId;
use crate::registry::{
    Condition, DetachedSignature, Event, Incumbent, MemoryRegistry, Mutation, NewModel, PromotionPolicy,
    Subject,
};

const CHANGES: u64 = 1000;
/// A title that is no name.
const TITLE: &str = "by title";

/// The same random changes to the registry and to the reference: the same answers, the same failures, the same state.
pub(super) fn agrees(places: &Places<'_, dyn Registry>) {
    let (mut registry, reference) = (places.fresh(), MemoryRegistry::new());
    let (mut draw, mut failures) = (Draw(0x9e37_79b9_7f4a_7c15), 0);
    for step in 0..CHANGES {
        let (mutation, change) = (random(&mut draw), random_change(&mut draw));
        match (registry.apply(&mutation, &change), reference.apply(&mutation, &change)) {
            (Ok(entry), Ok(expected)) => assert_eq!(Meaning::of(entry), Meaning::of(expected), "step {step}"),
            (Err(error), Err(expected)) => {
                failures += 1;
                let meaning = |error: &Error| (error.kind(), error.context().subject().to_owned());
                assert_eq!(meaning(&error), meaning(&expected), "step {step}: {mutation:?}: {error}");
            }
            (answer, expected) => {
                panic!("step {step}: {mutation:?} gave {answer:?}, the reference {expected:?}")
            }
        }
        if step % 100 == 0 {
            compare(&*registry, &reference);
            registry.is_kept(told);
        }
    }
    assert!(
        (CHANGES / 10..CHANGES).contains(&failures),
        "the changes should be a mixture, {failures} failed"
    );
    compare(&*registry, &reference);
    registry.is_kept(told);
}

fn compare(registry: &dyn Registry, reference: &dyn Registry) {
    let meanings = |registry: &dyn Registry| {
        let log = registry.audit(1, usize::MAX).unwrap();
        log.into_iter().map(Meaning::of).collect::<Vec<_>>()
    };
    let (log, due) = (meanings(registry), meanings(reference));
    assert_eq!(log.len(), due.len(), "the entries of the log");
    log.iter().zip(&due).for_each(|(entry, due)| assert_eq!(entry, due));
    let models = reference.models(None, usize::MAX).unwrap();
    assert_eq!(registry.models(None, usize::MAX).unwrap(), models);
    for model in models {
        let versions = |registry: &dyn Registry| registry.versions(&model.name, None, usize::MAX).unwrap();
        assert_eq!(versions(registry), versions(reference));
        assert_eq!(registry.aliases(&model.name).unwrap(), reference.aliases(&model.name).unwrap());
    }
    for (model, word) in MODELS.iter().flat_map(|model| ALIASES.map(|word| (name(model), alias(word)))) {
        let history = |registry: &dyn Registry| registry.alias_history(&model, &word).unwrap();
        assert_eq!(history(registry), history(reference));
    }
}

/// An audit entry without its text and hashes, which the chain proves.
#[derive(PartialEq, Debug)]
struct Meaning {
    sequence: u64,
    times: (Timestamp, Timestamp),
    words: (String, Option<String>),
    request: Option<RequestId>,
    event: Event,
}

impl Meaning {
    fn of(entry: AuditEntry) -> Self {
        Self {
            sequence: entry.sequence,
            times: (entry.at, entry.effective_at),
            words: (entry.actor, entry.reason),
            request: entry.request,
            event: entry.event,
        }
    }
}

fn random_change(draw: &mut Draw) -> Change {
    let at = Timestamp::from_millis(i64::try_from(draw.below(1_000_000)).unwrap());
    let change = Change::new(format!("actor {}", draw.below(3)), at);
    match draw.below(4) {
        0 => change.with_request(RequestId::new(format!("r{}", draw.below(60))).unwrap()),
        1 => change.with_reason("a reason"),
        _ => change,
    }
}

fn random(draw: &mut Draw) -> Mutation {
    let model = match draw.below(6) {
        0 => ModelName::of_title(TITLE),
        _ => name(draw.of(&MODELS)),
    };
    let version = number(1 + draw.below(8));
    let alias = alias(draw.of(&ALIASES));
    let expected = match draw.below(4) {
        0 => Expected::Absent,
        1 => Expected::Version(number(1 + draw.below(8))),
        _ => Expected::Any,
    };
    let subject = match draw.below(2) {
        0 => Subject::version(model.clone(), version),
        _ => Subject::model(model.clone()),
    };
    match draw.below(39) {
        0 | 1 => {
            let title = draw.of(&[MODELS[0], MODELS[1], TITLE]);
            Mutation::CreateModel(NewModel::titled(title).with_tag("k", "v"))
        }
        2 => Mutation::DeleteModel { model },
        3..=6 => {
            let artifact = Digest::of(draw.below(100).to_string());
            Mutation::CreateVersion(Box::new(NewVersion::new(model, artifact, signature())))
        }
        7 => Mutation::DeleteVersion { model, version },
        8..=10 => {
            let version = (draw.below(4) > 0).then_some(version);
            Mutation::SetAlias { model, alias, version, expected }
        }
        11..=14 => {
            let (from, to) = (draw.of(Stage::ALL), draw.of(Stage::ALL));
            let incumbent = draw.of(Incumbent::ALL);
            Mutation::Transition { model, version, from, to, incumbent }
        }
        15..=17 => {
            let retire = (draw.below(2) == 0).then(|| self::alias(draw.of(&ALIASES)));
            Mutation::Promote { model, version, alias, expected, retire }
        }
        18 => Mutation::Withdraw { model, version, alias },
        19 => Mutation::RollBack { model, alias, expected },
        20..=22 => {
            let (key, value) =
                (format!("k{}", draw.below(3)), (draw.below(3) > 0).then(|| draw.below(9).to_string()));
            Mutation::SetTag { subject, key, value }
        }
        23 => {
            let metrics =
                [(format!("m{}", draw.below(3)), draw.below(100) as f64 / 7.0)].into_iter().collect();
            Mutation::SetMetrics { model, version, metrics }
        }
        24 => Mutation::DeleteMetric { model, version, name: format!("m{}", draw.below(3)) },
        25 => {
            let source = format!("s3://models/{}", draw.below(100));
            Mutation::CreateVersion(Box::new(NewVersion::external(model, source)))
        }
        26..=28 => {
            let (to, archive_others) = (draw.of(Stage::ALL), draw.below(2) == 0);
            Mutation::MoveStage { model, version, to, archive_others }
        }
        29 | 30 => {
            let NewModel { name, title, .. } = NewModel::titled(draw.of(&[MODELS[0], MODELS[1], TITLE]));
            Mutation::RenameModel { model, name, title }
        }
        31 => Mutation::Describe { subject, description: draw.below(100).to_string() },
        _ => random_governance(draw, model, version, alias),
    }
}

fn random_governance(draw: &mut Draw, model: ModelName, version: Version, alias: Alias) -> Mutation {
    match draw.below(8) {
        0..=2 => {
            let role = (draw.below(2) == 0).then(|| "auditor".to_owned());
            Mutation::Approve { model, version, role }
        }
        3 => Mutation::WithdrawApproval { model, version },
        4 => {
            let artifact = Digest::of(draw.below(100).to_string());
            let key = format!("key {}", draw.below(3));
            let signature = DetachedSignature::new(key, "none", artifact, "s");
            Mutation::Sign { model, version, signature }
        }
        5 => Mutation::SetCard { model, version, card: (draw.below(3) > 0).then(|| Digest::of("card")) },
        _ => {
            let policy = PromotionPolicy::new().with(match draw.below(3) {
                0 => Condition::approvals(1),
                1 => Condition::metric_at_most("m0", 7.0),
                _ => Condition::measured_within(std::time::Duration::from_secs(500)),
            });
            let policy = if draw.below(2) == 0 { policy.with_alias(alias) } else { policy };
            Mutation::SetPolicy { model, policy: (draw.below(2) == 0).then_some(policy) }
        }
    }
}

/// xorshift64*: the same changes on every machine and in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        let place = self.below(all.len() as u64);
        all[usize::try_from(place).unwrap()]
    }
}
