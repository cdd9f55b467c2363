//! What a profile counts beyond what it counts anyway.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::codec::{Reader, Writer};
use super::texts::MOST_GIVEN;
use crate::error::{Error, Result};

/// What a [`Profile`](super::Profile) counts beyond what it counts anyway: by default nothing.
///
/// A test of drift that compares histograms needs the counts in the bins of its reference; given here, they are exact whatever the
/// number of rows, and so is the test's score.
///
/// ```
/// use mlcore::profile::{Profile, ProfileOptions};
///
/// let options = ProfileOptions::default()
///     .with_edges("age", vec![18.0, 65.0])
///     .with_categories("plan", ["free", "pro"]);
/// let profile = Profile::new(&options)?;
/// assert_eq!(profile.column("age").unwrap().histogram().unwrap().edges, [18.0, 65.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct ProfileOptions {
    bins: BTreeMap<Box<str>, Bins>,
}

impl ProfileOptions {
    /// Counts the values of a column of numbers between these edges: those below the first, those from each edge to below the
    /// next, and those from the last on.
    #[must_use]
    pub fn with_edges(mut self, column: impl Into<Box<str>>, edges: impl Into<Vec<f64>>) -> Self {
        let edges: Vec<f64> = edges.into();
        self.bins.insert(column.into(), Bins::Edges(edges.into()));
        self
    }

    /// Counts these categories of a column of text whatever else the column holds.
    #[must_use]
    pub fn with_categories<C: Into<Box<str>>>(
        mut self,
        column: impl Into<Box<str>>,
        categories: impl IntoIterator<Item = C>,
    ) -> Self {
        let mut categories: Vec<Box<str>> = categories.into_iter().map(Into::into).collect();
        categories.sort_unstable();
        categories.dedup();
        self.bins.insert(column.into(), Bins::Categories(categories.into()));
        self
    }

    /// The bins of each column that has some.
    pub(super) fn bins(&self) -> impl Iterator<Item = (&str, &Bins)> {
        self.bins.iter().map(|(name, bins)| (&**name, bins))
    }
}

/// What the values of a column are counted in.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) enum Bins {
    #[default]
    None,
    Edges(Arc<[f64]>),
    Categories(Arc<[Box<str>]>),
}

/// As many edges as a column of doubles can have without costing more than all the rest.
const MOST_EDGES: usize = 4096;

impl Bins {
    /// Makes sure that values can be counted in them.
    pub(super) fn check(&self, column: &str) -> Result<()> {
        let refused = |problem: String, remedy: &'static str| {
            Err(Error::invalid_input("profile", column, problem).remedy(remedy))
        };
        match self {
            Self::None => Ok(()),
            Self::Edges(edges) if edges.len() > MOST_EDGES => {
                refused(format!("{} edges are more than {MOST_EDGES}", edges.len()), "use fewer bins")
            }
            Self::Edges(edges) if !is_ascending(edges) => refused(
                "the edges are not in ascending order".to_owned(),
                "sort them, and leave out equal ones and NaN",
            ),
            Self::Categories(given) if given.len() > MOST_GIVEN => refused(
                format!("{} categories are more than {MOST_GIVEN}", given.len()),
                "give the most frequent ones",
            ),
            Self::Edges(_) | Self::Categories(_) => Ok(()),
        }
    }

    pub(super) fn edges(&self) -> &[f64] {
        if let Self::Edges(edges) = self { edges } else { &[] }
    }

    pub(super) fn categories(&self) -> &[Box<str>] {
        if let Self::Categories(given) = self { given } else { &[] }
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        match self {
            Self::None => writer.u8(0),
            Self::Edges(edges) => {
                writer.u8(1);
                writer.count(edges.len());
                edges.iter().for_each(|edge| writer.f64(*edge));
            }
            Self::Categories(given) => {
                writer.u8(2);
                writer.count(given.len());
                given.iter().for_each(|text| writer.text(text));
            }
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.u8()? {
            0 => Ok(Self::None),
            1 => {
                let length = reader.count(8, MOST_EDGES)?;
                let edges = (0..length).map(|_| reader.f64()).collect::<Result<Vec<f64>>>()?;
                reader.require(is_ascending(&edges), "its edges are not in ascending order")?;
                Ok(Self::Edges(edges.into()))
            }
            2 => {
                let length = reader.count(4, MOST_GIVEN)?;
                let texts = (0..length).map(|_| Ok(reader.text(usize::MAX)?.into()));
                let given = texts.collect::<Result<Vec<Box<str>>>>()?;
                reader.require(
                    given.windows(2).all(|pair| pair[0] < pair[1]),
                    "its categories are not sorted",
                )?;
                Ok(Self::Categories(given.into()))
            }
            _ => Err(reader.corrupt("its bins are of no known kind")),
        }
    }
}

fn is_ascending(edges: &[f64]) -> bool {
    edges.iter().all(|edge| !edge.is_nan()) && edges.windows(2).all(|pair| pair[0] < pair[1])
}
