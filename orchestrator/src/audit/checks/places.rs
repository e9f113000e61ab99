//! Places in texts: their targets, and whether hidden ones are apart from what
//! is learnt from.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{Hash, Hasher};

use crate::audit::facts::Facts;
use crate::audit::finding::{Finding, short};
use crate::audit::places::{Document, Places};
use crate::audit::prepared::{Part, ROW_ID};

/// From this many texts on, each belongs to one part as a whole.
pub const MANY: usize = 12;
/// Characters that lie between a training and a hidden place of one text at
/// least.
const APART: usize = 64;
/// Characters before a place that are no chance if they are somewhere else
/// too.
const COPIED: usize = 48;
/// Words that follow each other in both of two copies.
const RUN: usize = 4;
/// Characters of which all runs of words are compared; of longer texts a share.
const WHOLE: usize = 4_000_000;
/// Fewest runs of words that make a text comparable.
const FEWEST: usize = 5;
/// Base of the hash that rolls over texts.
const BASE: u64 = 1_000_003;

/// Compares the targets with the characters at the places. Classes may have
/// other names than the characters, one for one; a single class may stand for
/// all the others.
pub(super) fn targets(facts: &Facts<'_>, places: &Places) -> Vec<Finding> {
    let origins = facts.prepared.by_id();
    let train = ("public/train.csv".to_owned(), &facts.prepared.train);
    let answers = facts.prepared.splits.iter();
    let answers = answers.map(|s| (format!("private/{}/answers.csv", s.part.name()), &s.answers));
    let mut classes: BTreeMap<char, &str> = BTreeMap::new();
    let mut found = Vec::new();
    for (file, table) in std::iter::once(train).chain(answers) {
        let Some(id) = table.column(ROW_ID) else {
            continue;
        };
        let mut wrong = 0;
        let mut first = None;
        for (id, value) in table.cells(id).zip(facts.targets(table)) {
            let Some(origin) = origins.get(id) else {
                continue;
            };
            let character = places.at(origin.raw);
            let class = *classes.entry(character).or_insert(value);
            if class != value {
                wrong += 1;
                first.get_or_insert_with(|| {
                    format!(
                        "`{}` has `{}`, but {character:?} at `{}` was `{}` before",
                        short(id),
                        short(value),
                        short(&places.name(origin.raw)),
                        short(class)
                    )
                });
            }
        }
        if let Some(first) = first {
            found.push(Finding::new(
                "targets",
                &format!("compared the targets in `{file}` with the characters at the places that `rows.csv` names"),
                &format!("{wrong} of {} differ; {first}", table.rows.len()),
                "A place is a character's number in its text, which is UTF-8 as it lies in the file; scores would be \
                 of something else.",
            ));
        }
    }
    found.extend(merged(facts, &classes));
    found
}

/// Classes of several characters.
fn merged(facts: &Facts<'_>, classes: &BTreeMap<char, &str>) -> Option<Finding> {
    let mut members: BTreeMap<&str, BTreeSet<char>> = BTreeMap::new();
    for (character, class) in classes {
        members.entry(class).or_default().insert(*character);
    }
    let many: Vec<(&str, BTreeSet<char>)> =
        members.into_iter().filter(|(_, c)| c.len() > 1).collect();
    let did = "looked for classes that stand for several characters";
    if let [(one, some), (other, _), ..] = many.as_slice() {
        let example: Vec<char> = some.iter().copied().take(2).collect();
        return Some(Finding::new(
            "targets",
            did,
            &format!(
                "`{}` (as {example:?}) and `{}` are two of {}",
                short(one),
                short(other),
                many.len()
            ),
            "What is scored is no longer the text; only one class may stand for all characters that have none of \
             their own.",
        ));
    }
    let (class, characters) = many.first()?;
    let answers: Vec<&str> = facts.hidden().into_iter().map(|(_, a)| a).collect();
    let rest = answers.iter().filter(|a| *a == class).count();
    (rest * 2 > answers.len()).then(|| {
        Finding::new(
            "targets",
            did,
            &format!(
                "`{}` stands for {} characters and for {rest} of {} answers",
                short(class),
                characters.len(),
                answers.len()
            ),
            "Most of the text is not told apart; give more characters classes of their own.",
        )
    })
}

/// Parts by number of the text.
fn parts_of_documents(facts: &Facts<'_>, places: &Places) -> BTreeMap<usize, BTreeSet<Part>> {
    let mut parts: BTreeMap<usize, BTreeSet<Part>> = BTreeMap::new();
    for origin in &facts.prepared.origins {
        let document = places.document_of(origin.raw);
        parts.entry(document).or_default().insert(origin.part);
    }
    parts
}

