//! Features that are defined once, read offline for training and online for serving.

pub mod offline;
