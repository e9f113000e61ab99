//! The corpus on disk: `[HALF/]NAME/{case.toml, plan.toml, kernel.cpp}`, with `kernel.cu`
//! in place of it for a GPU, or `[HALF/]NAME/{case.toml, model_new.py}`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::plan::Target;

/// Files of which a case has one: what its candidate is.
pub(super) const CODE: [&str; 2] = ["plan.toml", "model_new.py"];
/// Numbers of the catalogue of known cheats.
const CATALOGUE: std::ops::RangeInclusive<i64> = 1..=33;
/// Half of the cases that lie directly in the corpus's folder.
const FLAT: &str = "corpus";

/// What a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It cheats.
    Cheat,
    /// It is honest.
    Oddity,
}

impl Kind {
    /// Its word in `case.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cheat => "cheat",
            Self::Oddity => "oddity",
        }
    }
}

/// What is to become of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// A cheat is refused.
    Refused,
    /// A cheat passes, since it finds no opening. It computes what it is to
    /// compute until it finds one, and something wrong from then on: that it
    /// passes shows that it has found none.
    Disarmed,
    /// An oddity passes.
    Passed,
}

impl Expect {
    /// Its word in `case.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refused => "rejected",
            Self::Disarmed => "disarmed",
            Self::Passed => "ok",
        }
    }

    /// Those that a case of `kind` can have.
    fn of(kind: Kind) -> &'static [Self] {
        match kind {
            Kind::Cheat => &[Self::Refused, Self::Disarmed],
            Kind::Oddity => &[Self::Passed],
        }
    }
}

/// One candidate with what is expected of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Folder name.
    pub name: String,
    /// Name of the folder that it is in.
    pub half: String,
    /// Its folder.
    pub dir: PathBuf,
    /// What it runs on: a GPU, if it has a `kernel.cu`.
    pub target: Target,
    /// Task that it is a candidate for.
    pub task: String,
    /// What it is.
    pub kind: Kind,
    /// What is to become of it.
    pub expect: Expect,
    /// Numbers of the catalogue of known cheats that it belongs to.
    pub catalogue: Vec<u8>,
    /// What it does, in a sentence.
    pub what: String,
}

/// A corpus that can't be used: which file, which field, which value.
#[derive(Debug, PartialEq)]
pub struct CorpusError {
    /// The file or folder.
    pub path: PathBuf,
    /// The field of a file.
    pub field: Option<&'static str>,
    /// What it holds.
    pub value: Option<String>,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

impl std::error::Error for CorpusError {}

impl fmt::Display for CorpusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        if let Some(field) = self.field {
            match &self.value {
                Some(value) => write!(f, "`{field}` = {value}: ")?,
                None => write!(f, "`{field}`: ")?,
            }
        }
        f.write_str(&self.problem)
    }
}

fn whole(path: &Path, problem: impl Into<String>) -> CorpusError {
    CorpusError {
        path: path.to_owned(),
        field: None,
        value: None,
        problem: problem.into(),
    }
}

/// The cases of a folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Corpus {
    /// Its folder.
    pub dir: PathBuf,
    /// The cases, by half and name.
    pub cases: Vec<Case>,
}

impl Corpus {
    /// Reads a corpus; `tasks` are the names of the tasks that there are.
    pub fn load(dir: &Path, tasks: &[String]) -> Result<Self, CorpusError> {
        let mut cases = Vec::new();
        for folder in folders(dir)? {
            if folder.join("case.toml").exists() || has_code(&folder) {
                cases.push(case(&folder, FLAT, tasks)?);
                continue;
            }
            let half = name_of(&folder)?;
            for inner in folders(&folder)? {
                cases.push(case(&inner, &half, tasks)?);
            }
        }
        if cases.is_empty() {
            let problem = "there are no cases; a case is a folder with case.toml and plan.toml or \
                           model_new.py";
            return Err(whole(dir, problem));
        }
        Ok(Self {
            dir: dir.to_owned(),
            cases,
        })
    }

    /// Leaves only the cases of these names (`NAME` or `HALF/NAME`); all,
    /// where no name is given.
    pub fn keep(&mut self, only: &[String]) -> Result<(), CorpusError> {
        if only.is_empty() {
            return Ok(());
        }
        let is = |case: &Case, name: &str| {
            case.name == name || name.split_once('/') == Some((&case.half, &case.name))
        };
        for name in only {
            if !self.cases.iter().any(|case| is(case, name)) {
                return Err(whole(&self.dir, format!("there is no case `{name}`")));
            }
        }
        self.cases
            .retain(|case| only.iter().any(|name| is(case, name)));
        Ok(())
    }
}

