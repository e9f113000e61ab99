//! Classes of the texts in a folder.

use super::python::{Value, program};
use super::remedies::Remedies;
use super::table::SHARES;
use super::{Brief, Designed, Undesignable};
use crate::explore::Layout;

/// File of labels that evaluations read.
const LABELS: &str = "labels.csv";

pub(super) fn design(brief: &Brief<'_>, remedies: &Remedies) -> Result<Designed, Undesignable> {
    let labels = match brief.schema.layout {
        Layout::LabelsByFolder => None,
        Layout::LabelsByFile if brief.data == "." => Some(LABELS.to_owned()),
        Layout::LabelsByFile => Some(format!("{}/{LABELS}", brief.data)),
        _ => {
            return Err(Undesignable::new(
                "the texts have no labels",
                "put them into a folder for each class, or list them in a `labels.csv` with the columns `file` and \
                 `label`",
            ));
        }
    };
    let guess = &brief.findings.guess;
    let target = guess.target.clone().unwrap_or_else(|| "class".to_owned());
    let constants = [
        (
            "FOLDER",
            Value::Text(brief.data.to_owned()),
            "Folder of the texts below the data.",
        ),
        (
            "LABELS",
            Value::optional(labels.as_ref()),
            "Table of the classes; without it, a text's class is its sub-folder.",
        ),
        ("TARGET", Value::Text(target.clone()), "The class's column."),
        ("SHARES", Value::Shares(SHARES), "Shares of the texts."),
        (
            "SHUFFLE",
            Value::Number(remedies.shuffle),
            "Added to the seed, where another order gave answers away by chance.",
        ),
        (
            "STRATIFIED",
            Value::Flag(!remedies.plain),
            "Whether each part gets its share of each class.",
        ),
        (
            "ALIKE",
            Value::Number(60),
            "Hundredths of the pairs of words that texts must share to stay together.",
        ),
    ];
    let prepare = program(
        "Tells the class of a text.\n\nTexts are shuffled into four parts; copies, exact or edited, stay in one.",
        &constants,
        &[
            include_str!("python/save.py"),
            include_str!("python/split.py"),
            include_str!("python/near_sets.py"),
            include_str!("python/near_texts.py"),
            include_str!("python/texts.py"),
        ],
    );
    let text = |value: &str| toml::Value::String(value.to_owned());
    let mut data = vec![("folder", text(brief.data))];
    data.extend(labels.as_ref().map(|l| ("labels", text(l))));
    Ok(Designed {
        kind: "classification",
        target: target.clone(),
        task: vec![("target", text(&target))],
        data,
        prepare,
    })
}
