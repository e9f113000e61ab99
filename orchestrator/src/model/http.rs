//! The HTTP client: one POST per connection, read as it comes.
//!
//! Connections are not kept for the next call: a kept one that the server has
//! closed meanwhile can't be told from a call that was cut off, and that would
//! be booked as if it had been billed. Beside a model's time a handshake is
//! nothing.

use std::cell::Cell;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::time::Duration as Limit;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};

use super::failure::{Attempt, ModelError};

/// Limits of one call.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpSettings {
    /// Longest time until a connection is there.
    pub connect: Duration,
    /// Longest time without a single byte. Most providers send something now
    /// and then while a model thinks; some are silent for minutes.
    pub idle: Duration,
    /// Longest time of a whole call.
    pub total: Duration,
    /// Most bytes of a reply.
    pub max_reply: u64,
    /// A file of certificates to trust instead of the usual ones, for gateways.
    pub certificates: Option<PathBuf>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            idle: Duration::from_mins(5),
            total: Duration::from_mins(45),
            max_reply: 64 << 20,
            certificates: None,
        }
    }
}

/// A client that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The file of certificates is of no use.
    #[error("failed to read the certificates in `{file}`", file = .file.display())]
    Certificates {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

thread_local! {
    /// Whether this thread's call has sent anything to the server yet.
    static SENT: Cell<bool> = const { Cell::new(false) };
}

/// The client. Cheap to share.
#[derive(Clone, Debug)]
pub struct Http {
    agent: ureq::Agent,
    settings: HttpSettings,
}

/// A reply whose body is still to be read.
pub struct Reply<'a> {
    /// Status.
    pub status: u16,
    /// Whether the body is an event stream.
    pub is_stream: bool,
    /// `Retry-After`, or the same in milliseconds.
    pub retry_after: Option<String>,
    host: &'a str,
    body: ureq::BodyReader<'static>,
    settings: &'a HttpSettings,
    read: u64,
}

impl std::fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Http {
    /// A client. `direct` keeps proxies out, for servers on this machine.
    pub fn new(settings: HttpSettings, direct: bool) -> Result<Self, HttpError> {
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .user_agent(concat!("alphalab/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(settings.connect))
            .timeout_resolve(Some(settings.connect))
            .timeout_global(Some(settings.total))
            .tls_config(tls(settings.certificates.as_ref())?);
        if direct {
            config = config.proxy(None);
        }
        let connector = Watched {
            inner: DefaultConnector::default(),
            idle: settings.idle,
        };
        let agent = ureq::Agent::with_parts(config.build(), connector, DefaultResolver::default());
        Ok(Self { agent, settings })
    }

    /// Sends a document and waits for the reply to begin. An attempt that
    /// fails before anything was sent is free.
    pub fn post<'a>(
        &'a self,
        url: &str,
        host: &'a str,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Result<Reply<'a>, Attempt> {
        SENT.set(false);
        let mut request = self
            .agent
            .post(url)
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.send(body).map_err(|error| {
            let sent = SENT.get();
            let error = broken(&error, host, &self.settings, sent);
            if sent {
                Attempt::unknown(error)
            } else {
                Attempt::free(error)
            }
        })?;
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let milliseconds = header("retry-after-ms").and_then(|ms| ms.trim().parse::<f64>().ok());
        let is_stream = header("content-type").is_some_and(|t| t.contains("event-stream"));
        Ok(Reply {
            status: response.status().as_u16(),
            is_stream,
            retry_after: milliseconds
                .map(|ms| (ms / 1e3).to_string())
                .or_else(|| header("retry-after")),
            host,
            body: response.into_body().into_reader(),
            settings: &self.settings,
            read: 0,
        })
    }
}

impl Reply<'_> {
    /// Reads on; 0 at the end.
    pub fn read(&mut self, into: &mut [u8]) -> Result<usize, ModelError> {
        let count = self.body.read(into).map_err(|error| {
            let error = ureq::Error::from(error);
            broken(&error, self.host, self.settings, true)
        })?;
        self.read += count as u64;
        if self.read > self.settings.max_reply {
            let limit = self.settings.max_reply;
            return Err(ModelError::TooLarge { limit });
        }
        Ok(count)
    }

    /// The rest of the body.
    pub fn rest(&mut self) -> Result<Vec<u8>, ModelError> {
        let mut all = Vec::new();
        let mut piece = vec![0; 16 << 10];
        loop {
            match self.read(&mut piece)? {
                0 => return Ok(all),
                count => all.extend_from_slice(&piece[..count]),
            }
        }
    }
}

/// Which servers are believed: those of the usual authorities, or of the ones
/// in a file.
pub(crate) fn tls(certificates: Option<&PathBuf>) -> Result<TlsConfig, HttpError> {
    let Some(file) = certificates else {
        return Ok(TlsConfig::default());
    };
    let bad = |source| HttpError::Certificates {
        file: file.clone(),
        source,
    };
    let pem = std::fs::read(file).map_err(bad)?;
    let mut found: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|e| bad(e.into_io()))? {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(bad(io::Error::other("there is no certificate in it")));
    }
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&found))
        .build())
}

/// What a broken call means.
fn broken(error: &ureq::Error, host: &str, settings: &HttpSettings, sent: bool) -> ModelError {
    let host = host.to_owned();
    let is_timeout = match error {
        ureq::Error::Timeout(_) => true,
        ureq::Error::Io(error) => error.kind() == io::ErrorKind::TimedOut,
        _ => false,
    };
    match (sent, is_timeout) {
        (true, true) => ModelError::Stalled {
            host,
            after: settings.idle,
        },
        (true, false) => ModelError::Dropped {
            host,
            detail: error.to_string(),
        },
        (false, _) => ModelError::Network {
            host,
            detail: error.to_string(),
        },
    }
}

/// Makes connections that notice when nothing comes any more, and that know
/// whether anything was sent.
#[derive(Debug)]
struct Watched {
    inner: DefaultConnector,
    idle: Duration,
}

impl Connector<()> for Watched {
    type Out = WatchedTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let inner = self.inner.connect(details, chained)?;
        Ok(inner.map(|inner| WatchedTransport {
            inner,
            idle: Limit::Exact(self.idle),
        }))
    }
}

#[derive(Debug)]
struct WatchedTransport {
    inner: Box<dyn Transport>,
    idle: Limit,
}

impl WatchedTransport {
    fn clamp(&self, mut timeout: NextTimeout) -> NextTimeout {
        if *timeout.after > *self.idle {
            timeout.after = self.idle;
        }
        timeout
    }
}

impl Transport for WatchedTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let timeout = self.clamp(timeout);
        self.inner.transmit_output(amount, timeout)?;
        SENT.set(true);
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let timeout = self.clamp(timeout);
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