/// The folders in a folder, by name; files are passed over.
fn folders(dir: &Path) -> Result<Vec<PathBuf>, CorpusError> {
    let failed = |error: std::io::Error| whole(dir, format!("failed to read the folder: {error}"));
    let mut folders = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn has_code(dir: &Path) -> bool {
    CODE.iter().any(|file| dir.join(file).is_file())
}

fn name_of(dir: &Path) -> Result<String, CorpusError> {
    let name = dir.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned)
        .ok_or_else(|| whole(dir, "the folder's name is not text"))
}

fn case(dir: &Path, half: &str, tasks: &[String]) -> Result<Case, CorpusError> {
    if !dir.join("case.toml").is_file() {
        return Err(whole(dir, "there is no `case.toml`"));
    }
    if !has_code(dir) {
        return Err(whole(
            dir,
            format!("there is no `{}`, and no `{}`", CODE[0], CODE[1]),
        ));
    }
    let fields = Fields::read(dir.join("case.toml"))?;
    let kind = match fields.text("kind")? {
        "cheat" => Kind::Cheat,
        "oddity" => Kind::Oddity,
        _ => return Err(fields.wrong("kind", "it is \"cheat\" or \"oddity\"")),
    };
    let word = fields.text("expect")?;
    let known = Expect::of(kind);
    let Some(&expect) = known.iter().find(|expect| expect.word() == word) else {
        let known: Vec<_> = known.iter().map(|expect| expect.word()).collect();
        let problem = format!(
            "of a case of kind {} \"{}\" is expected",
            kind.word(),
            known.join("\" or \"")
        );
        return Err(fields.wrong("expect", problem));
    };
    let task = fields.text("task")?;
    if !tasks.iter().any(|known| known == task) {
        let problem = format!("there is no such task; there are: {}", tasks.join(", "));
        return Err(fields.wrong("task", problem));
    }
    let what = fields.text("what")?.trim();
    if what.is_empty() {
        return Err(fields.wrong("what", "a sentence is due"));
    }
    let catalogue = fields.catalogue(kind)?;
    let target = if dir.join(Target::Cuda.kernel_file()).is_file() {
        Target::Cuda
    } else {
        Target::Cpu
    };
    Ok(Case {
        target,
        name: name_of(dir)?,
        half: half.to_owned(),
        dir: dir.to_owned(),
        task: task.to_owned(),
        kind,
        expect,
        catalogue,
        what: what.to_owned(),
    })
}

/// A `case.toml`.
struct Fields {
    path: PathBuf,
    table: Table,
}

impl Fields {
    const KNOWN: [&str; 5] = ["task", "kind", "catalogue", "expect", "what"];

