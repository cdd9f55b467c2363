//! How do requests reach a model version, and what happens when a release goes wrong?
//!
//! One type, [`Endpoint`]: synchronous, shared by threads, without an async runtime, a listener or a thread of its own.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
//! use mlcore::batch::{Batch, Tensor};
//! use mlcore::name::{Alias, ModelName, UnitId};
//! use mlcore::registry::{Change, Expected, MemoryRegistry, ModelVersion, NewVersion, RegistryExt, Timestamp};
//! use mlcore::runner::{FunctionRunner, Runner};
//! use mlcore::schema::{DType, Field, Schema, Signature};
//! use mlcore_serve::Endpoint;
//! use mlcore_serve::endpoint::Request;
//!
//! # let (registry, artifacts) = (Arc::new(MemoryRegistry::new()), Arc::new(MemoryStore::new()));
//! # let signature = Signature::new(
//! #     Schema::new([Field::column("age", DType::Float64)])?,
//! #     Schema::new([Field::column("risk", DType::Float64)])?,
//! # );
//! # let change = Change::new("ana", Timestamp::from_millis(0));
//! let risk = ModelName::new("risk")?;
//! # let bytes = artifacts.put_bytes(b"100")?;
//! # let new = NewVersion::new(risk.clone(), bytes, signature.clone()).with_format("divisor");
//! # let version = registry.register(&artifacts, new, &change)?.version;
//! # registry.set_alias(&risk, &Alias::new("champion")?, Some(version), Expected::Absent, &change)?;
//! // With the feature `ort` ONNX versions load by themselves; any other format is a closure.
//! let loader = move |version: &ModelVersion, artifacts: &dyn ArtifactStore| {
//!     let divisor: f64 = String::from_utf8_lossy(&artifacts.read(&version.artifact)?).parse().unwrap_or(f64::NAN);
//!     let model = FunctionRunner::new(signature.clone(), move |inputs| {
//!         let ages = inputs.tensor("age")?.values::<f64>()?;
//!         Ok(Batch::single("risk", Tensor::column(ages.iter().map(|age| age / divisor).collect())))
//!     });
//!     Ok(Arc::new(model) as Arc<dyn Runner>)
//! };
//! let endpoint = Endpoint::builder(risk, registry, artifacts).with_loader(loader).build()?;
//!
//! let (user, request) = (UnitId::new("user-17")?, Batch::single("age", Tensor::column(vec![41.0])));
//! let prediction = endpoint.predict(Request::tensors(&user, &request))?;
//! assert_eq!(prediction.outputs.tensor("risk")?.values::<f64>()?, [0.41]);
//!
//! // Later: what came of it, and what follows from that.
//! endpoint.report_outcome(prediction.outcome_id, 1.0);
//! for event in endpoint.process() {
//!     println!("{}", event.kind);
//! }
//! assert_eq!(endpoint.counts().outcomes, 1);
//! # Ok::<(), mlcore::Error>(())
//! ```
//!
//! | feature | adds |
//! |---|---|
//! | `ort` (default) | a loader for ONNX models |
//! | `conformance` | the contracts of the endpoint's traits as test suites |

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod endpoint;

pub use crate::endpoint::Endpoint;

/// The Rust snippet of the README compiles.
#[cfg(all(doctest, feature = "ort"))]
#[doc = include_str!("../../README.md")]
struct Readme;
