//! Searches: arXiv, Semantic Scholar and an endpoint of the user's, asked at
//! the same time. One that fails does not take the others with it.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use roxmltree::{Document, Node};
use serde::Serialize;
use serde_json::Value;

use super::client::{Client, Reason};
use super::page::line;

/// Characters of a title.
const MAX_TITLE: usize = 300;
/// Characters of what is said about a result.
const MAX_SNIPPET: usize = 600;
/// Authors that are named.
const MAX_AUTHORS: usize = 8;
/// Words of a query that arXiv is asked for: it wants all of them.
const MAX_WORDS: usize = 8;

/// One result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// Who found it.
    pub source: &'static str,
    /// Its title.
    pub title: String,
    /// Where it is.
    pub url: String,
    /// What it is about.
    pub snippet: String,
    /// Who wrote it, if that is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// When it appeared, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year: Option<i32>,
}

/// A source that did not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unavailable {
    /// Which.
    pub source: &'static str,
    /// Why.
    pub error: String,
}

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Results: the endpoint's first, each source's in its own order, nothing
    /// twice.
    pub hits: Vec<Hit>,
    /// Sources that did not answer.
    pub unavailable: Vec<Unavailable>,
}

/// The sources.
#[derive(Clone, Copy, Debug)]
enum Source {
    Endpoint,
    Arxiv,
    Scholar,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "search endpoint",
            Self::Arxiv => "arXiv",
            Self::Scholar => "Semantic Scholar",
        }
    }
}

