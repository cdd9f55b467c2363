//! Stream detectors: the detections of river and frouros, their false alarms and delays, and their states.

#![cfg(test)]

mod alarms;
mod golden;
mod recipe;
mod states;
