//! Pages and searches over real connections to servers on this machine.

#[path = "web/campaign.rs"]
mod campaign;
#[path = "web/site.rs"]
mod site;
mod support;

use std::time::Duration;

use orchestrator::core::settings::WebSettings;
use orchestrator::model::key::Environment;
use orchestrator::web::{Client, Reason, WebConfig};
use site::{Answer, Site};

/// A client that may reach these hosts.
fn client(allowed: &[&Site]) -> Client {
    with(allowed, |_| ())
}

fn with(allowed: &[&Site], change: impl FnOnce(&mut WebConfig)) -> Client {
    let settings = WebSettings {
        search_url: None,
        allowed_hosts: allowed.iter().map(|site| site.host()).collect(),
    };
    let mut config = WebConfig::new(&settings, &Environment::of(&[]));
    config.pause = Duration::ZERO;
    change(&mut config);
    Client::new(config).expect("a client")
}

fn reason(client: &Client, url: &str) -> Reason {
    client.fetch(url).expect_err("a refusal").reason
}

#[test]
fn a_page_is_read_where_its_redirects_lead() {
    let site = Site::start();
    site.put("/start", Answer::redirect("/docs/moved?x=1"))
        .put("/docs/moved", Answer::redirect("page.html"))
        .put(
            "/docs/page.html",
            Answer::page(
                "text/html; charset=utf-8",
                "<title>T</title><p>See <a href=b>b</a>",
            ),
        )
        .put("/plain", Answer::page("text/plain", "größe"));
    let client = client(&[&site]);
    let page = client.fetch(&site.url("/start#top")).expect("a page");
    assert_eq!(page.url, site.url("/docs/page.html"));
    assert_eq!(page.title.as_deref(), Some("T"));
    assert_eq!(page.text, format!("See b ({})", site.url("/docs/b")));
    assert!(!page.cut);
    let plain = client.fetch(&site.url("/plain")).expect("a page");
    assert_eq!((plain.text.as_str(), plain.title), ("größe", None));
    assert_eq!(
        site.asked(),
        ["/start", "/docs/moved?x=1", "/docs/page.html", "/plain"]
    );
}

