//! The next character of texts that have no labels.

use super::python::{Value, program};
use super::remedies::Remedies;
use super::table::SHARES;
use super::{Brief, Designed, Undesignable};
use crate::audit::checks::places::MANY;
use crate::explore::Layout;

/// The character's column.
const TARGET: &str = "next";
/// Fewest bytes of text of which four parts can be made.
const FEWEST_BYTES: u64 = 20_000;
/// Lengths of what is shown before a place, in characters; the longest that
/// leaves enough places is taken.
const CONTEXTS: [u64; 4] = [256, 128, 64, 32];
/// Characters behind a place that are shown nowhere.
const GAP: u64 = 32;
/// How many characters places are further apart than they must, at most.
const JITTER: u64 = 32;
/// Places of the smallest part that a length of contexts must leave.
const ENOUGH: u64 = 100;

pub(super) fn design(brief: &Brief<'_>, remedies: &Remedies) -> Result<Designed, Undesignable> {
    let source = &brief.schema.source;
    let one = brief.schema.layout == Layout::OneText;
    if !one && brief.schema.kind != "texts" {
        return Err(Undesignable::new(
            "the texts to model are cells of a table",
            "write each of them to a file of its own, in one folder",
        ));
    }
    let packed = std::path::Path::new(&source.name)
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
    if one && packed {
        return Err(Undesignable::new("the text is compressed", "unpack it"));
    }
    if source.bytes < FEWEST_BYTES {
        return Err(Undesignable::new(
            format!(
                "there are {} bytes of text, fewer than the {FEWEST_BYTES} of which four parts can be made",
                source.bytes
            ),
            "give more text",
        ));
    }
    let context = context(source.bytes);
    // A single text lies in the data folder itself.
    let folder = if one { "." } else { brief.data };
    let text = |value: &str| toml::Value::String(value.to_owned());
    Ok(Designed {
        kind: "classification",
        target: TARGET.to_owned(),
        task: vec![("target", text(TARGET))],
        data: vec![
            ("folder", text(folder)),
            ("characters", toml::Value::Boolean(true)),
        ],
        prepare: prepare(folder, context, remedies),
    })
}

/// The longest context of which enough places fit into the smallest part.
fn context(bytes: u64) -> u64 {
    let smallest = bytes * 12 / 100;
    let fits = |context: &u64| smallest / (context + GAP + JITTER / 2) >= ENOUGH;
    CONTEXTS.into_iter().find(fits).unwrap_or(CONTEXTS[3])
}

fn prepare(folder: &str, context: u64, remedies: &Remedies) -> String {
    let number = Value::Number;
    let constants = [
        (
            "FOLDER",
            Value::Text(folder.to_owned()),
            "Folder of the texts below the data.",
        ),
        (
            "TARGET",
            Value::Text(TARGET.to_owned()),
            "The class's column.",
        ),
        ("SHARES", Value::Shares(SHARES), "Shares of the characters."),
        (
            "SHUFFLE",
            number(remedies.shuffle),
            "Added to the seed, where another order gave answers away by chance.",
        ),
        (
            "MOST",
            number(20_000_000),
            "Characters of all texts that are used.",
        ),
        (
            "MANY",
            number(MANY as u64),
            "From so many texts on each is in one part as a whole; of fewer, blocks are.",
        ),
        ("BLOCKS", number(40), "Blocks that few texts are cut into."),
        (
            "CONTEXT",
            number(context),
            "Characters before a place that are shown.",
        ),
        (
            "STEP",
            number(context + GAP),
            "Characters between hidden places, and between blocks, at least.",
        ),
        ("JITTER", number(JITTER), "Up to so many more."),
        (
            "ALIKE",
            number(30),
            "Hundredths of the runs of four words that texts must share to stay together.",
        ),
        (
            "WHOLE",
            number(4_000_000),
            "Characters of which all runs are compared; of more, a share.",
        ),
        (
            "COPIED",
            number(48),
            "Characters before a place that must not stand in a training text.",
        ),
        ("TRAIN_ROWS", number(4000), "Training places, about."),
        ("ROWS", number(1000), "Places of a hidden part, at most."),
        ("FEWEST", number(20), "Places of a part, at least."),
        (
            "CLASSES",
            number(64),
            "Characters that are classes of their own, at most.",
        ),
        (
            "RARE",
            number(5),
            "Training places that a character must have to be a class of its own.",
        ),
    ];
    program(
        "Tells the next character of a text from those before it.\n\n\
         Each hidden place shows the characters before it and nothing that comes soon after. Training texts are in\n\
         public/texts as a whole, their names without meaning; train.csv has places of them. A class is a character\n\
         (u0061 is 'a', by its number in Unicode), or `other` for all that are rare or unknown in training. What is\n\
         scored is the probability of the next character's class. A loss in nats for each place, divided by the\n\
         logarithm of 2, is one in bits; it is none in bits per byte, which would count every byte of running text.",
        &constants,
        &[
            include_str!("python/save.py"),
            include_str!("python/split.py"),
            include_str!("python/near_sets.py"),
            include_str!("python/characters.py"),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::context;

    #[test]
    fn little_text_gets_short_contexts() {
        assert_eq!(context(20_000), 32);
        assert_eq!(context(180_000), 128);
        assert_eq!(context(100_000_000), 256);
    }
}
