//! Feast's feature server over HTTP: what no stock client sends, and what many send at once. The stock client asks in
//! `tests/clients/feast_online.py`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking, in its helpers too")]

mod auth;
mod materialise;
mod reads;
mod refusals;
mod support;
mod writes;
