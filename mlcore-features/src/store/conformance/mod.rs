//! The contracts of the feature store's traits as test suites, for authors of backends.

mod definitions;

pub use self::definitions::definitions;
