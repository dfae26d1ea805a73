//! What every command needs: the store, the user, the environment's variables (read only here).

use std::path::{Path, PathBuf};

use pave_metadata::Metadata;
use pave_model::Code;
use pave_runtime::{StoreLocation, find_store, user_name};

use crate::error::CliError;

/// The surroundings of a command.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// Where the store is, or would be.
    pub(crate) store: StoreLocation,
    /// Who asks.
    pub(crate) user: String,
}

impl Context {
    pub(crate) fn read() -> Result<Self, CliError> {
        let here = std::env::current_dir().map_err(|error| {
            CliError::new(Code::M002, "cannot tell the current folder").caused_by(&error)
        })?;
        let given = variable("PAVE_STORE").map(PathBuf::from);
        Ok(Self {
            store: find_store(given.as_deref(), &here),
            user: user_name(variable).unwrap_or_else(account_name),
        })
    }

    /// The store for reading; an error if there is none yet.
    pub(crate) fn open(&self) -> Result<Box<dyn Metadata>, CliError> {
        if !self.store.exists {
            let folder = self.store.folder.display();
            return Err(
                CliError::new(Code::M002, format!("there is no store at {folder}"))
                    .hint("`pave run` makes one; or go to its folder, or name it with PAVE_STORE"),
            );
        }
        Ok(pave_metadata::open(&self.store.folder)?)
    }

    /// The store for a run; made if there is none.
    pub(crate) fn open_or_create(&self) -> Result<Box<dyn Metadata>, CliError> {
        let folder = &self.store.folder;
        std::fs::create_dir_all(folder).map_err(|error| {
            CliError::new(
                Code::M003,
                format!("cannot make the store {}", folder.display()),
            )
            .caused_by(&error)
            .hint("go to a folder you may write to, or name one with PAVE_STORE")
        })?;
        Ok(pave_metadata::open(folder)?)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.store.folder
    }
}

/// The name of the account that this process runs under.
fn account_name() -> String {
    let id = nix::unistd::geteuid();
    let account = nix::unistd::User::from_uid(id).ok().flatten();
    account.map_or_else(|| id.to_string(), |account| account.name)
}

/// An environment variable, if it is set.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
