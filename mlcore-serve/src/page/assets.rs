//! The style, the script and the icon: files of this program, told apart by what they hold.

use std::sync::LazyLock;

use xxhash_rust::xxh3::xxh3_64;

/// A file and its type.
pub(super) struct Asset {
    pub(super) content: &'static str,
    pub(super) kind: &'static str,
}

/// The file of this name.
pub(super) fn find(name: &str) -> Option<Asset> {
    let (content, kind) = match name {
        "style.css" => (STYLE, "text/css; charset=utf-8"),
        "page.js" => (SCRIPT, "text/javascript; charset=utf-8"),
        "icon.svg" => (ICON, "image/svg+xml"),
        _ => return None,
    };
    Some(Asset { content, kind })
}

/// Another text where another file is served under a name: browsers may keep what they have.
pub(super) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        format!("{:016x}", xxh3_64(STYLE.as_bytes()) ^ xxh3_64(SCRIPT.as_bytes()).rotate_left(1))
    });
    &VERSION
}

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/page.js");
const ICON: &str = include_str!("assets/icon.svg");
