//! Expressions: what is parsed, printed, refused and computed.

use std::fs;
use std::path::Path;

use mlcore::arrow::array::AsArray;
use mlcore::arrow::datatypes::Float64Type;
use mlcore::batch::{Row, Value};
use mlcore_features::expression::{Expression, col, lit, when};
use mlcore_features::pipeline::{FittedStep, Plan};
use mlcore_features::transform::{DatetimeFeature, DerivedColumns, Fit};
use proptest::prelude::*;

use crate::expression_text::{self, table};

/// Random expressions of the type of numbers.
fn numbers() -> BoxedStrategy<Expression> {
    let leaf = prop_oneof![
        Just(col("x")),
        Just(col("n")),
        (-3..4).prop_map(lit),
        any::<f64>().prop_map(lit),
        texts().prop_map(Expression::length),
        prop::sample::select(&DatetimeFeature::ALL[..]).prop_map(|part| col("t").part(part)),
        Just(col("t").days_between("2024-02-29T12:30:00Z")),
        texts().prop_map(|text| text.lookup([("a", 1.0), ("b", -0.5)], 7)),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let truth = truths_of(inner.clone());
        prop_oneof![
            (inner.clone(), inner.clone(), 0..6).prop_map(|(left, right, which)| match which {
                0 => left + right,
                1 => left - right,
                2 => left * right,
                3 => left / right,
                4 => left % right,
                _ => left.pow(right),
            }),
            inner.clone().prop_map(|own| -own),
            (inner.clone(), 0..8).prop_map(|(own, which)| match which {
                0 => own.abs(),
                1 => own.ceil(),
                2 => own.exp(),
                3 => own.floor(),
                4 => own.log(),
                5 => own.log1p(),
                6 => own.round(),
                _ => own.sqrt(),
            }),
            (inner.clone(), inner.clone(), 0..3).prop_map(|(left, right, which)| match which {
                0 => left.min(right),
                1 => left.max(right),
                _ => left.fill_null(right),
            }),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(own, low, high)| own.clip(low, high)),
            (inner.clone(), inner.clone(), truth).prop_map(|(a, b, truth)| when(truth).then(a).otherwise(b)),
            (inner.clone(), inner)
                .prop_map(|(own, default)| own.lookup([(0.0, 2.0), (-1.0, 1e300)], default)),
        ]
    })
    .boxed()
}

fn texts() -> BoxedStrategy<Expression> {
    let leaf = prop_oneof![Just(col("s")), "[a-cÜ\"\\\\\n' ]{0,3}".prop_map(|text| lit(text.as_str()))];
    (leaf, 0..5)
        .prop_map(|(own, which)| match which {
            0 => own.lower(),
            1 => own.upper().trim(),
            2 => own.fill_null("b").lower(),
            _ => own,
        })
        .boxed()
}

fn truths_of(number: BoxedStrategy<Expression>) -> BoxedStrategy<Expression> {
    let leaf = prop_oneof![
        Just(col("b")),
        any::<bool>().prop_map(lit),
        (number.clone(), number.clone(), 0..6).prop_map(|(left, right, which)| match which {
            0 => left.eq(right),
            1 => left.ne(right),
            2 => left.lt(right),
            3 => left.le(right),
            4 => left.gt(right),
            _ => left.ge(right),
        }),
        number.clone().prop_map(Expression::is_null),
        number.prop_map(|own| own.is_in([1.0, -2.5, 0.0])),
        (texts(), texts(), 0..5).prop_map(|(left, right, which)| match which {
            0 => left.contains(right),
            1 => left.starts_with(right),
            2 => left.ends_with(right),
            3 => left.eq(right),
            _ => left.lt(right),
        }),
        texts().prop_map(|own| own.is_in(["a", "", "b"])),
        Just(col("t").gt("1970-01-01T00:00:00Z")),
        Just(col("t").is_null()),
    ];
    (leaf.clone(), leaf, 0..4)
        .prop_map(|(left, right, which)| match which {
            0 => left & right,
            1 => left | right,
            2 => !left,
            _ => left,
        })
        .boxed()
}

fn plan(expression: Expression) -> Plan {
    Plan::new(DerivedColumns::default().column("made", expression).fit(&table()).unwrap()).unwrap()
}

