//! Prompts as templates: rendering them, and finding every name in them that
//! is not defined.

use std::collections::BTreeSet;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::{Map, Value};

use super::problem::{Problem, did_you_mean, nearest};
use super::schema::line_of;

/// Steps that rendering one prompt may take: a thousand times what the shipped
/// ones need, and few enough to end at once if a prompt never would.
const FUEL: u64 = 2_000_000;
/// Most undefined names that are reported for one prompt and context.
const MOST_NAMES: usize = 20;

/// An environment in which an undefined name is an error and a line with
/// nothing but a block on it leaves no empty line.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_debug(true);
    environment.set_fuel(Some(FUEL));
    // The defaults for delimiters are valid, so this can't fail.
    if let Ok(syntax) = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
    {
        environment.set_syntax(syntax);
    }
    environment
}

/// Renders one text.
pub(super) fn render(
    environment: &Environment<'_>,
    file: &str,
    text: &str,
    context: &Map<String, Value>,
) -> Result<String, Error> {
    environment
        .template_from_named_str(file, text)?
        .render(minijinja::value::Serde(context))
}

/// A context that a prompt must render with, and what it is called.
pub(super) struct Example {
    pub(super) word: &'static str,
    pub(super) context: Map<String, Value>,
}

/// What is wrong with one prompt. `whose` says whose it is, for messages; the
/// first example is the full one.
pub(super) fn check(file: &str, text: &str, whose: &str, examples: &[Example]) -> Vec<Problem> {
    let environment = environment();
    let mut problems = Vec::new();
    // A name that was reported is not reported again for the next example.
    let mut reported = BTreeSet::new();
    let names = examples.first().map(|full| names(&full.context));
    let names = names.unwrap_or_default();
    for example in examples {
        let mut text = text.to_owned();
        for _ in 0..MOST_NAMES {
            let Err(error) = render(&environment, file, &text, &example.context) else {
                break;
            };
            let line = error.line();
            let Some(name) = undefined(&error) else {
                if reported.insert((line, String::new())) {
                    problems.push(failed(file, &error, example.word));
                }
                break;
            };
            if reported.insert((line, name.clone())) {
                let missing = match name.split_once('.') {
                    _ if names.contains(&name) => Missing::In(example.word),
                    Some((root, _)) if !names.contains(root) => Missing::OfAnItem,
                    _ => Missing::Everywhere,
                };
                problems.push(unknown(file, line, &name, whose, &names, missing));
            }
            // Go on behind it: blank the expression and render again.
            let Some(next) = error.range().and_then(|range| blank(&text, range.start)) else {
                break;
            };
            text = next;
        }
    }
    // Branches that no example took.
    if let Ok(template) = environment.template_from_named_str(file, text) {
        let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
        let mut unseen: Vec<String> = template.undeclared_variables(true).into_iter().collect();
        unseen.sort();
        for name in unseen {
            let root = name.split('.').next().unwrap_or_default();
            let known = names.contains(&name) || globals.contains(root) || is_method(&name, &names);
            let told = reported
                .iter()
                .any(|(_, told)| *told == name || *told == root);
            if known || told {
                continue;
            }
            let line = find(text, &name).map(|at| line_of(text, at));
            problems.push(unknown(
                file,
                line,
                &name,
                whose,
                &names,
                Missing::Everywhere,
            ));
        }
    }
    problems
}

/// Where a name is not defined.
#[derive(Clone, Copy)]
enum Missing<'a> {
    /// It is no name of the role's.
    Everywhere,
    /// It is no field of a list's items.
    OfAnItem,
    /// It is, but not in this example.
    In(&'a str),
}

fn unknown(
    file: &str,
    line: Option<usize>,
    name: &str,
    whose: &str,
    names: &BTreeSet<String>,
    missing: Missing<'_>,
) -> Problem {
    let root = name.split(['.', '[']).next().unwrap_or_default();
    let mut what = match missing {
        Missing::Everywhere | Missing::OfAnItem => {
            format!("`{name}` is not defined for {whose}")
        }
        Missing::In(word) => format!(
            "`{name}` is not always defined: it fails with the {word} example; test `{root}` first"
        ),
    };
    let near = match (missing, name.rsplit_once('.')) {
        // The item of a loop: only its field can be wrong.
        (Missing::OfAnItem, Some((item, field))) => {
            let fields = names.iter().filter_map(|name| name.rsplit_once('.'));
            nearest(field, fields.map(|(_, field)| field)).map(|near| format!("{item}.{near}"))
        }
        _ => nearest(name, names.iter().map(String::as_str)).map(str::to_owned),
    };
    let mut problem = Problem::error(file, String::new()).at(line).about(name);
    if !matches!(missing, Missing::In(_))
        && let Some(near) = near
    {
        what += &did_you_mean(&near);
    }
    if matches!(missing, Missing::Everywhere) {
        let roots: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| !name.contains('.'))
            .collect();
        problem = problem.allowed(roots.join(", "));
    }
    problem.what = what;
    problem
}

