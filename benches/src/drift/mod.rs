//! Drift tests beside scipy and Evidently.

mod catalog;

use std::path::Path;

use mlcore::arrow::array::{Array, DictionaryArray};
use mlcore::arrow::datatypes::Int32Type;
use mlcore::stats::{KsOptions, KsReference, ks_2samp};
use mlcore_drift::bins::{Binning, Recipe};
use mlcore_drift::sample::Sample;
use mlcore_drift::two_sample::psi::psi;
use mlcore_drift::two_sample::{ChiSquare, DriftTest, KolmogorovSmirnov};

use crate::Result;
use crate::data::Part;
use crate::peer::Peer;
use crate::table::{Goal, Table};
use crate::timing::median_seconds;

const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];

pub(crate) fn run(folder: &Path) -> Result<()> {
    let parts: Vec<(Part, Part)> = SIZES
        .iter()
        .map(|rows| (Part::new(*rows, 7, (0.0, 1.0)), Part::new(*rows, 8, (0.02, 1.01))))
        .collect();
    for (reference, current) in &parts {
        reference.write(folder, "reference")?;
        current.write(folder, "current")?;
    }
    let sizes = SIZES.map(|size| size.to_string()).join(",");
    let scipy = Peer::run("MLCORE_BENCH_PYTHON", "scipy_drift.py", folder, &["--sizes", &sizes])?;
    let evidently =
        Peer::run("MLCORE_BENCH_EVIDENTLY_PYTHON", "evidently_drift.py", folder, &["--sizes", &sizes])?;
    let mut table = Table::new(
        "Drift tests of one column, single-threaded; peers: scipy, Evidently",
        &["test and rows", "ours", "peer", "faster", "goal", "", "relative difference"],
    );
    for (reference, current) in &parts {
        measure(&mut table, (reference, current), &scipy, &evidently)?;
    }
    table.note("KS and chi-square are compared by p-value, PSI by its value.");
    table.note(format!("{}; {}", scipy.versions, evidently.versions));
    crate::print(&table);
    for (reference, current) in &parts {
        crate::print(&catalog::table((reference, current), &scipy)?);
    }
    Ok(())
}

fn measure(
    table: &mut Table,
    (reference, current): (&Part, &Part),
    scipy: &Peer,
    evidently: &Peer,
) -> Result<()> {
    let rows = reference.codes.len();
    let mut line = |what: &str, peer: (&Peer, &str), goal: Goal, (seconds, answer): (f64, f64)| {
        let name = format!("{}/{rows}", peer.1);
        let cells = goal.judge(seconds, peer.0.seconds(&name));
        table.line(
            [format!("{what}, {}", power(rows))]
                .into_iter()
                .chain(cells)
                .chain([peer.0.difference(&name, answer)]),
        );
    };
    let large = |times: f64, from: usize| if rows >= from { Goal::Times(times) } else { Goal::None };

    let (x, y) = (reference.numbers.values(), current.numbers.values());
    let options = KsOptions::default();
    let ks = || Ok::<_, mlcore::Error>(ks_2samp(x, y, &options)?.pvalue);
    line("KS / scipy", (scipy, "ks_2samp"), large(15.0, 100_000), timed(ks)?);
    let compiled = KsReference::new(x)?;
    let against = || Ok(compiled.compare(y, &options)?.pvalue);
    line("KS, compiled reference / scipy", (scipy, "ks_2samp"), large(35.0, 1_000_000), timed(against)?);
    let as_drift_test = || {
        let samples = (Sample::from_array(&reference.numbers)?, Sample::from_array(&current.numbers)?);
        Ok(KolmogorovSmirnov::default().compare(&samples.0, &samples.1)?.pvalue.unwrap_or(f64::NAN))
    };
    line("KS drift test / Evidently", (evidently, "ks"), Goal::None, timed(as_drift_test)?);

    let options = Binning::default().with_recipe(Recipe::Evidently);
    let index = || {
        let samples = (Sample::from_array(&reference.numbers)?, Sample::from_array(&current.numbers)?);
        Ok(psi(&samples.0, &samples.1, &options)?.psi)
    };
    let measured = timed(index)?;
    line("PSI / Evidently", (evidently, "psi"), Goal::Times(15.0), measured);
    line("PSI / the same recipe in numpy", (scipy, "numpy, Evidently's bins"), Goal::None, measured);

    let (first, second) = (reference.words(), current.words());
    let measured = timed(|| chi_square(&first, &second))?;
    line("chi-square of text / Evidently", (evidently, "chi2"), Goal::Times(6.0), measured);
    line(
        "chi-square of text / pandas and scipy",
        (scipy, "chi2_contingency of value_counts"),
        Goal::None,
        measured,
    );
    let dictionary =
        |words: &mlcore::arrow::array::StringArray| words.iter().collect::<DictionaryArray<Int32Type>>();
    let (first, second) = (dictionary(&first), dictionary(&second));
    let measured = timed(|| chi_square(&first, &second))?;
    line("chi-square of a dictionary / Evidently", (evidently, "chi2"), Goal::None, measured);
    Ok(())
}

fn chi_square(reference: &dyn Array, current: &dyn Array) -> mlcore::Result<f64> {
    let samples = (Sample::from_array(reference)?, Sample::from_array(current)?);
    Ok(ChiSquare::default().compare(&samples.0, &samples.1)?.pvalue.unwrap_or(f64::NAN))
}

/// Median seconds of a call, and what it answers.
fn timed(call: impl Fn() -> mlcore::Result<f64>) -> Result<(f64, f64)> {
    let answer = call()?;
    Ok((median_seconds(&call), answer))
}

fn power(rows: usize) -> String {
    format!("1e{}", rows.ilog10())
}