/// The results for the rows of the table, the same by both executors.
fn results(plan: &Plan) -> Vec<f64> {
    let table = table();
    let made = plan.transform(&table).unwrap();
    let all = made.column(0).as_primitive::<Float64Type>().values().to_vec();
    for (row, expected) in all.iter().enumerate() {
        let single = plan.with_row_of(&table, row, |values: &[Value<'_>]| {
            plan.row_executor().run(Row::new(values, plan.input()).unwrap()).unwrap().to_vec()
        });
        let bits: Vec<u64> = single.unwrap().iter().map(|own| own.to_bits()).collect();
        assert_eq!(bits, [expected.to_bits()], "row {row}");
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_parses_to_the_same(number in numbers(), truth in truths_of(numbers())) {
        for expression in [number, truth] {
            let text = expression.to_string();
            let parsed = Expression::parse(&text).unwrap();
            prop_assert_eq!(&parsed, &expression);
            prop_assert_eq!(parsed.to_string(), text);
        }
    }

    #[test]
    fn rows_and_tables_have_the_same_bits(number in numbers(), truth in truths_of(numbers())) {
        results(&plan(number));
        let truths = results(&plan(truth));
        prop_assert!(truths.iter().all(|truth| truth.is_nan() || *truth == 0.0 || *truth == 1.0));
    }

    #[test]
    fn no_text_brings_the_parser_down(text in "(?s).{0,60}", pieces in prop::collection::vec(
        prop::sample::select(vec![
            "a", "1", "\"t\"", "(", ")", "{", "}", ",", ":", "+", "-", "**", "<", "==", "not ", " and ", " if ",
            " else ", " in ", "lookup(", "abs(", "coalesce(", "null", "`", "'", "\\", "é", "1e9", ".", "\n",
        ]),
        0..40,
    )) {
        for text in [text, pieces.concat()] {
            match Expression::parse(&text) {
                Ok(parsed) => prop_assert_eq!(Expression::parse(&parsed.to_string()).unwrap(), parsed),
                Err(error) => drop(crate::told::told(&error)),
            }
        }
    }
}

#[test]
fn expressions_of_the_corpus_are_read_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/expression_text");
    let (mut taken, mut refused) = (0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        let is_taken = expression_text::check(&fs::read(&path).unwrap());
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.starts_with("found_") || name.starts_with("taken_") == is_taken, "{name}: {is_taken}");
        *(if is_taken { &mut taken } else { &mut refused }) += 1;
    }
    assert!(taken >= 30 && refused >= 20, "{taken} expressions and {refused} others");
}

