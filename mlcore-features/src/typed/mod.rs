//! Rust structs as rows of a plan.
//!
//! A struct that is [`Features`] is bound to a plan once ([`Plan::bind`](crate::pipeline::Plan::bind)), where all its fields are
//! compared with the plan's columns. From then on a [`Bound`] plan reads rows of the struct without a name and without an
//! allocation. [`to_table`] makes a table of such rows, so that a plan is fitted on the type that it serves.
//!
//! With the feature `derive`, `#[derive(Features)]` implements the trait for a struct with named fields, and
//! `#[derive(FeatureCategory)]` makes an enum without data a field of text:
//!
#![cfg_attr(feature = "derive", doc = "```")]
#![cfg_attr(not(feature = "derive"), doc = "```ignore")]
//! use mlcore_features::pipeline::ColumnTransformer;
//! use mlcore_features::transform::{OneHotEncoder, SimpleImputer};
//! use mlcore_features::typed::{FeatureCategory, Features, to_table};
//!
//! #[derive(FeatureCategory)]
//! #[features(rename_all = "snake_case")]
//! enum Device {
//!     Phone,
//!     #[features(rename = "pc")]
//!     Desktop,
//! }
//!
//! #[derive(Features)]
//! #[features(rename_all = "camelCase")]
//! struct Visit<'a> {
//!     device: Device,
//!     country: &'a str,
//!     page_count: Option<u32>,
//!     #[features(skip)]
//!     request_id: u64,
//! }
//!
//! let visit = |device, country, page_count| Visit { device, country, page_count, request_id: 7 };
//! let table = to_table(&[visit(Device::Phone, "de", Some(4)), visit(Device::Desktop, "fr", None)])?;
//! let plan = ColumnTransformer::new()
//!     .with("pages", SimpleImputer::default(), ["pageCount"])
//!     .with("kind", OneHotEncoder::default(), ["device", "country"])
//!     .fit(&table)?;
//!
//! let visits = plan.bind::<Visit<'_>>()?;
//! let country = String::from("fr");
//! let mut features = [0.0_f32; 5];
//! visits.transform_into(&visit(Device::Phone, &country, None), &mut features)?;
//! assert_eq!(features, [4.0, 0.0, 1.0, 0.0, 1.0]);
//! # Ok::<(), mlcore::Error>(())
//! ```
//!
//! # Attributes
//!
//! | attribute | of | meaning |
//! |---|---|---|
//! | `#[features(rename = "..")]` | a field, a variant | the name of the column, the text of the category |
//! | `#[features(rename_all = "..")]` | a struct, an enum | the form of all other names: `snake_case`, `camelCase`, `kebab-case` and the other words of serde |
//! | `#[features(skip)]` | a field | it is no column |
//! | `#[features(flatten)]` | a field | its type is [`Features`] too, and its columns stand beside the others |
//! | `#[features(crate = "..")]` | a struct, an enum | the path of this crate, where it is reached through another |
//!
#![cfg_attr(
    feature = "derive",
    doc = r#"
A mistake is an error of the compiler that says what to do: a field of a type that is no value,

```compile_fail
#[derive(mlcore_features::typed::Features)]
struct Row {
    tags: Vec<String>,
}
```

two columns of one name, a tuple struct, an attribute that is not known, or a category with data:

```compile_fail
#[derive(mlcore_features::typed::Features)]
struct Row {
    age: f64,
    #[features(rename = "age")]
    years: f64,
}
```

```compile_fail
#[derive(mlcore_features::typed::FeatureCategory)]
enum Kind {
    Known,
    Other(String),
}
```
"#
)]

mod bound;
mod row;
mod value;

pub use self::bound::{BindOptions, Bound, BoundExecutor, UnreadFields};
pub use self::row::{FeatureField, FeatureValues, Features, schema, to_table};
pub use self::value::{FeatureCategory, FeatureValue};
#[cfg(feature = "derive")]
pub use mlcore_features_derive::{FeatureCategory, Features};

/// What derived code names.
#[doc(hidden)]
pub mod derived {
    pub use mlcore::batch::Value;
    pub use mlcore::schema::DType;
}

/// The README of the macros, whose example this crate runs because the macros cannot name it.
#[cfg(all(doctest, feature = "derive"))]
#[doc = include_str!("../../derive/README.md")]
pub mod readme {}
