#![doc = include_str!("../README.md")]
//!
//! | module | the question it answers |
//! |---|---|
//! | [`schema`], [`batch`], [`time`] | What does data look like, and how does it travel without being copied? |
//! | [`profile`] | What does data look like, in bounded memory, and how do such profiles add up? |
//! | [`runner`] | What is a model that can answer? |
//! | [`artifact`], [`registry`] | Which bytes, which version, which alias, who changed what and when? |
//! | [`package`] | How does a model travel with everything that belongs to it, and what exactly is deployed? |
//! | [`tracking`] | What was tried, with which parameters on which data, and how good was it? |
//! | [`rollout`] | Who gets which version, and may the new one grow? |
//! | [`bandit`] | Which arm earns the most, learnt while it answers? |
//! | [`evaluate`], [`stats`] | How good is it, and how sure are we? |
//! | [`experiment`] | How many units does an experiment need, what did it find, and how sure is that? |
//! | [`html`] | How is all that shown on a page that loads and runs nothing? |
//! | [`error`], [`name`] | What did a failure mean, and what may a name be? |
//! | [`interrupt`] | How is a long call stopped before it is done? |
//!
//! | feature | adds |
//! |---|---|
//! | `ort` (default) | ONNX models on ONNX Runtime, which is loaded when first used and never linked |
//! | `sqlite` (default) | the registry, and the tracker, in one SQLite file each |
//! | `postgres` | the registry, and the tracker, in a PostgreSQL database, for many machines |
//! | `mlruns` | MLflow's folders taken over |
//! | `object-store` | artifacts in S3-compatible stores, Google's and Azure's |
//! | `signatures` | Ed25519 signatures over models, and the policy that demands them |
//! | `ndarray` | tensors from and as arrays of the crate `ndarray` |
//! | `conformance` | the contracts of the traits as test suites |
//!
//! Everything is synchronous; clock, randomness and storage are handed in. Authors of extensions depend on this crate
//! only, and run the suites of `conformance` on what they make.

pub mod arrow;
pub mod artifact;
pub mod bandit;
pub mod batch;
// The tests of this crate run the suites, too.
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod error;
pub mod evaluate;
pub mod exact;
pub mod experiment;
pub mod html;
pub mod interrupt;
pub mod memory;
#[doc(hidden)]
pub mod mermaid;
pub mod name;
pub mod package;
#[cfg(feature = "postgres")]
#[doc(hidden)]
pub mod postgres;
pub mod profile;
pub mod registry;
pub mod rollout;
pub mod runner;
pub mod schema;
#[cfg(feature = "sqlite")]
#[doc(hidden)]
pub mod sql;
pub mod stats;
#[doc(hidden)]
pub mod text_key;
pub mod time;
pub mod tracking;
mod url;
#[doc(hidden)]
pub mod wire;
#[doc(hidden)]
pub mod words;

#[cfg(feature = "ndarray")]
pub use ndarray;

pub use crate::error::{Error, Result};
