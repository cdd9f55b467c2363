//! Script in every field that pages show.

use proptest::prelude::*;

use crate::links::crawl;
use crate::markup::tags;
use crate::support::Place;

const HOSTILE: [&str; 10] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</title></textarea></style><svg onload=alert(1)>",
    "<!--<script>",
    "&lt;script&gt;&#60;script&#62;",
    "]]><![CDATA[<script>",
    "a\u{202e}evil\u{2066}\u{200b}",
    "${7*7}{{7*7}}`<%= 7 %>`",
];

/// All pages of a place whose every free text is this one: markup that is ours alone, which [`tags`] holds.
fn check(text: &str) {
    let place = Place::with_file(text);
    place.fill_tracker(text);
    place.fill_registry(text);
    let pages = crawl(&place, 400);
    assert!(pages.len() > 30, "{}", pages.len());
    for (path, html) in &pages {
        for raw in
            ["<script>alert", "<img", "onload=alert(1)>", "<svg onload", "\u{202e}", "\u{2066}", "\u{200b}"]
        {
            assert!(!html.contains(raw), "{path}: {raw}");
        }
        tags(html);
    }
    // It is shown, and not left out.
    let seen = pages.iter().filter(|(_, html)| html.contains("alert(1)")).count();
    assert!(!text.contains("alert(1)") || seen > 15, "{seen}");
}

#[test]
fn hostile_texts_stay_texts() {
    HOSTILE.into_iter().for_each(check);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_text_stays_text(text in "[<>\"'&/=a-z \\PC]{1,60}") {
        prop_assume!(!text.trim().is_empty() && !text.starts_with("runs:"));
        check(text.trim());
    }

    /// Whatever an address says, the answer is a page.
    #[test]
    fn any_address_is_answered(path in "[a-z%/.0-9]{0,40}", query in "[a-z=&%+.`0-9 ]{0,60}") {
        let place = Place::new();
        let address = format!("/ui/{path}?{}", query.replace(' ', "+"));
        prop_assume!(address.parse::<http::Uri>().is_ok());
        let (status, _, html) = place.ask(&address);
        if status != 303 && status != 304 && !path.starts_with("assets/") {
            tags(&html);
        }
    }
}

/// What is searched for stands in the field again.
#[test]
fn what_a_query_says_stays_text() {
    let place = Place::new();
    place.fill_runs(3);
    for text in HOSTILE {
        let mut encoded = String::new();
        text.bytes().for_each(|byte| encoded.push_str(&format!("%{byte:02X}")));
        for address in [
            format!("/ui/experiments?name={encoded}&filter={encoded}&order={encoded}"),
            format!(
                "/ui/experiments/1?filter={encoded}&order={encoded}&show=metrics.{encoded}&show={encoded}&rows={encoded}"
            ),
            format!("/ui/runs/r1?x={encoded}&scale={encoded}&folder={encoded}&charts={encoded}"),
            format!("/ui/runs/r1/metrics/{encoded}"),
            format!("/ui/runs/r1/metrics/loss?from={encoded}&to={encoded}"),
            format!("/ui/compare?run={encoded}"),
            format!("/ui/models/{encoded}"),
            format!("/ui/models?filter={encoded}&name={encoded}"),
            format!("/ui/datasets/{encoded}"),
            format!("/ui/audit?before={encoded}"),
            format!("/ui/{encoded}"),
        ] {
            let (_, _, html) = place.ask(&address);
            tags(&html);
            assert!(!html.contains("<script>alert") && !html.contains("<img"), "{address}");
        }
    }
}
