//! The client: GET requests to hosts that may be reached.

use std::io::{self, Read};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ureq::Body;
use ureq::http::{Response, Uri};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;

use super::guard::{Allowed, Guard, parse};
use super::link::resolve;
use super::page;
use crate::core::settings::WebSettings;
use crate::model::http::{HttpError, tls};
use crate::model::key::Environment;

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;
/// Names a file of certificates to trust instead of the usual ones.
const CERTIFICATES: &str = "SSL_CERT_FILE";
/// Where searches go, whom the user trusts, and within what all this stays.
#[derive(Clone, Debug, PartialEq)]
pub struct WebConfig {
    /// Hosts, with or without a port, that may be reached wherever they are.
    pub allowed_hosts: Vec<String>,
    /// The user's search endpoint.
    pub search_url: Option<String>,
    /// Where arXiv's interface is.
    pub arxiv_url: String,
    /// Where Semantic Scholar's interface is.
    pub scholar_url: String,
    /// Hosts of the above that the user has named, and so trusts.
    pub search_hosts: Vec<String>,
    /// Longest time of one request, redirects and body included.
    pub total: Duration,
    /// Most bytes of a body that are read.
    pub max_body: u64,
    /// Time between two requests to arXiv, which asks for it.
    pub pause: Duration,
    /// A file of certificates to trust instead of the usual ones.
    pub certificates: Option<PathBuf>,
}

impl WebConfig {
    /// A campaign's settings, with what the environment says about this machine.
    pub fn new(settings: &WebSettings, environment: &Environment) -> Self {
        let mut search_hosts: Vec<String> = settings
            .search_url
            .iter()
            .filter_map(|url| authority(url))
            .collect();
        let mut base = |variable: &str, usual: &str| match environment.get(variable) {
            Some(url) => {
                search_hosts.extend(authority(&url));
                url
            }
            None => usual.to_owned(),
        };
        Self {
            arxiv_url: base("ALPHALAB_ARXIV_URL", "https://export.arxiv.org"),
            scholar_url: base(
                "ALPHALAB_SEMANTIC_SCHOLAR_URL",
                "https://api.semanticscholar.org",
            ),
            allowed_hosts: settings.allowed_hosts.clone(),
            search_url: settings.search_url.clone(),
            search_hosts,
            total: Duration::from_secs(30),
            max_body: 2 << 20,
            pause: Duration::from_secs(3),
            certificates: environment.get(CERTIFICATES).map(PathBuf::from),
        }
    }
}

fn authority(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    Some(uri.authority()?.as_str().to_owned())
}

/// Something that could not be had from the web.
#[derive(Debug, thiserror::Error)]
#[error("failed to fetch `{url}`")]
pub struct WebError {
    /// What was asked for.
    pub url: String,
    /// Why not.
    #[source]
    pub reason: Reason,
}

/// Why something could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// Nothing that can be asked.
    #[error("it is no URL of http or https")]
    NoUrl,
    /// A name or a password would be sent.
    #[error("it holds a user name or a password")]
    Credentials,
    /// Another service's port.
    #[error("port {0} is no port of a web server")]
    Port(u16),
    /// No address on the public internet.
    #[error(
        "`{host}` is at {address}, which is not on the public internet (the user may allow it with \
         --web-allow)"
    )]
    Private {
        /// The host.
        host: String,
        /// One of its addresses.
        address: IpAddr,
    },
    /// Too many redirects.
    #[error("it redirects more than {MAX_REDIRECTS} times")]
    Redirects,
    /// Too long.
    #[error("it took more than {} s", .0.as_secs_f64())]
    Slow(Duration),
    /// The server says no.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// Nothing that can be read.
    #[error("it is of type `{0}`: only HTML, plain text, Markdown, JSON and XML can be read")]
    NotText(String),
    /// A PDF.
    #[error(
        "it is a PDF, which can't be read here: look for a page with the same in HTML, such as \
         https://arxiv.org/abs/… for a paper there"
    )]
    Pdf,
    /// Text by name only.
    #[error("it is said to be text and is not")]
    Binary,
    /// Compressed, although nobody asked for it.
    #[error("it comes encoded as `{0}`, which was not asked for")]
    Encoded(String),
    /// Larger than what is read.
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
    /// Not in the form that the interface documents.
    #[error("the answer is malformed: {0}")]
    Malformed(String),
    /// The connection.
    #[error("the connection failed")]
    Connection(#[source] Box<ureq::Error>),
}

/// A page as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where it is, after all redirects.
    pub url: String,
    /// Its title, if it has one.
    pub title: Option<String>,
    /// Its type, less parameters.
    pub media_type: String,
    /// What it says.
    pub text: String,
    /// Whether there was more of it than is read.
    pub cut: bool,
}

/// A body as it came.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) url: Uri,
    pub(super) content_type: Option<String>,
    pub(super) body: Vec<u8>,
    pub(super) cut: bool,
}

/// Whom something may be asked of.
#[derive(Debug)]
struct Party {
    agent: ureq::Agent,
    allowed: Allowed,
}

/// The client. Each request has a connection of its own.
#[derive(Debug)]
pub struct Client {
    pages: Party,
    searches: Party,
    config: WebConfig,
    /// When arXiv was asked last.
    asked_arxiv: Mutex<Option<Instant>>,
}

