//! One metric of a run: its chart, and its points.

use mlcore::name::RunId;
use mlcore::tracking::{HistorySearch, Metric};

use super::chart::{Along, Chart, Series, Size};
use super::frame::{Area, Page, View};
use super::history;
use super::html::Html;
use super::parts;
use super::run;
use super::shown;
use super::trouble::{Result, Trouble};

pub(super) fn page(view: &View<'_>, id: &RunId, name: &str) -> Result<Page> {
    let tracker = view.tracker()?;
    let run = tracker.run(id)?;
    if !run.data.metrics.contains_key(name) {
        return Err(Trouble::not_found(format!("This run has no metric {name:?}.")));
    }
    let (along, log) = (run::along(view), run::is_log(view));
    let mut page = Page::new(Area::Experiments, name);
    page = run::crumbs(page, view, &run)?.within(run.info.name.as_str(), view.link(&["runs", id.as_str()]));
    let mut history = history::read(&**tracker, id, name, along, history::MOST_POINTS)?;
    let (from, to) = (bound(view, "from"), bound(view, "to"));
    let all = history.points.len();
    history.points.retain(|(x, _)| from.is_none_or(|from| *x >= from) && to.is_none_or(|to| *x <= to));
    if history.points.len() < all {
        let shown = shown::count(history.points.len() as u64);
        history
            .notes
            .push(format!("{shown} of {} lie in the range.", shown::counted(all, "point", "points")));
    }
    form(&mut page.body, view, along);
    let series = vec![Series { name: name.to_owned(), link: None, points: history.points }];
    let mut chart = Chart::new(name, along, series);
    (chart.log, chart.size, chart.notes) = (log, Size::Large, history.notes);
    chart.write(&mut page.body);
    let mut search = HistorySearch::new(id.clone(), name).with_limit(ROWS);
    search = search.with_page(parts::page_token(view)?);
    let found = tracker.metric_history(&search)?;
    page.section("points", "Points", |html| {
        points(html, &found.items);
        parts::pager(html, view, found.next.as_ref());
    });
    Ok(page)
}

fn bound(view: &View<'_>, name: &str) -> Option<f64> {
    view.query.get(name).and_then(|text| text.trim().parse().ok())
}

fn form(html: &mut Html, view: &View<'_>, along: Along) {
    html.raw("<form class=\"search\" method=\"get\">");
    run::axes(html, view);
    let unit = match along {
        Along::Step => ["From step", "To step"],
        Along::Time => ["From, in milliseconds since 1970", "To, in milliseconds since 1970"],
    };
    for (name, label) in ["from", "to"].into_iter().zip(unit) {
        html.raw("<div class=\"field\"><label for=\"").raw(name).raw("\">").raw(label);
        html.raw("</label><input type=\"number\" step=\"any\" id=\"")
            .raw(name)
            .raw("\" name=\"")
            .raw(name)
            .raw("\" value=\"");
        html.text(view.query.get(name).unwrap_or_default()).raw("\"></div>");
    }
    html.raw("<button type=\"submit\">Draw</button></form>");
}

fn points(html: &mut Html, points: &[Metric]) {
    parts::table(html, "Points in the order of time", "short");
    parts::head(html, &["Step#", "Time", "Value#"]);
    for point in points {
        html.raw("<tr><th scope=\"row\" class=\"n\">").show(point.step).raw("</th><td class=\"t\">");
        html.text(shown::moment(point.timestamp_ms.div_euclid(1000), ' ')).raw(".");
        html.text(format!("{:03}", point.timestamp_ms.rem_euclid(1000))).raw("</td><td class=\"n\">");
        html.text(shown::exact(point.value)).raw("</td></tr>");
    }
    parts::end_table(html);
}

const ROWS: usize = 200;
