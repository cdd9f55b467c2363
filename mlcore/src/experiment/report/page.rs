//! A report as a page.

use super::super::{Answer, Difference};
use super::text::{interval, pvalue, sentence, written};
use super::{Daily, Decision, Finding, Report};
use crate::html::{
    Align, IntervalPlot, IntervalRow, LinePlot, Markup, Page, Series, Table, Tone, compact, count, list,
    paragraph, percent, pill,
};

pub(super) fn page(report: &Report) -> Page {
    let mut page = Page::new(report.name.as_str()).lead(lead(report));
    if !report.warnings.is_empty() {
        let warnings = report.warnings.iter().map(|warning| Markup::text(&warning.to_string()));
        page = page.section("Warnings", list(warnings));
    }
    page = page.section("Findings", [plots(report), findings(report)]);
    page = page.section("Arms", arms(report));
    if !report.days.is_empty() {
        page = page.section("Days", report.days.iter().map(daily).collect::<Vec<Markup>>());
    }
    page
}

fn lead(report: &Report) -> Markup {
    let of =
        |decision: Decision| report.findings.iter().filter(|finding| finding.decision == decision).count();
    let (better, worse) = (of(Decision::Better), of(Decision::Worse));
    let findings = report.findings.len();
    let blocked = of(Decision::SampleRatioMismatch) + of(Decision::TooEarly);
    paragraph(if blocked > 0 {
        format!("No decision is made on {blocked} of {findings} findings: see the warnings.")
    } else {
        format!("Of {findings} findings {better} are better and {worse} are worse than the control.")
    })
}

/// The intervals of all effects; relative and absolute ones have axes of their own.
fn plots(report: &Report) -> Markup {
    let titles: Vec<String> =
        report.findings.iter().map(|finding| format!("{}, {}", finding.title(), finding.arm)).collect();
    let rows = report.findings.iter().zip(&titles).filter_map(|(finding, title)| {
        let effect = finding.effect.known()?;
        Some(IntervalRow::new(title, effect.low, effect.estimate, effect.high))
    });
    let rows: Vec<IntervalRow<'_>> = rows.collect();
    if rows.is_empty() {
        return paragraph("There is no effect to draw.");
    }
    let plot = IntervalPlot::new("Effects with their intervals; the line is at no effect", rows).mark(0.0);
    if report.options.difference == Difference::Relative {
        plot.percentages().markup()
    } else {
        plot.markup()
    }
}

fn findings(report: &Report) -> Markup {
    let mut table = Table::new(&[
        ("metric", Align::Left),
        ("arm", Align::Left),
        ("control", Align::Right),
        ("treatment", Align::Right),
        ("difference", Align::Right),
        ("interval", Align::Right),
        ("p", Align::Right),
        ("corrected", Align::Right),
        ("decision", Align::Left),
    ]);
    for finding in &report.findings {
        // As it was measured: what an adjustment leaves of a mean is no number that anybody knows.
        let mean = |answer: &Answer<super::super::Estimate>| {
            compact(answer.known().map(|estimate| estimate.unadjusted_mean))
        };
        let effect = finding.effect.known();
        let cell = |text: Option<String>| Markup::from(text.unwrap_or_else(|| "-".to_owned()));
        table.row([
            Markup::text(&finding.title()),
            Markup::text(&finding.arm),
            mean(&finding.control).into(),
            mean(&finding.treatment).into(),
            cell(effect.map(|effect| written(effect.estimate, effect))),
            cell(effect.map(interval)),
            cell(effect.map(|effect| pvalue(effect.pvalue))),
            cell(finding.pvalue_corrected.map(pvalue)),
            decision(finding),
        ]);
    }
    table.markup()
}

fn decision(finding: &Finding) -> Markup {
    let tone = match finding.decision {
        Decision::Better | Decision::NonInferior => Tone::Good,
        Decision::Worse | Decision::SampleRatioMismatch => Tone::Bad,
        Decision::Inconclusive | Decision::TooEarly | Decision::NoVerdict => Tone::Neutral,
    };
    let word = pill(&finding.decision.name().replace('_', " "), tone);
    if finding.effect.known().is_some() {
        word
    } else {
        [word, Markup::text(&format!(" {}", sentence(finding)))].into()
    }
}

fn arms(report: &Report) -> Markup {
    let weight: f64 = report.arms.iter().map(|arm| arm.weight).sum();
    let units: f64 = report.arms.iter().map(|arm| arm.units as f64).sum();
    let mut table = Table::new(&[
        ("arm", Align::Left),
        ("units", Align::Right),
        ("share", Align::Right),
        ("planned", Align::Right),
    ]);
    for arm in &report.arms {
        let observed = if units > 0.0 { arm.units as f64 / units } else { 0.0 };
        table.row([
            Markup::text(&arm.name),
            count(arm.units).into(),
            percent(observed).into(),
            percent(arm.weight / weight).into(),
        ]);
    }
    let ratio = format!("The sample ratio has a p-value of {}.", pvalue(report.srm_pvalue));
    [table.markup(), paragraph(ratio)].into()
}

fn daily(daily: &Daily) -> Markup {
    let known: Vec<_> = daily
        .effects
        .iter()
        .filter_map(|(day, effect)| effect.known().map(|effect| (*day, effect)))
        .collect();
    let line = |name: &str, of: &dyn Fn(&super::super::Effect) -> f64| {
        Series::new(name, known.iter().map(|(day, effect)| (*day, of(effect))).collect::<Vec<_>>())
    };
    let plot = LinePlot::new(format!("Effect on {} by day", daily.metric), "day")
        .series(line("effect", &|effect| effect.estimate))
        .series(line("lower end", &|effect| effect.low))
        .series(line("upper end", &|effect| effect.high))
        .threshold(0.0, "no effect");
    let trend = match &daily.trend {
        Answer::Known(trend) => {
            format!("It changes by {} a day (p = {}).", compact(trend.slope), pvalue(trend.pvalue))
        }
        Answer::NoVerdict(reason) => format!("There is no trend, because {}.", reason.sentence()),
    };
    [plot.markup(), paragraph(trend)].into()
}
