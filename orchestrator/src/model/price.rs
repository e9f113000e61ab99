//! What models cost: a table in a data file, which the user's own file goes
//! before.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::key::Environment;
use super::types::Usage;

/// Names a file of prices that goes before the shipped ones.
pub const PRICES: &str = "ALPHALAB_PRICES";

/// Version of the file's form.
const SCHEMA: u32 = 1;

/// The table this version ships with.
const SHIPPED: &str = include_str!("../../prices.toml");

/// US dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Tokens read.
    pub input: f64,
    /// Tokens read from the cache.
    pub cache_read: f64,
    /// Tokens read and put into the cache.
    pub cache_write: f64,
    /// Tokens written, reasoning included.
    pub output: f64,
}

/// Rates of requests with a long prompt.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongRates {
    /// They hold for prompts of more tokens than this.
    pub above: u64,
    /// Tokens read.
    pub input: f64,
    /// Tokens read from the cache.
    pub cache_read: f64,
    /// Tokens read and put into the cache.
    pub cache_write: f64,
    /// Tokens written.
    pub output: f64,
}

/// One model's entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// `anthropic`, `openai` or `compatible`.
    pub provider: String,
    /// Name, less any date.
    pub name: String,
    /// US dollars per million tokens read.
    pub input: f64,
    /// US dollars per million tokens read from the cache.
    pub cache_read: f64,
    /// US dollars per million tokens read and put into the cache.
    pub cache_write: f64,
    /// US dollars per million tokens written, reasoning included.
    pub output: f64,
    /// US dollars per search that the provider makes; absent if it makes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<f64>,
    /// Other rates for long prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long: Option<LongRates>,
    /// Context window in tokens.
    pub context: u64,
    /// Most tokens of a reply.
    pub max_output: u64,
    /// Whether it sees images.
    #[serde(default)]
    pub vision: bool,
    /// Whether it reasons when asked to.
    #[serde(default)]
    pub thinking: bool,
    /// Where the prices were read.
    pub source: String,
    /// When, as a date.
    pub as_of: String,
}

impl Price {
    /// The rates for a prompt of this many tokens.
    pub fn rates(&self, prompt: u64) -> Rates {
        match self.long {
            Some(long) if prompt > long.above => Rates {
                input: long.input,
                cache_read: long.cache_read,
                cache_write: long.cache_write,
                output: long.output,
            },
            Some(_) | None => Rates {
                input: self.input,
                cache_read: self.cache_read,
                cache_write: self.cache_write,
                output: self.output,
            },
        }
    }

    /// What a turn costs, in US dollars.
    pub fn cost_usd(&self, usage: &Usage) -> f64 {
        let rates = self.rates(usage.prompt());
        let tokens = usage.input as f64 * rates.input
            + usage.cache_read as f64 * rates.cache_read
            + usage.cache_write as f64 * rates.cache_write
            + usage.output as f64 * rates.output;
        tokens / 1e6 + usage.searches as f64 * self.search.unwrap_or(0.0)
    }

    /// Whether `name` is this model or a dated version of it.
    fn covers(&self, name: &str) -> bool {
        name.strip_prefix(self.name.as_str()).is_some_and(|rest| {
            rest.is_empty() || rest == "-latest" || rest.strip_prefix('-').is_some_and(is_date)
        })
    }

    /// Everything that makes the entry unusable.
    fn check(&self) -> Result<(), String> {
        let long = self.long.iter().flat_map(|long| {
            [
                ("long.input", long.input),
                ("long.cache_read", long.cache_read),
                ("long.cache_write", long.cache_write),
                ("long.output", long.output),
            ]
        });
        let rates = [
            ("input", self.input),
            ("cache_read", self.cache_read),
            ("cache_write", self.cache_write),
            ("output", self.output),
            ("search", self.search.unwrap_or(0.0)),
        ];
        for (field, rate) in rates.into_iter().chain(long) {
            if !(rate.is_finite() && rate >= 0.0) {
                return Err(format!("`{field}` of `{}` is {rate}", self.name));
            }
        }
        if self.context == 0 || self.max_output == 0 {
            return Err(format!("`{}` has no room for a reply", self.name));
        }
        Ok(())
    }
}

/// `20250929` or `2026-04-01`.
fn is_date(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    digits == 8
        && match text.len() {
            8 => true,
            10 => text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-',
            _ => false,
        }
}

/// Prices of models. Serialises to what it was read from, so that a campaign
/// can keep the table it started with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTable {
    /// Version of the form.
    pub schema: u32,
    /// The entries, the user's before the shipped ones.
    #[serde(default, rename = "model")]
    pub models: Vec<Price>,
}

