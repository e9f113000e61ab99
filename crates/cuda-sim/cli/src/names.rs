//! Kernels by the names that people give them.

use std::collections::BTreeMap;

use cpp_demangle::Symbol;

/// A kernel with its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// As in PTX: `_Z5scaleIfEvPT_i`.
    pub(crate) mangled: String,
    /// As in C++: `scale<float>(float*, int)`; the same if it is not mangled.
    pub(crate) shown: String,
}

/// Names of one kernel.
pub(crate) fn named(mangled: &str) -> Named {
    let shown = Symbol::new(mangled)
        .ok()
        .and_then(|symbol| symbol.demangle().ok())
        .map_or_else(
            || mangled.to_owned(),
            |shown| without_result(&shown).to_owned(),
        );
    Named {
        mangled: mangled.to_owned(),
        shown,
    }
}

/// `void scale<float>(float*, int)` without `void`: a template's name says
/// what it returns.
fn without_result(shown: &str) -> &str {
    let mut depth = 0_i32;
    for (at, character) in shown.char_indices() {
        match character {
            '<' | '(' => depth += 1,
            '>' | ')' => depth -= 1,
            ' ' if depth == 0 => return without_result(&shown[at + 1..]),
            _ => {}
        }
        if depth > 0 && character == '(' {
            break;
        }
    }
    shown
}

impl Named {
    /// Without parameters: `math::scale<float>`. Those are the last thing in
    /// parentheses; an unnamed namespace is in some, too.
    pub(crate) fn path(&self) -> &str {
        let mut depth = 0_i32;
        let mut end = self.shown.len();
        for (at, character) in self.shown.char_indices() {
            match character {
                '(' if depth == 0 => {
                    end = at;
                    depth += 1;
                }
                '<' | '(' => depth += 1,
                '>' | ')' => depth -= 1,
                _ => {}
            }
        }
        &self.shown[..end]
    }

    /// Without a template's arguments either: `math::scale`.
    fn plain(&self) -> &str {
        let path = self.path();
        path.split_once('<').map_or(path, |(plain, _)| plain)
    }

    /// `scale`.
    fn last(&self) -> &str {
        let plain = self.plain();
        plain.rsplit_once("::").map_or(plain, |(_, last)| last)
    }

    /// Types of the parameters, where the name says them.
    pub(crate) fn types(&self) -> Vec<String> {
        let path = self.path();
        let Some(list) = self.shown[path.len()..].strip_prefix('(') else {
            return Vec::new();
        };
        let mut types = vec![String::new()];
        let mut depth = 0_i32;
        for character in list.trim_end_matches(')').chars() {
            match character {
                '<' | '(' => depth += 1,
                '>' | ')' => depth -= 1,
                ',' if depth == 0 => {
                    types.push(String::new());
                    continue;
                }
                _ => {}
            }
            if let Some(last) = types.last_mut() {
                last.push(character);
            }
        }
        types.iter().map(|ty| ty.trim().to_owned()).collect()
    }
}

/// The kernel that is meant: by its mangled name, by what it is called in C++
/// with or without parameters, template arguments and namespaces, or by a
/// part of that, as long as there is just one. Without a name the only one.
pub(crate) fn choose<'k>(kernels: &'k [Named], wanted: Option<&str>) -> Result<&'k Named, String> {
    let Some(wanted) = wanted else {
        return match kernels {
            [only] => Ok(only),
            [] => Err("there is no kernel in it".to_owned()),
            _ => Err(format!(
                "which kernel? --kernel with one of:{}",
                list(kernels)
            )),
        };
    };
    let ways: [fn(&Named) -> &str; 5] = [
        |kernel| &kernel.mangled,
        |kernel| &kernel.shown,
        Named::path,
        Named::plain,
        Named::last,
    ];
    for way in ways {
        let found = kernels.iter().filter(|kernel| way(kernel) == wanted);
        let found: Vec<&Named> = found.collect();
        if !found.is_empty() {
            return only(&found, wanted);
        }
    }
    let part = |kernel: &&Named| kernel.shown.contains(wanted);
    let found: Vec<&Named> = kernels.iter().filter(part).collect();
    if found.is_empty() {
        let there = list(kernels);
        return Err(if kernels.is_empty() {
            format!("no kernel `{wanted}`: there is none at all")
        } else {
            format!("no kernel `{wanted}`; there are:{there}")
        });
    }
    only(&found, wanted)
}

