//! Which model a `--model` argument names, and what it takes to use it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::builtin::Builtin;
use super::dialect::anthropic::Anthropic;
use super::dialect::compatible::Compatible;
use super::dialect::openai::OpenAi;
use super::dialect::{Dialect, Vendor};
use super::http::{Http, HttpError, HttpSettings};
use super::key::{self, Environment, KeyError};
use super::price::{PRICES, Price, PriceError, PriceTable};
use super::remote::Remote;
use super::replay::{RecordingError, Replay};
use super::retry::{Clock, Jitter, RetryPolicy, SystemClock, SystemJitter};
use super::types::ChatModel;

/// Names a file of certificates to trust instead of the usual ones.
const CERTIFICATES: &str = "SSL_CERT_FILE";

/// A model that can't be used. The user can mend all of these.
#[derive(Debug, thiserror::Error)]
pub enum UnknownModel {
    /// No such kind of model.
    #[error(
        "unknown model `{0}`: there are `builtin`, `anthropic:<model>`, `openai:<model>`, `compatible:<base-url>:<model>` and `replay:<campaign's directory>`"
    )]
    Spec(String),
    /// A kind of model without a model.
    #[error("`{spec}` names no model: write `{form}`")]
    Incomplete {
        /// What was given.
        spec: String,
        /// What is expected.
        form: &'static str,
    },
    /// There is no key.
    #[error("model `{spec}` can't be used")]
    Key {
        /// What was given.
        spec: String,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// There is no campaign to replay.
    #[error("model `{spec}` can't be used")]
    Recording {
        /// What was given.
        spec: String,
        /// Why.
        #[source]
        source: Box<RecordingError>,
    },
    /// Nobody knows what it costs.
    #[error(
        "model `{spec}` has no price, so no budget can hold it: known are {}; to add one, write its entry to `{}`",
        .known.join(", "), .file.display()
    )]
    NoPrice {
        /// What was given.
        spec: String,
        /// Models that have one.
        known: Vec<String>,
        /// Where to add it.
        file: PathBuf,
    },
    /// The prices are of no use.
    #[error("the models' prices are unknown")]
    Prices(#[from] PriceError),
    /// The HTTP client can't be made.
    #[error("the connection can't be set up")]
    Http(#[from] HttpError),
}

/// What models are made with.
#[derive(Clone)]
pub struct Setup {
    /// Variables.
    pub environment: Environment,
    /// Prices; those a campaign started with, when it goes on.
    pub prices: PriceTable,
    /// Limits of calls.
    pub http: HttpSettings,
    /// When calls are made again.
    pub retry: RetryPolicy,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub jitter: Arc<dyn Jitter>,
    /// Directory of the campaign that the model is for, absolute; a replay
    /// tells it from the recorded one's.
    pub campaign: Option<PathBuf>,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("http", &self.http)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// The model that a `--model` argument names, with this process's variables
/// and the user's prices.
pub fn by_spec(spec: &str) -> Result<Box<dyn ChatModel>, UnknownModel> {
    Setup::of_process()?.model(spec)
}

impl Setup {
    /// This process's variables and the user's prices.
    pub fn of_process() -> Result<Self, UnknownModel> {
        let environment = Environment::of_process();
        let prices = PriceTable::load(&environment)?;
        Ok(Self::new(environment, prices))
    }

    /// With the usual limits.
    pub fn new(environment: Environment, prices: PriceTable) -> Self {
        let http = HttpSettings {
            certificates: environment.get(CERTIFICATES).map(PathBuf::from),
            ..HttpSettings::default()
        };
        Self {
            environment,
            prices,
            http,
            retry: RetryPolicy::default(),
            clock: Arc::new(SystemClock::default()),
            jitter: Arc::new(SystemJitter),
            campaign: None,
        }
    }

    /// The model that a `--model` argument names.
    pub fn model(&self, spec: &str) -> Result<Box<dyn ChatModel>, UnknownModel> {
        let (kind, rest) = spec.split_once(':').unwrap_or((spec, ""));
        match kind {
            "builtin" if spec == "builtin" => Ok(Box::new(Builtin)),
            "anthropic" => {
                let price = self.priced(spec, Vendor::Anthropic, rest)?;
                let dialect = Anthropic {
                    model: rest.to_owned(),
                    vision: price.vision,
                    thinking: price.thinking,
                    search: price.search.is_some(),
                };
                let base = self.base("ANTHROPIC_BASE_URL", "https://api.anthropic.com");
                let url = format!("{}/v1/messages", base.trim_end_matches("/v1"));
                self.paid(spec, Vendor::Anthropic, Box::new(dialect), url, price)
            }
            "openai" => {
                let price = self.priced(spec, Vendor::OpenAi, rest)?;
                let dialect = OpenAi {
                    model: rest.to_owned(),
                    vision: price.vision,
                    thinking: price.thinking,
                    search: price.search.is_some(),
                };
                let base = self.base("OPENAI_BASE_URL", "https://api.openai.com/v1");
                let url = format!("{base}/responses");
                self.paid(spec, Vendor::OpenAi, Box::new(dialect), url, price)
            }
            "compatible" => self.compatible(spec, rest),
            "replay" if rest.is_empty() => Err(UnknownModel::Incomplete {
                spec: spec.to_owned(),
                form: "replay:<campaign's directory>",
            }),
            "replay" => {
                let replay = Replay::open(Path::new(rest), self.campaign.as_deref());
                let replay = replay.map_err(|source| UnknownModel::Recording {
                    spec: spec.to_owned(),
                    source: Box::new(source),
                })?;
                Ok(Box::new(replay))
            }
            _ => Err(UnknownModel::Spec(spec.to_owned())),
        }
    }

    fn base(&self, variable: &str, usual: &str) -> String {
        let base = self.environment.get(variable);
        let base = base.unwrap_or_else(|| usual.to_owned());
        base.trim().trim_end_matches('/').to_owned()
    }

    /// The price of a model that is not to be used without one.
    fn priced(&self, spec: &str, vendor: Vendor, name: &str) -> Result<Price, UnknownModel> {
        if name.is_empty() {
            return Err(UnknownModel::Incomplete {
                spec: spec.to_owned(),
                form: match vendor {
                    Vendor::Anthropic => "anthropic:<model>",
                    Vendor::OpenAi => "openai:<model>",
                    Vendor::Compatible => "compatible:<base-url>:<model>",
                },
            });
        }
        let found = self.prices.find(vendor.word(), name).cloned();
        found.ok_or_else(|| UnknownModel::NoPrice {
            spec: spec.to_owned(),
            known: self
                .prices
                .names(vendor.word())
                .into_iter()
                .map(|name| format!("`{name}`"))
                .collect(),
            file: self.own_prices(),
        })
    }

    /// Where the user's own prices are, or would be.
    fn own_prices(&self) -> PathBuf {
        self.environment
            .get(PRICES)
            .map(PathBuf::from)
            .or_else(|| self.environment.config("prices.toml"))
            .unwrap_or_else(|| PathBuf::from("prices.toml"))
    }

    fn paid(
        &self,
        spec: &str,
        vendor: Vendor,
        dialect: Box<dyn Dialect>,
        url: String,
        price: Price,
    ) -> Result<Box<dyn ChatModel>, UnknownModel> {
        let key = key::find(&self.environment, vendor.word(), vendor.key_variable()).map_err(
            |source| UnknownModel::Key {
                spec: spec.to_owned(),
                source,
            },
        )?;
        let notes = vec![format!(
            "`{}` is counted at ${} and ${} per million tokens read and written, as of {} ({})",
            price.name, price.input, price.output, price.as_of, price.source
        )];
        let mut remote = self.remote(dialect, url)?;
        remote.key = Some(key);
        remote.price = Some(price);
        remote.notes = notes;
        Ok(Box::new(remote))
    }

    fn compatible(&self, spec: &str, rest: &str) -> Result<Box<dyn ChatModel>, UnknownModel> {
        let Some((base, name)) = split(rest) else {
            return Err(UnknownModel::Incomplete {
                spec: spec.to_owned(),
                form: "compatible:<base-url>:<model>, as in compatible:http://127.0.0.1:11434:llama3:8b",
            });
        };
        let price = self.prices.find(Vendor::Compatible.word(), name).cloned();
        let vendor = Vendor::Compatible;
        // Most of these servers want none.
        let key = match key::find(&self.environment, vendor.word(), vendor.key_variable()) {
            Ok(key) => Some(key),
            Err(KeyError::Missing { .. }) => None,
            Err(source @ (KeyError::Exposed { .. } | KeyError::Unreadable { .. })) => {
                return Err(UnknownModel::Key {
                    spec: spec.to_owned(),
                    source,
                });
            }
        };
        let notes = match &price {
            Some(_) => Vec::new(),
            None => vec![format!(
                "`{name}` has no price, so its calls count as free; if they are not, write its entry (provider `compatible`) to `{}`",
                self.own_prices().display()
            )],
        };
        let dialect = Compatible {
            model: name.to_owned(),
            vision: price.as_ref().is_some_and(|price| price.vision),
        };
        let base = base.trim_end_matches('/');
        let bare = base
            .split_once("://")
            .is_some_and(|(_, s)| !s.contains('/'));
        let version = if bare { "/v1" } else { "" };
        let url = format!("{base}{version}/chat/completions");
        let mut remote = self.remote(Box::new(dialect), url)?;
        remote.key = key;
        remote.price = price;
        remote.notes = notes;
        Ok(Box::new(remote))
    }

    fn remote(&self, dialect: Box<dyn Dialect>, url: String) -> Result<Remote, UnknownModel> {
        let host = host(&url).to_owned();
        let local = ["127.", "localhost", "[::1]"]
            .iter()
            .any(|start| host.starts_with(start));
        Ok(Remote {
            dialect,
            http: Http::new(self.http.clone(), local)?,
            url,
            host,
            key: None,
            price: None,
            retry: self.retry,
            clock: Arc::clone(&self.clock),
            jitter: Arc::clone(&self.jitter),
            notes: Vec::new(),
        })
    }
}

/// Host and port of a URL, without any password in it.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority)
}

/// Splits `<base-url>:<model>`. Both may contain colons: the URL before its
/// port, the model before its tag.
fn split(rest: &str) -> Option<(&str, &str)> {
    let start = ["http://", "https://"]
        .iter()
        .find(|scheme| rest.starts_with(**scheme))?
        .len();
    let is_address = rest[start..].starts_with('[');
    let mut at = start
        + if is_address {
            rest[start..].find(']')?
        } else {
            0
        };
    at += rest[at..].find([':', '/'])?;
    if rest[at..].starts_with(':') {
        let after = &rest[at + 1..];
        let end = after.find([':', '/']).unwrap_or(after.len());
        let port = &after[..end];
        if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) {
            at += 1 + end;
        }
    }
    if rest[at..].starts_with('/') {
        at += rest[at..].find(':')?;
    }
    let (base, model) = rest.split_at(at);
    let model = model.strip_prefix(':')?;
    let named = base.len() > start && !model.is_empty();
    named.then_some((base, model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_models_may_both_hold_colons() {
        for (spec, expected) in [
            ("http://h:80:m", Some(("http://h:80", "m"))),
            ("http://h:80:m:8b", Some(("http://h:80", "m:8b"))),
            ("http://h:m:8b", Some(("http://h", "m:8b"))),
            ("http://h:7b", Some(("http://h", "7b"))),
            (
                "https://h/api/v1:a/b:free",
                Some(("https://h/api/v1", "a/b:free")),
            ),
            ("https://h:a/b", Some(("https://h", "a/b"))),
            ("http://[::1]:80/v1:m", Some(("http://[::1]:80/v1", "m"))),
            ("http://h:80/:m", Some(("http://h:80/", "m"))),
            ("http://h:80", None),
            ("http://h:80:", None),
            ("http://h/v1", None),
            ("http://:m", None),
            ("ftp://h:m", None),
            ("m", None),
            ("", None),
        ] {
            assert_eq!(split(spec), expected, "{spec}");
        }
    }

    #[test]
    fn a_host_is_named_without_its_password() {
        assert_eq!(host("https://user:secret@h.example:1/v1/x"), "h.example:1");
        assert_eq!(host("http://127.0.0.1:80"), "127.0.0.1:80");
    }
}