/// A table that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// The file can't be read.
    #[error("failed to read the prices in `{file}`", file = .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is no table of prices.
    #[error("the prices in `{file}` are malformed", file = .file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// An entry makes no sense.
    #[error("the prices in `{file}` make no sense: {why}", file = .file.display())]
    Absurd {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl PriceTable {
    /// The prices this version ships with.
    pub fn shipped() -> Result<Self, PriceError> {
        Self::parse(SHIPPED, Path::new("prices.toml"))
    }

    /// The shipped prices, with the user's before them.
    pub fn load(environment: &Environment) -> Result<Self, PriceError> {
        let mut table = Self::shipped()?;
        let named = environment.get(PRICES).map(PathBuf::from);
        let must_exist = named.is_some();
        let Some(file) = named.or_else(|| environment.config("prices.toml")) else {
            return Ok(table);
        };
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => {
                return Ok(table);
            }
            Err(source) => return Err(PriceError::Unreadable { file, source }),
        };
        let mut own = Self::parse(&text, &file)?;
        own.models.append(&mut table.models);
        Ok(own)
    }

    /// Reads a table; `file` is for messages.
    pub fn parse(text: &str, file: &Path) -> Result<Self, PriceError> {
        let table: Self = toml::from_str(text).map_err(|source| PriceError::Malformed {
            file: file.to_owned(),
            source: Box::new(source),
        })?;
        let absurd = |why| PriceError::Absurd {
            file: file.to_owned(),
            why,
        };
        if table.schema != SCHEMA {
            return Err(absurd(format!(
                "schema {}, but this version reads {SCHEMA}",
                table.schema
            )));
        }
        for model in &table.models {
            model.check().map_err(absurd)?;
        }
        Ok(table)
    }

    /// A model's entry: its own name first, else the longest that it is a
    /// dated version of.
    pub fn find(&self, provider: &str, name: &str) -> Option<&Price> {
        let of_provider = || self.models.iter().filter(|m| m.provider == provider);
        of_provider().find(|m| m.name == name).or_else(|| {
            of_provider().filter(|m| m.covers(name)).reduce(|best, m| {
                if m.name.len() > best.name.len() {
                    m
                } else {
                    best
                }
            })
        })
    }

    /// Names of a provider's models, for messages.
    pub fn names(&self, provider: &str) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .models
            .iter()
            .filter(|m| m.provider == provider)
            .map(|m| m.name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_table_is_sound() {
        let table = PriceTable::shipped().unwrap();
        for model in &table.models {
            assert!(model.source.starts_with("https://"), "{}", model.name);
            assert!(is_date(&model.as_of), "{}", model.name);
            assert!(model.cache_read <= model.input, "{}", model.name);
            assert!(model.cache_write >= model.input, "{}", model.name);
            assert!(model.max_output < model.context, "{}", model.name);
            let twins = table.models.iter().filter(|m| m.name == model.name);
            assert_eq!(twins.count(), 1, "{}", model.name);
        }
    }

    #[test]
    fn dated_names_are_found_and_other_models_are_not() {
        let table = PriceTable::shipped().unwrap();
        let name = |wanted: &str| table.find("anthropic", wanted).map(|m| m.name.as_str());
        assert_eq!(name("claude-opus-5-5"), Some("claude-opus-5-5"));
        assert_eq!(name("claude-opus-5-5-20260922"), Some("claude-opus-5-5"));
        assert_eq!(name("claude-opus-5-latest"), Some("claude-opus-5"));
        assert_eq!(name("claude-opus-5-6"), None);
        assert_eq!(name("claude-opus-5x"), None);
        let openai = |wanted: &str| table.find("openai", wanted).map(|m| m.name.as_str());
        assert_eq!(openai("gpt-5.2-2025-12-11"), Some("gpt-5.2"));
        assert_eq!(openai("gpt-5.2-pro"), None);
        assert!(table.find("compatible", "claude-opus-5-5").is_none());
    }

    #[test]
    fn money_is_counted_to_the_cent() {
        let table = PriceTable::shipped().unwrap();
        let sonnet = table.find("anthropic", "claude-sonnet-4-6").unwrap();
        let usage = Usage {
            input: 12_345,
            cache_read: 200_000,
            cache_write: 4_000,
            output: 1_000,
            reasoning: 900,
            searches: 2,
            estimated: false,
        };
        // 12,345×3 + 200,000×0.3 + 4,000×3.75 + 1,000×15 = 127,035 millionths.
        let by_hand = 0.127_035 + 0.02;
        assert!((sonnet.cost_usd(&usage) - by_hand).abs() < 1e-12);
    }

    #[test]
    fn a_long_prompt_has_its_own_rates() {
        let table = PriceTable::shipped().unwrap();
        let haiku = table.find("anthropic", "claude-haiku-5-5").unwrap();
        let usage = |cache_read| Usage {
            input: 1_000,
            cache_read,
            output: 1_000,
            ..Usage::default()
        };
        let short = haiku.cost_usd(&usage(99_000));
        let long = haiku.cost_usd(&usage(99_001));
        assert!((short - (0.1 + 0.99 + 0.5) / 1e3).abs() < 1e-12);
        assert!((long - (0.5 + 4.950_05 + 2.5) / 1e3).abs() < 1e-12);
    }

    #[test]
    fn a_users_entry_goes_before_the_shipped_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("own.toml");
        let own = "schema = 1\n[[model]]\nprovider = \"openai\"\nname = \"gpt-5.2\"\ninput = 1.0\n\
                   cache_read = 0.0\ncache_write = 1.0\noutput = 2.0\ncontext = 10\nmax_output = 5\n\
                   source = \"contract\"\nas_of = \"2026-01-01\"\n";
        std::fs::write(&file, own).unwrap();
        let path = file.to_str().unwrap();
        let table = PriceTable::load(&Environment::of(&[(PRICES, path)])).unwrap();
        let found = table.find("openai", "gpt-5.2").unwrap();
        assert!((found.output - 2.0).abs() < f64::EPSILON);
        let kept = toml::to_string(&table).unwrap();
        assert_eq!(PriceTable::parse(&kept, &file).unwrap(), table);

        std::fs::write(&file, own.replace("input = 1.0", "input = -1.0")).unwrap();
        let error = PriceTable::load(&Environment::of(&[(PRICES, path)])).unwrap_err();
        assert!(error.to_string().contains("`input` of `gpt-5.2` is -1"));
    }
}
