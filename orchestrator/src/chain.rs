//! Printing an error with its causes, once, at the edge.

use std::error::Error;
use std::fmt::Write;

/// The error and everything behind it, from the outside in. A cause that its
/// parent already names word for word is not repeated.
pub fn of(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            // Writing to a String can't fail.
            let _ = write!(text, ": {said}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #[derive(Debug, thiserror::Error)]
    #[error("failed to open `x`")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_follow() {
        let error = Outer(std::io::Error::other("no such file"));
        assert_eq!(super::of(&error), "failed to open `x`: no such file");
    }
}
