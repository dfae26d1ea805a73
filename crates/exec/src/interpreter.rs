//! Finds the interpreter by its real path: a shim in front of it costs more than a whole task.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{AccessFlags, access};

/// The Python to run flows with: the one given, the active virtual environment's, or the first on
/// `path`, which is a list as `PATH` has it.
///
/// A script that stands in for the one on `path` is asked once which program it starts; one that
/// was given is taken as it is, for it may prepare something. Without any the answer is `python3`,
/// which then can't be started.
#[must_use]
pub fn find_python(given: Option<&Path>, path: &str, virtual_env: Option<&Path>) -> PathBuf {
    if let Some(given) = given {
        return given.to_owned();
    }
    let in_environment = virtual_env.map(|env| env.join("bin/python"));
    if let Some(python) = in_environment.filter(|python| is_program(python)) {
        return python;
    }
    let names = ["python3", "python"];
    let found = names.iter().find_map(|name| {
        // An empty entry means the current folder, whose programs nobody wants to run by surprise.
        let folders = path.split(':').filter(|folder| !folder.is_empty());
        let mut files = folders.map(|folder| Path::new(folder).join(name));
        files.find(|file| is_program(file))
    });
    match found {
        Some(shim) if is_script(&shim) => resolve(&shim).unwrap_or(shim),
        Some(program) => program,
        None => PathBuf::from("python3"),
    }
}

fn is_program(file: &Path) -> bool {
    file.is_file() && access(file, AccessFlags::X_OK).is_ok()
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