/// Something else than an undefined name.
fn failed(file: &str, error: &Error, example: &str) -> Problem {
    let what = match error.kind() {
        ErrorKind::OutOfFuel => "takes too many steps to render".to_owned(),
        ErrorKind::SyntaxError => format!(
            "is no template: {}",
            error.detail().unwrap_or("syntax error")
        ),
        kind => {
            let detail = error.detail().map(|d| format!(": {d}")).unwrap_or_default();
            format!("does not render with the {example} example: {kind}{detail}")
        }
    };
    Problem::error(file, what).at(error.line())
}

/// The name in an error about an undefined one.
fn undefined(error: &Error) -> Option<String> {
    let detail = error.detail()?;
    let end = detail.find("` is undefined")?;
    let start = detail[..end].rfind('`')? + 1;
    Some(detail[start..end].to_owned())
}

/// The text with the `{{ … }}` around `at` made to print nothing, lines kept.
fn blank(text: &str, at: usize) -> Option<String> {
    let before = text.get(..at.max(text.find("{{")? + 2))?;
    let start = before.rfind("{{")?;
    let end = start + text[start..].find("}}")? + 2;
    if at > end || text[start..end].contains("{%") {
        return None;
    }
    let kept: String = text[start..end]
        .chars()
        .map(|c| if c == '\n' { '\n' } else { ' ' })
        .collect();
    Some(format!("{}{kept}{}", &text[..start], &text[end..]))
}

/// Where a name is used inside a tag.
fn find(text: &str, name: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    text.match_indices(name)
        .find(|(at, _)| {
            let before = &text[..*at];
            let open = before.rfind("{{").max(before.rfind("{%"));
            let close = before.rfind("}}").max(before.rfind("%}"));
            open > close
                && !before.ends_with(is_part)
                && !text[at + name.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        })
        .map(|(at, _)| at)
}

/// Whether the name is a method of something known, as in `metric.items`.
fn is_method(name: &str, names: &BTreeSet<String>) -> bool {
    const METHODS: [&str; 4] = ["items", "keys", "values", "get"];
    name.rsplit_once('.')
        .is_some_and(|(of, method)| METHODS.contains(&method) && names.contains(of))
}

/// Every dotted name of a context; the fields of a list's items as if the
/// list were one of them.
fn names(context: &Map<String, Value>) -> BTreeSet<String> {
    let mut into = BTreeSet::new();
    for (key, value) in context {
        collect(key, value, &mut into);
    }
    into
}

fn collect(path: &str, value: &Value, into: &mut BTreeSet<String>) {
    into.insert(path.to_owned());
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                collect(&format!("{path}.{key}"), value, into);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(path, item, into);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn examples() -> Vec<Example> {
        let map = |value: Value| value.as_object().cloned().unwrap();
        vec![
            Example {
                word: "full",
                context: map(json!({
                    "goal": "win", "stage": {"name": "broad"}, "rows": [{"value": 1.0, "why": "x"}],
                })),
            },
            Example {
                word: "bare",
                context: map(json!({ "goal": "win", "stage": null, "rows": [] })),
            },
        ]
    }

    fn told(text: &str) -> Vec<String> {
        check("p.md", text, "the Judge", &examples())
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn good_prompts_have_no_problems() {
        for text in [
            "{{ goal }}",
            "{% if stage %}{{ stage.name }}{% endif %}",
            "{% for row in rows %}{{ row.value }} {{ loop.index }}{% else %}none{% endfor %}",
            "{% set x = goal %}{{ x | upper }} {{ range(3) | length }}",
            "{% if goal is defined %}{{ goal }}{% endif %}",
        ] {
            assert_eq!(told(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn every_undefined_name_is_found_with_its_line_and_the_nearest() {
        let all = told("{{ gaol }}\nfine\n{{ stagee.name | upper }}\n{{ zzzzzzzz }}\n");
        assert_eq!(all.len(), 3, "{all:?}");
        assert!(
            all[0].starts_with("p.md:1: `gaol` is not defined for the Judge; did you mean `goal`?")
        );
        assert!(all[1].starts_with("p.md:3: `stagee"), "{}", all[1]);
        assert!(all[2].starts_with(
            "p.md:4: `zzzzzzzz` is not defined for the Judge; allowed: goal, rows, stage"
        ));
    }

    #[test]
    fn a_field_of_a_loop_is_checked() {
        let all = told("{% for row in rows %}\n{{ row.vlaue }}\n{% endfor %}");
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(
            all[0].contains("p.md:2: `row.vlaue`") && all[0].contains("`row.value`?"),
            "{}",
            all[0]
        );
    }

    #[test]
    fn a_branch_that_is_not_taken_is_checked() {
        let all = told("{% if goal == 'lose' %}\n{{ nothing.here }}\n{% endif %}");
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(all[0].starts_with("p.md:2: `nothing.here`"), "{}", all[0]);
    }

    #[test]
    fn what_may_be_absent_has_to_be_tested() {
        let all = told("{{ stage.name }}");
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(all[0].contains("not always defined"), "{}", all[0]);
    }

    #[test]
    fn what_is_no_template_is_told_with_its_line() {
        let all = told("one\n{% if goal %}\n");
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(all[0].contains("is no template"), "{}", all[0]);
        let all =
            told("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}");
        assert_eq!(all, ["p.md:1: takes too many steps to render"]);
    }
}
