//! Requests that are compared with the rows of a file, as the settings say.

use std::fs::File;
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use serde_json::json;

use crate::place::{Place, eventually};

/// Rows of 30 numbers, the first of which is shifted.
fn rows(count: usize, shift: f64) -> Vec<Vec<f64>> {
    let value = |row: usize, column: usize| ((row * 31 + column * 17) % 97) as f64 / 97.0;
    let row =
        |row| (0..30).map(|column| value(row, column) + if column == 0 { shift } else { 0.0 }).collect();
    (0..count).map(row).collect()
}

/// Writes rows under names that are not those of the model's only input.
fn write(place: &Place, path: &str, rows: &[Vec<f64>]) {
    let columns = (0..30).map(|column| {
        let values = Float64Array::from_iter_values(rows.iter().map(|row| row[column]));
        (format!("feature {column}"), Arc::new(values) as ArrayRef)
    });
    let table = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(place.path(path)).unwrap(), table.schema(), None).unwrap();
    writer.write(&table).unwrap();
    writer.close().unwrap();
}

#[test]
fn a_file_of_rows_is_what_requests_are_compared_with() {
    let place = Place::new();
    place.put("forest/1", "rf30.onnx");
    write(&place, "train.parquet", &rows(1000, 0.0));
    let settings = "[models.forest.monitor]\nreference = \"train.parquet\"\nwindow_rows = 200\n";
    place.write_here("settings.toml", settings);
    let place = place.serve(&["--model-repository", "models", "--config", "settings.toml"]);
    let drifted = "mlcore_drift_verdicts_total{model=\"forest\",outcome=\"drifted\"} 1";
    for (shift, is_drift) in [(0.0, false), (0.5, true)] {
        let data: Vec<f64> = rows(200, shift).concat();
        let input = json!({ "name": "input", "shape": [200, 30], "datatype": "FP32", "data": data });
        let answer = place.post("/v2/models/forest/infer", &json!({ "inputs": [input] }));
        assert!(answer["outputs"].is_array(), "{answer}");
        let judged = if is_drift { 2 } else { 1 };
        let windows = || {
            let text = place.raw("GET /metrics HTTP/1.1\r\n", "");
            let lines = text.lines().filter(|line| line.starts_with("mlcore_drift_verdicts_total"));
            let count = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
            (lines.map(count).sum::<u64>(), text)
        };
        eventually("the window is judged", || windows().0 == judged);
        assert_eq!(windows().1.contains(drifted), is_drift, "{}", windows().1);
    }
    eventually("the log names the column", || place.log().contains("feature 0"));
    assert_eq!(place.stop(), Some(0));
}

#[test]
fn a_reference_that_cannot_be_read_ends_the_start() {
    let place = Place::new();
    place.put("forest/1", "rf30.onnx");
    place.write_here("notes.parquet", "no table");
    write(&place, "narrow.parquet", &rows(10, 0.0));
    for (settings, expected) in [
        ("reference = \"absent.parquet\"", "absent.parquet"),
        ("reference = \"notes.parquet\"", "notes.parquet: this is no Parquet file"),
        ("window_rows = 200", "a monitor needs its reference"),
        ("reference = \"narrow.parquet\"\nwindow = 200", "unknown field `window`"),
        ("reference = \"narrow.parquet\"\ncolumns = [\"age\"]", "age"),
    ] {
        place.write_here("settings.toml", format!("[models.forest.monitor]\n{settings}\n"));
        let (code, told) = place.fails(&["--model-repository", "models", "--config", "settings.toml"]);
        assert!(code.is_some_and(|code| code != 0) && told.contains(expected), "{settings}: {told}");
    }
}