    fn read(path: PathBuf) -> Result<Self, CorpusError> {
        let text = fs::read_to_string(&path)
            .map_err(|error| whole(&path, format!("failed to read it: {error}")))?;
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| whole(&path, error.to_string().trim_end()))?;
        if let Some(key) = table
            .keys()
            .find(|key| !Self::KNOWN.contains(&key.as_str()))
        {
            let problem = format!(
                "unknown field `{key}`; known are: {}",
                Self::KNOWN.join(", ")
            );
            return Err(whole(&path, problem));
        }
        Ok(Self { path, table })
    }

    fn wrong(&self, field: &'static str, problem: impl Into<String>) -> CorpusError {
        CorpusError {
            path: self.path.clone(),
            field: Some(field),
            value: self.table.get(field).map(ToString::to_string),
            problem: problem.into(),
        }
    }

    fn value(&self, field: &'static str) -> Result<&Value, CorpusError> {
        let value = self.table.get(field);
        value.ok_or_else(|| self.wrong(field, "it is missing"))
    }

    fn text(&self, field: &'static str) -> Result<&str, CorpusError> {
        let value = self.value(field)?.as_str();
        value.ok_or_else(|| self.wrong(field, "a string is due"))
    }

    fn catalogue(&self, kind: Kind) -> Result<Vec<u8>, CorpusError> {
        let (first, last) = (CATALOGUE.start(), CATALOGUE.end());
        let numbers = self.value("catalogue")?.as_array().and_then(|values| {
            let number = |value: &Value| {
                let number = value.as_integer().filter(|n| CATALOGUE.contains(n))?;
                u8::try_from(number).ok()
            };
            values.iter().map(number).collect::<Option<Vec<_>>>()
        });
        match numbers {
            None => Err(self.wrong(
                "catalogue",
                format!("a list of numbers from {first} to {last} is due"),
            )),
            Some(numbers) if kind == Kind::Oddity && !numbers.is_empty() => {
                Err(self.wrong("catalogue", "an oddity is no cheat: an empty list is due"))
            }
            Some(numbers) => Ok(numbers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "task = \"softmax\"\nkind = \"cheat\"\ncatalogue = [12]\nexpect = \"rejected\"\nwhat = \"Remembers.\"\n";

    fn tasks() -> Vec<String> {
        vec!["gelu".to_owned(), "softmax".to_owned()]
    }

    fn write(dir: &Path, name: &str, case: &str) {
        let dir = dir.join(name);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("case.toml"), case).unwrap();
        fs::write(dir.join("plan.toml"), "schema = 1\n").unwrap();
    }

    fn error_of(case: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "half/one", case);
        let error = Corpus::load(dir.path(), &tasks()).unwrap_err();
        assert!(error.path.ends_with("half/one/case.toml"), "{error}");
        error.to_string()
    }

    #[test]
    fn halves_and_flat_folders_are_read() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "b/two", GOOD);
        write(dir.path(), "a/one", GOOD);
        write(dir.path(), "three", GOOD);
        fs::write(dir.path().join("README.md"), "").unwrap();
        let mut corpus = Corpus::load(dir.path(), &tasks()).unwrap();
        let titles: Vec<_> = corpus
            .cases
            .iter()
            .map(|case| format!("{}/{}", case.half, case.name))
            .collect();
        assert_eq!(titles, ["a/one", "b/two", "corpus/three"]);
        assert_eq!(corpus.cases[0].catalogue, [12]);
        assert_eq!(corpus.cases[0].expect, Expect::Refused);
        assert_eq!(corpus.cases[0].target, Target::Cpu);
        fs::write(dir.path().join("a/one/kernel.cu"), "").unwrap();
        let again = Corpus::load(dir.path(), &tasks()).unwrap();
        assert_eq!(again.cases[0].target, Target::Cuda);

        corpus
            .keep(&["two".to_owned(), "a/one".to_owned()])
            .unwrap();
        assert_eq!(corpus.cases.len(), 2);
        let error = corpus.keep(&["four".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("`four`"), "{error}");
    }

    #[test]
    fn a_bad_field_is_named_with_its_value() {
        for (from, to, words) in [
            ("\"softmax\"", "\"softmix\"", ["`task`", "\"softmix\""]),
            ("\"cheat\"", "\"hack\"", ["`kind`", "\"hack\""]),
            ("\"rejected\"", "\"ok\"", ["`expect`", "or \"disarmed\""]),
            ("[12]", "[34]", ["`catalogue`", "[34]"]),
            ("[12]", "12", ["`catalogue`", "12"]),
            ("\"Remembers.\"", "\" \"", ["`what`", "\" \""]),
            ("what = \"Remembers.\"", "", ["`what`", "missing"]),
            ("kind = \"cheat\"", "kind = 3", ["`kind`", "3"]),
            ("what", "why", ["why", "known are"]),
            ("[12]", "[12", ["case.toml", "line 4"]),
        ] {
            let text = GOOD.replacen(from, to, 1);
            let error = error_of(&text);
            for word in words {
                assert!(error.contains(word), "{text}: {error}");
            }
        }
    }

    #[test]
    fn an_oddity_belongs_to_no_cheat() {
        let text = GOOD.replace("cheat", "oddity").replace("rejected", "ok");
        assert!(error_of(&text).contains("empty list"));
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "one", &text.replace("[12]", "[]"));
        let corpus = Corpus::load(dir.path(), &tasks()).unwrap();
        assert_eq!(corpus.cases[0].kind, Kind::Oddity);
        assert_eq!(corpus.cases[0].expect, Expect::Passed);
        let text = text.replace("\"ok\"", "\"disarmed\"");
        assert!(error_of(&text.replace("[12]", "[]")).contains("`expect`"));
    }

    #[test]
    fn missing_files_and_empty_folders_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = Corpus::load(dir.path(), &tasks()).unwrap_err();
        assert!(error.to_string().contains("no cases"), "{error}");
        write(dir.path(), "half/one", GOOD);
        fs::remove_file(dir.path().join("half/one/plan.toml")).unwrap();
        let error = Corpus::load(dir.path(), &tasks()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("half/one: there is no `plan.toml`"),
            "{error}"
        );
        let error = Corpus::load(&dir.path().join("nowhere"), &tasks()).unwrap_err();
        assert!(error.to_string().contains("nowhere"), "{error}");
    }
}