fn only<'k>(found: &[&'k Named], wanted: &str) -> Result<&'k Named, String> {
    match found {
        [one] => Ok(*one),
        several => {
            let several = several.iter().copied().cloned().collect::<Vec<_>>();
            Err(format!("`{wanted}` is several kernels:{}", list(&several)))
        }
    }
}

/// A line for each.
fn list(kernels: &[Named]) -> String {
    let sorted: BTreeMap<&str, &str> = kernels
        .iter()
        .map(|kernel| (kernel.shown.as_str(), kernel.mangled.as_str()))
        .collect();
    let lines = sorted.keys().map(|shown| format!("\n  {shown}"));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernels() -> Vec<Named> {
        [
            "plain",
            "_Z3addPfS_i",
            "_Z5scaleIfEvPT_S0_i",
            "_Z5scaleIdEvPT_S0_i",
            "_ZN4math3expILi4EEEvPKfPf",
            "_ZN12_GLOBAL__N_16hiddenEPf",
        ]
        .map(named)
        .to_vec()
    }

    #[test]
    fn names_as_in_the_source() {
        let shown: Vec<String> = kernels().into_iter().map(|kernel| kernel.shown).collect();
        assert_eq!(
            shown,
            [
                "plain",
                "add(float*, float*, int)",
                "scale<float>(float*, float, int)",
                "scale<double>(double*, double, int)",
                "math::exp<4>(float const*, float*)",
                "(anonymous namespace)::hidden(float*)",
            ]
        );
        assert_eq!(kernels()[1].types(), ["float*", "float*", "int"]);
        assert!(kernels()[0].types().is_empty());
    }

    #[test]
    fn a_kernel_is_found_by_what_it_is_called() {
        let kernels = kernels();
        for (wanted, mangled) in [
            ("plain", "plain"),
            ("add", "_Z3addPfS_i"),
            ("_Z3addPfS_i", "_Z3addPfS_i"),
            ("scale<float>", "_Z5scaleIfEvPT_S0_i"),
            ("<double>", "_Z5scaleIdEvPT_S0_i"),
            ("exp", "_ZN4math3expILi4EEEvPKfPf"),
            ("math::exp", "_ZN4math3expILi4EEEvPKfPf"),
            ("hidden", "_ZN12_GLOBAL__N_16hiddenEPf"),
            ("add(float*, float*, int)", "_Z3addPfS_i"),
        ] {
            assert_eq!(
                choose(&kernels, Some(wanted)).unwrap().mangled,
                mangled,
                "{wanted}"
            );
        }
        assert_eq!(
            choose(&kernels, Some("scale")).unwrap_err(),
            "`scale` is several kernels:\n  scale<double>(double*, double, int)\n  \
             scale<float>(float*, float, int)"
        );
        let error = choose(&kernels, Some("gemm")).unwrap_err();
        assert!(
            error.starts_with("no kernel `gemm`; there are:\n  (anonymous"),
            "{error}"
        );
        assert!(
            choose(&kernels, None)
                .unwrap_err()
                .starts_with("which kernel?")
        );
        assert_eq!(choose(&kernels[..1], None).unwrap().mangled, "plain");
        assert_eq!(choose(&[], None).unwrap_err(), "there is no kernel in it");
    }

    proptest::proptest! {
        #[test]
        fn no_name_breaks_it(name in "(_Z)?\\PC{0,40}", wanted in "\\PC{0,4}") {
            let kernels = [named(&name)];
            let _ = (kernels[0].types(), choose(&kernels, Some(&wanted)));
        }
    }
}
