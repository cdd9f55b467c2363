use super::*;
use crate::tracking::{HistorySearch, PageToken};

pub(super) fn are_stable(places: &Places<'_, dyn Tracker>) {
    pages_hold_each_run_once(places);
    rows_that_are_added_hide_nothing(places);
    tokens_belong_to_their_search(places);
}

fn pages(tracker: &dyn Tracker, mut search: RunSearch, mut between: impl FnMut(usize)) -> Vec<String> {
    let mut found = Vec::new();
    for count in 0..100 {
        let page = tracker.search_runs(&search).unwrap();
        assert!(page.items.len() <= search.limit);
        found.extend(ids(&page.items));
        match page.next {
            Some(next) => search = search.with_page(next),
            None => return found,
        }
        between(count);
    }
    unreachable!("the pages do not end")
}

fn pages_hold_each_run_once(places: &Places<'_, dyn Tracker>) {
    let world = World::new(places);
    let tracker = &*world.tracker;
    for number in 0..13 {
        let id = format!("r{number}");
        world.start(&id, i64::from(number / 3));
        match number {
            0..6 => world.log(&id, "m", f64::from(number / 2)),
            6..8 => world.log(&id, "m", f64::NAN),
            _ => {}
        }
        if number % 4 != 0 {
            tracker.log_param(&run(&id), "p", format!("{}", number / 5)).unwrap();
        }
    }
    let orders: [&[&str]; 6] = [
        &[],
        &["metrics.m"],
        &["metrics.m DESC", "params.p"],
        &["params.p DESC", "run_id DESC"],
        &["end_time", "metrics.m"],
        &["start_time ASC"],
    ];
    for order in orders {
        let mut search = RunSearch::new([experiment("1")]);
        search.order_by = order.iter().map(|column| (*column).to_owned()).collect();
        let whole = ids(&tracker.search_runs(&search).unwrap().items);
        assert_eq!(whole.len(), 13);
        for limit in [1, 2, 5, 13] {
            let paged = pages(tracker, search.clone().with_limit(limit), |_| {});
            assert_eq!(paged, whole, "{order:?} in pages of {limit}");
        }
        let exact = tracker.search_runs(&search.with_limit(13)).unwrap();
        assert!(exact.next.is_none(), "the last page says so");
    }
}

fn rows_that_are_added_hide_nothing(places: &Places<'_, dyn Tracker>) {
    let world = World::new(places);
    for number in 0..6 {
        world.start(&format!("r{number}"), 10 * number);
    }
    let found = pages(&*world.tracker, RunSearch::new([experiment("1")]).with_limit(2), |count| {
        let count = i64::try_from(count).unwrap();
        world.start(&format!("new{count}"), 1000 + count);
        world.start(&format!("late{count}"), count);
    });
    let old: Vec<_> = found.iter().filter(|id| id.starts_with('r')).cloned().collect();
    assert_eq!(old, ["r5", "r4", "r3", "r2", "r1", "r0"]);
    assert!(!found.iter().any(|id| id.starts_with("new")), "what begins later stands before the first page");
    assert!(found.contains(&"late0".to_owned()), "what belongs to a later page is seen there");
}

fn tokens_belong_to_their_search(places: &Places<'_, dyn Tracker>) {
    let world = World::new(places);
    let tracker = &*world.tracker;
    for number in 0..3 {
        world.start(&format!("r{number}"), number);
        tracker.log_metric(&run("r0"), "m", 1.0, at(number), 0).unwrap();
    }
    let search = || RunSearch::new([experiment("1")]).with_limit(1);
    let token = tracker.search_runs(&search()).unwrap().next.unwrap();
    let again: PageToken = token.as_str().parse().unwrap();
    assert_eq!(
        ids(&tracker.search_runs(&search().with_page(again).with_limit(2)).unwrap().items),
        ["r1", "r0"]
    );
    let mut forged = token.as_str().to_owned().into_bytes();
    let last = forged.last_mut().unwrap();
    *last = if *last == b'0' { b'1' } else { b'0' };
    let forged: PageToken = String::from_utf8(forged).unwrap().parse().unwrap();
    let others = [
        search().with_page(forged),
        search().with_page("00".parse::<PageToken>().unwrap()),
        search().with_page("abc".parse::<PageToken>().unwrap()),
        search().with_filter("metrics.m > 0").with_page(token.clone()),
        search().with_order("metrics.m").with_page(token.clone()),
        search().with_view(ViewType::All).with_page(token.clone()),
        RunSearch::new([experiment("2")]).with_page(token.clone()),
    ];
    for other in others {
        assert_eq!(tracker.search_runs(&other).unwrap_err().kind(), "invalid_input");
    }
    let history = HistorySearch::new(run("r0"), "m").with_limit(1);
    assert!(tracker.metric_history(&history.clone().with_page(token)).is_err());
    let token = tracker.metric_history(&history).unwrap().next.unwrap();
    assert_eq!(tracker.metric_history(&history.with_page(token.clone())).unwrap().items[0].timestamp_ms, 1);
    assert!(tracker.metric_history(&HistorySearch::new(run("r0"), "n").with_page(token)).is_err());
    for bad in ["", "no token", "../..", &"0".repeat(10 << 20)] {
        assert!(bad.parse::<PageToken>().is_err());
    }
}
