//! What the bandit did, as a page.

use mlcore::html::{IntervalPlot, IntervalRow, LinePlot, Page, Series, paragraph};

use crate::{Log, Worth};

pub(crate) fn page(log: &Log, worth: &[Worth], best: &str) -> String {
    let points = |values: &dyn Fn(usize) -> f64| -> Vec<(f64, f64)> {
        (0..log.best.len()).step_by(25).map(|person| (person as f64, values(person))).collect()
    };
    let earned: Vec<f64> = log
        .reward
        .iter()
        .scan(0.0, |sum, reward| {
            *sum += reward;
            Some(*sum)
        })
        .collect();
    let share = points(&|person| log.best[person]);
    let right = points(&|person| earned[person] / (person + 1) as f64);
    let learning = LinePlot::new("How the bandit learns", "people asked")
        .series(Series::new(format!("probability of {best}"), share))
        .series(Series::new("share of years foretold so far", right))
        .percentages();
    let rows = worth.iter().map(|own| {
        IntervalRow::new(own.question, own.snips.interval.0, own.snips.value, own.snips.interval.1)
    });
    let mut values =
        IntervalPlot::new("What each question earns by the bandit's own log", rows).percentages();
    for own in worth {
        values = values.mark(own.truth);
    }
    Page::new("Which question tells who will see a doctor?")
        .lead(paragraph(format!(
            "{} people were asked one question each by a bandit that learns a year late. Below, what its log says of each question (SNIPS, 95 % \
             intervals), with lines at the truth.",
            log.reward.len()
        )))
        .section("Learning", learning.markup())
        .section("Off-policy", values.markup())
        .to_html()
}
