//! What is saved: a policy goes on from its state as if nothing had been, and adds up what replicas have learnt.

use std::time::Duration;

use super::traffic::{Trace, Traffic, play, play_anew, wall};
use crate::error::Error;
use crate::rollout::{PolicyState, RolloutPolicy, StateFormat};

pub(super) fn hold<P: RolloutPolicy>(make: &impl Fn() -> P) {
    for traffic in Traffic::ALL {
        restored_policies_go_on(make, traffic);
    }
    foreign_states_are_refused(make);
    if make().requirements().shared_state.is_some() {
        replicas_that_share_agree(make);
        foreign_states_are_not_shared(make);
    }
    if merges(make) {
        merging_nothing_changes_nothing(make);
        for (one, other) in [
            (Traffic::Alike, Traffic::Alike),
            (Traffic::Alike, Traffic::Harmful),
            (Traffic::Breached, Traffic::Saving),
        ] {
            the_order_of_merging_does_not_matter(make, one, other);
        }
    }
}

/// Saves at each quarter of some traffic; every policy that was restored then must go on like the one that was saved,
/// to the end.
fn restored_policies_go_on<P: RolloutPolicy>(make: &impl Fn() -> P, traffic: Traffic) {
    const QUARTER: u64 = REQUESTS / 4;
    let (original, mut clock) = (make(), Duration::ZERO);
    let mut restored: Vec<(P, Duration)> = Vec::new();
    for quarter in 0..4 {
        let state = saved(&original);
        assert_eq!(state, saved(&original), "saving changed the state");
        let (follower, mut follower_clock) = (make(), Duration::ZERO);
        // A new process has a new clock and a fresh policy; an operator restores into one that has learnt something else.
        if quarter % 2 == 1 {
            play(&follower, Traffic::Harmful, 0..5_000, &mut follower_clock);
        }
        restore(&follower, &state);
        assert_eq!(saved(&follower), state, "a restored policy saves another state");
        // A new process is told the time before it is asked.
        [&follower, &original].into_iter().for_each(|policy| policy.tell_time(wall(quarter * QUARTER)));
        let (decision, expected) = (follower.decide(follower_clock), original.decide(clock));
        assert_eq!(
            decision, expected,
            "restored before quarter {quarter} of {traffic:?} traffic, it decided otherwise"
        );
        restored.push((follower, follower_clock));
        let requests = quarter * QUARTER..(quarter + 1) * QUARTER;
        let expected = play(&original, traffic, requests.clone(), &mut clock);
        for (position, (follower, follower_clock)) in restored.iter_mut().enumerate() {
            let trace = play(follower, traffic, requests.clone(), follower_clock);
            let words = format!("restored before quarter {position} of {traffic:?} traffic");
            let moved = first_difference(&trace.assignments, &expected.assignments);
            assert!(moved.is_none(), "{words}, it assigned otherwise in quarter {quarter}: {moved:?}");
            let moved = first_difference(&trace.decisions, &expected.decisions);
            assert!(moved.is_none(), "{words}, it decided otherwise in quarter {quarter}: {moved:?}");
        }
    }
}

fn foreign_states_are_refused<P: RolloutPolicy>(make: &impl Fn() -> P) {
    let policy = make();
    play_anew(&policy, Traffic::Alike, 0..2_000);
    let before = saved(&policy);
    let mut newer = serde_json::to_value(&before).unwrap();
    newer["version"] = serde_json::json!(u32::MAX);
    let foreign = PolicyState::new(StateFormat::new("conformance", 1), &(), &()).unwrap();
    for state in [foreign, serde_json::from_value(newer).unwrap()] {
        assert!(policy.restore(&state).is_err(), "it restored what it did not save: {state:?}");
        assert!(policy.merge(&state).is_err(), "it merged what it did not save: {state:?}");
    }
    assert_eq!(saved(&policy), before, "a state that was refused changed something");
}

/// Whether the policy adds up states. It does always, or it says [`Error::Unsupported`].
fn merges<P: RolloutPolicy>(make: &impl Fn() -> P) -> bool {
    let merged = make().merge(&saved(&make()));
    let known = matches!(merged, Ok(()) | Err(Error::Unsupported(_)));
    assert!(known, "merging the state of a fresh policy answered {merged:?}");
    merged.is_ok()
}

fn merging_nothing_changes_nothing<P: RolloutPolicy>(make: &impl Fn() -> P) {
    for traffic in Traffic::ALL {
        let policy = make();
        play_anew(&policy, traffic, 0..3_000);
        let merged = make();
        restore(&merged, &saved(&policy));
        merge(&merged, &saved(&make()));
        let unchanged = after(&merged) == after(&policy);
        assert!(unchanged, "merging the state of a fresh policy changed something after {traffic:?} traffic");
    }
}

fn the_order_of_merging_does_not_matter<P: RolloutPolicy>(
    make: &impl Fn() -> P,
    one: Traffic,
    other: Traffic,
) {
    let learnt = |traffic, requests| {
        let policy = make();
        play_anew(&policy, traffic, requests);
        saved(&policy)
    };
    let (a, b) = (learnt(one, 0..3_000), learnt(other, 3_000..6_000));
    let c = learnt(Traffic::Alike, 6_000..7_000);
    let sum = |states: &[&PolicyState]| {
        let policy = make();
        if let Some((first, rest)) = states.split_first() {
            restore(&policy, first);
            rest.iter().for_each(|state| merge(&policy, state));
        }
        policy
    };
    let words = format!("states of {one:?} and {other:?} traffic were merged");
    let alike = |one: &P, other: &P| after(one) == after(other);
    assert!(alike(&sum(&[&a, &b]), &sum(&[&b, &a])), "{words} in another order, with another result");
    let grouped = saved(&sum(&[&b, &c]));
    assert!(
        alike(&sum(&[&a, &b, &c]), &sum(&[&a, &grouped])),
        "{words} in other groups, with another result"
    );
}

