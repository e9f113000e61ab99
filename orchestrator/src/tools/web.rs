//! Tools that look at the web. Nothing there or here changes by that, so that
//! a look that was cut off is simply taken again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::work::{UNTRUSTED, Worked, capped};
use super::{Reply, parse};
use crate::chain;
use crate::web::{Again, Client, Fetched};

/// Results of each source where no number is given.
const USUAL_RESULTS: usize = 8;
/// Most results of each source.
const MAX_RESULTS: usize = 20;
/// Longest query in characters.
const MAX_QUERY: usize = 400;
/// Bytes of a page that are shown, half from its start and half from its end.
const SHOWN: usize = 32 << 10;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebSearch {
    /// A few words.
    pub query: String,
    /// Most results of each source, up to 20.
    #[serde(default)]
    pub limit: Option<u32>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FetchUrl {
    /// An address that begins with http:// or https://.
    pub url: String,
}

/// A look at the web.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// A search.
    Search {
        /// For these words.
        query: String,
        /// Most results of each source.
        limit: usize,
    },
    /// A page.
    Fetch {
        /// Where it is.
        url: String,
    },
}

impl Look {
    /// Understands a call, if it is one for the web.
    pub(super) fn of(tool: &str, arguments: &Value) -> Option<Result<Self, Reply>> {
        match tool {
            "web_search" => Some(parse(arguments).and_then(|WebSearch { query, limit }| {
                if query.trim().is_empty() || query.chars().count() > MAX_QUERY {
                    return Err(Reply::failed(format!(
                        "a query has 1 to {MAX_QUERY} characters"
                    )));
                }
                let limit = limit.map_or(USUAL_RESULTS, |limit| limit as usize);
                Ok(Self::Search {
                    query,
                    limit: limit.clamp(1, MAX_RESULTS),
                })
            })),
            "fetch_url" => Some(parse(arguments).map(|FetchUrl { url }| Self::Fetch { url })),
            _ => None,
        }
    }
}

/// Takes a look. A page that is not shown whole is whole in a file of this name
/// in `logs`.
pub(super) fn perform(look: &Look, client: &Client, logs: &Path, name: &str) -> Worked {
    // What is read was written by anybody, and whoever waits for the answer
    // would wait for ever without one.
    let taken = catch_unwind(AssertUnwindSafe(|| take(look, client, logs, name)));
    taken.unwrap_or_else(|_| Worked::failed("reading the answer failed; this is a bug"))
}

fn take(look: &Look, client: &Client, logs: &Path, name: &str) -> Worked {
    match look {
        Look::Search { query, limit } => {
            let found = client.search(query, *limit);
            if found.hits.is_empty() && !found.unavailable.is_empty() {
                let mut worked = Worked::failed("no source answered with a result");
                worked.body["unavailable"] = json!(found.unavailable);
                return worked;
            }
            let mut body = json!({ "untrusted": UNTRUSTED, "results": found.hits });
            if !found.unavailable.is_empty() {
                body["unavailable"] = json!(found.unavailable);
            }
            Worked::ok(body)
        }
        Look::Fetch { url } => match client.fetch(url) {
            Ok(page) => shown(&page, &file(logs, name)),
            Err(error) => Worked::failed(chain::of(&error)),
        },
    }
}

/// The file for the whole text of a page.
fn file(logs: &Path, name: &str) -> PathBuf {
    logs.join(format!("{name}.txt"))
}

fn shown(page: &Fetched, file: &Path) -> Worked {
    let mut body = json!({
        "untrusted": UNTRUSTED,
        "url": page.url,
        "title": page.title,
        "type": page.media_type,
        "bytes": page.text.len(),
    });
    let whole = format!("the whole text is in {}", file.display());
    let (text, is_cut) = capped(&page.text, SHOWN, &whole);
    if is_cut {
        if let Err(error) = std::fs::write(file, &page.text) {
            let path = file.display();
            return Worked::failed(format!("failed to write `{path}`: {error}"));
        }
        body["file"] = json!(file);
    }
    if page.cut {
        body["cut"] = json!("the page is longer than what is read of any");
    }
    body["text"] = json!(text);
    Worked::ok(body)
}

/// An answer that was recorded, with its file in `logs`.
pub fn again(recorded: Again, logs: &Path, name: &str) -> Worked {
    let Again {
        status,
        mut body,
        whole,
    } = recorded;
    if let Some(from) = whole
        && let Some(then) = body["file"].as_str().map(str::to_owned)
    {
        let now = file(logs, name);
        // Where it has been deleted, there is nothing to read now either.
        let _ = std::fs::copy(from, &now);
        let now = now.to_string_lossy();
        body["file"] = json!(now);
        let text = body["text"].as_str().unwrap_or_default();
        body["text"] = json!(text.replace(&then, &now));
    }
    Worked {
        status,
        body,
        pictures: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::agent::AnswerStatus;

    fn page(text: String) -> Fetched {
        Fetched {
            url: "https://example.org/".to_owned(),
            title: None,
            media_type: "text/plain".to_owned(),
            text,
            cut: false,
        }
    }

    #[test]
    fn a_long_page_is_shown_in_part_and_kept_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(dir.path(), "0003");
        let short = shown(&page("short".to_owned()), &path);
        assert_eq!(short.body["text"], "short");
        assert!(short.body["file"].is_null() && !path.exists());

        let long = format!("first {} last", "ä".repeat(SHOWN));
        let answer = shown(&page(long.clone()), &path);
        let text = answer.body["text"].as_str().unwrap();
        assert!(text.len() < SHOWN + 200, "{}", text.len());
        assert!(text.starts_with("first ") && text.ends_with(" last"));
        assert!(text.contains("bytes left out, the whole text is in "));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), long);

        // In a replay the file lies beside the other ones of the replay.
        let other = tempfile::tempdir().unwrap();
        let recorded = Again {
            status: AnswerStatus::Ok,
            body: answer.body,
            whole: Some(path),
        };
        let answer = again(recorded, other.path(), "0003");
        let now = file(other.path(), "0003");
        assert_eq!(answer.body["file"], json!(now));
        let text = answer.body["text"].as_str().unwrap();
        assert!(
            text.contains(now.to_str().unwrap()) && !text.contains(dir.path().to_str().unwrap())
        );
        assert_eq!(std::fs::read_to_string(&now).unwrap(), long);
    }

    #[test]
    fn calls_are_understood_within_limits() {
        let look = |tool: &str, arguments: Value| Look::of(tool, &arguments).unwrap();
        let search = |limit| look("web_search", json!({ "query": "ets", "limit": limit }));
        for (asked, given) in [(None, 8), (Some(0), 1), (Some(3), 3), (Some(900), 20)] {
            let Ok(Look::Search { limit, .. }) = search(asked) else {
                panic!("{asked:?}");
            };
            assert_eq!(limit, given);
        }
        assert!(look("web_search", json!({ "query": "  " })).is_err());
        assert!(look("web_search", json!({ "query": "x".repeat(401) })).is_err());
        assert!(look("fetch_url", json!({ "uri": "x" })).is_err());
        assert!(Look::of("shell", &json!({})).is_none());
    }
}
