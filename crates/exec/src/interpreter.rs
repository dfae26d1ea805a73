//! Finds the interpreter by its real path: a shim in front of it costs more than a whole task.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python to run flows with: `PAVE_PYTHON`, the active virtual environment's, or the first on
/// `PATH`; scripts that stand in for it are resolved once.
#[must_use]
pub fn find_python(given: Option<&Path>, path: &str, virtual_env: Option<&Path>) -> PathBuf {
    if let Some(given) = given {
        return given.to_owned();
    }
    if let Some(env) = virtual_env {
        let python = env.join("bin/python");
        if python.exists() {
            return python;
        }
    }
    let names = ["python3", "python"];
    let found = names.iter().find_map(|name| {
        path.split(':')
            .map(|folder| Path::new(folder).join(name))
            .find(|file| file.is_file())
    });
    let Some(found) = found else {
        return PathBuf::from("python3");
    };
    if is_script(&found) {
        resolve(&found).unwrap_or(found)
    } else {
        found
    }
}

fn is_script(file: &Path) -> bool {
    use std::io::Read;
    let mut head = [0; 2];
    std::fs::File::open(file)
        .and_then(|mut file| file.read_exact(&mut head))
        .is_ok()
        && &head == b"#!"
}

fn resolve(shim: &Path) -> Option<PathBuf> {
    let output = Command::new(shim)
        .args(["-I", "-S", "-c", "import sys; print(sys.executable)"])
        .output()
        .ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    path.is_absolute().then_some(path)
}
