//! What makes the lab itself fail, in the words of the contract.

use std::error::Error;
use std::path::Path;

use protocol::{LabError, Retry};

/// A request that makes no sense.
pub(super) fn bad_request(message: String) -> LabError {
    error("bad_request", message, Retry::Never)
}

/// What is measured with is unusable: the evaluation, the adapter, the data.
pub(super) fn unusable(error: &(dyn Error + 'static)) -> LabError {
    self::error("bad_task", crate::chain::of(error), Retry::Never)
}

/// The lab could not do its work, and may later.
pub(super) fn internal(error: &(dyn Error + 'static)) -> LabError {
    self::error("internal", crate::chain::of(error), Retry::Later)
}

/// A file of the lab's own can't be used.
pub(super) fn file(operation: &str, path: &Path) -> impl FnOnce(std::io::Error) -> LabError {
    let what = format!("failed to {operation} `{}`", path.display());
    move |source| error("internal", format!("{what}: {source}"), Retry::Later)
}

fn error(code: &str, message: String, retry: Retry) -> LabError {
    LabError {
        code: code.to_owned(),
        message,
        retry,
    }
}
