//! The table of runs: one row each, of what the columns show.

use mlcore::tracking::{LifecycleStage, Run};

use super::columns::{Column, Columns, Kind};
use crate::page::address;
use crate::page::frame::View;
use crate::page::html::Html;
use crate::page::parts::{self, Heading, Tone};
use crate::page::shown;

/// A form with the table in it, which compares what is chosen.
pub(super) fn write(html: &mut Html, view: &View<'_>, columns: &Columns, runs: &[Run]) {
    html.reserve(runs.len() * (BYTES_OF_A_ROW + columns.shown.len() * BYTES_OF_A_CELL));
    html.raw("<form method=\"get\" action=\"")
        .text(view.link(&["compare"]))
        .raw("\"><div class=\"actions\">");
    html.raw("<button type=\"submit\">Compare the chosen runs</button></div>");
    parts::table(html, &super::caption(runs), "list runs");
    html.raw("<thead><tr><th scope=\"col\" class=\"choose\"><span class=\"hidden\">Choose</span></th>");
    for (text, column, falls_first) in [("Run", "run_name", false), ("Started", "start_time", true)] {
        Heading { text, column, is_number: false, falls_first }.write(html, view);
    }
    html.raw("<th scope=\"col\" class=\"n\">Took</th>");
    Heading { text: "Status", column: "status", is_number: false, falls_first: false }.write(html, view);
    for column in &columns.shown {
        let is_number = column.kind == Kind::Metric;
        let order = column.order();
        let (text, is_all) = shown::beginning(&column.key, MOST_HEADING_CHARS);
        let text = if is_all { text.to_owned() } else { format!("{text}\u{2026}") };
        Heading { text: &text, column: &order, is_number, falls_first: is_number }.write(html, view);
    }
    html.raw("</tr></thead><tbody>");
    let runs_path = view.link(&["runs", ""]);
    let mut link = String::with_capacity(96);
    for run in runs {
        link.clear();
        link.push_str(&runs_path);
        address::encode_into(&mut link, run.info.id.as_str());
        row(html, &link, columns, run);
    }
    parts::end_table(html);
    html.raw("</form>");
}

fn row(html: &mut Html, link: &str, columns: &Columns, run: &Run) {
    let info = &run.info;
    html.raw("<tr><td><input type=\"checkbox\" name=\"run\" value=\"")
        .text(&info.id)
        .raw("\" aria-label=\"Choose ");
    html.text(&info.name)
        .raw("\"></td><th scope=\"row\"><a href=\"")
        .text(link)
        .raw("\">")
        .text(&info.name)
        .raw("</a>");
    if info.lifecycle_stage == LifecycleStage::Deleted {
        html.raw(" ").with(|html| parts::pill(html, Tone::Neutral, "deleted"));
    }
    html.raw("</th><td class=\"t\">").text(shown::time(info.start_time)).raw("</td><td class=\"n\">");
    if let Some(end) = info.end_time {
        html.text(shown::duration((end.as_micros().saturating_sub(info.start_time.as_micros())) / 1000));
    }
    html.raw("</td><td>").with(|html| parts::status(html, info.status)).raw("</td>");
    columns.shown.iter().for_each(|column| cell(html, column, run));
    html.raw("</tr>");
}

fn cell(html: &mut Html, column: &Column, run: &Run) {
    let text = match column.kind {
        Kind::Metric => {
            html.raw("<td class=\"n\">");
            if let Some(metric) = run.data.metrics.get(&column.key) {
                html.text(shown::aligned(metric.value));
            }
            html.raw("</td>");
            return;
        }
        Kind::Param => run.data.params.get(&column.key),
        Kind::Tag => run.data.tags.get(&column.key),
    };
    html.raw("<td>");
    if let Some(text) = text {
        let (begin, is_all) = shown::beginning(text, MOST_CELL_CHARS);
        html.text(begin).raw_if(!is_all, "\u{2026}");
    }
    html.raw("</td>");
}

const MOST_CELL_CHARS: usize = 80;
const MOST_HEADING_CHARS: usize = 60;
const BYTES_OF_A_ROW: usize = 420;
const BYTES_OF_A_CELL: usize = 32;
