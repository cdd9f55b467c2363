//! Tests by name: what a configuration file, a command line or Python calls them.
//!
//! A [`TestSpec`] is a test by its name and options, or a test itself. A [`Catalog`] turns the first into the second; it
//! knows the tests of this crate, and those that a caller adds. There is no global one: who reads a configuration hands
//! in the catalogue.
//!
//! ```
//! use mlcore_drift::catalog::{Catalog, TestSpec};
//!
//! let spec: TestSpec = serde_json::from_str(r#"{"name": "psi", "bins": 20}"#).unwrap();
//! let test = spec.test(&Catalog::default())?;
//! assert_eq!(test.name(), "psi");
//! assert_eq!(serde_json::to_string(&TestSpec::from("ks")).unwrap(), r#""ks""#);
//!
//! let error = TestSpec::from("kolmogorov").test(&Catalog::default()).unwrap_err();
//! assert!(error.to_string().contains("the tests are "), "{error}");
//! # Ok::<(), mlcore::Error>(())
//! ```

mod options;
mod plain;
mod spec;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use mlcore::{Error, Result};
use serde::de::DeserializeOwned;

pub use self::options::TestOptions;
pub(crate) use self::options::{read_by_name, read_named};
pub(crate) use self::plain::names_and_values;
pub use self::spec::{Spec, TableTestSpec, TestSpec};
use crate::table::{TableTest, with_table_tests};
use crate::two_sample::{DriftTest, with_drift_tests};

/// Tests by name: those of this crate, and those that are added.
///
/// ```
/// use mlcore_drift::catalog::{Catalog, TestSpec};
/// use mlcore_drift::two_sample::ChiSquare;
/// # use mlcore::Result;
/// # use mlcore_drift::sample::{Kind, Sample};
/// # use mlcore_drift::two_sample::{CompiledTest, DriftTest};
///
/// /// Chi-square under a name and with options of its own.
/// #[derive(Debug)]
/// struct Plans(ChiSquare);
///
/// impl DriftTest for Plans {
///     fn name(&self) -> &str {
///         "plans"
///     }
/// #   fn applies_to(&self, kind: Kind) -> bool {
/// #       self.0.applies_to(kind)
/// #   }
/// #   fn default_minimum_effect(&self) -> f64 {
/// #       self.0.default_minimum_effect()
/// #   }
/// #   fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
/// #       self.0.compile(reference)
/// #   }
///     // ...
/// }
///
/// let catalog = Catalog::default().with_test(Plans(ChiSquare::default().with_max_categories(20)));
/// assert_eq!(TestSpec::from("plans").test(&catalog)?.name(), "plans");
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone)]
pub struct Catalog {
    pub(crate) tests: Entries<dyn DriftTest>,
    pub(crate) table_tests: Entries<dyn TableTest>,
}

impl Default for Catalog {
    /// The tests of this crate.
    fn default() -> Self {
        with_table_tests(with_drift_tests(Self::empty()))
    }
}

/// Makers of one sort of test, by name.
pub(crate) type Entries<T> = BTreeMap<String, Maker<T>>;
pub(crate) type Maker<T> = Arc<dyn Fn(&TestOptions) -> Result<Arc<T>> + Send + Sync>;

impl Catalog {
    /// A catalogue without any test.
    #[must_use]
    pub fn empty() -> Self {
        Self { tests: Entries::new(), table_tests: Entries::new() }
    }

    /// Adds a sort of test under the name of its default; its options are read by serde. A test that had the name is
    /// replaced.
    #[must_use]
    pub fn with_test_of<T: DriftTest + Default + DeserializeOwned + 'static>(mut self) -> Self {
        let make = |options: &TestOptions| Ok(Arc::new(options.read::<T>()?) as Arc<dyn DriftTest>);
        self.tests.insert(T::default().name().to_owned(), Arc::new(make));
        self
    }

    /// Adds a test under its name; a specification of it has no options. A test that had the name is replaced.
    #[must_use]
    pub fn with_test(mut self, test: impl DriftTest + 'static) -> Self {
        let name = test.name().to_owned();
        let test: Arc<dyn DriftTest> = Arc::new(test);
        let make = move |options: &TestOptions| options.require_none().map(|()| test.clone());
        self.tests.insert(name, Arc::new(make));
        self
    }

    /// Adds a sort of test of tables, as [`with_test_of`](Self::with_test_of).
    #[must_use]
    pub fn with_table_test_of<T: TableTest + Default + DeserializeOwned + 'static>(mut self) -> Self {
        let make = |options: &TestOptions| Ok(Arc::new(options.read::<T>()?) as Arc<dyn TableTest>);
        self.table_tests.insert(T::default().name().to_owned(), Arc::new(make));
        self
    }

    /// Adds a test of tables, as [`with_test`](Self::with_test).
    #[must_use]
    pub fn with_table_test(mut self, test: impl TableTest + 'static) -> Self {
        let name = test.name().to_owned();
        let test: Arc<dyn TableTest> = Arc::new(test);
        let make = move |options: &TestOptions| options.require_none().map(|()| test.clone());
        self.table_tests.insert(name, Arc::new(make));
        self
    }

    /// The names of the tests of one column, in alphabetical order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.tests.keys().map(String::as_str)
    }

    /// The test of this name with these options.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a name that is not in the catalogue, [`Error::InvalidInput`] for an option that the test
    /// does not have or a value that it does not take.
    pub fn test(&self, name: &str, options: &TestOptions) -> Result<Arc<dyn DriftTest>> {
        make(&self.tests, name, options)
    }

    /// The names of the tests of tables, in alphabetical order.
    pub fn table_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.table_tests.keys().map(String::as_str)
    }

    /// The test of tables of this name with these options.
    ///
    /// # Errors
    /// As [`test`](Self::test).
    pub fn table_test(&self, name: &str, options: &TestOptions) -> Result<Arc<dyn TableTest>> {
        make(&self.table_tests, name, options)
    }
}

/// The test of this name with these options.
pub(crate) fn make<T: ?Sized>(entries: &Entries<T>, name: &str, options: &TestOptions) -> Result<Arc<T>> {
    let Some(make) = entries.get(name) else {
        let names: Vec<&str> = entries.keys().map(String::as_str).collect();
        let problem = format!("no test has this name; the tests are {}", names.join(", "));
        return Err(Error::not_found(OPERATION, name, problem)
            .remedy("use one of them, or add your own to the catalogue"));
    };
    make(options).map_err(|error| {
        let problem = error.context().problem().to_owned();
        Error::invalid_input(OPERATION, name, problem).caused_by(error)
    })
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Catalog");
        shown.field("tests", &self.tests.keys()).field("table_tests", &self.table_tests.keys()).finish()
    }
}

const OPERATION: &str = "choose test";
