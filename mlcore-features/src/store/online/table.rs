use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use mlcore::arrow::array::ArrayRef;
use mlcore::schema::{Field, Schema};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};

use super::row::{self, Layout, PackedRow, RowView};
use super::{Cell, Stamp};
use crate::store::key::EntityKey;

/// Names a table: the project, the view, and the view's version.
///
/// It prints as `project/view@version`, with everything but ASCII letters, digits, `_`, `-` and `.` escaped by percent signs, and
/// is read from the same text.
///
/// ```
/// use mlcore_features::store::online::TableId;
///
/// let id = TableId::new("shop", "customer stats", 2)?;
/// assert_eq!(id.to_string(), "shop/customer%20stats@2");
/// assert_eq!("shop/customer%20stats@2".parse::<TableId>()?, id);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId {
    project: Arc<str>,
    view: Arc<str>,
    version: u32,
}

impl TableId {
    /// The most bytes of a project's or a view's name.
    pub const MAX_NAME_BYTES: usize = 256;

    /// The table of this version of a project's view.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a name that is empty, has a control character, or is longer than
    /// [`MAX_NAME_BYTES`](Self::MAX_NAME_BYTES).
    pub fn new(project: &str, view: &str, version: u32) -> Result<Self> {
        for (what, name) in [("project", project), ("view", view)] {
            let problem = if name.is_empty() {
                "the name is empty"
            } else if name.len() > Self::MAX_NAME_BYTES {
                "the name has more than 256 bytes"
            } else if name.chars().any(char::is_control) {
                "the name has a control character"
            } else {
                continue;
            };
            return Err(Error::invalid_input("name table", format!("{what} {name:?}"), problem)
                .remedy("choose a shorter name of letters, digits and underscores"));
        }
        Ok(Self { project: project.into(), view: view.into(), version })
    }

    /// The project.
    #[must_use]
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The view.
    #[must_use]
    pub fn view(&self) -> &str {
        &self.view
    }

    /// The version of the view.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(f, &self.project)?;
        f.write_char('/')?;
        escape(f, &self.view)?;
        write!(f, "@{}", self.version)
    }
}

impl fmt::Debug for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableId({self})")
    }
}

impl FromStr for TableId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let (project, rest) = text.split_once('/')?;
            let (view, version) = rest.split_once('@')?;
            Self::new(&unescape(project)?, &unescape(view)?, version.parse().ok()?).ok()
        };
        read().filter(|id| id.to_string() == text).ok_or_else(|| {
            Error::invalid_input("read table name", format!("{text:?}"), "it is no name of a table")
                .remedy("write it as project/view@version")
        })
    }
}

fn escape(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') {
            f.write_char(char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

fn unescape(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(piece.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(piece.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// A table of the online store: its name, its features with their types, and how long a value counts.
///
/// A clone is cheap. A feature is a field of a column, or of a list of numbers: shape `[?, size]`, or `[?, ?]` for lists of any
/// length.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::schema::{DType, Field};
/// use mlcore::time::Timestamp;
/// use mlcore_features::store::key::EntityKey;
/// use mlcore_features::store::online::{Cell, Stamp, Table, TableId};
///
/// let features = [Field::column("trips", DType::Int64), Field::column("city", DType::String).nullable()];
/// let table = Table::new(TableId::new("taxi", "drivers", 1)?, features)?.with_ttl(Duration::from_secs(3600));
/// let now = Timestamp::from_millis(1_700_000_000_000);
/// let row = table.pack(Stamp::new(now, now), &[Cell::from(12i64), Cell::NULL])?;
/// let key = EntityKey::one("driver_id", 1001)?;
/// assert_eq!(table.unpack(&key, row.as_bytes())?.cell(0)?, Cell::from(12i64));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    inner: Arc<Inner>,
    ttl: Option<Duration>,
}

#[derive(Debug)]
struct Inner {
    id: TableId,
    features: Schema,
    layout: Layout,
}

impl Table {
    /// A table of these features, whose values never expire.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a feature whose name is empty or occurs twice, [`Error::Unsupported`] for one that cannot be
    /// stored, by its name.
    pub fn new(id: TableId, features: impl IntoIterator<Item = Field>) -> Result<Self> {
        let features = Schema::new(features).map_err(|error| error.within(&id))?;
        let layout = Layout::new(&features).map_err(|error| error.within(&id))?;
        Ok(Self { inner: Arc::new(Inner { id, features, layout }), ttl: None })
    }

    /// Lets a value count for this long after its event, the last microsecond included.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The name.
    #[must_use]
    pub fn id(&self) -> &TableId {
        &self.inner.id
    }

    /// The features in order.
    #[must_use]
    pub fn features(&self) -> &Schema {
        &self.inner.features
    }

    /// How long a value counts after its event; `None` for ever.
    #[must_use]
    pub const fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    /// The stored form of a row: a cell for each feature, in order.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] naming table and feature for another number of cells, a value that the feature's type does not
    /// hold without loss, a list of another length, and a null where none is allowed.
    pub fn pack(&self, stamp: Stamp, cells: &[Cell<'_>]) -> Result<PackedRow> {
        row::pack(self, stamp, cells)
    }

    /// The stored forms of many rows: a column for each feature, in order and of the feature's type, and a stamp for each row. The bytes are
    /// those of [`pack`](Self::pack).
    ///
    /// # Errors
    /// As [`pack`](Self::pack), naming the row; [`Error::SchemaMismatch`] for columns of other lengths than the stamps.
    pub fn pack_columns(&self, columns: &[ArrayRef], stamps: &[Stamp]) -> Result<Vec<PackedRow>> {
        row::pack_columns(self, columns, stamps)
    }

    /// Reads a stored row. The key only names the row in errors.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for bytes that are no row, [`Error::SchemaMismatch`] for a row of other features.
    pub fn unpack<'a>(&'a self, key: &EntityKey, bytes: &'a [u8]) -> Result<RowView<'a>> {
        RowView::open(self.layout(), bytes).map_err(|fault| fault.of_entity(self.id(), key))
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.inner.layout
    }

    /// The microseconds for which a value counts.
    pub(crate) fn ttl_micros(&self) -> Option<i64> {
        self.ttl.map(|ttl| i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX))
    }

    /// The last moment at which a value of this event counts; `None` for ever.
    #[must_use]
    pub fn expiry(&self, event: Timestamp) -> Option<Timestamp> {
        self.ttl_micros().map(|ttl| Timestamp::from_micros(event.as_micros().saturating_add(ttl)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_read_back() {
        for (project, view) in [("a", "b"), ("a/b", "c@1"), ("%41", "é:*?[x]"), ("_-.", " ")] {
            let id = TableId::new(project, view, 7).unwrap();
            let text = id.to_string();
            assert!(
                text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./@%".contains(&byte)),
                "{text}"
            );
            assert_eq!(text.parse::<TableId>().unwrap(), id);
        }
        for text in
            ["", "a", "a/b", "a/b@", "a/b@x", "a/b@1/c", "%4/b@1", "%61/b@1", "a/%FF@1", "a b/c@1", "a/b@01"]
        {
            let error = text.parse::<TableId>().unwrap_err();
            assert!(
                error.kind() == "invalid_input" && error.to_string().contains("project/view@version"),
                "{error}"
            );
        }
        for name in ["", "a\nb", &"x".repeat(257)] {
            assert!(TableId::new(name, "v", 1).is_err() && TableId::new("p", name, 1).is_err());
        }
    }
}
