//! Experiments analysed from columns of units beside gbstats and spotify-confidence, and bandits taught beside mabwiser.

mod columns;
mod taught;

use std::path::Path;

use mlcore::experiment::srm_test;

use self::columns::{Columns, Metrics, Way};
use crate::Result;
use crate::peer::Peer;
use crate::table::{Goal, Table};
use crate::timing::median_seconds;

/// Both sides compute the same where their answers differ by less, relative to the peer's.
const EQUAL: f64 = 1e-9;
/// How many times as long a peer should take.
const TIMES: f64 = 20.0;

pub(crate) fn run(folder: &Path) -> Result<()> {
    let columns = Columns::new();
    columns.write(folder)?;
    let rewards = taught::Rewards::new();
    rewards.write(folder)?;
    let rounds = taught::ROUNDS.to_string();
    let peer = Peer::run("MLCORE_BENCH_EXPERIMENT_PYTHON", "experiment.py", folder, &["--rounds", &rounds])?;
    analyses(&columns, &peer)?;
    taught::table(&rewards, &peer)
}

fn analyses(columns: &Columns, peer: &Peer) -> Result<()> {
    let headers = ["", "ours", "theirs", "faster", "goal", "", "whose", "largest difference"];
    let mut table = Table::new(
        format!("Experiments: a report of {} units in columns, one thread", columns.units()),
        &headers,
    );
    for (way, how) in [(Way::UnitByUnit, "unit by unit"), (Way::Columns, "from columns")] {
        for (whose, metrics, what) in [
            ("gbstats", Metrics::All, "mean with a covariate, proportion, ratio"),
            ("spotify", Metrics::WithoutRatio, "mean with a covariate, proportion"),
        ] {
            let analysis = columns.analyse(way, metrics)?;
            let compared = match metrics {
                Metrics::All => analysis.as_gbstats()?,
                Metrics::WithoutRatio => analysis.as_spotify()?,
            };
            let difference = largest_difference(peer, &compared)?;
            let seconds = median_seconds(|| {
                columns.analyse(way, metrics).map(|analysis| analysis.report.findings.len())
            });
            let cells = Goal::Times(TIMES).judge(seconds, peer.seconds(whose));
            let rest = [whose.to_owned(), difference];
            table.line([format!("{what}: {how}")].into_iter().chain(cells).chain(rest));
        }
    }
    let pvalue = srm_test(&columns.counts(), &[0.5, 0.5])?;
    let difference = largest_difference(peer, &[("srm", pvalue)])?;
    let seconds = median_seconds(|| srm_test(&columns.counts(), &[0.5, 0.5]));
    let cells = Goal::Times(TIMES).judge(seconds, peer.seconds("srm"));
    let rest = ["gbstats".to_owned(), difference];
    table.line(["sample ratio of the assignments".to_owned()].into_iter().chain(cells).chain(rest));
    table.note("theirs: one grouping of a frame of pandas with a categorical arm, then the library. Ours: `JointMoments.push` for each unit,");
    table.note("or `JointMoments.by_arm` of the columns; then the report");
    table.note(&*peer.versions);
    crate::print(&table);
    Ok(())
}

/// The largest relative difference between ours and the peer's answers. One that is no rounding ends it all.
fn largest_difference(peer: &Peer, ours: &[(&str, f64)]) -> Result<String> {
    let mut largest: Option<f64> = None;
    for (name, value) in ours {
        let Some(answer) = peer.answer(name) else { continue };
        let difference = if answer == *value { 0.0 } else { ((value - answer) / answer).abs() };
        if difference.is_nan() || difference > EQUAL {
            return Err(format!("{name}: ours is {value}, and the peer's {answer}").into());
        }
        largest = Some(largest.map_or(difference, |largest| largest.max(difference)));
    }
    Ok(largest.map_or_else(String::new, |largest| format!("{largest:.0e}")))
}