impl Client {
    /// A client, if what it is told makes sense.
    pub fn new(config: WebConfig) -> Result<Self, ClientError> {
        let bases = [&config.arxiv_url, &config.scholar_url];
        let allowed = Allowed(config.search_hosts.clone());
        for url in bases.into_iter().chain(&config.search_url) {
            parse(url, &allowed).map_err(|reason| ClientError::Endpoint {
                url: url.clone(),
                reason,
            })?;
        }
        let party = |hosts: &[String]| {
            let settings = ureq::Agent::config_builder()
                .http_status_as_error(false)
                // They are followed here, hop by hop.
                .max_redirects(0)
                .max_redirects_will_error(false)
                .max_idle_connections(0)
                .max_idle_connections_per_host(0)
                .user_agent(concat!("alphalab/", env!("CARGO_PKG_VERSION")))
                // Behind a proxy nobody here sees what is connected to.
                .proxy(None)
                .tls_config(tls(config.certificates.as_ref())?);
            let allowed = Allowed(hosts.to_vec());
            let guard = Guard {
                names: DefaultResolver::default(),
                allowed: allowed.clone(),
            };
            let connector = DefaultConnector::default();
            let agent = ureq::Agent::with_parts(settings.build(), connector, guard);
            Ok::<_, HttpError>(Party { agent, allowed })
        };
        Ok(Self {
            pages: party(&config.allowed_hosts)?,
            searches: party(&config.search_hosts)?,
            asked_arxiv: Mutex::new(None),
            config,
        })
    }

    /// What it was told.
    pub fn config(&self) -> &WebConfig {
        &self.config
    }

    /// A page as text.
    pub fn fetch(&self, url: &str) -> Result<Fetched, WebError> {
        let fetched = self.get(&self.pages, url).and_then(page::read);
        fetched.map_err(|reason| WebError {
            url: url.to_owned(),
            reason,
        })
    }

    /// The whole answer of an interface.
    pub(super) fn ask(&self, url: &str) -> Result<Vec<u8>, Reason> {
        let got = self.get(&self.searches, url)?;
        if got.cut {
            return Err(Reason::TooLarge(self.config.max_body));
        }
        Ok(got.body)
    }

    /// Waits until arXiv may be asked again. Who waits has the lock, so that
    /// the next one waits for it and then for the pause.
    pub(super) fn wait_for_arxiv(&self) {
        let lock = self.asked_arxiv.lock();
        let mut asked = lock.unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(at) = *asked {
            std::thread::sleep(self.config.pause.saturating_sub(at.elapsed()));
        }
        *asked = Some(Instant::now());
    }

    /// Asks, and goes where redirects lead. All of it shares one limit of time.
    fn get(&self, of: &Party, url: &str) -> Result<Got, Reason> {
        let ends = Instant::now() + self.config.total;
        let mut url = parse(url, &of.allowed)?;
        for _ in 0..=MAX_REDIRECTS {
            let left = ends.saturating_duration_since(Instant::now());
            let response = of
                .agent
                .get(url.clone())
                .config()
                .timeout_global(Some(left))
                .build()
                .header("accept-encoding", "identity")
                .call()
                .map_err(|error| self.broken(error))?;
            let next = header(&response, "location").filter(|_| response.status().is_redirection());
            match next {
                Some(reference) => {
                    let next = resolve(&url, reference.trim()).ok_or(Reason::NoUrl)?;
                    url = parse(&next, &of.allowed)?;
                }
                None => return self.read(url, response),
            }
        }
        Err(Reason::Redirects)
    }

    fn read(&self, url: Uri, response: Response<Body>) -> Result<Got, Reason> {
        let status = response.status();
        if !status.is_success() {
            return Err(Reason::Status(status.as_u16()));
        }
        let encoding = header(&response, "content-encoding");
        if let Some(encoding) = encoding.filter(|encoding| encoding != "identity") {
            return Err(Reason::Encoded(encoding));
        }
        let content_type = header(&response, "content-type");
        let most = self.config.max_body;
        let mut body = Vec::new();
        response
            .into_body()
            .into_reader()
            .take(most + 1)
            .read_to_end(&mut body)
            .map_err(|error| self.broken(ureq::Error::from(error)))?;
        let cut = body.len() as u64 > most;
        body.truncate(most as usize);
        Ok(Got {
            url,
            content_type,
            body,
            cut,
        })
    }

    /// What a broken request means.
    fn broken(&self, error: ureq::Error) -> Reason {
        match error {
            ureq::Error::Other(inner) => match inner.downcast::<Reason>() {
                Ok(reason) => *reason,
                Err(inner) => Reason::Connection(Box::new(ureq::Error::Other(inner))),
            },
            ureq::Error::Timeout(_) => Reason::Slow(self.config.total),
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
                Reason::Slow(self.config.total)
            }
            other => Reason::Connection(Box::new(other)),
        }
    }
}

/// The value of a header, if there is one.
fn header(response: &Response<Body>, name: &str) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// A client that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A search endpoint is of no use.
    #[error("`{url}` can't be searched")]
    Endpoint {
        /// Which.
        url: String,
        /// Why not.
        #[source]
        reason: Reason,
    },
    /// The certificates.
    #[error(transparent)]
    Http(#[from] HttpError),
}