#[test]
fn nothing_nearby_is_reached() {
    let (open, secret) = (Site::start(), Site::start());
    secret.put("/", Answer::page("text/plain", "secret"));
    let port = secret.host().split(':').nth(1).expect("a port").to_owned();
    let client = client(&[&open]);
    let mut targets = vec![
        secret.url("/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ];
    for host in [
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0.0.0.0",
    ] {
        targets.push(format!("http://{host}:{port}/"));
    }
    for target in &targets {
        for url in [target.clone(), {
            open.put("/away", Answer::redirect(target));
            open.url("/away")
        }] {
            let reason = reason(&client, &url);
            assert!(
                matches!(reason, Reason::Private { .. } | Reason::Connection(_)),
                "{url} to {target}: {reason:?}"
            );
        }
    }
    for (target, refused) in [
        ("file:///etc/passwd", "no URL of http"),
        ("http://user:pass@example.org/", "a user name"),
        ("http://example.org:25/", "port 25"),
    ] {
        open.put("/away", Answer::redirect(target));
        let error = client.fetch(&open.url("/away")).expect_err("a refusal");
        let told = orchestrator::chain::of(&error);
        assert!(told.contains(refused), "{target}: {told}");
    }
    assert_eq!(secret.asked(), Vec::<String>::new());
}

#[test]
fn a_refusal_says_what_was_refused() {
    let site = Site::start();
    let error = client(&[]).fetch(&site.url("/a")).expect_err("a refusal");
    let told = orchestrator::chain::of(&error);
    let expected = format!(
        "failed to fetch `{}`: `127.0.0.1` is at 127.0.0.1, which is not on the public internet (the \
         user may allow it with --web-allow)",
        site.url("/a")
    );
    assert_eq!(told, expected);
}

#[test]
fn redirects_end() {
    let site = Site::start();
    site.put("/round", Answer::redirect("/round"));
    assert!(matches!(
        reason(&client(&[&site]), &site.url("/round")),
        Reason::Redirects
    ));
    assert_eq!(site.asked().len(), 6);
}

#[test]
fn what_is_long_is_cut_and_what_is_slow_is_left() {
    let site = Site::start();
    site.put("/long", Answer::page("text/plain", "word ".repeat(100_000)))
        .put("/fits", Answer::page("text/plain", "x".repeat(1000)))
        .put("/never", Answer::Never)
        .put("/drip", Answer::Drip);
    let client = with(&[&site], |config| {
        config.max_body = 1000;
        config.total = Duration::from_millis(300);
    });
    let page = client.fetch(&site.url("/long")).expect("a page");
    assert!(page.cut);
    assert_eq!(page.text, "word ".repeat(200));
    let page = client.fetch(&site.url("/fits")).expect("a page");
    assert!(!page.cut && page.text.len() == 1000);
    let slow = with(&[&site], |config| config.total = Duration::from_millis(300));
    for path in ["/never", "/drip"] {
        let reason = reason(&slow, &site.url(path));
        assert!(matches!(reason, Reason::Slow(_)), "{path}: {reason:?}");
    }
}

#[test]
fn what_can_not_be_read_is_named() {
    let site = Site::start();
    let garbage: Vec<u8> = (0..=255).cycle().take(4096).collect();
    site.put("/pdf", Answer::page("application/pdf", "%PDF-1.7"))
        .put("/picture", Answer::page("image/png", garbage.clone()))
        .put("/garbage", Answer::page("text/html", garbage))
        .put(
            "/packed",
            Answer::Whole(
                200,
                vec![
                    ("content-type", "text/plain".to_owned()),
                    ("content-encoding", "gzip".to_owned()),
                ],
                vec![0x1f, 0x8b],
            ),
        );
    let client = client(&[&site]);
    let why = |path: &str| reason(&client, &site.url(path));
    assert!(matches!(why("/pdf"), Reason::Pdf));
    assert!(matches!(why("/picture"), Reason::NotText(kind) if kind == "image/png"));
    assert!(matches!(why("/garbage"), Reason::Binary));
    assert!(matches!(why("/packed"), Reason::Encoded(how) if how == "gzip"));
    assert!(matches!(why("/absent"), Reason::Status(404)));
}

/// A client that searches on a site, which is not allowed for pages.
fn searcher(site: &Site, endpoint: bool) -> Client {
    let settings = WebSettings {
        search_url: endpoint.then(|| site.url("/search?lang=en")),
        allowed_hosts: Vec::new(),
    };
    let url = site.url("/");
    let environment = Environment::of(&[
        ("ALPHALAB_ARXIV_URL", &url),
        ("ALPHALAB_SEMANTIC_SCHOLAR_URL", &url),
    ]);
    let config = WebConfig {
        pause: Duration::ZERO,
        ..WebConfig::new(&settings, &environment)
    };
    Client::new(config).expect("a client")
}

fn literature(site: &Site) {
    let atom = include_str!("web/fixtures/arxiv.xml");
    let papers = include_str!("web/fixtures/scholar.json");
    site.put("/api/query", Answer::page("application/atom+xml", atom))
        .put(
            "/graph/v1/paper/search",
            Answer::page("application/json", papers),
        );
}

#[test]
fn three_sources_are_searched_and_nothing_is_found_twice() {
    let site = Site::start();
    literature(&site);
    let results = include_str!("web/fixtures/searxng.json");
    site.put("/search", Answer::page("application/json", results));
    let client = searcher(&site, true);
    let found = client.search("hourly demand?", 8);
    assert_eq!(found.unavailable, []);
    insta::assert_json_snapshot!("found", found.hits);

    let mut asked = site.asked();
    asked.sort();
    assert_eq!(
        asked,
        [
            "/api/query?search_query=all:hourly+AND+all:demand&start=0&max_results=8",
            "/graph/v1/paper/search?query=hourly%20demand%3F&limit=8\
             &fields=title,abstract,year,authors,url,venue,externalIds",
            "/search?lang=en&q=hourly%20demand%3F&format=json",
        ]
    );
    assert_eq!(client.search("hourly", 1).hits.len(), 2);
    // Whom searches may ask, pages are not read from.
    let reason = reason(&client, &site.url("/search"));
    assert!(matches!(reason, Reason::Private { .. }), "{reason:?}");
}

#[test]
fn a_source_that_fails_is_named_and_the_others_answer() {
    let site = Site::start();
    literature(&site);
    site.put(
        "/graph/v1/paper/search",
        Answer::Whole(429, Vec::new(), Vec::new()),
    )
    .put(
        "/search",
        Answer::page("text/html", "<p>JSON is switched off here"),
    );
    let found = searcher(&site, true).search("hourly demand", 8);
    let sources: Vec<&str> = found.hits.iter().map(|hit| hit.source).collect();
    assert_eq!(sources, ["arXiv", "arXiv"]);
    let failed: Vec<(&str, &str)> = found
        .unavailable
        .iter()
        .map(|failed| (failed.source, failed.error.as_str()))
        .collect();
    assert_eq!(failed[0].0, "search endpoint");
    assert!(
        failed[0].1.starts_with("the answer is malformed: "),
        "{failed:?}"
    );
    assert_eq!(
        failed[1],
        ("Semantic Scholar", "the server answered with status 429")
    );

    // Without an endpoint nobody is asked for the web at large.
    let found = searcher(&site, false).search("hourly demand", 8);
    assert_eq!(found.unavailable.len(), 1);
}

#[test]
fn an_answer_that_is_too_long_is_not_half_believed() {
    let site = Site::start();
    site.put(
        "/api/query",
        Answer::page("application/atom+xml", "<feed>".repeat(1 << 19)),
    )
    .put(
        "/graph/v1/paper/search",
        Answer::page("application/json", "[".repeat(1 << 20)),
    );
    let found = searcher(&site, false).search("x", 8);
    let errors: Vec<&str> = found.unavailable.iter().map(|u| u.error.as_str()).collect();
    assert_eq!(errors[0], "it has more than 2097152 bytes");
    assert!(errors[1].contains("malformed"), "{errors:?}");
}

#[test]
fn endpoints_that_make_no_sense_are_refused_at_once() {
    for (url, words) in [
        ("localhost:8888", "no URL of http"),
        ("https://me:secret@example.org", "a user name or a password"),
    ] {
        let settings = WebSettings {
            search_url: Some(url.to_owned()),
            allowed_hosts: Vec::new(),
        };
        let config = WebConfig::new(&settings, &Environment::of(&[]));
        let error = Client::new(config).expect_err("a refusal");
        let told = orchestrator::chain::of(&error);
        assert!(
            told.contains("can't be searched") && told.contains(words),
            "{told}"
        );
    }
}
