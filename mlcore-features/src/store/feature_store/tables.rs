//! The tables of the online store: which belong to which view, and which to none.

use mlcore::time::Timestamp;
use mlcore::{Error, Result};

use super::FeatureStore;
use super::compile::schema_field;
use super::windows;
use crate::store::definition::{AnyView, ResolvedView, ViewVersion};
use crate::store::online::{Table, TableId};
use crate::store::window::OnlineWindows;

/// Which tables of the online store are looked for.
///
/// ```
/// use mlcore_features::store::feature_store::StaleTables;
///
/// assert_eq!("deleted_views".parse::<StaleTables>()?, StaleTables::DeletedViews);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StaleTables {
    /// Those of views that are not there any more, or not read online.
    DeletedViews,
    /// Those of versions of views that are not the latest, and of deleted views. A reference such as `view@v1` reads one.
    OldVersions,
}

mlcore::words! { StaleTables, "stale tables": DeletedViews = "deleted_views", OldVersions = "old_versions" }

impl FeatureStore {
    /// The tables of the project in the online store that are stale.
    ///
    /// # Errors
    /// Those of the definitions and of the online store.
    pub fn stale_tables(&self, which: StaleTables) -> Result<Vec<TableId>> {
        let snapshot = self.snapshot()?;
        let mut stale = Vec::new();
        for table in self.inner.online.tables()? {
            if table.project() != snapshot.repository().project() {
                continue;
            }
            let name = view_of(&table);
            let view = snapshot.repository().view(name).ok().filter(|view| is_online(view));
            let is_stale = match (view, which) {
                (None, _) => true,
                (Some(_), StaleTables::DeletedViews) => false,
                (Some(_), StaleTables::OldVersions) => snapshot.version_of(name)?.get() != table.version(),
            };
            if is_stale {
                stale.push(table);
            }
        }
        Ok(stale)
    }

    /// Deletes these tables of the online store with all their rows, and answers how many were there. Interrupted, it goes on when it is
    /// called again.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput), before anything is deleted, for a table of another project and for the table of the latest
    /// version of a view that is read online; those of the online store.
    pub fn drop_tables(&self, tables: &[TableId]) -> Result<u64> {
        const OPERATION: &str = "drop tables";
        let snapshot = self.snapshot()?;
        for table in tables {
            let refuse = |problem: &str, remedy: &str| {
                Err(Error::invalid_input(OPERATION, table.to_string(), problem).remedy(remedy))
            };
            if table.project() != snapshot.repository().project() {
                return refuse("it belongs to another project", "drop it by a store of that project");
            }
            let name = view_of(table);
            let is_used = snapshot.repository().view(name).is_ok_and(is_online)
                && snapshot.version_of(name)?.get() == table.version();
            if is_used {
                return refuse(
                    "the view is there, and this is its latest version",
                    "delete the view first, or make it `online = false`",
                );
            }
        }
        let mut dropped = 0;
        for table in tables {
            dropped += u64::from(self.inner.online.drop_table(table)?);
        }
        Ok(dropped)
    }

    /// Deletes the rows of these views that no read hands out any more, because they are past the view's `ttl`, and the tiles of windows that
    /// are over; of all views where none is named. Answers how many were deleted.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) for a view that is not there; those of the online store.
    pub fn evict_expired(&self, views: &[&str]) -> Result<u64> {
        let snapshot = self.snapshot()?;
        let repository = snapshot.repository();
        let names: Vec<&str> = match views {
            [] => repository.views().map(AnyView::name).collect(),
            some => some.to_vec(),
        };
        let now = self.now().as_micros();
        let mut evicted = 0;
        for name in names {
            let AnyView::View(view) = repository.view(name)? else { continue };
            if let Some(plan) = windows::plan_of(view)? {
                let version = snapshot.version_of(name)?;
                evicted += self.windows(repository.project(), view, version, &plan)?.evict(self.now())?;
                continue;
            }
            let Some(ttl) = view.view.ttl() else { continue };
            let ttl = i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX);
            let table = TableId::new(repository.project(), name, snapshot.version_of(name)?.get())?;
            evicted += self.inner.online.evict(&table, Timestamp::from_micros(now.saturating_sub(ttl)))?;
        }
        Ok(evicted)
    }
}

/// The view that a table belongs to: its rows, or the tiles of its windows.
fn view_of(table: &TableId) -> &str {
    OnlineWindows::view_of(table).unwrap_or(table.view())
}

fn is_online(view: &AnyView) -> bool {
    matches!(view, AnyView::View(view) if view.view.online())
}

/// The table of a version of a view.
pub(super) fn table_of(project: &str, view: &ResolvedView, version: ViewVersion) -> Result<Table> {
    let fields = view.features.iter().map(|field| schema_field(&field.name, field.dtype));
    let table = Table::new(TableId::new(project, view.view.name(), version.get())?, fields)?;
    Ok(match view.view.ttl() {
        Some(ttl) => table.with_ttl(ttl),
        None => table,
    })
}
