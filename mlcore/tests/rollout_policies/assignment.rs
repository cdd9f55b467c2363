//! The laws of assignment: uniform, independent, and the same everywhere. `MLCORE_UNITS=10000000 cargo test --release -p mlcore
//! --all-features --test rollout_policies assignment -- --nocapture` holds ten million units to them, and prints what it found.

use std::path::Path;
use std::process::Command;

use mlcore::batch::Value;
use mlcore::name::UnitId;
use mlcore::rollout::{
    Ask, Context, Draw, Experiment, Experiments, ExperimentsOptions, Layer, PolicyState, RolloutPolicy,
    bucket,
};
use mlcore::stats::{Chi2Options, SplitMix64, chi2, chi2_contingency};

use crate::{arm, candidates, unit};

/// How many units are assigned; enough for shares of a thousandth.
fn units() -> usize {
    std::env::var("MLCORE_UNITS").map_or(100_000, |text| text.parse().unwrap())
}

/// One law fails in ten thousand runs of a law that holds, and the units are the same in every run.
const SMALL: f64 = 1e-4;

/// Pearson's test of counts against shares whose sum is 1.
fn p_value(counts: &[u64], shares: &[f64]) -> f64 {
    let total = counts.iter().sum::<u64>() as f64;
    let terms = counts.iter().zip(shares).map(|(count, share)| {
        let expected = share * total;
        (*count as f64 - expected).powi(2) / expected
    });
    chi2::sf(terms.sum(), (counts.len() - 1) as f64)
}

#[test]
fn positions_are_uniform_over_units() {
    const CELLS: usize = 1_000;
    let mut counts = vec![0; CELLS];
    for number in 0..units() {
        counts[(bucket("uniform", &unit(number)) * CELLS as f64) as usize] += 1;
    }
    let p = p_value(&counts, &[1.0 / CELLS as f64; CELLS]);
    println!("{} units in {CELLS} cells: p {p:.4}", units());
    assert!(p > SMALL, "{p}");
    counts.iter_mut().take(20).for_each(|count| *count += *count / 2);
    assert!(p_value(&counts, &[1.0 / CELLS as f64; CELLS]) < SMALL, "one percent more is seen");
}

#[test]
fn fifty_salts_are_independent_of_each_other() {
    const SALTS: usize = 50;
    let salts: Vec<String> = (0..SALTS).map(|salt| format!("experiment-{salt}")).collect();
    // One bit a unit: whether it stands in the lower half.
    let mut halves = vec![vec![0_u64; units().div_ceil(64)]; SALTS];
    for number in 0..units() {
        let unit = unit(number);
        for (half, salt) in halves.iter_mut().zip(&salts) {
            half[number / 64] |= u64::from(bucket(salt, &unit) < 0.5) << (number % 64);
        }
    }
    let count = |half: &[u64]| half.iter().map(|bits| u64::from(bits.count_ones())).sum::<u64>() as f64;
    let (total, mut smallest, mut pairs) = (units() as f64, 1.0_f64, 0);
    for (place, one) in halves.iter().enumerate() {
        for other in halves.iter().take(place) {
            let both =
                one.iter().zip(other).map(|(a, b)| u64::from((a & b).count_ones())).sum::<u64>() as f64;
            let (one, other) = (count(one) - both, count(other) - both);
            let table = [[both, one], [other, total - both - one - other]];
            smallest = smallest.min(chi2_contingency(&table, &Chi2Options::default()).unwrap().pvalue);
            pairs += 1;
        }
    }
    println!("{pairs} pairs of {SALTS} salts over {total} units: smallest p {smallest:.6}");
    assert!(smallest > SMALL / f64::from(pairs), "{smallest} of {pairs} pairs");
}

/// Two layers of experiments with two and three variants.
fn options() -> ExperimentsOptions {
    let ranker = Experiment::new("ranker", arm("champion"))
        .with_equal_variants(["champion", "challenger", "third"].map(arm))
        .unwrap();
    let prices = Experiment::new("prices", arm("champion")).with_variant(arm("challenger"), 0.25).unwrap();
    let models =
        Layer::new("models").with_experiment(ranker, 0.5).unwrap().with_experiment(prices, 0.3).unwrap();
    let colour = Experiment::new("colour", arm("blue")).with_variant(arm("red"), 0.5).unwrap();
    let page = Layer::new("page").with_experiment(colour, 0.8).unwrap().with_hold_out(0.1);
    ExperimentsOptions::new("laws", models.with_hold_out(0.05)).with_layer(page)
}

#[test]
fn arms_have_their_shares_and_layers_are_independent() {
    let (policy, three) =
        (Experiments::new(options()).unwrap(), candidates(&["champion", "challenger", "third"]));
    let (mut table, mut shares) = ([[0_u64; 2]; 3], [0.0; 3]);
    let red = arm("red");
    for number in 0..units() {
        let unit = unit(number);
        let ask = Ask::new(&unit, &three, Draw::new(0));
        let assigned = policy.assign(&ask);
        let on = policy.evaluate("colour", &unit, &Context::EMPTY).variant == Some(&red);
        table[assigned.position][usize::from(on)] += 1;
        shares[assigned.position] = assigned.propensity;
    }
    let counts = table.map(|row| row[0] + row[1]);
    let p = p_value(&counts, &shares);
    let joint = table.map(|row| row.map(|count| count as f64));
    let independent = chi2_contingency(&joint, &Chi2Options::default()).unwrap().pvalue;
    println!("arms {counts:?} for {shares:?}: p {p:.4}; beside another layer: p {independent:.4}");
    assert!(p > SMALL && independent > SMALL);
    let one_share = [0.95 * (0.5 / 3.0 + 0.3 * 0.25), 0.95 * 0.5 / 3.0];
    for (share, expected) in shares[1..].iter().zip(one_share) {
        assert!((share - expected).abs() < 1e-6, "{share} for {expected}");
    }
}

