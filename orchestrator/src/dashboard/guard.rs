//! Who may look: whoever has the token, from a page of this server.
//!
//! Loopback keeps other machines out, not other users of this one, and not the
//! pages of other sites in the user's own browser. The token meets the first;
//! the names in `Host` and `Origin` and the cookie's `SameSite` the second.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What a page of ours may do: nothing but load what lies beside it. Data that
/// is assigned as markup is refused by the browser.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

/// Headers of every answer. A handler's own [`header::CONTENT_SECURITY_POLICY`]
/// stays.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// What opens the dashboard.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    token: String,
    /// Cookies are shared by all ports of a host.
    cookie: String,
}

impl Guard {
    /// With a token that nobody can guess, for the server on `port`.
    pub(super) fn new(port: u16) -> std::io::Result<Self> {
        let mut secret = [0_u8; 16];
        // The kernel gives up to 256 bytes at once, and whole.
        rustix::rand::getrandom(&mut secret[..], rustix::rand::GetRandomFlags::empty())?;
        Ok(Self {
            token: format!("{:032x}", u128::from_ne_bytes(secret)),
            cookie: format!("alphalab-{port}"),
        })
    }

    /// The token.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Why a request is refused, if it is; else whether it brought the token in
    /// its address, for which it gets a cookie.
    fn look(&self, request: &Request) -> Result<bool, Refusal> {
        let headers = request.headers();
        let host = text(headers, &header::HOST).ok_or(Refusal::Host)?;
        if !is_ours(host) {
            return Err(Refusal::Host);
        }
        if headers.contains_key(header::ORIGIN) {
            let origin = text(headers, &header::ORIGIN).ok_or(Refusal::Origin)?;
            if origin.strip_prefix("http://") != Some(host) {
                return Err(Refusal::Origin);
            }
        }
        let by_address = request.uri().path() == "/"
            && request.uri().query().is_some_and(|query| {
                let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                pairs.any(|(name, value)| name == "token" && self.is_token(value))
            });
        let bearer = text(headers, &header::AUTHORIZATION)
            .and_then(|value| value.strip_prefix("Bearer "))
            .is_some_and(|value| self.is_token(value));
        if by_address || bearer || self.has_cookie(headers) {
            Ok(by_address)
        } else {
            Err(Refusal::Token)
        }
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(name, value)| name == self.cookie && self.is_token(value))
    }

    /// Takes as long for a good guess as for a bad one.
    fn is_token(&self, guess: &str) -> bool {
        let differ = self
            .token
            .bytes()
            .zip(guess.bytes())
            .fold(0, |differ, (a, b)| differ | (a ^ b));
        guess.len() == self.token.len() && differ == 0
    }
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Host,
    Origin,
    Token,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, why) = match self {
            Self::Host => (
                StatusCode::FORBIDDEN,
                "this server answers to 127.0.0.1 and localhost only\n",
            ),
            Self::Origin => (
                StatusCode::FORBIDDEN,
                "this server answers its own pages only\n",
            ),
            Self::Token => (
                StatusCode::UNAUTHORIZED,
                "open the address that alphalab has printed, with its token\n",
            ),
        };
        (status, why).into_response()
    }
}

/// Whether a browser was sent here by a name of this machine's own. The port
/// may be another: that of a tunnel.
fn is_ours(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    ["127.0.0.1", "localhost"].contains(&name)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Lets pass who may look, and says to browsers what pages may do.
pub(super) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response = match guard.look(&request) {
        Err(refusal) => refusal.into_response(),
        Ok(by_address) => {
            let mut response = next.run(request).await;
            let cookie = format!(
                "{}={}; Path=/; HttpOnly; SameSite=Strict",
                guard.cookie, guard.token
            );
            if by_address && let Ok(value) = HeaderValue::from_str(&cookie) {
                response.headers_mut().insert(header::SET_COOKIE, value);
            }
            response
        }
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(PAGE_POLICY));
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn look(path: &str, headers: &[(&str, &str)]) -> Result<bool, Refusal> {
        let guard = Guard {
            token: "secret".to_owned(),
            cookie: "alphalab-7".to_owned(),
        };
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        guard.look(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn the_token_opens_in_three_ways() {
        let host = ("host", "127.0.0.1:7");
        assert_eq!(look("/?token=secret", &[host]), Ok(true));
        for more in [
            ("cookie", "alphalab-7=secret"),
            ("cookie", "a=b; alphalab-7=secret"),
            ("authorization", "Bearer secret"),
        ] {
            assert_eq!(look("/api/state", &[host, more]), Ok(false), "{more:?}");
        }
        for (path, more) in [
            ("/", ("x", "y")),
            ("/?token=secre", ("x", "y")),
            ("/?token=secret0", ("x", "y")),
            ("/?token=", ("x", "y")),
            // Not where it would stay in a history or a log.
            ("/api/state?token=secret", ("x", "y")),
            ("/", ("cookie", "alphalab-8=secret")),
            ("/", ("cookie", "alphalab-7=secret1")),
            ("/", ("authorization", "Basic secret")),
        ] {
            assert_eq!(
                look(path, &[host, more]),
                Err(Refusal::Token),
                "{path} {more:?}"
            );
        }
    }

    #[test]
    fn other_names_and_other_pages_are_refused() {
        let token = ("authorization", "Bearer secret");
        for host in ["127.0.0.1:7", "localhost:9000", "localhost"] {
            assert_eq!(look("/", &[("host", host), token]), Ok(false), "{host}");
            let own = format!("http://{host}");
            assert_eq!(
                look("/", &[("host", host), token, ("origin", &own)]),
                Ok(false)
            );
        }
        for host in [
            "evil.example",
            "evil.example:7",
            "127.0.0.1.evil.example:7",
            "127.0.0.1:7@evil.example",
            "localhost:7:evil",
            "0.0.0.0:7",
            "",
        ] {
            assert_eq!(
                look("/?token=secret", &[("host", host), token]),
                Err(Refusal::Host),
                "{host}"
            );
        }
        assert_eq!(look("/", &[token]), Err(Refusal::Host));
        let host = ("host", "127.0.0.1:7");
        for origin in [
            "http://evil.example",
            "http://127.0.0.1:8",
            "https://127.0.0.1:7",
            "null",
        ] {
            assert_eq!(
                look("/", &[host, token, ("origin", origin)]),
                Err(Refusal::Origin),
                "{origin}"
            );
        }
    }
}
