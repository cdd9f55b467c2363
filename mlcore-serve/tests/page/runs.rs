//! Experiments and runs: tables, filters, orders, pages, comparison, empty and deleted things.

use std::collections::BTreeSet;

use http::StatusCode;
use mlcore::name::ExperimentId;
use mlcore::tracking::{Batch, Metric, NewExperiment, NewRun, TrackerExt};

use crate::markup::{Tag, tags};
use crate::support::{Place, at, run_id};

fn chosen(html: &str) -> Vec<String> {
    let boxes = tags(html).into_iter().filter(|tag| tag.name == "input" && tag.get("name") == Some("run"));
    boxes.filter_map(|tag| tag.get("value").map(str::to_owned)).collect()
}

fn link_called(html: &str, text: &str) -> Option<String> {
    let before = html.split(&format!(">{text}</a>")).next().filter(|before| before.len() < html.len())?;
    let own = before.rsplit("<a href=\"").next()?;
    Some(own.trim_end_matches('"').replace("&amp;", "&"))
}

#[test]
fn runs_come_page_by_page_without_a_gap() {
    let place = Place::new();
    place.fill_runs(250);
    let (mut seen, mut pages) = (Vec::new(), 0);
    let mut query = String::from("?order=metrics.%60loss%60%20DESC");
    loop {
        let html = place.get(&format!("/ui/experiments/1{query}"));
        seen.extend(chosen(&html));
        pages += 1;
        match link_called(&html, "Next page") {
            Some(next) => query = next,
            None => break,
        }
    }
    assert_eq!((pages, seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (3, 250, 250));
    assert!(seen[0].ends_with('9') && seen[249].ends_with('0'), "{:?}", (&seen[0], &seen[249]));
    assert_eq!(chosen(&place.get("/ui/experiments/1?rows=1000")).len(), 250);
    assert_eq!(chosen(&place.get("/ui/experiments/1?rows=99999999")).len(), 100);
}

#[test]
fn a_heading_orders_and_then_turns_around() {
    let place = Place::new();
    place.fill_runs(30);
    let html = place.get("/ui/experiments/1");
    assert!(!html.contains("aria-sort"));
    let sorts = |html: &str| -> Vec<Tag> {
        tags(html).into_iter().filter(|tag| tag.get("aria-sort").is_some()).collect()
    };
    // A metric's greatest come first, and then its least.
    let first = link_called(&html, "loss").unwrap();
    let html = place.get(&format!("/ui/experiments/1{first}"));
    assert_eq!(sorts(&html)[0].get("aria-sort"), Some("descending"));
    assert!(chosen(&html)[0].ends_with('9'));
    let html = place.get(&format!("/ui/experiments/1{}", link_called(&html, "loss").unwrap()));
    assert_eq!((sorts(&html).len(), sorts(&html)[0].get("aria-sort")), (1, Some("ascending")));
    assert!(chosen(&html)[0].ends_with('0'));
}

#[test]
fn filters_are_mlflows_and_tell_the_column_of_an_error() {
    let place = Place::new();
    place.fill_runs(30);
    assert_eq!(
        chosen(&place.get("/ui/experiments/1?filter=metrics.loss%20%3C%202&show=params.depth")).len(),
        6
    );
    let (status, _, html) = place.ask("/ui/experiments/1?filter=metrics.loss%20~%202");
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(html.contains("Filter, column 14") && html.contains("metrics.loss <mark>~</mark> 2"), "{html}");
    assert!(tags(&html).iter().any(|tag| tag.get("aria-invalid") == Some("true")));
    // The field keeps what was written.
    assert!(html.contains("value=\"metrics.loss ~ 2\""));
    for (address, words) in [
        ("/ui/experiments/1?order=nonsense", "Order, column 1"),
        ("/ui/experiments?filter=name+%3D+%271", "Filter, column 8"),
        ("/ui/models?filter=stage+%3D+1", "Filter, column 1"),
        ("/ui/experiments/1?page=00ff", "page token"),
        ("/ui/experiments/1?page=xyz", "not as it was given"),
    ] {
        let (status, _, html) = place.ask(address);
        assert!(
            status == StatusCode::BAD_REQUEST && html.to_lowercase().contains(&words.to_lowercase()),
            "{address}: {html}"
        );
        tags(&html);
    }
}

#[test]
fn columns_are_those_that_are_chosen() {
    let place = Place::new();
    place.fill_tracker("x");
    let html = place.get("/ui/experiments/1?show=metrics.acc&show=tags.note");
    let heads: Vec<&str> = html
        .split("class=\"list runs\"")
        .nth(1)
        .unwrap()
        .split("</thead>")
        .next()
        .unwrap()
        .split("</a>")
        .collect();
    assert!(
        heads.iter().any(|head| head.ends_with(">acc")) && heads.iter().any(|head| head.ends_with(">note")),
        "{heads:?}"
    );
    assert!(!heads.iter().any(|head| head.ends_with(">depth")));
    let boxes = tags(&html).into_iter().filter(|tag| tag.get("name") == Some("show"));
    let (on, off): (Vec<_>, Vec<_>) = boxes.partition(|tag| tag.get("checked").is_some());
    assert_eq!(on.len(), 2);
    assert!(off.iter().any(|tag| tag.get("value") == Some("metrics.loss/train set")));
}

#[test]
fn what_is_not_there_yet_says_how_it_comes() {
    let place = Place::new();
    assert!(place.get("/ui/experiments").contains("There are no experiments yet"));
    assert!(place.get("/ui/experiments").contains("mlflow.start_run"));
    assert!(place.get("/ui/models").contains("There are no models yet"));
    assert!(place.get("/ui/audit").contains("Nothing has happened yet"));
    assert!(place.get("/ui/compare").contains("No runs are chosen"));
    place.tracker.create_experiment(NewExperiment::new(ExperimentId::new("1").unwrap(), "e", at(0))).unwrap();
    assert!(place.get("/ui/experiments/1").contains("There are no runs yet"));
    assert!(
        place.get("/ui/experiments/1?filter=status%20%3D%20%27x%27").contains("No run is as you ask for")
    );
    assert!(place.get("/ui/experiments?name=zzz").contains("No experiment is as you ask for"));
    for nothing in [
        "/ui/experiments/2",
        "/ui/runs/zzz",
        "/ui/runs/zzz/metrics/loss",
        "/ui/models/m",
        "/ui/audit/1",
        "/ui/datasets/0",
        "/ui/x",
    ] {
        let (status, headers, html) = place.ask(nothing);
        assert_eq!(status, StatusCode::NOT_FOUND, "{nothing}");
        assert_eq!(headers["cache-control"], "no-store");
        tags(&html);
    }
}

#[test]
fn what_was_deleted_is_marked() {
    let place = Place::new();
    place.fill_tracker("x");
    place.tracker.delete_run(&run_id("b"), at(9)).unwrap();
    assert_eq!(chosen(&place.get("/ui/experiments/1")).len(), 2);
    let deleted = place.get("/ui/experiments/1?view=deleted");
    assert_eq!(chosen(&deleted), ["b"]);
    assert!(deleted.contains(">deleted</span>") && place.get("/ui/runs/b").contains(">deleted</span>"));
    assert_eq!(chosen(&place.get("/ui/experiments/1?view=all")).len(), 3);
    place.tracker.delete_experiment(&ExperimentId::new("1").unwrap(), at(10)).unwrap();
    assert!(place.get("/ui/experiments").contains("There are no experiments yet"));
    assert!(place.get("/ui/experiments?view=deleted").contains("href=\"./experiments/1\""));
    assert!(place.get("/ui/experiments/1?view=all").contains(">deleted</span>"));
}

#[test]
fn a_run_shows_all_that_was_logged() {
    let place = Place::new();
    place.fill_tracker("some text");
    place.fill_registry("x");
    let html = place.get("/ui/runs/a");
    for words in [
        "Registered versions",
        "loss/train set",
        "1 point is not a number (step 5)",
        "Nested runs",
        "href=\"../runs/b\"",
        "some textx <code>m-1</code>",
        "notes.md",
        "1,234",
        "logarithmic",
    ] {
        assert!(html.contains(words), "{words}: {html}");
    }
    // What is nested leads to what it is nested in.
    assert!(place.get("/ui/runs/b").contains("<li><a href=\"../runs/a\">some text</a></li>"));
    let along_time = place.get("/ui/runs/a?x=time&scale=log");
    assert!(along_time.contains("data-along=\"time\"") && along_time.contains("2023-11-14"));
    let metric = place.get("/ui/runs/a/metrics/loss%2Ftrain%20set?from=3&to=9");
    assert!(metric.contains("7 of 20 points lie in the range"), "{metric}");
    assert!(metric.contains("NaN"));
}

#[test]
fn runs_are_compared_by_what_differs() {
    let place = Place::new();
    place.fill_tracker("x");
    place.tracker.log_batch(Batch::new(run_id("c")).with_metric(Metric::new("acc", 0.75, 8))).unwrap();
    let all = place.get("/ui/compare?run=a&run=c&run=a");
    assert!(all.contains("Comparison of 2 runs"));
    let row = |html: &str, name: &str| {
        html.split("<tr").find(|row| row.contains(&format!("<th scope=\"row\">{name}"))).map(str::to_owned)
    };
    assert!(row(&all, "acc").unwrap().contains("differs") && row(&all, "own").unwrap().contains("differs"));
    assert!(!row(&all, "depth").unwrap().contains("differs"));
    let different = place.get("/ui/compare?run=a&run=c&only=different");
    assert!(row(&different, "acc").is_some() && row(&different, "depth").is_none());
    // Two lines, told apart by more than their colour.
    assert!(
        all.contains("class=\"line c0 d0\"")
            && all.contains("class=\"line c1 d1\"")
            && all.contains("class=\"legend\"")
    );
    let many: String = (0..25).map(|number| format!("&run=r{number}")).collect();
    place
        .tracker
        .create_experiment(NewExperiment::new(ExperimentId::new("2").unwrap(), "more", at(0)))
        .unwrap();
    for number in 0..25 {
        let experiment = ExperimentId::new("2").unwrap();
        place.tracker.start_run(NewRun::new(run_id(format!("r{number}")), experiment, at(0))).unwrap();
    }
    let (status, _, html) = place.ask(&format!("/ui/compare?{}", &many[1..]));
    assert!(status == StatusCode::BAD_REQUEST && html.contains("At most 24 runs"), "{html}");
}

#[test]
fn long_texts_are_cut_where_they_would_be_in_the_way() {
    let place = Place::new();
    let long = "x".repeat(400);
    place.fill_tracker("x");
    place.tracker.log_batch(Batch::new(run_id("a")).with_param("long", long.as_str())).unwrap();
    let table = place.get("/ui/experiments/1?show=params.long");
    assert!(table.contains("xxx\u{2026}</td>"));
    assert!(!table.contains(&format!("<td>{long}")));
    let run = place.get("/ui/runs/a");
    assert!(run.contains("<details class=\"long\">") && run.contains(&long));
}
