//! Profiling a table beside whylogs, and beside what reading and copying its memory costs in the same run.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore::profile::{Profile, ProfileOptions};

use crate::Result;
use crate::data::Part;
use crate::peer::Peer;
use crate::table::{Goal, Table};
use crate::timing::{median_seconds, show};

const ROWS: usize = 1_000_000;
/// Columns of numbers and of text, as in the table that whylogs was first measured with.
const NUMBERS: usize = 14;
const TEXTS: usize = 6;
/// whylogs' values a second on the machine where the goal was set.
const PEER_RATE: f64 = 0.63e6;
const GOAL: f64 = 80.0;

pub(crate) fn run(folder: &Path) -> Result<()> {
    let parts: Vec<Part> = (0..NUMBERS as u64).map(|seed| Part::new(ROWS, seed, (0.0, 1.0))).collect();
    for (place, part) in parts.iter().enumerate() {
        part.write(folder, &format!("profile_{place}"))?;
    }
    let arguments =
        ["--rows", &ROWS.to_string(), "--numbers", &NUMBERS.to_string(), "--texts", &TEXTS.to_string()];
    let whylogs = Peer::run("MLCORE_BENCH_WHYLOGS_PYTHON", "whylogs_profile.py", folder, &arguments)?;

    let numbers: Vec<Float64Array> = parts.iter().map(|part| part.numbers.clone()).collect();
    let texts: Vec<StringArray> = parts.iter().take(TEXTS).map(Part::words).collect();
    let mixed = table(&numbers, &texts)?;
    let (only_numbers, only_texts) = (table(&numbers, &[])?, table(&[], &texts)?);
    let binned = (0..NUMBERS).fold(ProfileOptions::default(), |options, place| {
        options.with_edges(
            format!("num_{place}"),
            [-2.0, -1.28, -0.84, -0.52, -0.25, 0.0, 0.25, 0.52, 0.84, 1.28, 2.0],
        )
    });
    let plain = ProfileOptions::default();
    let title = format!(
        "Profiles of 1e6 rows: {NUMBERS} columns of numbers, {TEXTS} of text; one thread; peer: whylogs"
    );
    let columns = ["what", "ours", "peer", "faster", "goal", "", "M values/s", "memory bandwidth"];
    let mut table = Table::new(title, &columns);
    let copied = copy_rate(&numbers);
    let mut line =
        |what: &str, batch: &RecordBatch, options: &ProfileOptions, goal: Goal, peer: Option<f64>| {
            let seconds = median_seconds(|| profiled(batch, options));
            let values = (batch.num_rows() * batch.num_columns()) as f64;
            let rate = format!("{:.0}", values / seconds / 1e6);
            let share = format!("{:.0} %", 100.0 * bytes_of(batch) / seconds / copied);
            table.line([what.to_owned()].into_iter().chain(goal.judge(seconds, peer)).chain([rate, share]));
        };
    let values = (ROWS * (NUMBERS + TEXTS)) as f64;
    let peer = whylogs.seconds("profile/mixed");
    line("mixed table", &mixed, &plain, Goal::Times(GOAL), peer);
    line("mixed table, 11 edges a column", &mixed, &binned, Goal::Within(values / (GOAL * PEER_RATE)), None);
    line("its numbers", &only_numbers, &plain, Goal::None, whylogs.seconds("profile/numbers"));
    line("its text", &only_texts, &plain, Goal::None, whylogs.seconds("profile/texts"));
    let sum =
        median_seconds(|| numbers.iter().map(|column| column.values().iter().sum::<f64>()).sum::<f64>());
    table.note(format!(
        "A plain sum of the numbers takes {}, {:.0} M values/s; a copy moves {:.1} GB/s in and as much out, of which the last column is a share.",
        show(sum),
        (ROWS * NUMBERS) as f64 / sum / 1e6,
        copied / 1e9
    ));
    sizes(&mut table, &mixed, &whylogs)?;
    table.note(whylogs.versions);
    crate::print(&table);
    Ok(())
}

/// What a merge and the bytes cost.
fn sizes(table: &mut Table, mixed: &RecordBatch, whylogs: &Peer) -> Result<()> {
    let profile = profiled(mixed, &ProfileOptions::default())?;
    let bytes = profile.to_bytes();
    let merge = median_seconds(|| {
        let mut merged = profile.clone();
        merged.merge(&profile).map(|()| merged)
    });
    let written = median_seconds(|| profile.to_bytes());
    let read = median_seconds(|| Profile::from_bytes(&bytes));
    let peer = |name: &str| whylogs.seconds(name).map_or("-".to_owned(), show);
    table.note(format!(
        "A merge takes {} (whylogs {}), writing {} bytes {} (whylogs {}), reading them {}.",
        show(merge),
        peer("profile/merge"),
        bytes.len(),
        show(written),
        peer("profile/serialize"),
        show(read)
    ));
    Ok(())
}

fn profiled(batch: &RecordBatch, options: &ProfileOptions) -> mlcore::Result<Profile> {
    let mut profile = Profile::new(options)?;
    profile.add(batch)?;
    Ok(profile)
}

fn table(numbers: &[Float64Array], texts: &[StringArray]) -> Result<RecordBatch> {
    let numbers = numbers
        .iter()
        .enumerate()
        .map(|(place, column)| (format!("num_{place}"), Arc::new(column.clone()) as ArrayRef));
    let texts = texts
        .iter()
        .enumerate()
        .map(|(place, column)| (format!("cat_{place}"), Arc::new(column.clone()) as ArrayRef));
    Ok(RecordBatch::try_from_iter(numbers.chain(texts))?)
}

/// The bytes of values and offsets that a profile reads.
fn bytes_of(batch: &RecordBatch) -> f64 {
    batch.columns().iter().map(|column| column.get_buffer_memory_size() as f64).sum()
}

/// Bytes a second that a copy of the columns reads.
fn copy_rate(numbers: &[Float64Array]) -> f64 {
    let mut into = vec![0.0; ROWS];
    let seconds = median_seconds(|| {
        for column in numbers {
            into.copy_from_slice(column.values());
            black_box(&mut into);
        }
    });
    (numbers.len() * ROWS * size_of::<f64>()) as f64 / seconds
}
