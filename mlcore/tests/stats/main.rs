//! The numerical kernel against the libraries its users know, against itself, and against hostile numbers.

#![cfg(test)]

mod counts;
mod edges;
mod experiment;
mod golden;
mod properties;
mod recipe;
mod two_sample;
mod two_sample_edges;
