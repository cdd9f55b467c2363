//! Reading records allocates nothing once the memory is there, and assigning by experiments nothing at all: counted, not claimed.

use mlcore::batch::{RecordReader, RowBuffer, RowScratch, Value};
use mlcore::name::{Arm, UnitId, Version};
use mlcore::rollout::{
    Ask, Candidate, Candidates, Context, Draw, Experiment, Experiments, ExperimentsOptions, Layer, Operator,
    Override, RolloutPolicy, Rule,
};
use mlcore::schema::{DType, Field, Schema};
use mlcore::time::{Date, TimeUnit, TimeZone};

#[path = "../../benches/src/allocations.rs"]
mod allocations;

/// The allocations of `run`.
fn allocations(run: impl FnOnce()) -> u64 {
    let before = allocations::of_this_thread();
    run();
    allocations::of_this_thread() - before
}

#[derive(serde::Serialize)]
struct Customer {
    plan: &'static str,
    age: f64,
    since: Date,
}

#[test]
fn the_second_record_allocates_nothing() {
    let schema = Schema::new([
        Field::column("age", DType::Float64),
        Field::column("plan", DType::String),
        Field::column("since", DType::Date).nullable(),
        Field::column("seen", DType::Timestamp(TimeUnit::Microsecond, Some(TimeZone::UTC))).nullable(),
    ])
    .unwrap();
    let mut records = RecordReader::new(&schema).unwrap().with_absent_told();
    let (mut buffer, mut scratch) = (RowBuffer::default(), RowScratch::default());
    let json = br#"{"age": 41.5, "id": 7, "plan": "premium", "since": "2024-02-29", "seen": "2024-02-29T12:00:00Z"}"#;
    let customer = Customer { age: 41.5, plan: "premium", since: Date::from_days(1) };
    let mut read = || {
        let copied = records.read_json(json, |row| {
            buffer.copy(row);
            Ok(row.values().len())
        });
        let plan = scratch.with(&buffer, |row| row.values()[1] == Value::Text("premium"));
        let date = records.read(&customer, |row| Ok(row.values()[2] == Value::from(customer.since)));
        assert!(copied.unwrap() == 4 && plan && date.unwrap());
        records.read_pairs([("plan", Value::Text("premium")), ("age", 1.into())], |_| Ok(())).unwrap();
    };
    read();
    assert_eq!(allocations(read), 0);
}

#[test]
fn assigning_and_evaluating_allocate_nothing() {
    let arm = |name: &str| Arm::new(name).unwrap();
    let rule = Rule::sem_ver("app", Operator::SameMajor, "2")
        .and(Rule::fractional_by("company", "seed", 0.9).or(!Rule::is_in("country", ["PT", "ES"])))
        .and(Rule::compare("age", Operator::GreaterOrEqual, 18));
    let ranker = Experiment::new("ranker", arm("champion"))
        .with_audience(rule)
        .with_target(Rule::ends_with("email", "@example.com"), arm("third"))
        .with_equal_variants(["champion", "challenger", "third"].map(arm))
        .unwrap();
    let layer = Layer::new("models").with_experiment(ranker, 0.9).unwrap().with_hold_out(0.1);
    let tester = Override::new(UnitId::new("tester").unwrap(), "ranker", arm("third"), "tests it");
    let options = ExperimentsOptions::new("shop", layer).with_hold_out(0.1).with_override(tester);
    let policy = Experiments::new(options).unwrap();
    let arms = ["champion", "challenger", "third"].map(|name| Candidate::new(arm(name), Version::FIRST));
    let candidates = Candidates::new(arms).unwrap();
    let units: Vec<UnitId> = (0..200).map(|number| UnitId::new(format!("unit-{number}")).unwrap()).collect();
    let attributes = [("app", Value::Float(2.5)), ("company", Value::Int(7)), ("age", Value::UInt(40))];
    for context in [Context::EMPTY, Context::EMPTY.with_attributes(&attributes)] {
        let run = || {
            for unit in &units {
                let ask = Ask::new(unit, &candidates, Draw::new(0)).with_context(context);
                assert!(policy.assign(&ask).propensity > 0.0);
                assert!(policy.evaluate("ranker", unit, &context).variant.is_some());
            }
        };
        assert_eq!(allocations(run), 0);
    }
}
