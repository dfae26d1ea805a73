//! Where the store lies, and who the user is.

use std::path::{Path, PathBuf};

/// The folder's name.
const FOLDER: &str = ".pave";

/// A store's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLocation {
    /// Absolute path.
    pub folder: PathBuf,
    /// Whether it is there already.
    pub exists: bool,
}

/// Finds the store: `given` (the variable `PAVE_STORE`), else the nearest `.pave` from `from`
/// upwards, else a new one in `from`.
#[must_use]
pub fn find_store(given: Option<&Path>, from: &Path) -> StoreLocation {
    if let Some(given) = given {
        let folder = from.join(given);
        return StoreLocation {
            exists: folder.is_dir(),
            folder,
        };
    }
    let found = from
        .ancestors()
        .map(|folder| folder.join(FOLDER))
        .find(|it| it.is_dir());
    let exists = found.is_some();
    StoreLocation {
        folder: found.unwrap_or_else(|| from.join(FOLDER)),
        exists,
    }
}

/// The user's name from the environment: `PAVE_USER`, `METAFLOW_USER`, `SUDO_USER`, `USERNAME`,
/// `USER`; `None` if no variable names one.
pub fn user_name(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    [
        "PAVE_USER",
        "METAFLOW_USER",
        "SUDO_USER",
        "USERNAME",
        "USER",
    ]
    .iter()
    .find_map(|name| variable(name).filter(|value| !value.is_empty()))
}
