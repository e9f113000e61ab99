//! Plans in Markdown: check-boxes that are listed, checked, and asked for at
//! the end. Pure; a text that is parsed and written again is the same text.

use std::fmt;

/// A check-box of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its line, from 1.
    pub line: usize,
    /// What is to be done, in Markdown.
    pub text: String,
    /// Columns it is indented by: more than the item above, and it is part of
    /// that.
    pub indent: usize,
    /// Whether it is checked.
    pub done: bool,
}

/// Why a plan can't be changed or finished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No item has this text.
    #[error("the plan has no item `{wanted}`")]
    NoSuchItem {
        /// As it was named.
        wanted: String,
    },
    /// Several items have it.
    #[error("`{wanted}` is {} items of the plan (lines {}): name one by its line", lines.len(), listed(lines))]
    Ambiguous {
        /// As it was named.
        wanted: String,
        /// Their lines.
        lines: Vec<usize>,
    },
    /// There are no check-boxes at all.
    #[error("the plan has no check-boxes: write its steps as `- [ ] step`")]
    Empty,
    /// Items are open and no reason was given.
    #[error("{} items of the plan are open ({}): check them, or say why they stay open", open.len(), quoted(open))]
    Open {
        /// Their texts.
        open: Vec<String>,
    },
}

fn listed(lines: &[usize]) -> String {
    let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
    lines.join(", ")
}

fn quoted(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| format!("`{text}`")).collect();
    texts.join(", ")
}

/// A plan: its text, and where its check-boxes are.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Plan {
    lines: Vec<String>,
    items: Vec<(Item, usize)>,
}

impl Plan {
    /// Reads a plan. Check-boxes in fenced code are text.
    pub fn parse(text: &str) -> Self {
        let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let mut items = Vec::new();
        let mut fence: Option<Fence> = None;
        for (index, line) in lines.iter().enumerate() {
            match (&fence, Fence::of(line)) {
                (Some(open), Some(close)) if close.closes(open) => fence = None,
                (Some(_), _) => {}
                (None, Some(open)) => fence = Some(open),
                (None, None) => {
                    if let Some((mut item, mark)) = check_box(line) {
                        item.line = index + 1;
                        items.push((item, mark));
                    }
                }
            }
        }
        Self { lines, items }
    }

    /// All items, from top to bottom.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().map(|(item, _)| item)
    }

    /// The items that are not checked.
    pub fn open(&self) -> impl Iterator<Item = &Item> {
        self.items().filter(|item| !item.done)
    }

    /// Checks the item with this text, or on the line of this number. One that
    /// is checked already stays so. Of several with the same text, the only
    /// open one is meant.
    pub fn check(&mut self, wanted: &str) -> Result<(), PlanError> {
        let wanted = wanted.trim();
        let named = |item: &Item| item.text == wanted;
        let mut found: Vec<usize> = self.places(named);
        if found.is_empty()
            && let Ok(line) = wanted.parse::<usize>()
        {
            found = self.places(|item| item.line == line);
        }
        if found.len() > 1 {
            let open = |place: &usize| !self.items[*place].0.done;
            let still: Vec<usize> = found.iter().copied().filter(open).collect();
            found = match still.len() {
                0 => vec![found[0]],
                _ => still,
            };
        }
        match found.as_slice() {
            [] => Err(PlanError::NoSuchItem {
                wanted: wanted.to_owned(),
            }),
            [place] => {
                let (item, mark) = &mut self.items[*place];
                if !item.done {
                    item.done = true;
                    self.lines[item.line - 1].replace_range(*mark..=*mark, "x");
                }
                Ok(())
            }
            several => Err(PlanError::Ambiguous {
                wanted: wanted.to_owned(),
                lines: several.iter().map(|&p| self.items[p].0.line).collect(),
            }),
        }
    }

    /// Whether work on the plan may end: nothing is open, or there is a reason.
    pub fn may_finish(&self, reason: Option<&str>) -> Result<(), PlanError> {
        if reason.is_some_and(|reason| !reason.trim().is_empty()) {
            return Ok(());
        }
        if self.items.is_empty() {
            return Err(PlanError::Empty);
        }
        let open: Vec<String> = self.open().map(|item| item.text.clone()).collect();
        if open.is_empty() {
            Ok(())
        } else {
            Err(PlanError::Open { open })
        }
    }

    fn places(&self, wanted: impl Fn(&Item) -> bool) -> Vec<usize> {
        let all = self.items().enumerate();
        all.filter(|(_, item)| wanted(item))
            .map(|(place, _)| place)
            .collect()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| f.write_str(line))
    }
}

/// A line of at least three back-ticks or tildes.
struct Fence {
    mark: char,
    length: usize,
    bare: bool,
}

impl Fence {
    fn of(line: &str) -> Option<Self> {
        let text = line.trim();
        let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let length = text.chars().take_while(|&c| c == mark).count();
        (length >= 3).then(|| Self {
            mark,
            length,
            bare: text.chars().all(|c| c == mark),
        })
    }

    fn closes(&self, open: &Self) -> bool {
        self.mark == open.mark && self.length >= open.length && self.bare
    }
}

