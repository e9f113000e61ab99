//! HTML as text, in one pass over its tokens.
//!
//! There is no tree on purpose: building one as browsers do takes time
//! quadratic in the depth of what is nested, and a page of two megabytes can
//! nest some hundred thousand deep.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};
use ureq::http::Uri;

use super::link::resolve;

/// Links longer than this are left out.
const MAX_LINK: usize = 300;

/// A page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) title: Option<String>,
    pub(super) text: String,
}

/// Reads a page that lies at `base`.
pub(super) fn read(html: &str, base: &Uri) -> Page {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut reader = Reader {
        base,
        out: Out::default(),
        title: None,
        in_title: false,
        skipped: None,
        link: None,
        first_cell: false,
    };
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => reader.start(&tag),
            Token::EndTag(tag) => reader.end(&tag.name),
            Token::String(text) => reader.said(&String::from_utf8_lossy(&text)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    Page {
        title: reader.title,
        text: reader.out.text,
    }
}

/// What stands around the next words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
    Paragraph,
}

/// The text so far.
#[derive(Debug, Default)]
struct Out {
    text: String,
    gap: Gap,
    /// Open elements in which every space counts.
    verbatim: u32,
}

impl Out {
    fn gap(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    fn flush(&mut self) {
        let gap = std::mem::take(&mut self.gap);
        if !self.text.is_empty() {
            self.text.push_str(match gap {
                Gap::None => "",
                Gap::Space => " ",
                Gap::Line => "\n",
                Gap::Paragraph => "\n\n",
            });
        }
    }

    fn words(&mut self, text: &str) {
        if self.verbatim > 0 {
            self.flush();
            self.text.push_str(text);
            return;
        }
        for c in text.chars() {
            if c.is_whitespace() {
                self.gap(Gap::Space);
            } else {
                self.flush();
                self.text.push(c);
            }
        }
    }

    /// A mark at the start of what follows, which is set off by itself.
    fn mark(&mut self, mark: &str) {
        self.flush();
        self.text.push_str(mark);
    }
}

struct Reader<'a> {
    base: &'a Uri,
    out: Out,
    title: Option<String>,
    in_title: bool,
    /// The element whose content is left out, and how often it is open.
    skipped: Option<(&'static str, u32)>,
    /// Where the open link leads, and where its words begin.
    link: Option<(String, usize)>,
    first_cell: bool,
}

/// Elements whose content nobody reads.
const SKIPPED: [&str; 8] = [
    "script", "style", "noscript", "template", "svg", "iframe", "canvas", "object",
];

impl Reader<'_> {
    fn start(&mut self, tag: &StartTag<()>) {
        let name = std::str::from_utf8(&tag.name).unwrap_or_default();
        if let Some((skipped, depth)) = &mut self.skipped {
            if *skipped == name && !tag.self_closing {
                *depth += 1;
            }
            return;
        }
        if let Some(known) = SKIPPED.iter().find(|known| **known == name) {
            if !tag.self_closing {
                self.skipped = Some((known, 1));
            }
            return;
        }
        self.out.gap(gap(name));
        let attribute = |name: &[u8]| {
            let value = &tag.attributes.get(name)?.value;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        match name {
            // Pictures in a page may have titles of their own.
            "title" => self.in_title = self.title.is_none(),
            "pre" | "textarea" => self.out.verbatim += 1,
            "li" => self.out.mark("- "),
            "h1" => self.out.mark("# "),
            "h2" => self.out.mark("## "),
            "h3" => self.out.mark("### "),
            "h4" | "h5" | "h6" => self.out.mark("#### "),
            "tr" => self.first_cell = true,
            "td" | "th" if !std::mem::take(&mut self.first_cell) => self.out.mark(" | "),
            "img" => {
                if let Some(alt) = attribute(b"alt").filter(|alt| !alt.trim().is_empty()) {
                    self.out.words(&format!("[picture: {}]", alt.trim()));
                }
            }
            "a" => {
                let target = attribute(b"href").and_then(|href| worth_following(self.base, &href));
                self.link = target.map(|target| (target, self.out.text.len()));
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &[u8]) {
        let name = std::str::from_utf8(name).unwrap_or_default();
        if let Some((skipped, depth)) = &mut self.skipped {
            if *skipped == name {
                *depth -= 1;
                if *depth == 0 {
                    self.skipped = None;
                }
            }
            return;
        }
        match name {
            "title" => self.in_title = false,
            "pre" | "textarea" => self.out.verbatim = self.out.verbatim.saturating_sub(1),
            "a" => {
                // A link around nothing that can be read leads nobody anywhere.
                if let Some((target, from)) = self.link.take()
                    && self.out.text.len() > from
                {
                    self.out.text.push_str(" (");
                    self.out.text.push_str(&target);
                    self.out.text.push(')');
                }
            }
            _ => {}
        }
        self.out.gap(gap(name));
    }

    fn said(&mut self, text: &str) {
        if self.skipped.is_some() {
            return;
        }
        if self.in_title {
            self.title.get_or_insert_default().push_str(text);
        } else {
            self.out.words(text);
        }
    }
}

/// Where a link leads, if that is another page that could be fetched.
fn worth_following(base: &Uri, href: &str) -> Option<String> {
    let href = href.trim();
    let is_place_here = href.is_empty() || href.starts_with('#');
    let is_odd = href.len() > MAX_LINK || href.contains(char::is_whitespace);
    if is_place_here || is_odd {
        return None;
    }
    resolve(base, href)
}

/// What an element's start and end set apart.
fn gap(name: &str) -> Gap {
    match name {
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "dl" | "table" | "pre"
        | "blockquote" | "section" | "article" | "header" | "footer" | "nav" | "main" | "aside"
        | "figure" | "hr" => Gap::Paragraph,
        "div" | "li" | "dt" | "dd" | "tr" | "br" | "caption" | "figcaption" | "form"
        | "fieldset" | "option" | "address" | "details" | "summary" | "title" | "body" => Gap::Line,
        _ => Gap::None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(html: &str) -> Page {
        read(
            html,
            &Uri::from_static("https://example.org/docs/a/index.html?x=1"),
        )
    }

    #[test]
    fn a_page_reads_as_its_words() {
        let html = r##"<!doctype html><html><head><title>A &amp; B</title>
            <style>p { color: red }</style><script>if (a < b) { "</p>" }</script></head>
            <body><nav><a href="#top">Top</a> <a href="/">Home</a></nav>
            <h1>Results</h1><p>First   <b>bo</b>ld<br>line.<p>Second
            <ul><li>one<li>two &lt;2&gt;</ul>
            <table><tr><th>model<th>RMSE</tr><tr><td>naive</td><td>0.0287</td></tr></table>
            <pre>  x = 1
  y</pre>
            <img src="a.png" alt="loss over time"><svg><title>icon</title><text>no</text></svg>
            <p>See <a href="../b/paper.html#s2">the paper</a> or <a href="mailto:x@y.z">mail</a>.
            <noscript>Switch it on</noscript><!-- unseen --></body></html>"##;
        let expected = "Top Home (https://example.org/)\n\n# Results\n\nFirst bold\nline.\n\nSecond\n\n\
                        - one\n- two <2>\n\nmodel | RMSE\nnaive | 0.0287\n\n  x = 1\n  y\n\n\
                        [picture: loss over time]\n\n\
                        See the paper (https://example.org/docs/b/paper.html) or mail.";
        let found = page(html);
        assert_eq!(found.title.as_deref(), Some("A & B"));
        assert_eq!(found.text, expected);
    }

    #[test]
    fn what_is_never_closed_ends_with_the_page() {
        assert_eq!(page("<script>let a = 1").text, "");
        assert_eq!(page("a<svg><svg>b</svg>c</svg>d").text, "ad");
        assert_eq!(page("<a href=b>a<p>b").text, "a\n\nb");
        assert_eq!(page("</pre></svg>a").text, "a");
    }

    /// As a tree this would take minutes.
    #[test]
    fn deep_nesting_costs_no_more_than_its_length() {
        let html = format!("{}<p>deep", "<div>".repeat(400_000));
        assert_eq!(page(&html).text, "deep");
    }

    proptest! {
        #[test]
        fn any_soup_is_read(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just("<a href=x>"), Just("</a>"), Just("<pre>"), Just("</pre>"), Just("<td>"),
                    Just("<li>"), Just("<svg>"), Just("</svg>"), Just("<title>"), Just("</title>"),
                    Just("<h2 "), Just("="), Just("<!--"), Just("-->"), Just("&amp"), Just("ä b"),
                    Just("<plaintext>"), Just("<img alt=y>"), Just(">"), Just("\0"),
                ],
                0..30,
            ),
        ) {
            let soup = pieces.concat();
            let text = page(&soup).text;
            prop_assert!(text.len() <= soup.len() * 40 + 1);
        }
    }
}
