//! Every link of every page leads to a page.

use std::collections::{BTreeMap, VecDeque};

use http::StatusCode;
use http::header;

use crate::markup::tags;
use crate::support::Place;

/// The pages that links lead to from the first one, at most so many.
pub(crate) fn crawl(place: &Place, most: usize) -> BTreeMap<String, String> {
    let (mut pages, mut waiting) = (BTreeMap::new(), VecDeque::from([("/ui/".to_owned(), String::new())]));
    let mut seen = std::collections::BTreeSet::from(["/ui/".to_owned()]);
    while let Some((path, from)) = waiting.pop_front() {
        if pages.len() >= most {
            break;
        }
        let (status, headers, html) = place.ask(&path);
        let mut found = Vec::new();
        if status == StatusCode::SEE_OTHER {
            found.push(headers[header::LOCATION].to_str().unwrap().to_owned());
        } else {
            assert_eq!(status, StatusCode::OK, "{path}, linked from {from}: {html}");
            if path.contains("/assets/") {
                continue;
            }
            let links = tags(&html).into_iter().filter_map(|tag| {
                let name = if matches!(tag.name.as_str(), "a" | "link") { "href" } else { "src" };
                tag.get(name).map(str::to_owned)
            });
            found.extend(links);
            pages.insert(path.clone(), html);
        }
        for link in found {
            let Some(to) = resolved(&path, &link) else { continue };
            if seen.insert(to.clone()) {
                waiting.push_back((to, path.clone()));
            }
        }
    }
    pages
}

/// Where a link leads; nothing for one that leaves the pages.
fn resolved(path: &str, link: &str) -> Option<String> {
    let link = link.split('#').next().unwrap_or_default();
    if link.is_empty() || link.starts_with("http://") || link.starts_with("https://") {
        return None;
    }
    let own = path.split('?').next().unwrap_or_default();
    if link.starts_with('?') {
        return Some(format!("{own}{}", link.trim_end_matches('?')));
    }
    let (way, query) = link.split_once('?').map_or((link, None), |(way, query)| (way, Some(query)));
    let mut segments: Vec<&str> = own.split('/').collect();
    segments.pop();
    for part in way.split('/') {
        match part {
            "." => {}
            ".." => drop(segments.pop()),
            part => segments.push(part),
        }
    }
    let mut to = segments.join("/");
    if way.ends_with("./") && !to.ends_with('/') {
        to.push('/');
    }
    assert!(to.starts_with("/ui"), "{link} on {path} leaves the pages: {to}");
    Some(query.map_or_else(|| to.clone(), |query| format!("{to}?{query}")))
}

#[test]
fn every_link_leads_to_a_page() {
    let place = Place::new();
    place.fill_tracker("a name with / and ? and #");
    place.fill_registry("a name with / and ? and #");
    let pages = crawl(&place, 2000);
    let one = |part: &str| pages.keys().any(|path| path.starts_with(part));
    for part in [
        "/ui/experiments/1",
        "/ui/runs/a",
        "/ui/runs/b/metrics/loss%2Ftrain%20set",
        "/ui/models/churn/versions/3",
        "/ui/audit/1",
        "/ui/datasets/",
        "/ui/runs/a?folder=model",
        "/ui/audit?verify=yes",
    ] {
        assert!(one(part), "no link leads to {part}: {:?}", pages.keys());
    }
    assert!(pages.len() < 2000, "the crawl comes to an end");
}

#[test]
fn links_lead_on_wherever_the_pages_are() {
    for (path, link, to) in [
        ("/ui/", "./models", "/ui/models"),
        ("/ui/runs/a", "../models/m", "/ui/models/m"),
        ("/ui/runs/a", "../", "/ui/"),
        ("/ui/models", "?order=a", "/ui/models?order=a"),
        ("/ui/models?x=1", "?", "/ui/models"),
    ] {
        assert_eq!(resolved(path, link).as_deref(), Some(to), "{path} {link}");
    }
}
