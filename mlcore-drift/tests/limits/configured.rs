//! The options of monitors and reports.

use std::fmt::Display;
use std::sync::Arc;

use mlcore::Result;
use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore_drift::monitor::{ColumnOptions, Fleet, MonitorReference, WindowCounter};
use mlcore_drift::{Monitor, MonitorOptions, ReportOptions, Verdict, report};
use serde::de::DeserializeOwned;

use crate::{EXTREMES, NO_NUMBERS, answers, is_sound};

fn table(from: i32) -> RecordBatch {
    let rows = from..from + 150;
    let number = Float64Array::from_iter_values(rows.clone().map(|i| f64::from(i * 37 % 101) / 8.0));
    let text = StringArray::from_iter_values(rows.map(|i| ["free", "pro", "team"][(i % 7 % 3) as usize]));
    let columns: [(&str, ArrayRef); 2] = [("x", Arc::new(number)), ("plan", Arc::new(text))];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn sound(verdict: &Verdict) {
    for column in &verdict.columns {
        assert!(column.score.as_ref().is_none_or(is_sound), "{column:?}");
    }
}

/// A monitor, a stored reference, a fleet and a report with these options.
fn watched(options: &MonitorOptions) -> Result<()> {
    let mut monitor = Monitor::new(&table(0), options)?;
    monitor.observe(&table(3))?.iter().for_each(sound);
    monitor.observe(&table(5))?.iter().for_each(sound);
    sound(&monitor.evaluate_now()?);
    let reference = MonitorReference::new(&table(0), options)?;
    let reference = MonitorReference::from_bytes(&reference.to_bytes()?).unwrap();
    if let Ok(mut counter) = WindowCounter::new(&reference) {
        counter.observe(&table(3))?;
        let mut fleet = Fleet::new(&reference)?;
        fleet.add("a", &counter.take()?)?;
        sound(&fleet.evaluate_now()?.verdict);
    }
    reported(&ReportOptions::default().with_monitor(options.clone()))
}

fn reported(options: &ReportOptions) -> Result<()> {
    let report = report(&table(0), &table(3), options)?;
    sound(&report.verdict);
    assert!(!report.to_html().contains(">NaN"));
    Ok(())
}

/// What is written in JSON or TOML, or the words with which it was refused.
fn read<T: DeserializeOwned>(option: &str, text: &str, outcome: Result<T, impl Display>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(error) => {
            assert!(error.to_string().contains(option), "{text}: {error}");
            None
        }
    }
}

fn options_of(value: &impl serde::Serialize) -> Vec<String> {
    let value = serde_json::to_value(value).unwrap();
    value.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_option_of_a_monitor_is_refused_by_name_or_answers() {
    let options = MonitorOptions::default();
    let mut places: Vec<(String, String)> = options_of(&options)
        .into_iter()
        .map(|option| (option.clone(), format!("{{{option:?}:@}}")))
        .collect();
    for option in
        ["numeric_test", "discrete_test", "categorical_test", "columns", "column_options", "minimum_effects"]
    {
        places.push((option.to_owned(), format!("{{{option:?}:@}}")));
    }
    places.push(("minimum_effect".to_owned(), r#"{"column_options":{"x":{"minimum_effect":@}}}"#.to_owned()));
    places.push(("kind".to_owned(), r#"{"column_options":{"x":{"kind":@}}}"#.to_owned()));
    places.push(("minimum effect".to_owned(), r#"{"minimum_effects":{"ks":@}}"#.to_owned()));
    for (option, place) in &places {
        for extreme in EXTREMES {
            let json = place.replace('@', extreme);
            let named = if option == "minimum effect" { "minimum_effects" } else { option };
            let outcome = serde_json::from_str::<MonitorOptions>(&json);
            let Some(options) = read(named, &json, outcome) else { continue };
            // A test is looked for by its name alone, and all smallest effects are checked together.
            let told = match &**option {
                "minimum_effect" => "minimum effect",
                test if test.ends_with("_test") => "choose test",
                other => other,
            };
            answers("monitor", told, &json, || watched(&options));
        }
    }
}

#[test]
fn no_option_of_a_monitor_takes_what_is_no_number() {
    for option in options_of(&MonitorOptions::default()) {
        for word in ["nan", "inf", "-inf"] {
            let error = toml::from_str::<MonitorOptions>(&format!("{option} = {word}")).unwrap_err();
            assert!(error.to_string().contains(&option), "{error}");
        }
    }
    let nested = toml::from_str::<MonitorOptions>("[column_options.x]\nminimum_effect = nan").unwrap_err();
    assert!(nested.to_string().contains("minimum_effect"), "{nested}");
    for number in NO_NUMBERS {
        let default = MonitorOptions::default;
        let own = ColumnOptions::default().with_minimum_effect(number);
        for (option, options) in [
            ("alpha", default().with_alpha(number)),
            ("drift_share", default().with_drift_share(number)),
            ("minimum effect", default().with_minimum_effect("ks", number)),
            ("minimum effect", default().with_column("x", own)),
        ] {
            let error = watched(&options).unwrap_err();
            assert!(error.is_caller_fault() && error.to_string().contains(option), "{error}");
        }
    }
}

#[test]
fn every_option_of_a_report_is_refused_by_name_or_answers() {
    for option in options_of(&ReportOptions::default()) {
        for extreme in EXTREMES {
            let json = format!("{{{option:?}:{extreme}}}");
            let Some(options) = read(&option, &json, serde_json::from_str(&json)) else { continue };
            answers("report", &option, &json, || reported(&options));
        }
        for word in ["nan", "inf"] {
            let error = toml::from_str::<ReportOptions>(&format!("{option} = {word}")).unwrap_err();
            assert!(error.to_string().contains(&option), "{error}");
        }
    }
}
