//! Texts whose places are the rows: the character at a place is its target,
//! and what stands before it is all that may be known about it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use stats::Rng;

use super::raw::RawError;
use super::run::{RunError, write_below};
use super::table::{bytes, files};

/// Most characters that are looked at.
pub(super) const MOST: usize = 64_000_000;
/// Characters after a hidden place that say most about it.
pub const AFTER: usize = 16;
/// Characters before a hidden place that are changed to see who else depends
/// on them.
const BEFORE: usize = 32;

/// A text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its file below the folder.
    pub file: String,
    /// Number of its first place: places are numbered through all texts.
    pub start: usize,
    /// Its characters, as they are in the file.
    pub text: Arc<Vec<char>>,
}

impl Document {
    /// Number of the place behind its last.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// The texts of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    folder: PathBuf,
    documents: Vec<Document>,
    by_file: BTreeMap<String, usize>,
}

impl Places {
    /// Reads the texts below a folder of the data; what is hidden (a name that
    /// begins with a dot) is no text.
    pub(super) fn load(data: &Path, below: &Path) -> Result<Self, RawError> {
        let folder = data.join(below);
        let list = files(&folder).map_err(|source| RawError::List {
            path: folder.clone(),
            source,
        })?;
        let mut documents = Vec::new();
        let mut start = 0;
        for (relative, path) in list {
            let hidden =
                |part: Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
            let Some(file) = relative.to_str() else {
                continue;
            };
            if relative.components().any(hidden) {
                continue;
            }
            let content = bytes(&path, file)?;
            let text: Vec<char> = String::from_utf8_lossy(&content).chars().collect();
            let length = text.len();
            if start + length > MOST {
                return Err(RawError::TooLong);
            }
            documents.push(Document {
                file: file.to_owned(),
                start,
                text: Arc::new(text),
            });
            start += length;
        }
        let by_file = documents.iter().enumerate();
        let by_file = by_file.map(|(n, d)| (d.file.clone(), n)).collect();
        let normal = |part: &Component<'_>| matches!(part, Component::Normal(_));
        Ok(Self {
            folder: below.components().filter(normal).collect(),
            documents,
            by_file,
        })
    }

    /// The texts in the order of their names.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// Places in all texts.
    pub fn len(&self) -> usize {
        self.documents.last().map_or(0, Document::end)
    }

    /// Whether there is no place.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place that `path:offset` names.
    pub fn named(&self, name: &str) -> Option<usize> {
        let (file, offset) = name.rsplit_once(':')?;
        let document = &self.documents[*self.by_file.get(file)?];
        let offset: usize = offset.parse().ok()?;
        (offset < document.text.len()).then(|| document.start + offset)
    }

    /// Number of the text that a place lies in.
    pub fn document_of(&self, place: usize) -> usize {
        let after = self.documents.partition_point(|d| d.start <= place);
        after.saturating_sub(1)
    }

    /// A place as `path:offset`.
    pub fn name(&self, place: usize) -> String {
        let document = &self.documents[self.document_of(place)];
        format!("{}:{}", document.file, place - document.start)
    }

    /// The character at a place.
    pub fn at(&self, place: usize) -> char {
        let document = &self.documents[self.document_of(place)];
        document.text[place - document.start]
    }

    fn set(&mut self, place: usize, character: char) {
        let number = self.document_of(place);
        let document = &mut self.documents[number];
        Arc::make_mut(&mut document.text)[place - document.start] = character;
    }

    /// Up to `count` characters before a place, in its text.
    pub fn before(&self, place: usize, count: usize) -> &[char] {
        let document = &self.documents[self.document_of(place)];
        let offset = place - document.start;
        &document.text[offset.saturating_sub(count)..offset]
    }

    /// A copy with other characters at these places: another of theirs, drawn
    /// or in turn.
    pub(super) fn with_other_targets(&self, places: &[usize], drawn: bool, rng: &mut Rng) -> Self {
        let mut new = self.clone();
        let mut order = places.to_vec();
        rng.shuffle(&mut order);
        let kinds: BTreeSet<char> = order.iter().map(|p| self.at(*p)).collect();
        let kinds: Vec<char> = kinds.into_iter().collect();
        for (turn, place) in order.iter().enumerate() {
            let other = if drawn {
                kinds[rng.index(kinds.len())]
            } else {
                self.at(order[(turn + 1) % order.len()])
            };
            new.set(*place, other);
        }
        new
    }