/// The item on a line, and the byte between its brackets.
fn check_box(line: &str) -> Option<(Item, usize)> {
    let body = line.trim_start_matches([' ', '\t']);
    let indent = line.len() - body.len();
    let rest = match body.chars().next()? {
        '-' | '*' | '+' => &body[1..],
        '0'..='9' => body
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .strip_prefix(['.', ')'])?,
        _ => return None,
    };
    let boxed = rest.trim_start_matches(' ');
    if boxed.len() == rest.len() {
        return None;
    }
    let inside = boxed.strip_prefix('[')?;
    let done = match inside.as_bytes() {
        [b' ', b']', ..] => false,
        [b'x' | b'X', b']', ..] => true,
        _ => return None,
    };
    let text = &inside[2..];
    if !text.is_empty() && !text.starts_with(char::is_whitespace) {
        return None;
    }
    let item = Item {
        line: 0,
        text: text.trim().to_owned(),
        indent,
        done,
    };
    Some((item, line.len() - inside.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAN: &str = "# Plan\n\n- [x] look at the schema\n- [ ] plot the series\n  1. [ ] by hour\n\
                        * [X] write notes\n- [] no box\n- [link](x)\n```\n- [ ] code\n```\n+ [ ] finish";

    fn texts<'a>(items: impl Iterator<Item = &'a Item>) -> Vec<&'a str> {
        items.map(|item| item.text.as_str()).collect()
    }

    #[test]
    fn boxes_are_found_and_look_alikes_are_not() {
        let plan = Plan::parse(PLAN);
        assert_eq!(
            texts(plan.items()),
            [
                "look at the schema",
                "plot the series",
                "by hour",
                "write notes",
                "finish"
            ]
        );
        assert_eq!(texts(plan.open()), ["plot the series", "by hour", "finish"]);
        let nested = plan.items().nth(2).expect("the third");
        assert_eq!((nested.line, nested.indent), (5, 2));
    }

    #[test]
    fn an_item_is_checked_by_text_or_line() {
        let mut plan = Plan::parse(PLAN);
        plan.check("plot the series").expect("is there");
        plan.check("5").expect("is there");
        assert_eq!(texts(plan.open()), ["finish"]);
        assert!(
            plan.to_string()
                .contains("\n- [x] plot the series\n  1. [x] by hour\n")
        );
        assert_eq!(
            plan.check("dance"),
            Err(PlanError::NoSuchItem {
                wanted: "dance".to_owned()
            })
        );
    }

    #[test]
    fn of_equal_items_the_open_one_is_meant() {
        let mut plan = Plan::parse("- [x] plot\n- [ ] plot\n");
        plan.check("plot").expect("one is open");
        assert_eq!(plan.open().count(), 0);
        plan.check("plot").expect("all are checked");
        let mut plan = Plan::parse("- [ ] plot\n- [ ] plot\n");
        let error = plan.check("plot").expect_err("two are open");
        assert_eq!(
            error.to_string(),
            "`plot` is 2 items of the plan (lines 1, 2): name one by its line"
        );
        plan.check("2").expect("is there");
        assert_eq!(plan.to_string(), "- [ ] plot\n- [x] plot\n");
    }

    #[test]
    fn nothing_ends_with_open_items_and_no_reason() {
        let mut plan = Plan::parse("- [ ] a\r\n- [ ] b\r\n");
        let error = plan.may_finish(Some("  ")).expect_err("two are open");
        assert!(
            error
                .to_string()
                .contains("2 items of the plan are open (`a`, `b`)"),
            "{error}"
        );
        plan.may_finish(Some("the data have no b"))
            .expect("a reason");
        plan.check("a").expect("is there");
        plan.check("b").expect("is there");
        plan.may_finish(None).expect("nothing is open");
        assert_eq!(plan.to_string(), "- [x] a\r\n- [x] b\r\n");
        assert_eq!(Plan::parse("steps").may_finish(None), Err(PlanError::Empty));
    }

    /// Lines that look like Markdown, in any order.
    fn markdown() -> impl Strategy<Value = String> {
        let line = prop_oneof![
            4 => "[ \t]{0,4}([-*+]|[0-9]{1,2}[.)]) \\[[ xX]\\] [a-c]{0,3}",
            1 => "(```|~~~~?)[a-z]{0,3}",
            1 => "\\PC{0,12}",
        ];
        let ending = prop_oneof![4 => Just("\n"), 1 => Just("\r\n")];
        proptest::collection::vec((line, ending), 0..12).prop_map(|lines| {
            let lines = lines.into_iter().map(|(line, ending)| line + ending);
            lines.collect()
        })
    }

    proptest! {
        #[test]
        fn parsing_and_writing_changes_nothing(text in prop_oneof![markdown(), "\\PC*", any::<String>()]) {
            prop_assert_eq!(Plan::parse(&text).to_string(), text);
        }

        #[test]
        fn checking_closes_one_item_and_touches_nothing_else(text in markdown(), pick in any::<prop::sample::Index>()) {
            let before = Plan::parse(&text);
            let open: Vec<_> = before.open().cloned().collect();
            prop_assume!(!open.is_empty());
            let item = pick.get(&open);
            let mut plan = before.clone();
            prop_assume!(item.text.parse::<usize>().is_err() && !before.items().any(|i| i.text == item.line.to_string()));
            plan.check(&item.line.to_string()).expect("is there");
            let after = plan.to_string();
            prop_assert_eq!(&Plan::parse(&after), &plan);
            prop_assert_eq!(plan.open().count(), open.len() - 1);
            let (old, new) = (text.as_bytes(), after.as_bytes());
            prop_assert_eq!(old.len(), new.len());
            prop_assert_eq!(old.iter().zip(new).filter(|(a, b)| a != b).count(), 1);
        }

        #[test]
        fn a_plan_may_end_once_all_are_checked(text in markdown()) {
            let mut plan = Plan::parse(&text);
            let lines: Vec<_> = plan.items().map(|item| item.line.to_string()).collect();
            for line in &lines {
                prop_assume!(plan.check(line).is_ok());
            }
            prop_assert_eq!(plan.may_finish(None).is_ok(), !lines.is_empty());
        }
    }
}