impl Client {
    /// Asks every source for at most `limit` results.
    pub fn search(&self, query: &str, limit: usize) -> Found {
        let endpoint = self.config().search_url.is_some();
        let sources = [Source::Endpoint, Source::Arxiv, Source::Scholar];
        let answers: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = sources
                .into_iter()
                .filter(|source| endpoint || !matches!(source, Source::Endpoint))
                .map(|source| (source, scope.spawn(move || self.of(source, query, limit))))
                .collect();
            threads
                .into_iter()
                .map(|(source, thread)| (source, thread.join()))
                .collect()
        });
        let mut found = Found::default();
        let mut seen: Vec<String> = Vec::new();
        for (source, answer) in answers {
            let error = match answer {
                Ok(Ok(hits)) => {
                    for hit in hits.into_iter().take(limit) {
                        let key = same(&hit.title);
                        if !seen.contains(&key) {
                            seen.push(key);
                            found.hits.push(hit);
                        }
                    }
                    continue;
                }
                Ok(Err(reason)) => crate::chain::of(&reason),
                Err(_) => "reading its answer failed; this is a bug".to_owned(),
            };
            found.unavailable.push(Unavailable {
                source: source.name(),
                error,
            });
        }
        found
    }

    fn of(&self, source: Source, query: &str, limit: usize) -> Result<Vec<Hit>, Reason> {
        let config = self.config();
        let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
        match source {
            Source::Endpoint => {
                let base = config.search_url.as_deref().unwrap_or_default();
                let answer = self.ask(&endpoint_url(base, query))?;
                of_endpoint(&json(&answer)?)
            }
            Source::Arxiv => {
                let Some(url) = arxiv_url(&config.arxiv_url, query, limit) else {
                    return Ok(Vec::new());
                };
                self.wait_for_arxiv();
                of_arxiv(&text(&self.ask(&url)?))
            }
            Source::Scholar => {
                let url = format!(
                    "{}/graph/v1/paper/search?query={}&limit={limit}\
                     &fields=title,abstract,year,authors,url,venue,externalIds",
                    config.scholar_url.trim_end_matches('/'),
                    encoded(query)
                );
                of_scholar(&json(&self.ask(&url)?)?)
            }
        }
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// An endpoint is named by its server, as in `http://localhost:8888`, or by the
/// whole path of its search.
fn endpoint_url(base: &str, query: &str) -> String {
    let (before, fixed) = base.split_once('?').unwrap_or((base, ""));
    let before = before.trim_end_matches('/');
    let is_server = before
        .split_once("://")
        .is_some_and(|(_, rest)| !rest.contains('/'));
    let path = if is_server { "/search" } else { "" };
    let and = if fixed.is_empty() { "" } else { "&" };
    format!(
        "{before}{path}?{fixed}{and}q={}&format=json",
        encoded(query)
    )
}

/// Nothing to ask for if the query has no word.
fn arxiv_url(base: &str, query: &str, limit: usize) -> Option<String> {
    let words: Vec<String> = query
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(MAX_WORDS)
        .map(|word| format!("all:{}", encoded(word)))
        .collect();
    (!words.is_empty()).then(|| {
        format!(
            "{}/api/query?search_query={}&start=0&max_results={limit}",
            base.trim_end_matches('/'),
            words.join("+AND+")
        )
    })
}

fn json(body: &[u8]) -> Result<Value, Reason> {
    serde_json::from_slice(body).map_err(|error| Reason::Malformed(error.to_string()))
}

/// What makes two titles the same: letters and digits.
fn same(title: &str) -> String {
    let letters = title.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Only what a browser could open.
fn is_web(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// The form of SearXNG.
fn of_endpoint(answer: &Value) -> Result<Vec<Hit>, Reason> {
    let Some(results) = answer["results"].as_array() else {
        return Err(Reason::Malformed("it has no `results`".to_owned()));
    };
    let hits = results.iter().filter(|result| is_web(text(&result["url"])));
    Ok(hits
        .map(|result| Hit {
            source: Source::Endpoint.name(),
            title: line(text(&result["title"]), MAX_TITLE),
            url: text(&result["url"]).to_owned(),
            snippet: line(text(&result["content"]), MAX_SNIPPET),
            authors: Vec::new(),
            year: year(text(&result["publishedDate"])),
        })
        .collect())
}

/// The year at the start of a date.
fn year(date: &str) -> Option<i32> {
    date.get(..4)?.parse().ok()
}

fn of_scholar(answer: &Value) -> Result<Vec<Hit>, Reason> {
    // Where nothing is found there is a total and nothing else.
    if answer["total"].is_null() && !answer["data"].is_array() {
        return Err(Reason::Malformed(
            "it has neither `total` nor `data`".to_owned(),
        ));
    }
    let papers = answer["data"].as_array().into_iter().flatten();
    Ok(papers
        .map(|paper| {
            let arxiv = text(&paper["externalIds"]["ArXiv"]);
            let about = match text(&paper["abstract"]) {
                "" => text(&paper["venue"]),
                words => words,
            };
            Hit {
                source: Source::Scholar.name(),
                title: line(text(&paper["title"]), MAX_TITLE),
                // There the text itself can be had.
                url: if arxiv.is_empty() {
                    text(&paper["url"]).to_owned()
                } else {
                    format!("https://arxiv.org/abs/{arxiv}")
                },
                snippet: line(about, MAX_SNIPPET),
                authors: names(
                    paper["authors"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|author| text(&author["name"])),
                ),
                year: paper["year"]
                    .as_i64()
                    .and_then(|year| i32::try_from(year).ok()),
            }
        })
        .filter(|hit| is_web(&hit.url))
        .collect())
}

/// An Atom feed.
fn of_arxiv(feed: &str) -> Result<Vec<Hit>, Reason> {
    let document = Document::parse(feed).map_err(|error| Reason::Malformed(error.to_string()))?;
    let root = document.root_element();
    if root.tag_name().name() != "feed" {
        return Err(Reason::Malformed("it is no Atom feed".to_owned()));
    }
    let mut hits = Vec::new();
    for entry in children(root, "entry") {
        let id = first(entry, "id");
        if id.contains("/api/errors") {
            return Err(Reason::Malformed(line(
                &first(entry, "summary"),
                MAX_SNIPPET,
            )));
        }
        let url = id.trim().replacen("http://", "https://", 1);
        if !is_web(&url) {
            continue;
        }
        let authors: Vec<String> = children(entry, "author")
            .map(|author| first(author, "name"))
            .collect();
        hits.push(Hit {
            source: Source::Arxiv.name(),
            title: line(&first(entry, "title"), MAX_TITLE),
            url,
            snippet: line(&first(entry, "summary"), MAX_SNIPPET),
            authors: names(authors.iter().map(String::as_str)),
            year: year(first(entry, "published").trim()),
        });
    }
    Ok(hits)
}

fn children<'a>(of: Node<'a, 'a>, name: &'static str) -> impl Iterator<Item = Node<'a, 'a>> {
    of.children()
        .filter(move |child| child.is_element() && child.tag_name().name() == name)
}

/// The text of the first child of this name.
fn first(of: Node<'_, '_>, name: &str) -> String {
    of.children()
        .find(|child| child.is_element() && child.tag_name().name() == name)
        .and_then(|child| child.text())
        .unwrap_or_default()
        .to_owned()
}

fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<String> {
    all.take(MAX_AUTHORS)
        .map(|name| line(name, MAX_TITLE))
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_endpoint_is_a_server_or_a_path() {
        for (base, expected) in [
            (
                "http://h:8888",
                "http://h:8888/search?q=a%20b%26c&format=json",
            ),
            (
                "http://h:8888/",
                "http://h:8888/search?q=a%20b%26c&format=json",
            ),
            (
                "https://h/x/search",
                "https://h/x/search?q=a%20b%26c&format=json",
            ),
            (
                "https://h/s?lang=en",
                "https://h/s?lang=en&q=a%20b%26c&format=json",
            ),
        ] {
            assert_eq!(endpoint_url(base, "a b&c"), expected);
        }
    }

    #[test]
    fn arxiv_is_asked_for_all_words() {
        let url = arxiv_url("https://h/", "time-series: \"ETS\" & all:x", 5).unwrap();
        assert_eq!(
            url,
            "https://h/api/query?search_query=all:time+AND+all:series+AND+all:ETS+AND+all:all+AND+all:x\
             &start=0&max_results=5"
        );
        assert_eq!(arxiv_url("https://h", " ?! ", 5), None);
    }

    #[test]
    fn answers_that_are_none_say_so() {
        assert!(of_arxiv("<html><body>busy</body></html>").is_err());
        assert!(of_arxiv("<feed").is_err());
        let error = "<feed xmlns='http://www.w3.org/2005/Atom'><entry>\
                     <id>http://arxiv.org/api/errors#x</id><title>Error</title>\
                     <summary>max_results must be an integer</summary></entry></feed>";
        let told = of_arxiv(error).unwrap_err().to_string();
        assert!(told.contains("must be an integer"), "{told}");
        // An entity that grows is refused with the document type it comes in.
        let bomb = "<!DOCTYPE f [<!ENTITY a 'aa'>]><feed>&a;</feed>";
        assert!(of_arxiv(bomb).is_err());
        assert!(of_scholar(&json!({ "message": "Too Many Requests" })).is_err());
        assert_eq!(of_scholar(&json!({ "total": 0, "offset": 0 })).unwrap(), []);
        assert!(of_endpoint(&json!({ "error": "x" })).is_err());
    }

    #[test]
    fn results_that_lead_nowhere_are_left_out() {
        let results = json!({ "results": [
            { "url": "javascript:alert(1)", "title": "x" },
            { "title": "y" },
            { "url": "https://example.org/z", "title": "z", "publishedDate": "2024-05-01T00:00:00" },
        ] });
        let hits = of_endpoint(&results).unwrap();
        assert_eq!(hits.len(), 1);
        assert_eq!(
            (hits[0].url.as_str(), hits[0].year),
            ("https://example.org/z", Some(2024))
        );
    }
}
