//! The files of the repository: those that git tracks, and new ones that it doesn't ignore.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository as it lies on disk.
pub(super) struct Tree {
    root: PathBuf,
    files: Vec<String>,
    /// Contents of the text files.
    texts: HashMap<String, String>,
}

impl Tree {
    /// Reads all files.
    pub(super) fn open() -> Result<Self, String> {
        let root = output(Command::new("git").args(["rev-parse", "--show-toplevel"]))?;
        let root = PathBuf::from(root.trim_end());
        let list = [
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ];
        let list = output(Command::new("git").arg("-C").arg(&root).args(list))?;
        let mut files: Vec<String> = list
            .split('\0')
            .filter(|file| !file.is_empty() && root.join(file).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        let texts = files.iter().filter_map(|file| {
            let text = std::fs::read_to_string(root.join(file)).ok()?;
            (!text.contains('\0')).then(|| (file.clone(), text))
        });
        let texts = texts.collect();
        Ok(Self { root, files, texts })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Paths from the top, sorted.
    pub(super) fn files(&self) -> &[String] {
        &self.files
    }

    /// The content of a text file.
    pub(super) fn text(&self, file: &str) -> Option<&str> {
        self.texts.get(file).map(String::as_str)
    }

    /// Every text file that ends in one of `endings`, with its content.
    pub(super) fn texts<'t>(
        &'t self,
        endings: &'t [&str],
    ) -> impl Iterator<Item = (&'t str, &'t str)> {
        let files = self.files.iter().map(String::as_str);
        files
            .filter(move |file| endings.iter().any(|ending| file.ends_with(ending)))
            .filter_map(|file| Some((file, self.text(file)?)))
    }

    /// What `cargo metadata` says.
    pub(super) fn cargo_metadata(&self) -> Result<serde_json::Value, String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let arguments = ["metadata", "--format-version", "1", "--locked"];
        let text = output(Command::new(cargo).args(arguments).current_dir(&self.root))?;
        serde_json::from_str(&text).map_err(|error| format!("cargo metadata is no JSON: {error}"))
    }
}

fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command
        .output()
        .map_err(|error| format!("{program} can't be started: {error}"))?;
    if !done.status.success() {
        let errors = String::from_utf8_lossy(&done.stderr);
        return Err(format!("{program} failed: {}", errors.trim()));
    }
    String::from_utf8(done.stdout)
        .map_err(|_| format!("{program} printed something else than UTF-8"))
}
