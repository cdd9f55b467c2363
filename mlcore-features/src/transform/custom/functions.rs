use std::collections::BTreeMap;
use std::sync::Arc;

use mlcore::Error;

use super::CustomFunction;

/// The functions that a host brings along for the plans that it loads, by name and version. Several versions of one name may
/// be there, so that old plans are served beside new ones.
///
/// ```
/// use mlcore_features::transform::custom::{Functions, RowFunction};
///
/// let speed = |version| RowFunction::new("speed", version, ["speed"], |row, features| {
///     features.fill(row.number(0) / row.number(1));
///     Ok(())
/// });
/// let functions = Functions::new().with(speed(1)).with(speed(2));
/// assert!(functions.get("speed", 2).is_some() && functions.get("speed", 3).is_none());
/// assert_eq!(functions.iter().map(|own| (own.name(), own.version())).collect::<Vec<_>>(), [("speed", 1), ("speed", 2)]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Functions {
    by_name: BTreeMap<String, BTreeMap<u32, Arc<dyn CustomFunction>>>,
}

impl Functions {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a function. One that had its name and version is replaced.
    #[must_use]
    pub fn with(self, function: impl CustomFunction + 'static) -> Self {
        self.with_shared(Arc::new(function))
    }

    /// The same with a function that others hold, too.
    #[must_use]
    pub fn with_shared(mut self, function: Arc<dyn CustomFunction>) -> Self {
        let versions = self.by_name.entry(function.name().to_owned()).or_default();
        versions.insert(function.version(), function);
        self
    }

    /// The function of this name and version.
    #[must_use]
    pub fn get(&self, name: &str, version: u32) -> Option<&Arc<dyn CustomFunction>> {
        self.by_name.get(name)?.get(&version)
    }

    /// All functions, by name and then by version.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn CustomFunction>> {
        self.by_name.values().flat_map(BTreeMap::values)
    }

    /// The error of a plan that names these functions, none of which is here.
    pub(crate) fn lacks(&self, lacking: &[(String, u32)]) -> Error {
        let said = |(name, version): &(String, u32)| {
            let others: Vec<String> =
                self.by_name.get(name).into_iter().flat_map(BTreeMap::keys).map(u32::to_string).collect();
            match others.as_slice() {
                [] => format!("{name} version {version}, of which there is none"),
                [one] => format!("{name} version {version}, of which there is version {one}"),
                several => {
                    format!("{name} version {version}, of which there are versions {}", several.join(", "))
                }
            }
        };
        let subject: Vec<String> =
            lacking.iter().map(|(name, version)| format!("{name} version {version}")).collect();
        let all: Vec<String> = lacking.iter().map(said).collect();
        Error::unsupported(
            "load plan",
            subject.join(", "),
            format!("the plan names functions that this host does not have: {}", all.join("; ")),
        )
        .remedy("register them in the Functions that the plan is loaded with, in these versions, or fit the plan again")
    }
}
