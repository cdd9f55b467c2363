#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
//!
//! The contract of what the macros write, and all attributes, stand at `mlcore_features::typed`.

mod attributes;
mod case;
mod category;
mod features;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use syn::{DeriveInput, Result, parse_macro_input};

/// Implements `mlcore_features::typed::Features` for a struct with named fields.
///
/// | attribute | of | meaning |
/// |---|---|---|
/// | `#[features(rename = "..")]` | a field | the column's name, where it is not the field's |
/// | `#[features(rename_all = "..")]` | the struct | the form of all other names: `lowercase`, `UPPERCASE`, `PascalCase`, `camelCase`, `snake_case`, `SCREAMING_SNAKE_CASE`, `kebab-case`, `SCREAMING-KEBAB-CASE` |
/// | `#[features(skip)]` | a field | it is no column |
/// | `#[features(flatten)]` | a field | its own fields are columns: its type derives `Features` too |
/// | `#[features(crate = "..")]` | the struct | the path of `mlcore_features`, where it is reached through another crate |
///
/// A struct may have lifetimes and type parameters. A parameter that is the type of a field must be a `FeatureValue`, or
/// `Features` where the field is flattened; the macro writes these bounds.
#[proc_macro_derive(Features, attributes(features))]
pub fn derive_features(input: TokenStream) -> TokenStream {
    expanded(&parse_macro_input!(input as DeriveInput), features::expand)
}

/// Implements `mlcore_features::typed::FeatureCategory`, and with it `FeatureValue`, for an enum whose variants hold no data.
///
/// | attribute | of | meaning |
/// |---|---|---|
/// | `#[features(rename = "..")]` | a variant | the category's text, where it is not the variant's name |
/// | `#[features(rename_all = "..")]` | the enum | the form of all other texts, as for `Features` |
/// | `#[features(crate = "..")]` | the enum | the path of `mlcore_features`, where it is reached through another crate |
#[proc_macro_derive(FeatureCategory, attributes(features))]
pub fn derive_feature_category(input: TokenStream) -> TokenStream {
    expanded(&parse_macro_input!(input as DeriveInput), category::expand)
}

fn expanded(input: &DeriveInput, expand: fn(&DeriveInput) -> Result<Tokens>) -> TokenStream {
    expand(input).unwrap_or_else(|error| error.into_compile_error()).into()
}
