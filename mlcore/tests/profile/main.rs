//! Profiles: what they answer, that they add up, and that no bytes are taken for one that are none.

#![cfg(test)]

mod answers;
mod bad_input;
mod bytes;
mod merging;
mod support;