/// Places that are asked twice, texts in several parts, hidden places close to
/// training places.
pub(super) fn overlap(facts: &Facts<'_>, places: &Places) -> Vec<Finding> {
    let mut parts: BTreeMap<usize, Part> = BTreeMap::new();
    for origin in &facts.prepared.origins {
        let before = parts.insert(origin.raw, origin.part);
        if before.is_some_and(|part| part != Part::Train || origin.part != Part::Train) {
            return vec![Finding::new(
                "overlap",
                "looked for places that are in the evaluation twice",
                &format!("`{}` is one", short(&places.name(origin.raw))),
                "What is scored was seen before, or counts twice; ask for each place once.",
            )];
        }
    }
    let documents = parts_of_documents(facts, places);
    let shared = documents.iter().filter(|(_, p)| p.len() > 1);
    let shared: Vec<&usize> = shared.map(|(document, _)| document).collect();
    if documents.len() >= MANY {
        return shared.first().map_or_else(Vec::new, |first| {
            vec![Finding::new(
                "overlap",
                "looked for texts that are in more than one part",
                &format!(
                    "{} of {}, the first is `{}`",
                    shared.len(),
                    documents.len(),
                    short(&places.documents()[**first].file)
                ),
                "Names, subjects and phrases of a text return in it; where there are many texts, give each to one \
                 part as a whole.",
            )]
        });
    }
    let ordered: Vec<(usize, Part)> = parts.into_iter().collect();
    let close = ordered.windows(2).find(|pair| {
        let [(a, left), (b, right)] = pair else {
            return false;
        };
        let train = |part: &Part| *part == Part::Train;
        train(left) != train(right)
            && b - a < APART
            && places.document_of(*a) == places.document_of(*b)
    });
    close.map_or_else(Vec::new, |pair| {
        vec![Finding::new(
            "overlap",
            "looked for hidden places beside training places",
            &format!(
                "`{}` and `{}` are less than {APART} characters apart",
                short(&places.name(pair[0].0)),
                short(&places.name(pair[1].0))
            ),
            "Cut the text into few long blocks, each of one part, and leave a gap between them.",
        )]
    })
}

/// Copies on both sides. Rows that are places have no columns, times or groups
/// to compare, and the characters of different texts need not come from one
/// distribution: no other check of the split makes sense for them.
pub(super) fn split(facts: &Facts<'_>, places: &Places) -> Vec<Finding> {
    let near = near_copies(facts, places);
    if near.is_empty() {
        return copies(facts, places);
    }
    near
}

fn rolled(text: &[char]) -> u64 {
    text.iter().fold(0, |hash, c| {
        hash.wrapping_mul(BASE).wrapping_add(u64::from(*c))
    })
}

/// The first place in a text where each of some strings of one length ends, by
/// their hashes.
fn occurrences(text: &[char], length: usize, wanted: &HashMap<u64, usize>) -> BTreeSet<usize> {
    let Some(start) = text.get(..length) else {
        return BTreeSet::new();
    };
    let top = (1..length).fold(1_u64, |power, _| power.wrapping_mul(BASE));
    let mut hash = rolled(start);
    let mut found: BTreeSet<usize> = wanted.get(&hash).copied().into_iter().collect();
    for (out, new) in text.iter().zip(&text[length..]) {
        hash = hash.wrapping_sub(u64::from(*out).wrapping_mul(top));
        hash = hash.wrapping_mul(BASE).wrapping_add(u64::from(*new));
        found.extend(wanted.get(&hash));
    }
    found
}

/// Hidden places that stand in a training text too, with what comes before
/// them.
fn copies(facts: &Facts<'_>, places: &Places) -> Vec<Finding> {
    let with_context = |place: usize| -> Option<Vec<char>> {
        let before = places.before(place, COPIED);
        (before.len() == COPIED).then(|| before.iter().copied().chain([places.at(place)]).collect())
    };
    let hidden = facts.prepared.hidden();
    let mut wanted: HashMap<u64, usize> = HashMap::new();
    let mut alike: HashMap<usize, Vec<usize>> = HashMap::new();
    for place in &hidden {
        if let Some(text) = with_context(*place) {
            let first = *wanted.entry(rolled(&text)).or_insert(*place);
            alike.entry(first).or_default().push(*place);
        }
    }
    let mut seen: BTreeMap<usize, String> = BTreeMap::new();
    let mut note = |found: BTreeSet<usize>, whence: &dyn Fn() -> String| {
        for place in found {
            seen.entry(place).or_insert_with(whence);
        }
    };
    let documents = parts_of_documents(facts, places);
    let mixed = |document: &usize| documents[document].len() > 1;
    for (document, parts) in &documents {
        if parts.contains(&Part::Train) && !mixed(document) {
            let Document { file, text, .. } = &places.documents()[*document];
            note(occurrences(text, COPIED + 1, &wanted), &|| file.clone());
        }
    }
    for place in facts.rows_of(Part::Train) {
        if mixed(&places.document_of(place))
            && let Some(text) = with_context(place)
        {
            note(occurrences(&text, COPIED + 1, &wanted), &|| {
                places.name(place)
            });
        }
    }
    let count: usize = seen.keys().map(|place| alike[place].len()).sum();
    if count < (hidden.len() / 50).max(3) {
        return Vec::new();
    }
    let first = seen.first_key_value();
    let first = first.map_or(String::new(), |(place, whence)| {
        format!(
            ", the first is `{}` as in `{}`",
            short(&places.name(*place)),
            short(whence)
        )
    });
    vec![Finding::new(
        "duplicates",
        &format!(
            "looked for hidden places that stand in a training text with the {COPIED} characters before them"
        ),
        &format!("{count} of {}{first}", hidden.len()),
        "Candidates only need to remember; keep copies in one part, and leave out passages that recur.",
    )]
}

