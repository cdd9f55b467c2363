//! Filters and orders: read, printed, refused, and never a panic.

use mlcore::tracking::search::{Filter, Grammar};
use proptest::prelude::*;

/// The grammars that there are.
const GRAMMARS: [Grammar; 5] = [
    Grammar::RUNS,
    Grammar::EXPERIMENTS,
    Grammar::LOGGED_MODELS,
    Grammar::REGISTERED_MODELS,
    Grammar::MODEL_VERSIONS,
];

/// Pieces of filters, so that random texts come far.
fn pieces() -> impl Strategy<Value = String> {
    let words = [
        "metrics",
        "params",
        "tags",
        "attributes",
        "datasets",
        ".",
        "loss",
        "`a b`",
        "\"x\"",
        "'y'",
        "''",
        "=",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "LIKE",
        "ilike",
        "IN",
        "NOT",
        "IS",
        "NULL",
        "AND",
        "and",
        "(",
        ")",
        ",",
        "1",
        "-2.5e3",
        ".5",
        "run_id",
        "name",
        "start_time",
        "DESC",
        "ü",
        "\u{202e}",
        "\0",
        "`",
        "\"",
        "'",
    ];
    let piece =
        prop_oneof![4 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,3}"];
    let joint = prop::sample::select(vec!["", " ", "  ", "\n"]);
    prop::collection::vec((piece, joint), 0..24)
        .prop_map(|pieces| pieces.into_iter().map(|(piece, joint)| piece + joint).collect())
}

/// Clauses that are mostly of the grammar, with any text in their keys and values.
fn clauses() -> impl Strategy<Value = String> {
    let quoted = |quote: char| {
        any::<String>().prop_map(move |text| {
            format!("{quote}{}{quote}", text.replace(quote, &format!("{quote}{quote}")))
        })
    };
    let text = prop_oneof![quoted('\''), quoted('"')];
    let number = any::<f64>().prop_filter("finite", |number| number.is_finite());
    let comparison = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let metric = (quoted('`'), comparison, number)
        .prop_map(|(key, comparison, number)| format!("metrics.{key} {comparison} {number:?}"));
    let like = prop::sample::select(vec!["=", "!=", "LIKE", "ilike"]);
    let param =
        (quoted('"'), like, text.clone()).prop_map(|(key, like, text)| format!("params.{key}{like}{text}"));
    let list =
        prop::collection::vec(text, 1..4).prop_map(|texts| format!("run_id NOT  in ({})", texts.join(",")));
    let null = quoted('`').prop_map(|key| format!("tag.{key} is Not Null"));
    prop::collection::vec(prop_oneof![metric, param, list, null], 1..5)
        .prop_map(|clauses| clauses.join(" and "))
}

fn prints_what_it_reads(grammar: &Grammar, filter: &Filter) {
    let printed = filter.to_string();
    assert_eq!(grammar.filter(&printed).ok().as_ref(), Some(filter), "{printed}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in prop_oneof![pieces(), any::<String>()]) {
        for grammar in &GRAMMARS {
            if let Ok(filter) = grammar.filter(&text) {
                prints_what_it_reads(grammar, &filter);
            }
            if let Ok(orders) = grammar.order(&[&text]) {
                let again = grammar.order(&[orders[0].to_string()]).unwrap();
                prop_assert_eq!(again, orders);
            }
        }
    }

    #[test]
    fn filters_print_to_what_they_were_read_from(text in clauses()) {
        // An empty key is none.
        if let Ok(filter) = Grammar::RUNS.filter(&text) {
            prints_what_it_reads(&Grammar::RUNS, &filter);
        } else {
            prop_assert!(text.contains("``") || text.contains("\"\""), "{}", text);
        }
    }
}

#[test]
fn errors_tell_the_column() {
    let check = |text: &str, due: &str| {
        let error = Grammar::RUNS.filter(text).unwrap_err();
        assert_eq!(error.to_string(), due, "{text}");
    };
    check(
        "metrics.loss ~ 1",
        "search filter, column 14: metrics.`loss` is a number, and is not compared so; use one of = != < <= > >=",
    );
    check(
        "üü = 'x'",
        "search filter, column 1: \"üü\" is not known; use one of run_id, run_name, user_id, status, artifact_uri, start_time, end_time, or write a kind before it",
    );
    check("params.ü = 1", "search filter, column 12: a text in quotes was due");
    check(
        "params.a = 'x' OR params.b = 'y'",
        "search filter, column 16: a comparison is followed by AND or by nothing; comparisons are joined by AND alone",
    );
    check("params.`a = 'x'", "search filter, column 8: the quote is not closed");
    check(
        "met.a = 1",
        "search filter, column 1: \"met\" is no kind of column; use one of attributes, metrics, params, tags, datasets",
    );
    check(
        "params.a-b = 'x'",
        "search filter, column 9: params.`a` is not compared so; use one of = != LIKE ILIKE",
    );
}

#[test]
fn every_grammar_takes_what_the_stock_client_sends() {
    for (grammar, filter) in [
        (Grammar::RUNS, "attributes.status = 'FINISHED' and metrics.acc > 0.5 and params.model = \"rf\""),
        (Grammar::RUNS, "tags.mlflow.parentRunId = 'abc'"),
        (Grammar::RUNS, "attributes.run_name ILIKE '%forest%' AND attributes.`Run name` != 'x'"),
        (Grammar::EXPERIMENTS, "attribute.name ILIKE 'a%' AND tags.`mlflow.note.content` = 'x'"),
        (Grammar::LOGGED_MODELS, "name = 'model' AND metrics.acc >= 0.9 AND creation_time > 5"),
        (Grammar::REGISTERED_MODELS, "tag.`mlflow.prompt.is_prompt` != 'true'"),
        (Grammar::MODEL_VERSIONS, "name='churn' and run_id IN ('a', 'b') AND version_number > 2"),
    ] {
        assert!(grammar.filter(filter).is_ok(), "{filter}");
    }
    let orders = ["timestamp DESC", "last_updated_timestamp"];
    let read = orders.map(|order| Grammar::REGISTERED_MODELS.order(&[order]).unwrap().remove(0));
    assert_eq!((read[0].field.clone(), read[0].descending), (read[1].field.clone(), true));
}
