//! The page: what happened, drawn from what was recorded.

use mlcore::name::Version;
use mlcore::registry::AuditEntry;
use mlcore_drift::html::{
    Align, KeyFigure, LinePlot, Markup, Page, Series, Table, Tone, code, key_figures, list, paragraph, pill,
    subheading,
};
use mlcore_drift::monitor::FleetVerdict;
use mlcore_drift::report::Report;
use mlcore_serve::endpoint::EventKind;

use crate::claims::{Story, count};
use crate::steps;
use crate::traffic::{Log, Speed};

/// Answers per point of the loss curve.
const WINDOW: usize = 250;

/// What the page is drawn from.
#[derive(Debug)]
pub(crate) struct Content<'a> {
    pub(crate) story: &'a Story,
    pub(crate) log: &'a Log,
    pub(crate) speed: Speed,
    pub(crate) report: &'a Report,
    pub(crate) fleet: &'a FleetVerdict,
    pub(crate) audit: &'a [AuditEntry],
    pub(crate) audit_head: String,
    pub(crate) environment: Vec<String>,
}

/// The page as one self-contained HTML document.
pub(crate) fn page(content: &Content<'_>) -> String {
    let drifted = content.report.drifted().count();
    let figures = [
        KeyFigure::new("requests answered", count(content.log.answers.len())),
        KeyFigure::new("predictions per second, one thread", count(content.speed.per_second as usize)),
        KeyFigure::new(
            "per prediction, p50 / p99",
            format!("{:.1?} / {:.1?}", content.speed.p50, content.speed.p99),
        ),
        KeyFigure::new("columns that drifted", format!("{drifted} of {}", content.report.columns.len()))
            .tone(if drifted > 0 { Tone::Bad } else { Tone::Good }),
    ];
    let lead = Markup::from([
        paragraph(
            "The whole loop on the RAND Health Insurance Experiment (1974-1982, public domain): will a member see a \
             doctor this year? One process did all of it. Every number on this page was measured or computed in the run \
             that wrote it. No shift was injected: the experiment's sites 5 and 6 differ from sites 1 to 4 by themselves. \
             The outcome of each request is reported right after its answer, which real life does later.",
        ),
        key_figures(&figures),
    ]);
    Page::new("mlcore quickstart: one loop, one process")
        .lead(lead)
        .section("The release, request by request", release(content.log))
        .section("What was done, and what came out", story(content.story))
        .section("Which columns changed", content.report.markup())
        .section("What three replicas saw together", content.fleet.markup())
        .section("Who changed what: the audit log", audit(content))
        .section("Environment", list(content.environment.iter().map(|line| Markup::text(line))))
        .to_html()
}

fn release(log: &Log) -> Markup {
    let mut plot = LinePlot::new(
        format!("Mean log loss of each version over its last {WINDOW} answers; less is better"),
        "requests",
    );
    let mut versions: Vec<Version> = log.answers.iter().map(|answer| answer.version).collect();
    versions.sort_unstable();
    versions.dedup();
    for version in versions {
        plot = plot.series(Series::new(format!("version {version}"), losses(log, version)));
    }
    for (at, name) in &log.moments {
        plot = plot.event(*at as f64, name.as_str());
    }
    let mut table = Table::new(&[("requests", Align::Right), ("event", Align::Left), ("why", Align::Left)]);
    for (at, event) in &log.events {
        let (what, tone, why) = match &event.kind {
            EventKind::Stepped { share, reason, .. } => {
                (format!("canary grows to {:.0} %", share * 100.0), Tone::Neutral, reason.clone())
            }
            EventKind::Promoted { to, reason, .. } => {
                (format!("version {to} promoted"), Tone::Good, reason.clone())
            }
            EventKind::RolledBack { version, reason, .. } => {
                (format!("version {version} rolled back"), Tone::Bad, reason.clone())
            }
            EventKind::Judged { verdict } => {
                let tone = if verdict.is_drifted() { Tone::Bad } else { Tone::Good };
                let columns = steps::columns(verdict);
                (
                    format!("window of {} rows {}", verdict.window.rows, verdict.overall),
                    tone,
                    columns.join(", "),
                )
            }
            other => (other.to_string(), Tone::Neutral, String::new()),
        };
        table.row([Markup::text(&count(*at)), pill(&what, tone), Markup::text(&why)]);
    }
    Markup::from([plot.markup(), table.markup()])
}

/// The rolling mean loss of one version, over the requests at which it answered.
fn losses(log: &Log, version: Version) -> Vec<(f64, f64)> {
    let own: Vec<(usize, f64)> = log
        .answers
        .iter()
        .enumerate()
        .filter(|(_, answer)| answer.version == version)
        .map(|(request, answer)| (request, answer.loss))
        .collect();
    let window = WINDOW.min(own.len() / 2).max(1);
    own.windows(window)
        .step_by((window / 10).max(1))
        .filter_map(|answers| {
            let (request, _) = answers.last()?;
            let mean = answers.iter().map(|(_, loss)| loss).sum::<f64>() / answers.len() as f64;
            Some((*request as f64, mean))
        })
        .collect()
}

fn story(story: &Story) -> Markup {
    let steps = story.steps.iter().enumerate().map(|(number, step)| {
        let heading = subheading(&format!("{}. {}", number + 1, step.title));
        Markup::from([heading, list(step.lines.iter().map(|line| Markup::text(line)))])
    });
    Markup::from(steps.collect::<Vec<_>>())
}

fn audit(content: &Content<'_>) -> Markup {
    let mut table = Table::new(&[
        ("entry", Align::Right),
        ("who", Align::Left),
        ("operation", Align::Left),
        ("subject", Align::Left),
        ("reason", Align::Left),
        ("hash", Align::Left),
    ]);
    for entry in content.audit {
        let hash: String = entry.hash.to_hex().chars().take(12).collect();
        table.row([
            Markup::text(&entry.sequence.to_string()),
            Markup::text(&entry.actor),
            Markup::text(entry.event.operation()),
            Markup::text(&entry.event.subject()),
            Markup::text(entry.reason.as_deref().unwrap_or_default()),
            code(&hash),
        ]);
    }
    Markup::from([
        paragraph(
            format!(
                "Each entry's hash covers the entry before it. The chain was verified: head {}.",
                content.audit_head
            )
            .as_str(),
        ),
        table.markup(),
    ])
}