/// Hashes of the runs of words of a text; one in `every` is kept.
fn runs(text: &[char], every: u64) -> HashSet<u64> {
    let mut words: Vec<u64> = Vec::new();
    for word in text.split(|c| !c.is_alphanumeric()) {
        if !word.is_empty() {
            let lower: Vec<char> = word.iter().flat_map(|c| c.to_lowercase()).collect();
            words.push(rolled(&lower));
        }
    }
    let hash = |run: &[u64]| {
        let mut hasher = DefaultHasher::new();
        run.hash(&mut hasher);
        hasher.finish()
    };
    words
        .windows(RUN)
        .map(hash)
        .filter(|h| h % every == 0)
        .collect()
}

/// Hidden texts that share more than half of their runs of words with a
/// training text.
fn near_copies(facts: &Facts<'_>, places: &Places) -> Vec<Finding> {
    let documents = parts_of_documents(facts, places);
    let every = 1 + (places.len() / WHOLE) as u64;
    let of = |train: bool| -> Vec<(&Document, HashSet<u64>)> {
        let chosen = documents
            .iter()
            .filter(|(_, parts)| parts.contains(&Part::Train) == train);
        let texts = chosen.map(|(number, _)| &places.documents()[*number]);
        texts.map(|d| (d, runs(&d.text, every))).collect()
    };
    let (train, hidden) = (of(true), of(false));
    let mut where_seen: HashMap<u64, Vec<usize>> = HashMap::new();
    for (number, (_, runs)) in train.iter().enumerate() {
        for run in runs {
            where_seen.entry(*run).or_default().push(number);
        }
    }
    let copy_of = |runs: &HashSet<u64>| -> Option<&Document> {
        let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
        for number in runs.iter().filter_map(|run| where_seen.get(run)).flatten() {
            *shared.entry(*number).or_default() += 1;
        }
        let alike = |(number, both): &(usize, usize)| {
            runs.len() >= FEWEST && 3 * both > runs.len() + train[*number].1.len()
        };
        let number = shared.into_iter().find(alike)?.0;
        Some(train[number].0)
    };
    let near: Vec<(&Document, &Document)> = hidden
        .iter()
        .filter_map(|(document, runs)| Some((*document, copy_of(runs)?)))
        .collect();
    near.first().map_or_else(Vec::new, |(document, original)| {
        vec![Finding::new(
            "near-duplicates",
            "looked for hidden texts that share most of their words, in order, with a training text",
            &format!(
                "{} of {}, the first is `{}` near `{}`",
                near.len(),
                hidden.len(),
                short(&document.file),
                short(&original.file)
            ),
            "Copies, exact or lightly edited, are on both sides; find them before splitting and keep them in one part.",
        )]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::contract::Contract;
    use crate::audit::prepared::{Origin, Prepared, Split};
    use crate::audit::raw::Raw;
    use crate::audit::table::Table;

    /// A row: its place, its class, its part.
    type Row<'a> = (&'a str, &'a str, Part);

    /// What is found in these rows of these texts: checks and details.
    fn found(texts: &[(&str, &str)], rows: &[Row<'_>], check: Check) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (file, text) in texts {
            std::fs::write(folder.path().join(file), text).expect("writes");
        }
        let contract = "schema = 1\nname = 'x'\n[metric]\nname = 'logloss'\nunit = 'nats'\ndirection = 'minimise'\n\
            [task]\nkind = 'classification'\ntarget = 'next'\n[data]\nfolder = '.'\ncharacters = true\n\
            [commands]\nprepare = ['x']\nscore = ['x']\ntimeout_s = 1\n";
        let contract = Contract::parse(contract, "e".as_ref()).expect("a contract");
        let raw = Raw::load(&contract, folder.path()).expect("texts");
        let places = raw.places().expect("places").clone();
        let table = |columns: &[&str], part: Part| Table {
            header: columns.iter().map(|c| (*c).to_owned()).collect(),
            rows: rows
                .iter()
                .filter(|row| row.2 == part)
                .map(|row| {
                    [row.0, row.1]
                        .iter()
                        .take(columns.len())
                        .map(|c| (*c).to_owned())
                        .collect()
                })
                .collect(),
        };
        let prepared = Prepared {
            train: table(&[ROW_ID, "next"], Part::Train),
            splits: Part::HIDDEN
                .map(|part| Split {
                    part,
                    inputs: table(&[ROW_ID], part),
                    answers: table(&[ROW_ID, "next"], part),
                })
                .to_vec(),
            origins: rows
                .iter()
                .map(|(name, _, part)| Origin {
                    row_id: (*name).to_owned(),
                    raw: places.named(name).expect("a place"),
                    part: *part,
                })
                .collect(),
            public: BTreeMap::new(),
        };
        let facts = Facts {
            contract: &contract,
            raw: &raw,
            prepared: &prepared,
        };
        let found = check(&facts, &places).into_iter();
        found.map(|f| format!("{} {}", f.check, f.detail)).collect()
    }

    type Check = fn(&Facts<'_>, &Places) -> Vec<Finding>;

    #[test]
    fn classes_may_have_other_names_and_one_may_be_the_rest() {
        use Part::{Search, Train};
        let of = |rows: &[Row<'_>]| found(&[("a", "abcdefg")], rows, targets);
        let good = [
            ("a:0", "A", Train),
            ("a:1", "B", Train),
            ("a:2", "other", Train),
            ("a:3", "other", Search),
            ("a:4", "E", Search),
        ];
        assert_eq!(of(&good), Vec::<String>::new());
        let mut mostly = good;
        mostly[4].1 = "other";
        assert!(
            of(&mostly)[0].contains("2 of 2 answers"),
            "{:?}",
            of(&mostly)
        );
        let mut twice = good;
        twice[1].1 = "A";
        assert!(of(&twice)[0].contains("`A`"), "{:?}", of(&twice));
        let shifted = found(
            &[("a", "abab")],
            &[
                ("a:0", "a", Train),
                ("a:1", "b", Train),
                ("a:2", "b", Search),
            ],
            targets,
        );
        assert!(
            shifted[0].starts_with("targets ") && shifted[0].contains("`a:2`"),
            "{shifted:?}"
        );
    }

    #[test]
    fn places_are_asked_once_and_texts_are_on_one_side() {
        use Part::{Sealed, Search, Train};
        let long = "x".repeat(400);
        let one = |rows: &[Row<'_>]| found(&[("a", &long)], rows, overlap);
        assert!(one(&[("a:5", "x", Train), ("a:69", "x", Search)]).is_empty());
        assert!(one(&[("a:6", "x", Search), ("a:69", "x", Train)])[0].contains("`a:6`"));
        assert!(one(&[("a:6", "x", Search), ("a:06", "x", Sealed)])[0].contains("twice"));
        assert!(one(&[("a:6", "x", Train), ("a:06", "x", Train)]).is_empty());
        let names: Vec<String> = (10..22).map(|n| n.to_string()).collect();
        let texts: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), long.as_str())).collect();
        let first: Vec<String> = names.iter().map(|n| format!("{n}:0")).collect();
        let mut rows: Vec<Row<'_>> = first.iter().map(|n| (n.as_str(), "x", Train)).collect();
        rows[0].2 = Search;
        assert!(found(&texts, &rows, overlap).is_empty());
        rows.push(("10:300", "x", Train));
        assert!(found(&texts, &rows, overlap)[0].contains("1 of 12, the first is `10`"));
    }

    #[test]
    fn strings_are_found_wherever_they_end() {
        let text: Vec<char> = "the quick brown fox".chars().collect();
        let wanted: HashMap<u64, usize> = ["the q", "brown", "n fox", "slow "]
            .iter()
            .enumerate()
            .map(|(n, s)| (rolled(&s.chars().collect::<Vec<char>>()), n))
            .collect();
        assert_eq!(occurrences(&text, 5, &wanted), BTreeSet::from([0, 1, 2]));
        assert!(occurrences(&text[..3], 5, &wanted).is_empty());
    }

    #[test]
    fn runs_ignore_case_and_marks() {
        let of = |text: &str| runs(&text.chars().collect::<Vec<char>>(), 1);
        let one = of("The quick, brown fox jumps");
        assert_eq!(one.len(), 2);
        assert_eq!(one, of("the QUICK brown -- fox jumps!"));
        assert!(one.is_disjoint(&of("fox the quick brown jumps")));
    }
}
