#![expect(clippy::panic, reason = "a test suite fails by panicking")]

use super::*;
use crate::name::RequestId;
use crate::registry::{Incumbent, MemoryRegistry, Mutation, NewModel, Subject};

const CHANGES: u64 = 1000;

/// The same random changes to the registry and to the reference: the same answers, the same failures, the same state.
pub(super) fn agrees(make: &impl Fn() -> Box<dyn Registry>) {
    let (registry, reference) = (make(), MemoryRegistry::new());
    let (mut draw, mut failures) = (Draw(0x9e37_79b9_7f4a_7c15), 0);
    for step in 0..CHANGES {
        let (mutation, change) = (random(&mut draw), random_change(&mut draw));
        match (registry.apply(&mutation, &change), reference.apply(&mutation, &change)) {
            (Ok(entry), Ok(expected)) => assert_eq!(entry, expected, "step {step}"),
            (Err(error), Err(expected)) => {
                failures += 1;
                assert_eq!(error.to_string(), expected.to_string(), "step {step}");
            }
            (answer, expected) => {
                panic!("step {step}: {mutation:?} gave {answer:?}, the reference {expected:?}")
            }
        }
        if step % 100 == 0 {
            assert_eq!(Told::by(&*registry), Told::by(&reference), "step {step}");
        }
    }
    assert!(
        (CHANGES / 10..CHANGES).contains(&failures),
        "the changes should be a mixture, {failures} failed"
    );
    assert_eq!(Told::by(&*registry), Told::by(&reference));
    for model in MODELS {
        for word in ALIASES {
            let history =
                |registry: &dyn Registry| registry.alias_history(&name(model), &alias(word)).unwrap();
            assert_eq!(history(&*registry), history(&reference));
        }
    }
    assert_eq!(registry.verify().unwrap(), reference.verify().unwrap());
}

const MODELS: [&str; 2] = ["churn", "fraud"];
const ALIASES: [&str; 2] = ["champion", "canary"];

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
    let model = name(draw.of(&MODELS));
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
    match draw.below(24) {
        0 | 1 => Mutation::CreateModel(NewModel::new(model).with_tag("k", "v")),
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
        _ => Mutation::Describe { subject, description: draw.below(100).to_string() },
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
