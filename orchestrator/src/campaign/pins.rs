//! Hashes of a campaign's own files, for its log: whoever verifies it later
//! can name the one that was changed.

use std::fs::File;
use std::path::Path;

use protocol::ContentHash;
use serde_json::{Map, Value};

use super::Layout;
use super::data::{DataError, failed};

/// Hashes of all files below a folder of the campaign, by their paths in it.
pub fn pins(layout: &Layout, folder: &Path) -> Result<Map<String, Value>, DataError> {
    let files = crate::audit::table::files(folder).map_err(failed("list", folder))?;
    let mut pinned = Map::new();
    for path in files.values() {
        pinned.extend(pin(layout, path)?);
    }
    Ok(pinned)
}

/// Hash of one file of the campaign, by its path in it.
pub fn pin(layout: &Layout, path: &Path) -> Result<Map<String, Value>, DataError> {
    let file = File::open(path).map_err(failed("open", path))?;
    let hash = ContentHash::of_stream(file).map_err(failed("read", path))?;
    let place = path.strip_prefix(&layout.dir).unwrap_or(path);
    let place = place.to_string_lossy().into_owned();
    Ok(std::iter::once((place, Value::from(hash.as_str()))).collect())
}
