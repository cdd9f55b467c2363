//! MLflow's tracking server over HTTP: what no stock client sends, and what many send at once.

mod artifacts;
mod requests;
mod support;
