//! Which Python is found.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pave_exec::find_python;

/// Folders of programs, real and not.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        machine.file("usr/python3", "\x7fELF", 0o755);
        machine.file("opt/python", "\x7fELF", 0o755);
        machine.file("data/python3", "not a program", 0o644);
        machine.file("venv/bin/python", "\x7fELF", 0o755);
        std::fs::create_dir_all(machine.path("folders/python3")).unwrap();
        let real = machine.path("usr/python3");
        let shim = format!("#!/bin/sh\necho {}\n", real.display());
        machine.file("shims/python3", &shim, 0o755);
        machine.file("broken/python3", "#!/bin/sh\nexit 127\n", 0o755);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, text: &str, mode: u32) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    }

    /// What is found with these folders on `PATH`, as it is named here.
    fn find(&self, given: Option<&str>, folders: &[&str], venv: Option<&str>) -> String {
        let folders: Vec<String> = folders
            .iter()
            .map(|folder| match *folder {
                "" => String::new(),
                folder => self.path(folder).display().to_string(),
            })
            .collect();
        let venv = venv.map(|venv| self.path(venv));
        let found = find_python(given.map(Path::new), &folders.join(":"), venv.as_deref());
        let inside = found.strip_prefix(self.0.path()).unwrap_or(&found);
        inside.display().to_string()
    }
}

#[test]
fn python_is_the_one_given_then_the_environments_then_the_first_on_the_path() {
    let machine = Machine::new();
    for (given, path, venv, expected) in [
        (Some("my/python"), &["usr"][..], Some("venv"), "my/python"),
        (None, &["usr"], Some("venv"), "venv/bin/python"),
        (None, &["usr"], Some("gone"), "usr/python3"),
        (None, &["opt", "usr"], None, "usr/python3"),
        (None, &["opt"], None, "opt/python"),
        (None, &["data", "folders", "usr"], None, "usr/python3"),
        (None, &["", "usr"], None, "usr/python3"),
        (None, &["shims", "opt"], None, "usr/python3"),
        (None, &["broken", "usr"], None, "broken/python3"),
        (None, &["nowhere"], None, "python3"),
        (None, &[], None, "python3"),
    ] {
        let found = machine.find(given, path, venv);
        assert_eq!(found, expected, "given {given:?}, {path:?}, {venv:?}");
    }
}
