//! A monitor's configuration as text: tests by name, options, corrections, presets.

#![cfg(test)]

use std::sync::Arc;

use mlcore::Result;
use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore::stats::Correction;
use mlcore_drift::bins::{Binning, Recipe};
use mlcore_drift::catalog::Catalog;
use mlcore_drift::monitor::{ColumnOptions, Preset};
use mlcore_drift::sample::{Kind, Sample};
use mlcore_drift::two_sample::{ChiSquare, CompiledTest, DriftTest, Effect, KolmogorovSmirnov, Psi, Score};
use mlcore_drift::{Monitor, MonitorOptions, ReportOptions, Verdict, report};

const TOML: &str = r#"
preset = "default"
window_rows = 400
alpha = 0.01
correction = "holm"
numeric_test = { name = "psi", bins = 20, recipe = "uniform" }
categorical_test = "chi_square"

[minimum_effects]
psi = 0.2

[column_options.visits]
test = { name = "ks", method = "asymp" }
minimum_effect = 0.1

[column_options.zip]
kind = "categorical"
"#;

fn table(shift: f64) -> RecordBatch {
    let number = |step: u32| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values((0..400).map(|i| f64::from(i * step % 400) + shift)))
    };
    let plan = StringArray::from_iter_values((0..400).map(|i| ["free", "pro", "team"][i % 3]));
    let columns: [(&str, ArrayRef); 4] =
        [("age", number(7)), ("visits", number(11)), ("zip", number(13)), ("plan", Arc::new(plan))];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn verdict(options: &MonitorOptions) -> Verdict {
    let options = options.clone().with_window_rows(options.window_rows.min(400));
    Monitor::new(&table(0.0), &options).unwrap().observe(&table(90.0)).unwrap().remove(0)
}

