//! What may be asked for and connected to.
//!
//! It is decided where names become addresses, and the connection goes to the
//! very address that was looked at. Every hop of a redirect passes here again,
//! so neither a redirect nor a name that changes its address in between leads
//! to a machine nearby.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::address::is_public;
use super::client::Reason;

/// Lowest port, beside those of HTTP, that is asked: below are mail and the
/// like, which a request could mislead.
const FIRST_FREE_PORT: u16 = 1024;
/// What no URL may hold as it is.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Hosts whose addresses are the user's business.
#[derive(Clone, Debug)]
pub(super) struct Allowed(pub(super) Vec<String>);

impl Allowed {
    fn covers(&self, uri: &Uri) -> bool {
        let whole = uri.authority().map_or("", |authority| authority.as_str());
        let host = uri.host().unwrap_or_default();
        self.0
            .iter()
            .any(|known| known.eq_ignore_ascii_case(host) || known.eq_ignore_ascii_case(whole))
    }
}

/// A URL that may be asked for, as far as can be told from its text.
pub(super) fn parse(url: &str, allowed: &Allowed) -> Result<Uri, Reason> {
    let encoded = utf8_percent_encode(url.trim(), ENCODED).to_string();
    let uri: Uri = encoded.parse().map_err(|_| Reason::NoUrl)?;
    check(&uri, allowed)?;
    Ok(uri)
}

fn check(uri: &Uri, allowed: &Allowed) -> Result<(), Reason> {
    let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(Reason::NoUrl);
    };
    if authority.as_str().contains('@') {
        return Err(Reason::Credentials);
    }
    match authority.port_u16() {
        Some(port) if port < FIRST_FREE_PORT && !matches!(port, 80 | 443) => {
            if allowed.covers(uri) {
                Ok(())
            } else {
                Err(Reason::Port(port))
            }
        }
        Some(_) | None => Ok(()),
    }
}

/// Turns names into addresses that may be connected to.
#[derive(Debug)]
pub(super) struct Guard<R> {
    pub(super) names: R,
    pub(super) allowed: Allowed,
}

impl<R: Resolver> Resolver for Guard<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let refused = |reason: Reason| ureq::Error::Other(Box::new(reason));
        check(uri, &self.allowed).map_err(refused)?;
        let found = self.names.resolve(uri, config, timeout)?;
        if self.allowed.covers(uri) {
            return Ok(found);
        }
        let mut public = self.empty();
        for address in &found {
            if is_public(address.ip()) {
                public.push(*address);
            }
        }
        match (public.first(), found.first()) {
            (Some(_), _) => Ok(public),
            (None, Some(address)) => Err(refused(Reason::Private {
                host: uri.host().unwrap_or_default().to_owned(),
                address: address.ip(),
            })),
            (None, None) => Err(ureq::Error::HostNotFound),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn what_is_no_web_address_is_not_asked_for() {
        let nobody = Allowed(Vec::new());
        for (url, words) in [
            ("ftp://example.org/a", "no URL of http"),
            ("file:///etc/passwd", "no URL of http"),
            ("gopher://example.org", "no URL of http"),
            ("example.org/a", "no URL of http"),
            ("http:///a", "no URL of http"),
            ("", "no URL of http"),
            (
                "http://user:secret@example.org/",
                "a user name or a password",
            ),
            ("http://example.org:25/", "port 25"),
            ("https://example.org:22/", "port 22"),
        ] {
            let reason = parse(url, &nobody).unwrap_err().to_string();
            assert!(reason.contains(words), "{url}: {reason}");
        }
        for (url, shown) in [
            (
                " https://example.org/a b?q=ä#part ",
                "https://example.org/a%20b?q=%C3%A4",
            ),
            ("HTTP://example.org:8080/", "http://example.org:8080/"),
        ] {
            assert_eq!(parse(url, &nobody).unwrap().to_string(), shown);
        }
        let mail = Allowed(vec!["Example.org:25".to_owned()]);
        assert!(parse("http://example.org:25/", &mail).is_ok());
        assert!(parse("http://example.org:26/", &mail).is_err());
    }

    /// A name server that answers everything the same.
    #[derive(Debug)]
    struct Names(Vec<SocketAddr>);

    impl Resolver for Names {
        fn resolve(
            &self,
            _uri: &Uri,
            _config: &Config,
            _timeout: NextTimeout,
        ) -> Result<ResolvedSocketAddrs, ureq::Error> {
            let mut all = self.empty();
            for address in &self.0 {
                all.push(*address);
            }
            Ok(all)
        }
    }

    fn resolve(addresses: &[&str], allowed: &[&str]) -> Result<Vec<SocketAddr>, ureq::Error> {
        let guard = Guard {
            names: Names(addresses.iter().map(|a| a.parse().unwrap()).collect()),
            allowed: Allowed(allowed.iter().map(|host| (*host).to_owned()).collect()),
        };
        let uri = Uri::from_static("http://inside.example:8080/");
        let found = guard.resolve(&uri, &Config::default(), NextTimeout::default())?;
        Ok(found.to_vec())
    }

    #[test]
    fn only_public_addresses_of_a_name_are_connected_to() {
        let found = resolve(&["10.0.0.1:80", "1.1.1.1:80", "[::1]:80"], &[]).unwrap();
        assert_eq!(found, ["1.1.1.1:80".parse().unwrap()]);
        let error = resolve(&["10.0.0.1:80", "127.0.0.1:80"], &[]).unwrap_err();
        let ureq::Error::Other(inner) = error else {
            panic!("{error:?}");
        };
        let told = inner.to_string();
        assert!(told.contains("`inside.example` is at 10.0.0.1"), "{told}");
        for host in ["inside.example", "INSIDE.example:8080"] {
            assert_eq!(resolve(&["10.0.0.1:80"], &[host]).unwrap().len(), 1);
        }
        assert!(resolve(&["10.0.0.1:80"], &["inside.example:80"]).is_err());
        assert!(resolve(&["10.0.0.1:80"], &["example"]).is_err());
    }
}