/// Twenty random ramps, one after the other: no unit goes from one arm to another, and nobody of another experiment moves.
#[test]
fn no_ramp_moves_a_unit_from_arm_to_arm() {
    let mut random = SplitMix64::new(17);
    let all = candidates(&["champion", "challenger", "third"]);
    let count = units().min(5_000);
    let arms = |policy: &Experiments| -> Vec<usize> {
        (0..count)
            .map(|number| policy.assign(&Ask::new(&unit(number), &all, Draw::new(0))).position)
            .collect()
    };
    let mut changes = 0;
    let mut policy = Experiments::new(options()).unwrap();
    let mut before = arms(&policy);
    for _ in 0..20 {
        let name = ["challenger", "third"][(random.next_u64() % 2) as usize];
        let share = (random.next_u64() % 100) as f64 / 100.0;
        let key = ["ranker", "prices"][(random.next_u64() % 2) as usize];
        let Ok(next) = policy.options().clone().with_variant_share(key, &arm(name), share) else { continue };
        policy = Experiments::new(next).unwrap();
        let after = arms(&policy);
        let position = all.position(&arm(name)).unwrap();
        for (old, new) in before.iter().zip(&after) {
            let allowed = old == new || (*old, *new) == (0, position) || (*old, *new) == (position, 0);
            assert!(allowed, "{old} became {new} when {name} of {key} got {share}");
            changes += usize::from(old != new);
        }
        before = after;
    }
    assert!(changes > count / 2, "{changes} changes of {count} units");
}

#[test]
fn variants_match_the_committed_vectors() {
    let text = include_str!("../../../testdata/golden/rollout/experiments.json");
    #[derive(serde::Deserialize)]
    struct Golden {
        options: ExperimentsOptions,
        assigned: Vec<(String, Option<String>, String, String, String)>,
    }
    let Golden { options, assigned } = serde_json::from_str(text).unwrap();
    let policy = Experiments::new(options).unwrap();
    let all = candidates(&["champion", "challenger", "third"]);
    let mut seen = std::collections::BTreeSet::new();
    assert!(assigned.len() >= 400);
    for (unit, country, ranker, prices, colour) in assigned {
        let unit = UnitId::new(unit).unwrap();
        let attributes = [("country", country.as_deref().map_or(Value::Null, Value::Text))];
        let context = Context::EMPTY.with_attributes(&attributes);
        for (flag, expected) in [("ranker", &ranker), ("prices", &prices), ("colour", &colour)] {
            let variant = policy.evaluate(flag, &unit, &context).variant.unwrap();
            assert_eq!(variant.as_str(), expected, "{flag} of {unit} in {country:?}");
            seen.insert((flag, expected.clone()));
        }
        let expected = if ranker == "champion" { &prices } else { &ranker };
        let assigned = policy.assign(&Ask::new(&unit, &all, Draw::new(0)).with_context(context));
        assert_eq!(all.at(assigned.position).arm.as_str(), expected);
    }
    assert_eq!(seen.len(), 7, "every variant is somebody's: {seen:?}");
}

const STATE: &str = "MLCORE_ASSIGNMENT_STATE";

/// A digest of what many units get of a policy that was read from a file.
fn digest(state: &Path) -> u64 {
    let text = std::fs::read_to_string(state).unwrap();
    let policy = serde_json::from_str::<PolicyState>(&text).unwrap().to_policy().unwrap();
    let all = candidates(&["champion", "challenger", "third"]);
    (0..20_000).fold(0, |digest, number| {
        let unit = unit(number);
        let assigned = policy.assign(&Ask::new(&unit, &all, Draw::new(number as u64)));
        SplitMix64::new(digest ^ assigned.position as u64 ^ assigned.propensity.to_bits()).next_u64()
    })
}

/// The child; without its variable it is an ordinary test with nothing to do.
#[test]
fn child_assigns() {
    if let Some(state) = std::env::var_os(STATE) {
        println!("digest {}", digest(Path::new(&state)));
    }
}

#[test]
fn processes_agree_on_every_unit() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let child = || {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["assignment::child_assigns", "--exact", "--nocapture"])
            .env(STATE, &state)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let digest =
            said.lines().find_map(|line| line.split_once("digest ").map(|(_, digest)| digest.to_owned()));
        digest.unwrap_or_else(|| panic!("{said}")).parse::<u64>().unwrap()
    };
    let save = |options: ExperimentsOptions| {
        let saved = Experiments::new(options).unwrap().save().unwrap();
        std::fs::write(&state, serde_json::to_string(&saved).unwrap()).unwrap();
    };
    save(options());
    let own = digest(&state);
    assert_eq!([child(), child()], [own, own]);
    save(options().with_variant_share("prices", &arm("challenger"), 0.26).unwrap());
    assert_ne!(child(), own, "another policy has the same digest");
}
