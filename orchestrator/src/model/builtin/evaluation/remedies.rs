//! What is done about what was found in earlier designs.

use std::collections::BTreeMap;

use super::{Brief, Found};
use crate::audit::finding::short;
use crate::explore::Role;

/// Checks that name columns which give the answer away.
const LEAKS: [&str; 6] = [
    "single-feature",
    "two-features",
    "identifier",
    "target-canary",
    "feature-canary",
    "leak",
];

/// Copies that were found on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Copies {
    #[default]
    None,
    /// Rows that are equal.
    Exact,
    /// Rows that are almost equal.
    Near,
}

/// What a new design does otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Remedies {
    /// Columns that are not shown, with why.
    pub(super) left_out: BTreeMap<String, String>,
    /// A column whose values stay on one side.
    pub(super) group: Option<String>,
    /// A column that orders the rows.
    pub(super) time: Option<String>,
    /// Which copies were on both sides.
    pub(super) copies: Copies,
    /// Which of the possible orders is taken.
    pub(super) shuffle: u64,
    /// Whether classes are left to chance, rather than stratified.
    pub(super) plain: bool,
    /// Whether rows are not split by time although they have one.
    pub(super) without_time: bool,
}

impl Remedies {
    /// The remedies for everything that was found, and for what the profile
    /// suspects.
    pub(super) fn of(brief: &Brief<'_>) -> Self {
        let mut remedies = Self::default();
        for finding in &brief.findings.findings {
            let column = brief
                .schema
                .columns
                .iter()
                .any(|c| c.name == finding.subject);
            let why = match finding.id.as_str() {
                "leak-suspect" => format!("the profile suspects a leak: {}", finding.saw),
                "nested-values" => finding.saw.clone(),
                _ => continue,
            };
            if column {
                remedies.left_out.insert(finding.subject.clone(), why);
            }
        }
        let sums = |f: &&Found| f.check == "linear-combination";
        let sums = brief.found.iter().filter(sums).count();
        for found in brief.found {
            remedies.add(brief, found);
        }
        remedies.drop_best(brief, sums);
        remedies
    }

    fn add(&mut self, brief: &Brief<'_>, found: &Found) {
        let named = columns_in(brief, &found.detail);
        match found.check.as_str() {
            check if LEAKS.contains(&check) => {
                for column in named {
                    let why = format!("{} ({check}): it gives the answer away", found.by);
                    self.left_out.insert(column, why);
                }
                self.plain |= check.ends_with("canary");
                self.shuffle += u64::from(check == "identifier");
            }
            // Shuffled rows of one class may follow each other by chance.
            "row-order" => self.shuffle += 1,
            "duplicates" => self.copies = self.copies.max(Copies::Exact),
            "near-duplicates" => self.copies = Copies::Near,
            "group-overlap" => {
                // A number that was left out for giving the answer away is a copy
                // of the answer, not what rows have in common.
                let group = named.into_iter().find(|column| {
                    !self.left_out.contains_key(column) || !is_amount(brief, column)
                });
                if self.group.is_none() {
                    self.group = group;
                }
            }
            "time-order" if found.detail.contains("is no time") => self.without_time = true,
            "time-order" => self.time = named.into_iter().next(),
            "structure" | "distribution" => self.without_time = true,
            _ => {}
        }
    }

    /// Without a name, the columns that say most about the target are left
    /// out: two the first time, four the second.
    fn drop_best(&mut self, brief: &Brief<'_>, times: usize) {
        let target = brief.statistics.and_then(|s| s.target.as_ref());
        let features = target.map(|t| t.single_features.as_slice());
        let left: Vec<String> = features
            .unwrap_or_default()
            .iter()
            .map(|f| f.feature.clone())
            .filter(|f| !self.left_out.contains_key(f))
            .take(times * (times + 1))
            .collect();
        for column in left {
            let why =
                "a weighted sum of the features is the answer, and it is among the best of them";
            self.left_out.insert(column, why.to_owned());
        }
    }
}

fn is_amount(brief: &Brief<'_>, column: &str) -> bool {
    brief
        .schema
        .columns
        .iter()
        .any(|c| c.name == column && matches!(c.kind.as_str(), "number" | "integer"))
}

/// The table's columns that a text names in backticks, but for the target;
/// features that are made of a column have its name in theirs.
fn columns_in(brief: &Brief<'_>, detail: &str) -> Vec<String> {
    let guess = &brief.findings.guess;
    let names: Vec<&str> = detail.split('`').skip(1).step_by(2).collect();
    brief
        .schema
        .columns
        .iter()
        .filter(|column| column.role != Role::Time && !guess.targets.contains(&column.name))
        .filter(|column| {
            let made = format!("{}_at_origin", column.name);
            names
                .iter()
                .any(|name| *name == short(&column.name) || *name == short(&made))
        })
        .map(|column| column.name.clone())
        .collect()
}
