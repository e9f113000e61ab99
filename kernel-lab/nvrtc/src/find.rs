//! Where NVRTC is: a setting, Python's packages, or a toolkit.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// NVRTC can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FindError {
    /// It is nowhere.
    #[error(
        "no NVRTC in {}; install it (`pip install nvidia-cuda-nvrtc`, or a CUDA toolkit), or name \
         the library in ALPHALAB_NVRTC",
        looked.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    Nowhere {
        /// Folders that were looked into.
        looked: Vec<PathBuf>,
    },
    /// The setting names no library.
    #[error("ALPHALAB_NVRTC is {}, which is no file", .0.display())]
    Setting(PathBuf),
}

/// Where to look.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// `ALPHALAB_NVRTC`: the library itself.
    pub setting: Option<PathBuf>,
    /// `site-packages` folders of Python environments.
    pub packages: Vec<PathBuf>,
    /// Roots of toolkits.
    pub toolkits: Vec<PathBuf>,
}

impl Places {
    /// As the environment says; `variable` reads it.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| {
            variable(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        // Torch's libraries are in `site-packages/torch/lib`.
        let beside_torch =
            path("ALPHALAB_TORCH_LIB").and_then(|lib| Some(lib.parent()?.parent()?.to_owned()));
        let environments = ["ALPHALAB_VENV", "VIRTUAL_ENV"];
        let environments = environments.into_iter().filter_map(path);
        let toolkits = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(path);
        Self {
            setting: path("ALPHALAB_NVRTC"),
            packages: beside_torch
                .into_iter()
                .chain(environments.flat_map(|venv| site_packages(&venv)))
                .collect(),
            toolkits: toolkits.chain([PathBuf::from("/usr/local/cuda")]).collect(),
        }
    }

    /// With a Python environment behind the others.
    #[must_use]
    pub fn and_venv(mut self, venv: &Path) -> Self {
        self.packages.extend(site_packages(venv));
        self
    }
}

fn site_packages(venv: &Path) -> Vec<PathBuf> {
    let versions = std::fs::read_dir(venv.join("lib")).into_iter().flatten();
    versions
        .filter_map(|entry| Some(entry.ok()?.path().join("site-packages")))
        .collect()
}

/// Where programs of this workspace keep what is dear to make: `ALPHALAB_CACHE`,
/// else `XDG_CACHE_HOME/alphalab`, else `HOME/.cache/alphalab`.
pub fn cache_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name: &str| variable(name).map(PathBuf::from);
    path("ALPHALAB_CACHE")
        .or_else(|| path("XDG_CACHE_HOME").map(|dir| dir.join("alphalab")))
        .or_else(|| path("HOME").map(|dir| dir.join(".cache").join("alphalab")))
}

/// NVRTC with its headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// `libnvrtc.so.13`.
    pub library: PathBuf,
    /// `libnvrtc-builtins.so.13.0`, which the library loads by its name.
    pub builtins: Option<PathBuf>,
    /// Folders with headers.
    pub include: Vec<PathBuf>,
}

impl Toolchain {
    /// The first that is there: the setting, packages, toolkits.
    pub fn find(places: &Places) -> Result<Self, FindError> {
        if let Some(library) = &places.setting {
            if !library.is_file() {
                return Err(FindError::Setting(library.clone()));
            }
            return Ok(Self::around(library.clone()));
        }
        let mut looked = Vec::new();
        for packages in &places.packages {
            // From CUDA 13 on all parts share one folder; before, each has its own.
            for part in ["nvidia/cu13/lib", "nvidia/cuda_nvrtc/lib"] {
                looked.push(packages.join(part));
            }
        }
        for toolkit in &places.toolkits {
            looked.push(toolkit.join("lib64"));
            looked.push(toolkit.join("targets/x86_64-linux/lib"));
        }
        let library = looked
            .iter()
            .find_map(|folder| newest(folder, "libnvrtc.so."));
        match library {
            Some(library) => Ok(Self::around(library)),
            None => Err(FindError::Nowhere { looked }),
        }
    }

    fn around(library: PathBuf) -> Self {
        let folder = library.parent().unwrap_or(Path::new(".")).to_owned();
        let root = folder.parent().unwrap_or(Path::new(".")).to_owned();
        let mut include = Vec::new();
        // Beside the library, and in the packages of the runtime and of CCCL.
        let packages = root.parent().map(Path::to_owned).unwrap_or_default();
        for part in [
            root.join("include"),
            packages.join("cuda_runtime/include"),
            packages.join("cuda_cccl/include"),
            packages.join("cuda_crt/include"),
        ] {
            for folder in [part.join("cccl"), part] {
                if folder.is_dir() {
                    include.push(folder);
                }
            }
        }
        Self {
            builtins: newest(&folder, "libnvrtc-builtins.so."),
            library,
            include,
        }
    }
}

/// The file with this beginning whose version is the highest.
fn newest(folder: &Path, prefix: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let version = |path: &Path| -> Option<Vec<u32>> {
        let name = path.file_name()?.to_str()?;
        let numbers = name.strip_prefix(prefix)?.split('.');
        numbers.map(|number| number.parse().ok()).collect()
    };
    let versions = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        Some((version(&path)?, path))
    });
    versions.max().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }

    #[test]
    fn packages_come_before_toolkits_and_the_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        let packages = folder.path().join("site-packages");
        let toolkit = folder.path().join("cuda");
        let places = Places {
            setting: None,
            packages: vec![packages.clone()],
            toolkits: vec![toolkit.clone()],
        };
        let error = Toolchain::find(&places).unwrap_err();
        assert!(error.to_string().contains("ALPHALAB_NVRTC"), "{error}");

        touch(&toolkit.join("lib64/libnvrtc.so.12"));
        touch(&toolkit.join("include/cuda_fp16.h"));
        let found = Toolchain::find(&places).unwrap();
        assert_eq!(found.library, toolkit.join("lib64/libnvrtc.so.12"));
        assert_eq!(found.include, [toolkit.join("include")]);
        assert_eq!(found.builtins, None);

        let lib = packages.join("nvidia/cu13/lib");
        for name in [
            "libnvrtc.so.12",
            "libnvrtc.so.13",
            "libnvrtc.alt.so.13",
            "libnvrtc.so.x",
        ] {
            touch(&lib.join(name));
        }
        touch(&lib.join("libnvrtc-builtins.so.13.0"));
        touch(&packages.join("nvidia/cu13/include/cccl/cub/cub.cuh"));
        let found = Toolchain::find(&places).unwrap();
        assert_eq!(found.library, lib.join("libnvrtc.so.13"));
        assert_eq!(found.builtins, Some(lib.join("libnvrtc-builtins.so.13.0")));
        let include = packages.join("nvidia/cu13/include");
        assert_eq!(found.include, [include.join("cccl"), include]);
    }

    #[test]
    fn a_setting_that_is_no_file_is_named() {
        let places = Places {
            setting: Some(PathBuf::from("/nowhere/libnvrtc.so")),
            ..Places::default()
        };
        let error = Toolchain::find(&places).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ALPHALAB_NVRTC is /nowhere/libnvrtc.so, which is no file"
        );
    }
}
