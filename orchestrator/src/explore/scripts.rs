//! The profile's scripts, as they were when this program was built.

use std::path::{Path, PathBuf};

use super::ExploreError;

/// Name of the script to run.
pub const PROFILE: &str = "profile.py";

macro_rules! scripts {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../python/", $name)))),+]
    };
}

const SCRIPTS: [(&str, &str); 22] = scripts![
    "profile.py",
    "dataprofile/__init__.py",
    "dataprofile/findings.py",
    "dataprofile/guess.py",
    "dataprofile/kernels.py",
    "dataprofile/main.py",
    "dataprofile/numbers.py",
    "dataprofile/objective.py",
    "dataprofile/plots.py",
    "dataprofile/problem.py",
    "dataprofile/relations.py",
    "dataprofile/report.py",
    "dataprofile/series.py",
    "dataprofile/sketch.py",
    "dataprofile/sniff.py",
    "dataprofile/source.py",
    "dataprofile/stream.py",
    "dataprofile/table.py",
    "dataprofile/tabular.py",
    "dataprofile/target.py",
    "dataprofile/texts.py",
    "dataprofile/times.py",
];

/// Writes the scripts into a folder, made if need be; gives the path of the
/// one to run.
pub fn write_scripts(folder: &Path) -> Result<PathBuf, ExploreError> {
    for (name, text) in SCRIPTS {
        let file = folder.join(name);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent).map_err(|source| ExploreError::File {
                operation: "create",
                path: parent.to_owned(),
                source,
            })?;
        }
        if std::fs::read(&file).is_ok_and(|old| old == text.as_bytes()) {
            continue;
        }
        sandbox::fs::write_atomic(&file, text)?;
    }
    Ok(folder.join(PROFILE))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_script_of_the_source_is_in_the_program() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
        let mut there = BTreeSet::from(["profile.py".to_owned()]);
        for entry in std::fs::read_dir(source.join("dataprofile")).expect("lists") {
            let path = entry.expect("entry").path();
            if path.extension().is_some_and(|extension| extension == "py") {
                let name = path.file_name().expect("a name").display();
                there.insert(format!("dataprofile/{name}"));
            }
        }
        let ours: BTreeSet<_> = SCRIPTS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(ours, there);
    }

    #[test]
    fn scripts_stay_small() {
        for (name, text) in SCRIPTS {
            assert!(text.lines().count() < 500, "{name}");
        }
    }

    #[test]
    fn equal_scripts_are_left_alone_and_others_replaced() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let script = write_scripts(folder.path()).expect("writes");
        let modified = || {
            let data = std::fs::metadata(&script).expect("is there");
            data.modified().expect("a time")
        };
        let before = modified();
        write_scripts(folder.path()).expect("writes");
        assert_eq!(modified(), before);
        std::fs::write(&script, "raise SystemExit(0)").expect("writes");
        write_scripts(folder.path()).expect("writes");
        let text = std::fs::read_to_string(&script).expect("reads");
        assert_eq!(text, SCRIPTS[0].1);
    }
}
