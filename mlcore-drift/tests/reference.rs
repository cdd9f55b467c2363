//! A monitor's reference that is stored beside the model.

#![cfg(test)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlcore::Error;
use mlcore::arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float32Array, Float64Array, Int64Array, MutableArrayData,
    RecordBatch, StringArray, UInt32Array, make_array,
};
use mlcore::stats::SplitMix64;
use mlcore_drift::catalog::Catalog;
use mlcore_drift::monitor::{
    ColumnOptions, Fleet, Monitor, MonitorOptions, MonitorReference, MonitorState, Verdict, WindowCounter,
};
use mlcore_drift::sample::Kind;
use mlcore_drift::two_sample::{ChiSquare, CompiledTest, DriftTest, Psi};
use proptest::prelude::*;

/// Columns of every sort that is read in a way of its own.
fn table(rows: usize, seed: u64, shift: f64) -> RecordBatch {
    let mut random = SplitMix64::new(seed);
    let drawn: Vec<f64> = (0..rows).map(|_| random.normal() + shift).collect();
    let some = |row: usize| (row % 11 != 3).then(|| drawn[row]);
    let columns: [(&str, ArrayRef); 8] = [
        ("double", Arc::new((0..rows).map(some).collect::<Float64Array>())),
        ("single", Arc::new(drawn.iter().map(|x| Some(*x as f32)).collect::<Float32Array>())),
        ("large", Arc::new(drawn.iter().map(|x| Some((1 << 60) + (x * 9.0) as i64)).collect::<Int64Array>())),
        ("few", Arc::new(drawn.iter().map(|x| Some((x.abs() * 3.0) as u32)).collect::<UInt32Array>())),
        (
            "zip",
            Arc::new(drawn.iter().map(|x| Some(10_000 + (x.abs() * 40.0) as i64)).collect::<Int64Array>()),
        ),
        (
            "text",
            Arc::new((0..rows).map(|row| some(row).map(|x| format!("{x:.0}"))).collect::<StringArray>()),
        ),
        ("flag", Arc::new(drawn.iter().map(|x| Some(*x > 0.0)).collect::<BooleanArray>())),
        ("day", Arc::new((0..rows).map(|row| Some(row as i32)).collect::<Date32Array>())),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn options() -> MonitorOptions {
    MonitorOptions::default()
        .with_window_rows(400)
        .with_column("zip", ColumnOptions::default().with_kind(Kind::Categorical))
        .with_column("double", ColumnOptions::default().with_test(Psi::default()).with_minimum_effect(0.2))
}

fn verdicts(mut monitor: Monitor, rows: &RecordBatch) -> Vec<Verdict> {
    monitor.observe(rows).unwrap()
}

#[test]
fn a_monitor_judges_alike_before_and_after_its_reference_was_stored() {
    let rows = table(1200, 2, 0.2);
    let reference = MonitorReference::new(&table(3000, 1, 0.0), &options()).unwrap();
    let stored = reference.to_bytes().unwrap();
    let again = MonitorReference::from_bytes(&stored).unwrap();
    let (before, after) = (reference.monitor().unwrap(), again.monitor().unwrap());
    let direct = Monitor::new(&table(3000, 1, 0.0), &options()).unwrap();
    let expected = verdicts(before, &rows);
    assert_eq!(expected.len(), 3);
    assert_eq!(verdicts(after, &rows), expected, "to the bit");
    assert_eq!(verdicts(direct, &rows), expected);
    assert_eq!(again.to_bytes().unwrap(), stored);
    assert_eq!(again.names().last(), Some("day"));
    assert_eq!(again.columns().len(), 7, "dates are not compared");
    assert_eq!(expected[0].skipped[0].column, "day");
    assert_eq!((again.rows(), again.options().window_rows), (3000, 400));
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let rows = table(1000, 1, 0.0);
    let turned = |column: &ArrayRef| {
        let data = column.to_data();
        let mut turned = MutableArrayData::new(vec![&data], false, 1000);
        (0..1000).rev().for_each(|row| turned.try_extend(0, row, row + 1).unwrap());
        make_array(turned.freeze())
    };
    let columns = rows.columns().iter().map(turned).collect();
    let backwards = RecordBatch::try_new(rows.schema(), columns).unwrap();
    let bytes = |table: &RecordBatch| MonitorReference::new(table, &options()).unwrap().to_bytes().unwrap();
    assert_eq!(bytes(&rows), bytes(&backwards));
}

#[test]
fn fewer_values_are_quantiles_and_see_less() {
    let full = MonitorReference::new(&table(50_000, 1, 0.0), &options()).unwrap();
    let small = full.clone().with_max_values(1000);
    assert!(small.to_bytes().unwrap().len() * 10 < full.to_bytes().unwrap().len());
    let rows = table(400, 2, 1.0);
    for verdict in verdicts(small.monitor().unwrap(), &rows) {
        let single = verdict.column("single", "ks").unwrap();
        let score = single.score.as_ref().unwrap();
        assert_eq!((score.reference_len, single.outcome.to_string().as_str()), (1000, "drifted"));
    }
    let quiet = verdicts(small.monitor().unwrap(), &table(400, 3, 0.0));
    assert!(!quiet[0].is_drifted(), "{}", quiet[0]);
}

#[test]
fn a_part_of_the_columns_is_a_reference() {
    let reference = MonitorReference::new(&table(1000, 1, 0.0), &options()).unwrap();
    let part = reference.of_columns(&["text", "flag"]);
    assert_eq!(part.names().collect::<Vec<_>>(), ["text", "flag"]);
    let rows = table(400, 2, 3.0);
    let verdict = verdicts(part.monitor().unwrap(), &rows).remove(0);
    assert_eq!(verdict.columns.iter().filter(|column| column.test == "chi_square").count(), 2);
    assert!(reference.of_columns(&[]).monitor().is_err(), "there is nothing to watch");
    assert!(reference.is_text("text") && !reference.is_text("flag") && !reference.is_text("zip"));
}

#[test]
fn a_test_of_the_hosts_own_is_found_in_its_catalogue() {
    #[derive(Debug)]
    struct Own(ChiSquare);
    impl DriftTest for Own {
        fn name(&self) -> &str {
            "own"
        }
        fn applies_to(&self, kind: Kind) -> bool {
            self.0.applies_to(kind)
        }
        fn default_minimum_effect(&self) -> f64 {
            0.1
        }
        fn compile(&self, reference: &mlcore_drift::Sample) -> mlcore::Result<Box<dyn CompiledTest>> {
            self.0.compile(reference)
        }
    }
    let catalog = Catalog::default().with_test(Own(ChiSquare::default()));
    let options = options().with_catalog(catalog.clone()).with_categorical_test("own");
    let bytes = MonitorReference::new(&table(500, 1, 0.0), &options).unwrap().to_bytes().unwrap();
    assert!(MonitorReference::from_bytes_with(&bytes, catalog).is_ok());
    let error = MonitorReference::from_bytes(&bytes).unwrap_err();
    assert!(matches!(error, Error::NotFound(_)) && error.to_string().contains("own"), "{error}");
}

#[test]
fn columns_are_compiled_once_for_all_that_watch_by_a_reference() {
    #[derive(Clone, Debug, Default)]
    struct Counted(ChiSquare, Arc<AtomicUsize>);
    impl DriftTest for Counted {
        fn name(&self) -> &str {
            "counted"
        }
        fn applies_to(&self, _: Kind) -> bool {
            true
        }
        fn default_minimum_effect(&self) -> f64 {
            0.1
        }
        fn compile(&self, reference: &mlcore_drift::Sample) -> mlcore::Result<Box<dyn CompiledTest>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.compile(reference)
        }
    }
    let counted = Counted::default();
    let compiled = || counted.1.swap(0, Ordering::Relaxed);
    let catalog = Catalog::default().with_test(counted.clone());
    let options = MonitorOptions::default()
        .with_catalog(catalog.clone())
        .with_numeric_test("counted")
        .with_categorical_test("counted");
    let reference = MonitorReference::new(&table(500, 1, 0.0), &options).unwrap();
    assert_eq!(compiled(), 7, "what cannot be watched is refused at once");
    let bytes = reference.to_bytes().unwrap();
    let again = MonitorReference::from_bytes_with(&bytes, catalog).unwrap();
    assert_eq!(compiled(), 7);
    again.monitor().unwrap();
    again.of_columns(&["few", "text"]).monitor().unwrap();
    WindowCounter::new(&again).unwrap();
    Fleet::new(&again).unwrap();
    assert_eq!(compiled(), 0);
    assert_eq!(again.with_max_values(10).monitor().unwrap().columns().len(), 7);
    assert_eq!(compiled(), 7, "fewer values are another reference");
}

#[test]
fn a_state_that_contradicts_itself_is_not_restored() {
    let reference = MonitorReference::new(&table(300, 1, 0.0), &options()).unwrap();
    let mut monitor = reference.monitor().unwrap();
    monitor.observe(&table(150, 2, 0.0)).unwrap();
    let json = serde_json::to_string(&monitor.save()).unwrap();
    let most = format!("\"nulls\":{}", u64::MAX);
    for (from, to) in
        [("\"rows\":150", "\"rows\":149"), ("\"nulls\":0", &*most), ("\"overflow\":0", "\"overflow\":1")]
    {
        assert!(json.contains(from), "{from}");
        let forged: MonitorState = serde_json::from_str(&json.replacen(from, to, 1)).unwrap();
        let error = monitor.restore(&forged).unwrap_err();
        assert!(error.to_string().contains("rows of the window"), "{error}");
    }
    assert_eq!(monitor.rows_in_window(), 150, "nothing changed");
}

#[test]
fn other_bytes_are_refused_by_what_they_are() {
    let bytes = MonitorReference::new(&table(300, 1, 0.0), &options()).unwrap().to_bytes().unwrap();
    let check = |bytes: &[u8], expected: &str| {
        let error = MonitorReference::from_bytes(bytes).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(b"", "bytes of another kind");
    check(b"PAR1 and more", "bytes of another kind");
    check(&bytes[..16], "they end too soon");
    check(&bytes[..bytes.len() - 1], "not those that were written");
    let mut later = bytes.clone();
    later[16] = 255;
    check(&later, "version 255; this build reads up to 1");
    // Sealed anew, as only somebody who wants it does: numbers out of order, and fewer than are said.
    let seal = |content: &[u8]| {
        let mut bytes = content.to_vec();
        bytes.extend_from_slice(mlcore::artifact::Digest::of(content).as_bytes());
        bytes
    };
    let content = &bytes[..bytes.len() - 32];
    check(&seal(&content[..content.len() - 8]), "fewer numbers than they say");
    let mut unsorted = content.to_vec();
    let end = unsorted.len();
    unsorted[end - 8..].copy_from_slice(&f64::NAN.to_le_bytes());
    check(&seal(&unsorted), "not in ascending order");
    check(&seal(&[content, &[0; 8]].concat()), "more numbers than they say");
    let mut long = content.to_vec();
    long[20..28].copy_from_slice(&u64::MAX.to_le_bytes());
    check(&seal(&long), "they end too soon");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn changed_bytes_are_no_reference(place in any::<prop::sample::Index>(), bit in 0_u8..8, cut in any::<prop::sample::Index>()) {
        let bytes = MonitorReference::new(&table(60, 1, 0.0), &options()).unwrap().to_bytes().unwrap();
        let mut flipped = bytes.clone();
        flipped[place.index(bytes.len())] ^= 1 << bit;
        for damaged in [&flipped[..], &bytes[..cut.index(bytes.len())]] {
            let error = MonitorReference::from_bytes(damaged).unwrap_err();
            prop_assert!(matches!(error, Error::Corrupt(_) | Error::Unsupported(_)), "{}", error);
        }
    }
}
