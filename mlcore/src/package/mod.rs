//! Models that travel: one with everything that belongs to it, and what a deployment runs, fixed to the byte.
//!
//! - [`ModelPackage`]: one model in a directory, with its feature plan, its monitor's reference, golden vectors and a card.
//! - [`GoldenVectors`]: inputs and what the model answered to them, by which a load elsewhere is checked.
//! - [`Lock`]: which versions names and aliases meant at one moment, by their digests.
//! - [`Bundle`]: a folder with everything that a lock names, which opens without a registry.
//!
//! A registry keeps signatures and golden vectors as artifacts, whose digests stand in a version's tags [`SIGNATURE_TAG`] and
//! [`GOLDEN_TAG`]. What only other crates understand, a plan or a reference, is bytes here; an endpoint checks it when it loads.

mod bundle;
mod golden;
mod lock;
mod model;
mod restore;
#[cfg(feature = "signatures")]
mod signed;

pub use self::bundle::Bundle;
pub use self::golden::{GoldenCase, GoldenVectors};
pub use self::lock::{Ask, Lock, Locked};
pub use self::model::{ModelPackage, ModelPackageBuilder, PackagePart, PartRole};
#[cfg(feature = "signatures")]
pub use self::signed::{envelope_of, parts_of, sign_version, statement_of, verify_version};
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::registry::ModelVersion;

/// The tag of a version that names its signature: the digest of an envelope in the artifact store.
pub const SIGNATURE_TAG: &str = "mlcore.signature";
/// The tag of a version that names its golden vectors: the digest of their JSON in the artifact store.
pub const GOLDEN_TAG: &str = "mlcore.golden";
/// The tag of a version that names its card: the digest of a Markdown text in the artifact store.
pub const CARD_TAG: &str = "mlcore.card";

/// The digest that a tag of a version names; none where it has no such tag.
///
/// # Errors
/// [`Error::Corrupt`] for a tag that names no digest.
pub fn tagged(version: &ModelVersion, tag: &str) -> Result<Option<Digest>> {
    let Some(value) = version.tags.get(tag) else { return Ok(None) };
    value.parse().map(Some).map_err(|cause: Error| {
        let subject = format!("{} version {}", version.model, version.version);
        Error::corrupt("read version", subject, format!("its tag {tag} names no digest"))
            .remedy("set the tag to the digest of what it names, or remove it")
            .caused_by(cause)
    })
}

/// Every artifact that a version needs: the model's own, those of its lineage and those that its tags name.
fn artifacts_of(version: &ModelVersion) -> Result<Vec<(&'static str, Digest)>> {
    let mut parts = vec![("artifact", version.artifact)];
    parts.extend(version.lineage.plan.map(|plan| ("plan", plan.artifact)));
    parts.extend(version.lineage.monitor.map(|monitor| ("monitor", monitor)));
    for (role, tag) in [("golden", GOLDEN_TAG), ("card", CARD_TAG)] {
        parts.extend(tagged(version, tag)?.map(|digest| (role, digest)));
    }
    Ok(parts)
}
