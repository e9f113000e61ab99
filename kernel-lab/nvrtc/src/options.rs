//! What may be asked of the compiler.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

/// An option that is not allowed, or not well formed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OptionError {
    /// It is not on the list.
    #[error("option `{0}` is not allowed; allowed are {list}", list = ALLOWED.join(", "))]
    NotAllowed(String),
    /// It is no architecture.
    #[error("`{0}` is no architecture; one looks like sm_80, sm_90a or sm_100")]
    Arch(String),
}

/// A GPU to compile for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Arch(String);

impl Arch {
    /// `sm_` with two or three digits, and maybe `a` or `f`.
    pub fn parse(text: &str) -> Result<Self, OptionError> {
        let bad = || OptionError::Arch(text.to_owned());
        let digits = text.strip_prefix("sm_").ok_or_else(bad)?;
        let digits = digits.strip_suffix(['a', 'f']).unwrap_or(digits);
        let fits =
            matches!(digits.len(), 2 | 3) && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self(text.to_owned())).ok_or_else(bad)
    }

    /// As NVRTC takes it.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What may be given, by what it starts with. No paths, no files, nothing that
/// turns off what the laboratory relies on.
const ALLOWED: [&str; 10] = [
    "--use_fast_math",
    "--fmad=true|false",
    "--ftz=true|false",
    "--prec-div=true|false",
    "--prec-sqrt=true|false",
    "--maxrregcount=N",
    "--std=c++11|c++14|c++17|c++20",
    "--extra-device-vectorization",
    "--restrict",
    "-DNAME or -DNAME=VALUE",
];

/// Options of every compilation: source lines for messages, and what the
/// assembler says about registers.
const ALWAYS: [&str; 2] = ["-lineinfo", "--ptxas-options=-v"];

/// Options that passed the list, in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Options(Vec<String>);

impl Options {
    /// Checks each.
    pub fn parse<T: AsRef<str>>(options: &[T]) -> Result<Self, OptionError> {
        let checked = options.iter().map(|option| {
            let option = option.as_ref();
            if is_allowed(option) {
                Ok(option.to_owned())
            } else {
                Err(OptionError::NotAllowed(option.to_owned()))
            }
        });
        checked.collect::<Result<_, _>>().map(Self)
    }

    /// Those that were asked for.
    pub fn given(&self) -> &[String] {
        &self.0
    }

    /// All that NVRTC gets but architecture and include paths.
    pub(crate) fn all(&self) -> Vec<String> {
        let always = ALWAYS.iter().map(|option| (*option).to_owned());
        always.chain(self.0.iter().cloned()).collect()
    }
}

fn is_allowed(option: &str) -> bool {
    if matches!(
        option,
        "--use_fast_math" | "--extra-device-vectorization" | "--restrict"
    ) {
        return true;
    }
    if let Some(definition) = option.strip_prefix("-D") {
        let (name, value) = definition.split_once('=').unwrap_or((definition, ""));
        let mut bytes = name.bytes();
        let first = bytes.next();
        let named = first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        return named && value.len() <= 256 && !value.contains(['\n', '\0', '\\']);
    }
    let Some((name, value)) = option.split_once('=') else {
        return false;
    };
    match name {
        "--fmad" | "--ftz" | "--prec-div" | "--prec-sqrt" => matches!(value, "true" | "false"),
        "--maxrregcount" => value
            .parse()
            .is_ok_and(|count: u32| (16..=255).contains(&count)),
        "--std" => matches!(value, "c++11" | "c++14" | "c++17" | "c++20"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_checked_one_by_one() {
        let good = [
            "--use_fast_math",
            "--fmad=false",
            "--maxrregcount=64",
            "--std=c++17",
            "-DTILE=32",
            "-D_X",
        ];
        assert_eq!(Options::parse(&good).unwrap().given(), good);
        for bad in [
            "--include-path=/",
            "-I/etc",
            "--pre-include=/etc/passwd",
            "--maxrregcount=7",
            "--maxrregcount=",
            "--fmad",
            "--std=c++23",
            "-D1X",
            "-D",
            "-DA=1\n#include \"/etc/passwd\"",
            "--gpu-architecture=sm_80",
            "--device-debug",
        ] {
            let error = Options::parse(&[bad]).unwrap_err();
            assert_eq!(error, OptionError::NotAllowed(bad.to_owned()));
        }
    }

    #[test]
    fn architectures_by_name() {
        for good in ["sm_80", "sm_90a", "sm_100", "sm_120f"] {
            assert_eq!(Arch::parse(good).unwrap().name(), good);
        }
        for bad in ["compute_80", "sm_8", "sm_8000", "sm_90b", "90", "", "sm_9x"] {
            assert!(Arch::parse(bad).is_err(), "{bad}");
        }
    }
}
