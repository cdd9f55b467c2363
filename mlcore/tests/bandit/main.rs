//! Bandits against the libraries whose names they have, against slow references, and against hostile numbers.

#![cfg(test)]

mod bad_input;
mod best_arm;
mod cases;
mod golden;
mod linear;
mod merging;
