//! The core of mlcore: what a model, a schema and a batch are; how a model is run, stored, compared and released.
//!
//! ```
//! use mlcore::artifact::{ArtifactStoreExt, MemoryStore};
//! use mlcore::batch::{Batch, Tensor};
//! use mlcore::name::{Alias, ModelName};
//! use mlcore::registry::{Change, Expected, MemoryRegistry, NewVersion, Registry, RegistryExt, Stage, Timestamp};
//! use mlcore::runner::{FunctionRunner, RunOptions, Runner};
//! use mlcore::schema::{DType, Field, Schema, Signature};
//!
//! // A model answers batches that fit its signature. (`runner::ort::OnnxRunner` does it with ONNX models.)
//! let signature = Signature::new(
//!     Schema::new([Field::column("age", DType::Float64)])?,
//!     Schema::new([Field::column("risk", DType::Float64)])?,
//! );
//! let model = FunctionRunner::new(signature.clone(), |inputs| {
//!     let risk = inputs.tensor("age")?.values::<f64>()?.iter().map(|age| age / 100.0).collect();
//!     Ok(Batch::single("risk", Tensor::column(risk)))
//! });
//! let answer = model.run(&Batch::single("age", Tensor::column(vec![41.0, 67.0])), &RunOptions::default())?;
//! assert_eq!(answer.tensor("risk")?.values::<f64>()?, [0.41, 0.67]);
//!
//! // The registry knows its versions, and what each alias means, now and at any time.
//! let (registry, artifacts) = (MemoryRegistry::new(), MemoryStore::new());
//! let (risk, champion) = (ModelName::new("risk")?, Alias::new("champion")?);
//! let change = Change::new("ana", Timestamp::from_millis(1_700_000_000_000)).with_reason("first release");
//! let bytes = artifacts.put_bytes(b"the model's bytes")?;
//! let version = registry.register(&artifacts, NewVersion::new(risk.clone(), bytes, signature), &change)?.version;
//! registry.transition(&risk, version, Stage::Dev, Stage::Staging, &change)?;
//! registry.promote(&risk, version, &champion, Expected::Absent, &change)?;
//! assert_eq!(registry.alias(&risk, &champion)?, Some(version));
//! # Ok::<(), mlcore::Error>(())
//! ```
//!
//! | module | the question it answers |
//! |---|---|
//! | [`schema`], [`batch`], [`time`] | What does data look like, and how does it travel without being copied? |
//! | [`runner`] | What is a model that can answer? |
//! | [`artifact`], [`registry`] | Which bytes, which version, which alias, who changed what and when? |
//! | [`rollout`] | Who gets which version, and may the new one grow? |
//! | [`evaluate`], [`stats`] | How good is it, and how sure are we? |
//! | [`error`], [`name`] | What did a failure mean, and what may a name be? |
//!
//! | feature | adds |
//! |---|---|
//! | `ort` (default) | ONNX models on ONNX Runtime, which is loaded when first used and never linked |
//! | `sqlite` (default) | the registry in one SQLite file |
//! | `conformance` | the contracts of the traits as test suites |
//!
//! Everything is synchronous; clock, randomness and storage are handed in. Authors of extensions depend on this crate
//! only, and run the suites of `conformance` on what they make.

pub mod arrow;
pub mod artifact;
pub mod batch;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
pub mod evaluate;
pub mod exact;
pub mod name;
pub mod registry;
pub mod rollout;
pub mod runner;
pub mod schema;
pub mod stats;
pub mod time;
#[doc(hidden)]
pub mod words;

pub use ndarray;

pub use crate::error::{Error, Result};
