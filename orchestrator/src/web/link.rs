//! Where a reference in a page, or a redirect, leads.

use ureq::http::Uri;

/// The address that a reference stands for at `base`, less its fragment; none
/// if that is nothing of HTTP.
pub(super) fn resolve(base: &Uri, reference: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or_default();
    let (scheme, host) = (base.scheme_str()?, base.authority()?);
    if let Some((named, _)) = scheme_of(reference) {
        let is_http = ["http", "https"]
            .iter()
            .any(|known| named.eq_ignore_ascii_case(known));
        return is_http.then(|| reference.to_owned());
    }
    if let Some(rest) = reference.strip_prefix("//") {
        return Some(format!("{scheme}://{rest}"));
    }
    let path = base.path();
    let folder = &path[..=path.rfind('/')?];
    let whole = match reference.chars().next() {
        None => base
            .path_and_query()
            .map_or(path, |all| all.as_str())
            .to_owned(),
        Some('/') => reference.to_owned(),
        Some('?') => format!("{path}{reference}"),
        Some(_) => format!("{folder}{reference}"),
    };
    Some(format!("{scheme}://{host}{}", without_dots(&whole)))
}

/// What stands before the colon, where that is a scheme: `mailto:`,
/// `javascript:` and the like.
fn scheme_of(reference: &str) -> Option<(&str, &str)> {
    let (before, after) = reference.split_once(':')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let is_scheme =
        before.starts_with(|c: char| c.is_ascii_alphabetic()) && before.chars().all(fits);
    is_scheme.then_some((before, after))
}

/// A path without `.` and `..`.
fn without_dots(path: &str) -> String {
    let (path, query) = match path.find('?') {
        Some(at) => path.split_at(at),
        None => (path, ""),
    };
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_dots = matches!(segment, "." | "..");
        if segment == ".." {
            kept.pop();
        }
        if !is_dots {
            kept.push(segment);
        } else if segments.peek().is_none() {
            // A folder, so that a slash follows its name.
            kept.push("");
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_where_a_browser_would_go() {
        let base = Uri::from_static("https://example.org/docs/a/index.html?x=1");
        for (reference, expected) in [
            ("b.html", Some("https://example.org/docs/a/b.html")),
            ("./b/?q=../c", Some("https://example.org/docs/a/b/?q=../c")),
            ("../../../b", Some("https://example.org/b")),
            ("..", Some("https://example.org/docs/")),
            (".", Some("https://example.org/docs/a/")),
            ("/b#part", Some("https://example.org/b")),
            ("//other.org/b", Some("https://other.org/b")),
            ("?x=2", Some("https://example.org/docs/a/index.html?x=2")),
            ("", Some("https://example.org/docs/a/index.html?x=1")),
            ("HTTP://other.org/", Some("HTTP://other.org/")),
            ("b/c:d", Some("https://example.org/docs/a/b/c:d")),
            ("file:///etc/passwd", None),
            ("javascript:alert(1)", None),
            ("data:text/plain,x", None),
            ("mailto:x@y.z", None),
        ] {
            assert_eq!(
                resolve(&base, reference).as_deref(),
                expected,
                "{reference}"
            );
        }
        let root = Uri::from_static("http://example.org");
        assert_eq!(resolve(&root, "b").as_deref(), Some("http://example.org/b"));
    }
}
