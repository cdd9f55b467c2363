//! A look at everything that the file holds.

use mlcore::Result;
use mlcore::artifact::Digest;

use super::super::version::{History, OldVersions};
use super::tables::Tables;
use crate::store::definition::Views;

/// Checks the chain of the audit, the objects and every version.
pub(super) fn verify(tables: &Tables<'_>, project: &str) -> Result<()> {
    const PAGE: usize = 256;
    let (mut revision, mut previous) = (0_u64, Digest::ZERO);
    loop {
        let entries = tables.entries(revision + 1, PAGE)?;
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            if entry.revision != revision + 1 || entry.previous != previous {
                let problem = format!("audit entry {} does not follow entry {revision}", entry.revision);
                return Err(tables.damaged(problem));
            }
            (revision, previous) = (entry.revision, entry.hash);
        }
        mlcore::interrupt::check("verify definitions")?;
    }
    let snapshot = tables.snapshot(project)?;
    let versions = OldVersions::new(project, tables);
    for (view, version) in tables.all_versions()? {
        mlcore::interrupt::check("verify definitions")?;
        versions.view(&view, Some(version))?;
    }
    for view in snapshot.repository().views() {
        let version = snapshot.version_of(view.name())?;
        if tables.kept(view.name(), version)?.is_none() {
            return Err(tables.damaged(format!("version {version} of {} is not kept", view.name())));
        }
        tables.materialised(view.name(), version)?;
    }
    Ok(())
}
