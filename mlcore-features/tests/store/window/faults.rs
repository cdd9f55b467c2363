//! Filling tiles from history and from a stream, killed at random moments: no gap, and nothing twice.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mlcore_features::store::online::{EmbeddedOptions, EmbeddedStore};
use mlcore_features::store::window::{Delivery, OnlineWindows};

use super::{Event, all_functions, at, offline, online, plan, rides, table, windows};

const START: i64 = 1_700_000_000_000_000;
const NOW: i64 = START + 2000;
const WATERMARK: i64 = START + 1000;

/// Events in time order, so that history and stream are told apart by the watermark.
fn events() -> Vec<Event> {
    let mut random = mlcore::stats::SplitMix64::new(5);
    let mut events: Vec<Event> = (0..400)
        .map(|_| {
            let mut below = |most: u64| (random.next_u64() % most) as i64;
            Event {
                driver: Some(below(20)),
                event: Some(START + below(1900)),
                created: None,
                fare: Some(below(1_000_000) as f64 * 0.1),
                trips: Some(below(9)),
                city: Some(format!("city {}", below(5))),
            }
        })
        .collect();
    events.sort_by_key(|event| event.event);
    events
}

fn own(folder: &Path) -> OnlineWindows {
    let store = EmbeddedStore::open(folder.join("online.redb"), EmbeddedOptions::default()).unwrap();
    windows(Arc::new(store), &plan(&all_functions(1500, 50)))
}

/// The child: history up to the watermark, then the stream from before it on, from the first batch that was not acknowledged.
#[test]
fn child_fills_tiles_until_it_is_killed() {
    let Some((work, folder)) = crate::kill::told() else { return };
    let (windows, events) = (own(&folder), events());
    crate::kill::say("ready");
    let history: Vec<_> = events.chunks(70).map(table).collect();
    windows.backfill(&history, at(WATERMARK), at(NOW)).unwrap();
    crate::kill::say("filled");
    let stream: Vec<&[Event]> = events[150..].chunks(40).collect();
    for (number, batch) in (1_u64..).zip(stream).skip(work.parse().unwrap()) {
        windows.update(&Delivery::new("partition-0", number), &table(batch), at(NOW)).unwrap();
        crate::kill::say(&number.to_string());
    }
    loop {
        crate::kill::say("done");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn kills_leave_no_gap_and_nothing_twice() {
    let (events, asked) = (events(), all_functions(1500, 50));
    let questions: Vec<(Option<i64>, i64)> = (0..20).map(|driver| (Some(driver), NOW)).collect();
    let drivers: Vec<i64> = (0..20).collect();
    let due = offline(rides(&events), &plan(&asked), &questions);
    let mut histories = 0;
    let mut rounds = 0;
    while rounds < crate::kill::rounds() / 3 || histories == 0 {
        histories += 1;
        let folder = tempfile::tempdir().unwrap();
        let (mut acknowledged, mut is_done) = (0, false);
        while !is_done {
            rounds += 1;
            let time = Duration::from_micros(rounds * 7_919 % 20_000);
            let said = crate::kill::run_and_kill(
                "window::faults::child_fills_tiles_until_it_is_killed",
                acknowledged.to_string(),
                folder.path(),
                [1, 6, 0, 4][rounds as usize % 4],
                time,
            );
            acknowledged = said.iter().filter_map(|line| line.parse().ok()).max().unwrap_or(acknowledged);
            is_done = said.iter().any(|line| line == "done");
        }
        assert_eq!(online(&own(folder.path()), &drivers, NOW), due, "after {rounds} kills");
    }
    println!("{rounds} kills, {histories} times to the end");
}