#[test]
fn text_and_values_make_the_same_monitor() {
    let read: MonitorOptions = toml::from_str(TOML).unwrap();
    let asymptotic: mlcore::stats::KsOptions = serde_json::from_str(r#"{"method": "asymp"}"#).unwrap();
    let made = MonitorOptions::default()
        .with_preset(Preset::Default)
        .with_window_rows(400)
        .with_alpha(0.01)
        .with_correction(Correction::Holm)
        .with_numeric_test(Psi::new(Binning::default().with_bins(20).with_recipe(Recipe::Uniform)))
        .with_categorical_test(ChiSquare::default())
        .with_minimum_effect("psi", 0.2)
        .with_column(
            "visits",
            ColumnOptions::default().with_test(KolmogorovSmirnov::new(asymptotic)).with_minimum_effect(0.1),
        )
        .with_column("zip", ColumnOptions::default().with_kind(Kind::Categorical));
    let expected = verdict(&made);
    assert_eq!(verdict(&read), expected);
    let tests: Vec<_> = expected.columns.iter().map(|column| (&*column.column, &*column.test)).collect();
    assert_eq!(tests, [("age", "psi"), ("visits", "ks"), ("zip", "chi_square"), ("plan", "chi_square")]);

    // What is written is complete: it names every option of the tests that were given as values.
    let written = toml::to_string(&made).unwrap();
    for line in
        ["bins = 20", "recipe = \"uniform\"", "pool_below = 5.0", "method = \"asymp\"", "alpha = 0.01"]
    {
        assert!(written.contains(line), "{written}");
    }
    assert_eq!(verdict(&toml::from_str(&written).unwrap()), expected);
    let json = serde_json::to_string(&made).unwrap();
    assert_eq!(verdict(&serde_json::from_str(&json).unwrap()), expected);
    assert_eq!(serde_json::to_string(&serde_json::from_str::<MonitorOptions>(&json).unwrap()).unwrap(), json);
}

#[test]
fn nothing_written_is_the_default() {
    let read: MonitorOptions = toml::from_str("").unwrap();
    assert_eq!(verdict(&read), verdict(&MonitorOptions::default()));
    let read: ReportOptions = serde_json::from_str(r#"{"title": "Ages"}"#).unwrap();
    let expected = ReportOptions::default().with_title("Ages");
    let made = |options| report(&table(0.0), &table(5.0), options).unwrap();
    assert_eq!(made(&read), made(&expected));
    assert_eq!(made(&read).legends.keys().collect::<Vec<_>>(), ["chi_square", "ks", "missing_rate"]);
}

#[test]
fn a_test_of_numbers_is_that_of_discrete_ones_unless_they_have_their_own() {
    let flags = Float64Array::from_iter_values((0..400).map(|i| f64::from(i % 2)));
    let table = RecordBatch::try_from_iter([("flag", Arc::new(flags) as ArrayRef)]).unwrap();
    let test = |options: MonitorOptions| {
        Monitor::new(&table, &options).unwrap().evaluate_now().unwrap().columns[0].test.clone()
    };
    assert_eq!(test(MonitorOptions::default()), "chi_square");
    assert_eq!(test(MonitorOptions::default().with_numeric_test("psi")), "psi");
    assert_eq!(test(MonitorOptions::default().with_discrete_test("psi")), "psi");
    assert_eq!(test(MonitorOptions::default().with_numeric_test("ks").with_discrete_test("psi")), "psi");
    assert_eq!(test(MonitorOptions::default().with_categorical_test("psi")), "chi_square");
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    for (text, words) in [
        ("window = 5", "unknown field `window`"),
        ("correction = \"sidak\"", "use one of bonferroni, holm, fdr_bh, fdr_by, none"),
        ("preset = \"mine\"", "read preset: \"mine\" is not known; use one of default"),
        ("numeric_test = 5", "the name of a test, or its name and options"),
        ("numeric_test = { bins = 5 }", "missing field `name`"),
        ("numeric_test = { name = 5 }", "the name of a test is text"),
        ("[column_options.age]\ntset = \"ks\"", "unknown field `tset`"),
    ] {
        let error = toml::from_str::<MonitorOptions>(text).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    for (text, words) in [
        ("numeric_test = \"kolmogorov\"", "choose test kolmogorov: no test has this name; the tests are "),
        ("numeric_test = { name = \"psi\", bin = 5 }", "choose test psi: unknown field `bin`"),
        ("numeric_test = { name = \"psi\", bins = \"many\" }", "choose test psi: bins: invalid type: string"),
        ("numeric_test = { name = \"psi\", bins = 1 }", "compare with psi bins"),
        (
            "numeric_test = { name = \"psi\", recipe = \"mine\" }",
            "use one of quantile, uniform, evidently, nannyml",
        ),
        (
            "[minimum_effects]\npsi = 0.1",
            "no column is tested by it; the tests are chi_square, ks, missing_rate",
        ),
    ] {
        let options = toml::from_str::<MonitorOptions>(text).unwrap();
        let error = Monitor::new(&table(0.0), &options).unwrap_err();
        assert!(error.is_caller_fault() && error.to_string().contains(words), "{error}");
    }
}

/// A test that this crate does not know, with an option.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LargestValue {
    scale: f64,
}

impl DriftTest for LargestValue {
    fn name(&self) -> &str {
        "largest_value"
    }

    fn applies_to(&self, kind: Kind) -> bool {
        kind == Kind::Numeric
    }

    fn default_minimum_effect(&self) -> f64 {
        1.0
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        reference.require_numbers("compare", "reference")?;
        Ok(Box::new(Compiled(self.clone(), reference.clone())))
    }
}

#[derive(Debug)]
struct Compiled(LargestValue, Sample);

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        let largest = |values: &[f64]| values.iter().copied().fold(f64::MIN, f64::max);
        let before = largest(self.1.require_numbers("compare", "reference")?);
        let after = largest(current.require_numbers("compare", "current")?);
        let difference = (after - before).abs();
        Ok(Score::new(difference, Effect::new("difference", difference * self.0.scale))
            .with_reference_len(self.1.len())
            .with_current_len(current.len()))
    }
}

#[test]
fn a_strangers_test_is_used_by_value_and_by_name() {
    let catalog = Catalog::default().with_test_of::<LargestValue>();
    assert_eq!(catalog.names().len(), Catalog::default().names().len() + 1);
    let by_value =
        MonitorOptions::default().with_window_rows(400).with_numeric_test(LargestValue { scale: 2.0 });
    let expected = verdict(&by_value);
    assert_eq!(expected.column("age", "largest_value").unwrap().score.as_ref().unwrap().effect.value, 180.0);
    let text = "window_rows = 400\nnumeric_test = { name = \"largest_value\", scale = 2.0 }";
    let options: MonitorOptions = toml::from_str(text).unwrap();
    let unknown = Monitor::new(&table(0.0), &options).unwrap_err();
    assert!(unknown.to_string().contains("add your own to the catalogue"), "{unknown}");
    assert_eq!(verdict(&options.with_catalog(catalog)), expected);

    let fixed = Catalog::empty().with_test(LargestValue { scale: 2.0 });
    let options = MonitorOptions::default().with_window_rows(400).with_numeric_test("largest_value");
    assert_eq!(verdict(&options.with_catalog(fixed.clone())), expected);
    let options = toml::from_str::<MonitorOptions>(text).unwrap().with_catalog(fixed);
    assert!(Monitor::new(&table(0.0), &options).unwrap_err().to_string().contains("unknown option scale"));
}
