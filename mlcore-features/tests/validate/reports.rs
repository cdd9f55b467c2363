//! Reports as text, JSON, JUnit's XML and HTML, and as an exit code.

use mlcore::arrow::array::{Float64Array, Int64Array, StringArray};
use mlcore_features::validate::{Bounds, Check, Expectation, Report, RunOptions, Severity, Suite};

use crate::tables::{column, schema_of, table};

fn report() -> Report {
    let table = table([
        ("n", column::<Int64Array, _>(vec![Some(1), Some(-2), None, Some(4)])),
        (
            "<b>\"&'",
            column::<StringArray, _>(vec!["<script>alert(1)</script>\u{1b}[31m\n\u{202e}", "a", "b", "c"]),
        ),
        ("x", column::<Float64Array, _>(vec![1.0, 2.0, 3.0, 4.0])),
    ]);
    let expectation = |check: Check, severity| Expectation::new(check).with_severity(severity);
    let suite = Suite::new("a <suite>")
        .with(expectation(
            Check::ColumnValuesToBeBetween { column: "n".into(), bounds: Bounds::at_least(0) },
            Severity::Warning,
        ))
        .with(
            expectation(
                Check::ColumnValuesToMatchRegex { column: "<b>\"&'".into(), regex: "^[a-z]$".into() },
                Severity::Info,
            )
            .with_notes("<i>notes</i>"),
        )
        .with(Check::ColumnMeanToBeBetween { column: "x".into(), bounds: (2..=3).into() })
        .with(expectation(Check::ColumnValuesToBeUnique { column: "gone".into() }, Severity::Warning));
    suite.compile(&schema_of(&table)).unwrap().validate(&table, &RunOptions::default()).unwrap()
}

#[test]
fn severities_decide_the_exit_code() {
    let report = report();
    assert!(
        !report.success() && report.success_at(Severity::Critical) && !report.success_at(Severity::Warning)
    );
    assert_eq!(report.worst(), Some(Severity::Warning));
    assert_eq!(
        Severity::ALL.iter().map(|severity| report.exit_code(*severity)).collect::<Vec<_>>(),
        [2, 2, 0]
    );
    let table = table([("n", column::<Int64Array, _>(vec![1]))]);
    let failing = Suite::new("s").with(Check::ColumnValuesToBeNull { column: "n".into() });
    let report =
        failing.compile(&schema_of(&table)).unwrap().validate(&table, &RunOptions::default()).unwrap();
    assert_eq!(report.exit_code(Severity::Critical), 1);
}

#[test]
fn text_has_a_line_for_each_whatever_is_in_the_data() {
    let text = report().to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert_eq!(lines[0], "suite \"a <suite>\" not met: 1 of 4 expectations hold of 4 rows");
    assert_eq!(
        lines[1],
        " warning  column_values_to_be_between(n, at least 0): 1 of 4 rows unexpected (33.3333 %); 1 passed over; row 1: -2"
    );
    assert!(lines[2].starts_with("    info  column_values_to_match_regex("), "{text}");
    assert!(lines[3].contains("could not be answered: there is no column \"gone\""), "{text}");
    assert_eq!(lines[4], "    pass  column_mean_to_be_between(x, at least 2 and at most 3): observed 2.5");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
}

#[test]
fn json_has_great_expectations_names() {
    let json: serde_json::Value = serde_json::from_str(&report().to_json().unwrap()).unwrap();
    assert_eq!(json["success"], false);
    assert_eq!(json["statistics"]["evaluated_expectations"], 4);
    assert_eq!(json["statistics"]["success_percent"], 25.0);
    assert_eq!(json["max_severity_failure"], "warning");
    let first = &json["results"][0];
    assert_eq!(first["expectation"]["expect"], "column_values_to_be_between");
    assert_eq!(first["partial_unexpected_list"], serde_json::json!([-2]));
    assert_eq!(first["partial_unexpected_index_list"], serde_json::json!([1]));
    assert_eq!(first["unexpected_percent_total"], 25.0);
    assert_eq!(json["results"][2]["observed_value"], 2.5);
    assert!(json["results"][3]["problem"].as_str().unwrap().contains("gone"));
}

#[test]
fn junit_counts_by_severity_and_is_well_formed() {
    let xml = report().to_junit(Severity::Warning);
    assert!(xml.contains("<testsuites tests=\"4\" failures=\"1\" errors=\"1\">"), "{xml}");
    assert!(xml.contains("<failure type=\"warning\" message=\"1 of 4 rows unexpected"), "{xml}");
    assert!(xml.contains("<error type=\"warning\" message=\"could not be answered"), "{xml}");
    assert!(xml.contains("<system-out>info: "), "{xml}");
    assert!(report().to_junit(Severity::Critical).contains("failures=\"0\" errors=\"0\""));
    // Every tag that is opened is closed, and nothing but tags begins with a bracket.
    let mut open = Vec::new();
    for tag in xml.split('<').skip(2) {
        let tag = tag.split('>').next().unwrap();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
    }
    assert!(open.is_empty() && !xml.contains('\u{1b}') && !xml.contains("<script"));
}

#[test]
fn html_is_one_page_without_markup_of_others() {
    let html = report().to_html();
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("default-src 'none'"));
    assert!(
        html.contains("&lt;script&gt;")
            && !html.contains("<script")
            && !html.contains("<i>")
            && !html.contains("<b>")
    );
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains('\u{202e}'));
}