    /// A copy with other characters around some of the hidden places: behind
    /// each, and before it too if `before`. The hidden places themselves stay
    /// as they are, and so does what stands before those that are not among
    /// `changed`. Both lists are in order.
    pub(super) fn with_other_surroundings(
        &self,
        changed: &[usize],
        hidden: &[usize],
        before: bool,
        rng: &mut Rng,
    ) -> Self {
        let mut new = self.clone();
        let kept: BTreeSet<usize> = hidden.iter().copied().collect();
        let first = changed.first().copied().unwrap_or(0);
        let untouched = hidden.iter().rev().find(|p| **p < first);
        let floor = untouched.map_or(0, |p| p + 1);
        for place in changed {
            let document = &self.documents[self.document_of(*place)];
            let from = if before {
                place.saturating_sub(BEFORE).max(document.start).max(floor)
            } else {
                place + 1
            };
            let to = (place + 1 + AFTER).min(document.end());
            for near in (from..to).filter(|p| !kept.contains(p)) {
                new.set(near, document.text[rng.index(document.text.len())]);
            }
        }
        new
    }

    /// Writes the texts below a folder of data; gives their files, relative to
    /// it.
    pub(super) fn write(&self, to: &Path) -> Result<BTreeSet<PathBuf>, RunError> {
        let mut written = BTreeSet::new();
        for document in &self.documents {
            let text: String = document.text.iter().collect();
            let relative = self.folder.join(&document.file);
            write_below(to, &relative, text.as_bytes())?;
            written.insert(relative);
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(texts: &[(&str, &str)]) -> Places {
        let folder = tempfile::tempdir().expect("a folder");
        for (file, text) in texts {
            write_below(&folder.path().join("t"), Path::new(file), text.as_bytes())
                .expect("writes");
        }
        Places::load(folder.path(), Path::new("./t")).expect("texts")
    }

    #[test]
    fn places_have_names_and_characters() {
        let places = places(&[
            ("b/two:x.txt", "häuser"),
            ("a.txt", "ab\r\n"),
            (".c", "hidden"),
        ]);
        assert_eq!(places.len(), 10);
        assert_eq!(places.named("a.txt:3"), Some(3));
        assert_eq!(places.at(3), '\n');
        assert_eq!(places.named("b/two:x.txt:1"), Some(5));
        assert_eq!(
            (places.at(5), places.name(5).as_str()),
            ('ä', "b/two:x.txt:1")
        );
        assert_eq!(places.before(6, 9), ['h', 'ä']);
        for wrong in ["a.txt:4", "a.txt", "c.txt:0", "a.txt:-1", ".c:0"] {
            assert_eq!(places.named(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn changes_stay_where_they_belong() {
        let text: String = ('a'..='z').cycle().take(600).collect();
        let places = places(&[("a", &text), ("b", &text)]);
        let hidden = [100, 250, 700, 900];
        let differing = |new: &Places| -> Vec<usize> {
            (0..places.len())
                .filter(|p| new.at(*p) != places.at(*p))
                .collect()
        };
        for drawn in [true, false] {
            let new = places.with_other_targets(&hidden, drawn, &mut Rng::new(1));
            let moved = differing(&new);
            assert!(
                !moved.is_empty() && moved.iter().all(|p| hidden.contains(p)),
                "{moved:?}"
            );
        }
        let new = places.with_other_surroundings(&hidden, &hidden, false, &mut Rng::new(1));
        let behind = |p: &usize| hidden.iter().any(|h| h < p && *p <= h + AFTER);
        assert!(differing(&new).len() > 40 && differing(&new).iter().all(behind));
        let new = places.with_other_surroundings(&hidden[2..], &hidden, true, &mut Rng::new(1));
        let moved = differing(&new);
        assert!(
            moved.iter().all(|p| *p > 600 && !hidden.contains(p)),
            "{moved:?}"
        );
        assert!(moved.iter().any(|p| *p < 700), "{moved:?}");
        assert_eq!(new.documents[0], places.documents[0]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let places = places(&[("a", "one\r\ntwo"), ("b/c", "drei ü")]);
        let folder = tempfile::tempdir().expect("a folder");
        let written = places.write(folder.path()).expect("writes");
        assert_eq!(written.len(), 2);
        assert_eq!(
            Places::load(folder.path(), Path::new("t")).expect("texts"),
            places
        );
    }
}
