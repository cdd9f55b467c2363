//! Transformers of a host's own, beside those of the list.
//!
//! A [`CustomFunction`] has a name and a version, may learn a [`State`] from the training table, and makes a [`RowKernel`],
//! which computes features from the numbers and the texts of a row. A [`CustomTransformer`] is a step with it. A plan stores the
//! name, the version, the parameters, the learnt state and the names of the features, all of which its digest covers, and no
//! code: the host that loads the plan brings the code along, as [`Functions`], and a plan that names a function which the host
//! lacks is refused. What a function computes is its name's and its version's promise: a function that changes gets a new
//! version.
//!
//! For the simple case a closure is enough, a [`RowFunction`]:
//!
//! ```
//! use std::sync::Arc;
//!
//! use mlcore::arrow::array::{Float64Array, RecordBatch, StringArray};
//! use mlcore_features::pipeline::{ColumnTransformer, Plan};
//! use mlcore_features::transform::StandardScaler;
//! use mlcore_features::transform::custom::{CustomTransformer, Functions, Refusal, RowFunction};
//!
//! // The check digits of an account, from text.
//! let check_digits = RowFunction::new("check_digits", 1, ["check"], |row, features| {
//!     let digits = row.text(0).and_then(|iban| iban.get(2..4)?.parse::<u8>().ok());
//!     let digits = digits.ok_or_else(|| Refusal::new("it is no IBAN").remedy("send it without spaces"))?;
//!     features.fill(f64::from(digits));
//!     Ok(())
//! });
//!
//! let table = RecordBatch::try_from_iter([
//!     ("iban", Arc::new(StringArray::from(vec!["DE89370400440532013000", "GB82WEST12345698765432"])) as _),
//!     ("amount", Arc::new(Float64Array::from(vec![10.0, 30.0])) as _),
//! ]).unwrap();
//! let plan = ColumnTransformer::new()
//!     .with("own", CustomTransformer::new(check_digits.clone()), ["iban"])
//!     .with("num", StandardScaler::default(), ["amount"])
//!     .fit(&table)?;
//! assert_eq!(plan.transform_dense::<f64>(&table)?.values::<f64>()?, [89.0, -1.0, 82.0, 1.0]);
//!
//! let stored = plan.to_bytes()?;
//! let loaded = Plan::from_bytes_with(&stored, &Functions::new().with(check_digits))?;
//! assert_eq!(loaded.digest(), plan.digest());
//! let lacking = Plan::from_bytes(&stored).unwrap_err().to_string();
//! assert!(lacking.starts_with("load plan check_digits version 1: "), "{lacking}");
//! # Ok::<(), mlcore::Error>(())
//! ```

mod closure;
mod fitted;
mod function;
mod functions;
mod state;
mod transformer;

pub use self::closure::RowFunction;
pub use self::fitted::FittedCustomTransformer;
pub use self::function::{BoundFunction, CustomFunction, Learnt};
pub use self::functions::Functions;
pub use self::state::State;
pub use self::transformer::CustomTransformer;
pub use crate::program::custom::{InputRow, InputRows, Refusal, RowKernel};