/// Two replicas share a state, and lose some of what they wrote: they come to agree with one that merged what each of them saw,
/// once.
fn replicas_that_share_agree<P: RolloutPolicy>(make: &impl Fn() -> P) {
    for (one, other) in [(Traffic::Alike, Traffic::Harmful), (Traffic::Breached, Traffic::Saving)] {
        let (a, b) = (make(), make());
        let (mut one_clock, mut other_clock) = (Duration::ZERO, Duration::ZERO);
        // Nobody has learnt anything: nothing is to be shared.
        assert!(reconciled(&a, None).is_none(), "a fresh policy shares something");
        play(&a, one, 0..2_000, &mut one_clock);
        let Some(first) = learnt(&a, None, make) else { continue };
        a.reconciled();
        assert!(reconciled(&a, Some(&first)).is_none(), "it adds to what it has just shared");
        play(&b, other, 3_000..5_000, &mut other_clock);
        // Written, and lost: the next answer has the same, and what came in since.
        let is_lost = learnt(&b, None, make).is_some();
        drop(reconciled(&b, Some(&first)));
        let again = reconciled(&b, Some(&first));
        assert_eq!(again.is_some(), is_lost, "what was not written is not written later");
        let second = again.unwrap_or_else(|| first.clone());
        b.reconciled();
        for policy in [&a, &b] {
            assert!(
                reconciled(policy, Some(&second)).is_none(),
                "all that it knows is shared, and it adds something"
            );
        }
        let late = make();
        assert!(reconciled(&late, Some(&second)).is_none(), "a fresh policy adds to what is shared");
        let whole = make();
        restore(&whole, &second);
        // What was restored goes on with one clock, where the replicas had two.
        let expected = after(&whole);
        for (policy, words) in [(a, "the first replica"), (b, "the second one"), (late, "a new one")] {
            let settled = make();
            restore(&settled, &saved(&policy));
            assert!(after(&settled) == expected, "{words} assigns otherwise than the state that is shared");
        }
        let summed = make();
        let seen = |traffic, requests| {
            let policy = make();
            play_anew(&policy, traffic, requests);
            saved(&policy)
        };
        restore(&summed, &seen(one, 0..2_000));
        merge(&summed, &seen(other, 3_000..5_000));
        assert!(
            after(&summed) == expected,
            "what is shared is not what {one:?} and {other:?} traffic add up to"
        );
    }
}

fn foreign_states_are_not_shared<P: RolloutPolicy>(make: &impl Fn() -> P) {
    let policy = make();
    play_anew(&policy, Traffic::Alike, 0..2_000);
    let before = saved(&policy);
    let foreign = PolicyState::new(StateFormat::new("conformance", 1), &(), &()).unwrap();
    assert!(policy.reconcile(Some(&foreign)).is_err(), "it shared what it did not save");
    assert_eq!(saved(&policy), before, "a state that was refused changed something");
}

/// What a policy wants shared. It may be nothing, where it assigns as a fresh one: a policy that learns from what this traffic has not.
fn learnt<P: RolloutPolicy>(
    policy: &P,
    shared: Option<&PolicyState>,
    make: &impl Fn() -> P,
) -> Option<PolicyState> {
    let state = reconciled(policy, shared);
    if state.is_none() {
        let fresh = make();
        restore(&fresh, &saved(policy));
        assert!(after(&fresh) == after(&make()), "what it has learnt is not shared");
    }
    state
}

/// What a policy wants shared, as it is after it was written down and read again.
fn reconciled(policy: &impl RolloutPolicy, shared: Option<&PolicyState>) -> Option<PolicyState> {
    let state = policy.reconcile(shared).unwrap()?;
    Some(serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap())
}

/// What a policy does next, without the words.
fn after(policy: &impl RolloutPolicy) -> Trace {
    play_anew(policy, Traffic::Alike, 10_000..12_000).without_reasons()
}

fn first_difference<'a, T: PartialEq>(ours: &'a [T], expected: &'a [T]) -> Option<(&'a T, &'a T)> {
    ours.iter().zip(expected).find(|(ours, expected)| ours != expected)
}

/// The state, as it is after it was written down and read again.
fn saved(policy: &impl RolloutPolicy) -> PolicyState {
    let state = policy.save().unwrap();
    let text = serde_json::to_string(&state).unwrap();
    let read = serde_json::from_str(&text).unwrap();
    assert_eq!(state, read, "the state does not survive JSON");
    read
}

fn restore(policy: &impl RolloutPolicy, state: &PolicyState) {
    let restored = policy.restore(state);
    assert!(restored.is_ok(), "its own state was refused: {restored:?}");
}

fn merge(policy: &impl RolloutPolicy, state: &PolicyState) {
    let merged = policy.merge(state);
    assert!(merged.is_ok(), "the state of a replica was refused: {merged:?}");
}

/// Enough for a canary to be promoted or withdrawn.
const REQUESTS: u64 = 20_000;
