//! What is wrong is said at the token that is wrong.

use syn::{DeriveInput, Error, Result};

use crate::case::Case;
use crate::{category, features};

type Expand = fn(&DeriveInput) -> Result<proc_macro2::TokenStream>;

/// The message, and the source text that it points at.
fn refused(expand: Expand, source: &str) -> (String, String) {
    let error = syn::parse_str::<DeriveInput>(source).and_then(|input| expand(&input)).expect_err(source);
    (error.to_string(), pointed_at(&error))
}

fn pointed_at(error: &Error) -> String {
    error.span().source_text().unwrap_or_default()
}

fn check(expand: Expand, cases: &[(&str, &str, &str)]) {
    for (source, token, message) in cases {
        let (said, at) = refused(expand, source);
        assert_eq!(at, *token, "{source}: {said}");
        assert!(said.contains(message), "{source}: {said}");
    }
}

#[test]
fn a_row_that_is_none_is_refused_where_it_is_wrong() {
    check(
        features::expand,
        &[
            ("struct Row(f64);", "(f64)", "name them"),
            ("struct Row;", "Row", "named fields"),
            ("enum Row { A }", "enum", "derive `FeatureCategory`"),
            ("union Row { a: u8 }", "union", "a row is a struct"),
            ("#[features(renam = \"a\")] struct Row { a: u8 }", "renam", "here stand `rename_all"),
            ("#[features(rename = \"a\")] struct Row { a: u8 }", "rename", "at one of the fields"),
            ("#[features(rename_all = \"Snake\")] struct Row { a: u8 }", "\"Snake\"", "\"snake_case\""),
            ("struct Row { #[features(default)] a: u8 }", "default", "`skip` and `flatten`"),
            ("struct Row { #[features(rename = \"\")] a: u8 }", "\"\"", "empty"),
            ("struct Row { #[features(skip, skip)] a: u8 }", "skip", "twice"),
            ("struct Row { #[features(skip, flatten)] a: u8 }", "flatten", "not both"),
            ("struct Row { #[features(skip, rename = \"b\")] a: u8 }", "\"b\"", "no column"),
            ("struct Row { #[features(flatten, rename = \"b\")] a: u8 }", "\"b\"", "their own names"),
            (
                "struct Row { a: u8, #[features(rename = \"a\")] b: u8 }",
                "\"a\"",
                "another field is called \"a\"",
            ),
            ("#[features(rename_all = \"camelCase\")] struct Row { a_b: u8, aB: u8 }", "aB", "another name"),
        ],
    );
}

#[test]
fn a_category_that_is_none_is_refused_where_it_is_wrong() {
    check(
        category::expand,
        &[
            ("struct Kind { a: u8 }", "struct", "derive `Features`"),
            ("union Kind { a: u8 }", "union", "a category is an enum"),
            ("enum Kind {}", "Kind", "one variant for each"),
            ("enum Kind { A, B(u8) }", "(u8)", "holds no data"),
            ("enum Kind { A { a: u8 } }", "{ a: u8 }", "holds no data"),
            ("enum Kind { #[features(skip)] A }", "skip", "a variant takes"),
            ("enum Kind { A, #[features(rename = \"A\")] B }", "\"A\"", "another category is called \"A\""),
            ("#[features(rename_all = \"lowercase\")] enum Kind { Ab, AB }", "AB", "another name"),
        ],
    );
}

#[test]
fn everything_wrong_is_said_at_once() {
    let all = |expand: Expand, source: &str| -> Vec<String> {
        let errors = expand(&syn::parse_str(source).unwrap()).unwrap_err();
        errors.into_iter().map(|error| pointed_at(&error)).collect()
    };
    let row = "struct Row { a: u8, #[features(rename = \"a\")] b: u8, #[features(foo)] c: u8 }";
    assert_eq!(all(features::expand, row), ["\"a\"", "foo"]);
    assert_eq!(all(category::expand, "enum Kind { A(u8), #[features(bar)] B, C }"), ["(u8)", "bar"]);
}

#[test]
fn parameters_of_fields_are_bound_and_others_are_not() {
    let input = "struct Row<'a, T, U> { a: &'a str, b: Option<T>, #[features(flatten)] c: T, #[features(skip)] d: U }";
    let expanded = features::expand(&syn::parse_str(input).unwrap()).unwrap().to_string().replace(' ', "");
    let conditions =
        "whereOption<T>:::mlcore_features::typed::FeatureValue,T:::mlcore_features::typed::Features{";
    assert!(expanded.contains(conditions), "{expanded}");
    assert!(
        expanded.starts_with(
            "#[automatically_derived]impl<'a,T,U>::mlcore_features::typed::FeaturesforRow<'a,T,U>"
        )
    );
    assert!(!expanded.contains("self.d"));
}

#[test]
fn another_path_of_the_library_is_written() {
    let input = "#[features(crate=\"host::features\")]enum\tKind{A}";
    let expanded = category::expand(&syn::parse_str(input).unwrap()).unwrap().to_string().replace(' ', "");
    assert!(expanded.contains("host::features::typed") && !expanded.contains("mlcore_features"));
}

#[test]
fn names_take_every_form() {
    let written = |name: &str| {
        let case = Case::named(name).unwrap();
        (case.of_field("age_in_days"), case.of_variant("ProPlus"))
    };
    for (name, field, variant) in [
        ("lowercase", "age_in_days", "proplus"),
        ("UPPERCASE", "AGE_IN_DAYS", "PROPLUS"),
        ("PascalCase", "AgeInDays", "ProPlus"),
        ("camelCase", "ageInDays", "proPlus"),
        ("snake_case", "age_in_days", "pro_plus"),
        ("SCREAMING_SNAKE_CASE", "AGE_IN_DAYS", "PRO_PLUS"),
        ("kebab-case", "age-in-days", "pro-plus"),
        ("SCREAMING-KEBAB-CASE", "AGE-IN-DAYS", "PRO-PLUS"),
    ] {
        assert_eq!(written(name), (field.to_owned(), variant.to_owned()), "{name}");
    }
    assert_eq!(Case::named("Snake_Case"), None);
}