#[test]
fn texts_beyond_the_bounds_are_refused() {
    let thousands = |piece: &str| piece.repeat(20_000);
    for (text, expected) in [
        ("x".repeat(1 << 20), "the text has 1048576 bytes, and 65536 are the most"),
        ("(".repeat(100_000), "the text has 100000 bytes"),
        (thousands("("), "more than 64 parts stand inside each other"),
        (thousands("-"), "more than 64 parts"),
        (thousands("not "), "the text has 80000 bytes"),
        ("not ".repeat(9000), "more than 64 parts"),
        ("abs(".repeat(9000), "more than 64 parts"),
        (format!("2{}", "**2".repeat(9000)), "more than 64 parts"),
        (format!("x{}", thousands("+x")), "more than 4096 operations"),
        (format!("1{}", " if b else 1".repeat(4000)), "more than 4096 operations"),
    ] {
        let error = Expression::parse(&text).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.is_caller_fault());
    }
    let mut nested = col("x");
    let mut long = col("x");
    for _ in 0..50_000 {
        long = long + 1;
    }
    for _ in 0..200 {
        nested = lit(1) + nested;
    }
    for (expression, expected) in [(long, "more than 4096"), (nested, "more than 64 parts")] {
        let error = DerivedColumns::default().column("made", expression).fit(&table()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn errors_point_at_their_place() {
    for (text, expected) in [
        (
            "x +",
            "line 1, character 4: a value is expected here, but the text ends; it stands at the mark: x +--> ",
        ),
        ("x +\n  hypot(n)", "line 2, character 3: there is no function \"hypot\""),
        ("x = 1", "line 1, character 3: a comparison is written =="),
        ("0 < n < 3", "line 1, character 7: comparisons are not chained"),
        ("x $ 1", "line 1, character 3: '$' has no meaning here"),
        ("x in ()", "line 1, character 7: a number or a text between quotes is expected here"),
        ("'open", "line 1, character 1: the text does not end"),
        ("if x", "line 1, character 1: a value is expected here, not if"),
        ("n + 9007199254740993", "line 1, character 5: the integer is beyond 2^53"),
    ] {
        let error = Expression::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    for (text, expected) in [
        ("x / size", "line 1, character 5: there is no column \"size\"; the table has x, n, b, s, t"),
        ("1 + s", "line 1, character 5: a number is expected here, not a text"),
        ("x and b", "line 1, character 1: a truth value is expected here, not a number; compare it"),
        ("lower(s) + 1", "line 1, character 1: a number is expected here, not a text"),
        ("abs('a' if b else 'c')", "line 1, character 9: a text that is chosen is the result"),
        ("'a' if b else 1", "line 1, character 15: a text is expected here, not a number"),
        ("round(x, n)", "line 1, character 10: a whole number from 0 to 22 is expected here"),
        ("t + 1", "line 1, character 1: a number is expected here, not a date or a time"),
        ("s == 1", "line 1, character 3: a text is not compared with a number"),
        ("year(x)", "line 1, character 6: a date or a time is expected here, not a number"),
        (
            "t < '2024-02-29'",
            "line 1, character 5: \"2024-02-29\" is not written as timestamp[s, tz=Europe/Berlin] is",
        ),
        ("coalesce(s, s)", "line 1, character 13: the text for a missing one stands between quotes"),
    ] {
        let expression = Expression::parse(text).unwrap();
        let error =
            DerivedColumns::default().column("made", expression).fit(&table()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("fit DerivedColumns made: {expected}")), "{error}");
    }
    let built = col("x") / col("size");
    let error = DerivedColumns::default().column("made", built).fit(&table()).unwrap_err().to_string();
    assert!(error.contains("line 1, character 5: there is no column \"size\""), "{error}");
}

#[test]
fn logic_is_kleenes_and_choices_are_by_truth() {
    for (text, expected) in [
        ("null and false", 0.0),
        ("null and true", f64::NAN),
        ("null or true", 1.0),
        ("null or false", f64::NAN),
        ("not null", f64::NAN),
        ("1 if null else 2", 2.0),
        ("1 if true else 2", 1.0),
        ("null == null", f64::NAN),
        ("1 ** null", f64::NAN),
        ("null ** 0", f64::NAN),
        ("-7 % 3", 2.0),
        ("7 % -3", -2.0),
        ("1 / 0", f64::INFINITY),
        ("0 / 0", f64::NAN),
        ("-2 ** 2", -4.0),
        ("2 ** 3 ** 2", 512.0),
        ("2 - 3 - 4", -5.0),
        ("not 1 == 2 and true", 1.0),
        ("min(null, 2, 1)", 1.0),
        ("length('Größe')", 5.0),
        ("`x` in (1, 2) or true", 1.0),
    ] {
        let made = results(&plan(Expression::parse(text).unwrap()))[0];
        assert!(made == expected || made.is_nan() && expected.is_nan(), "{text} is {made}");
    }
}

#[test]
fn a_stored_plan_with_a_bad_expression_is_corrupt() {
    let plan = plan(Expression::parse("x / n").unwrap());
    let document = String::from_utf8(plan.to_bytes().unwrap()).unwrap();
    assert!(document.contains("\"x / n\""), "{document}");
    assert_eq!(Plan::from_bytes(document.as_bytes()).unwrap(), plan);
    for bad in ["x /", "x / unknown", "s / n", "((((", ""] {
        let forged = document.replace("\"x / n\"", &format!("\"{bad}\""));
        assert_eq!(Plan::from_bytes(forged.as_bytes()).unwrap_err().kind(), "corrupt", "{bad}");
        // With a digest of its own, too.
        let step = serde_json::to_string(plan.step()).unwrap().replace("\"x / n\"", &format!("\"{bad}\""));
        if let Ok(step) = serde_json::from_str::<FittedStep>(&step) {
            assert_eq!(Plan::new(step).unwrap_err().kind(), "corrupt", "{bad}");
        }
    }
}
