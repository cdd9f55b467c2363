//! A test by name and options, or a test itself.

use std::fmt;
use std::sync::Arc;

use mlcore::Result;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::{Error as _, SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::plain::NamesAndValues;
use super::{Catalog, TestOptions, make};
use crate::table::TableTest;
use crate::two_sample::DriftTest;

/// A [`DriftTest`] by name and options, or a test itself.
///
/// Made from a name, from a test, or by serde: `"ks"`, or `{"name": "psi", "bins": 20}`. A test itself is written with its
/// name and all its [options](DriftTest::options), so that what was written is read as the same test, if the catalogue
/// knows it.
///
/// ```
/// use mlcore_drift::catalog::TestSpec;
/// use mlcore_drift::two_sample::ChiSquare;
///
/// let spec = TestSpec::from(ChiSquare::default().with_pool_below(10.0));
/// let json = serde_json::to_string(&spec).unwrap();
/// assert_eq!(json, r#"{"name":"chi_square","goodness_of_fit":false,"max_categories":1000,"pool_below":10.0}"#);
/// ```
pub type TestSpec = Spec<dyn DriftTest>;

/// A [`TableTest`] by name and options, or a test itself: as [`TestSpec`].
pub type TableTestSpec = Spec<dyn TableTest>;

/// A test by name and options, or a test itself: see [`TestSpec`] and [`TableTestSpec`].
#[derive(Debug)]
pub struct Spec<T: ?Sized> {
    chosen: Chosen<T>,
}

#[derive(Debug)]
enum Chosen<T: ?Sized> {
    Named { name: String, options: TestOptions },
    Test(Arc<T>),
}

impl<T: ?Sized> Spec<T> {
    /// The test of this name with these options.
    #[must_use]
    pub fn named(name: impl Into<String>, options: TestOptions) -> Self {
        Self { chosen: Chosen::Named { name: name.into(), options } }
    }
}

/// Gives specifications of one sort of test what both have.
macro_rules! specification {
    ($spec:ident, $test:ident, $entries:ident) => {
        impl $spec {
            /// The test, by `catalog` if it has only its name so far.
            ///
            /// # Errors
            /// As [`Catalog::test`].
            pub fn test(&self, catalog: &Catalog) -> Result<Arc<dyn $test>> {
                match &self.chosen {
                    Chosen::Named { name, options } => make(&catalog.$entries, name, options),
                    Chosen::Test(test) => Ok(test.clone()),
                }
            }

            /// The test's name.
            #[must_use]
            pub fn name(&self) -> &str {
                match &self.chosen {
                    Chosen::Named { name, .. } => name,
                    Chosen::Test(test) => test.name(),
                }
            }

            /// The options that were named, or all options of a test itself.
            ///
            /// # Errors
            /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for options that do not serialise.
            pub fn options(&self) -> Result<TestOptions> {
                match &self.chosen {
                    Chosen::Named { options, .. } => Ok(options.clone()),
                    Chosen::Test(test) => test.options(),
                }
            }
        }

        impl<T: $test + 'static> From<T> for $spec {
            fn from(test: T) -> Self {
                Self { chosen: Chosen::Test(Arc::new(test)) }
            }
        }

        impl From<Arc<dyn $test>> for $spec {
            fn from(test: Arc<dyn $test>) -> Self {
                Self { chosen: Chosen::Test(test) }
            }
        }

        impl Serialize for $spec {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                write(self.name(), &self.options().map_err(S::Error::custom)?, serializer)
            }
        }
    };
}

specification!(TestSpec, DriftTest, tests);
specification!(TableTestSpec, TableTest, table_tests);

impl<T: ?Sized> From<&str> for Spec<T> {
    fn from(name: &str) -> Self {
        Self::named(name, TestOptions::default())
    }
}

impl<T: ?Sized> From<String> for Spec<T> {
    fn from(name: String) -> Self {
        Self::named(name, TestOptions::default())
    }
}

impl<T: ?Sized> Clone for Spec<T> {
    fn clone(&self) -> Self {
        let chosen = match &self.chosen {
            Chosen::Named { name, options } => Chosen::Named { name: name.clone(), options: options.clone() },
            Chosen::Test(test) => Chosen::Test(test.clone()),
        };
        Self { chosen }
    }
}

/// A name alone, or a name among the options.
fn write<S: Serializer>(name: &str, options: &TestOptions, serializer: S) -> Result<S::Ok, S::Error> {
    if options.is_empty() {
        return serializer.serialize_str(name);
    }
    let mut map = serializer.serialize_map(Some(options.0.len() + 1))?;
    map.serialize_entry(NAME, name)?;
    options.0.iter().try_for_each(|(option, value)| map.serialize_entry(option, value))?;
    map.end()
}

impl<'de, T: ?Sized> Deserialize<'de> for Spec<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (name, options) = deserializer.deserialize_any(Written)?;
        Ok(Self::named(name, options))
    }
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = (String, TestOptions);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a test, or its name and options")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok((name.to_owned(), TestOptions::default()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut options = TestOptions(NamesAndValues.visit_map(map)?.into_iter().collect());
        match options.0.remove(NAME) {
            Some(Value::String(name)) => Ok((name, options)),
            Some(other) => Err(de::Error::custom(format!("the name of a test is text, and it is {other}"))),
            None => Err(de::Error::missing_field(NAME)),
        }
    }
}

const NAME: &str = "name";
