//! Chunks as files: `blobs/ab/abcdef…`, with `.zst` at the end if compressed.
//!
//! A chunk is first written to `blobs/tmp/`, and renamed into place by [`ChunkStore::sync`] after
//! its bytes are on the disk. So a file under its own name is always whole, whatever was killed
//! when, and power loss can't leave an empty one behind.

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    ArtifactError, ChunkId, ChunkStore, Codec, StoredChunk, hex,
    parallel::each,
    pending::{self, TempFile},
};

/// So many files wait for `sync` at most: open files are limited, and so is what a crash may lose.
const MOST_PENDING: usize = 64;

/// A [`ChunkStore`] in a folder.
#[derive(Debug)]
pub struct DiskStore {
    root: PathBuf,
    pending: Mutex<Pending>,
}

/// What was put and not yet made durable.
#[derive(Debug, Default)]
struct Pending {
    pid: u32,
    files: HashMap<ChunkId, Arc<Mutex<TempFile>>>,
    /// Folders with new names in them.
    folders: BTreeSet<PathBuf>,
}

impl DiskStore {
    /// The store in `root`, which is made on the first write. Removes what dead processes left.
    #[must_use]
    pub fn open(root: &Path) -> Self {
        let store = Self {
            root: root.to_owned(),
            pending: Mutex::default(),
        };
        pending::clean(&store.temp());
        store
    }

    fn temp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    fn path(&self, id: ChunkId) -> PathBuf {
        let mut name = hex(&id.hash);
        let folder = self.root.join(&name[..2]);
        if id.codec == Codec::Zstd {
            name.push_str(".zst");
        }
        folder.join(name)
    }

    /// What is pending in this process. What a parent had pending when it forked is the parent's.
    fn pending(&self) -> MutexGuard<'_, Pending> {
        // No code panics between two changes, so they are whole even then.
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = process::id();
        if pending.pid != pid {
            *pending = Pending {
                pid,
                ..Pending::default()
            };
        }
        pending
    }

    fn find_pending(&self, id: ChunkId) -> io::Result<Option<File>> {
        let Some(temp) = self.pending().files.get(&id).cloned() else {
            return Ok(None);
        };
        let file = lock(&temp).file().try_clone()?;
        Ok(Some(file))
    }

    fn file(&self, id: ChunkId) -> io::Result<File> {
        match self.find_pending(id)? {
            Some(file) => Ok(file),
            None => File::open(self.path(id)),
        }
    }

    /// Writes a temporary file. The folder is made if it isn't there.
    fn write(&self, parts: &[&[u8]]) -> io::Result<TempFile> {
        let folder = self.temp();
        match TempFile::write(&folder, parts) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&folder)?;
                TempFile::write(&folder, parts)
            }
            other => other,
        }
    }

    /// Makes pending files durable, then visible.
    fn settle(&self, files: &[(ChunkId, Arc<Mutex<TempFile>>)]) -> Result<(), ArtifactError> {
        each(files.len(), |index| {
            let (id, temp) = &files[index];
            let path = self.path(*id);
            let mut temp = lock(temp);
            let settled = temp.file().sync_data().and_then(|()| temp.persist(&path));
            settled.map_err(|cause| ArtifactError::write(path.display().to_string(), cause))
        })?;
        let mut pending = self.pending();
        for (id, _) in files {
            pending.files.remove(id);
            let path = self.path(*id);
            pending.folders.extend(path.parent().map(Path::to_owned));
        }
        Ok(())
    }

    fn take_all(&self) -> Vec<(ChunkId, Arc<Mutex<TempFile>>)> {
        let pending = self.pending();
        pending
            .files
            .iter()
            .map(|(&id, temp)| (id, Arc::clone(temp)))
            .collect()
    }

    fn sync_folders(&self) -> Result<(), ArtifactError> {
        let mut folders = std::mem::take(&mut self.pending().folders);
        if folders.is_empty() {
            return Ok(());
        }
        folders.insert(self.root.clone());
        folders.extend(self.root.parent().map(Path::to_owned));
        for folder in folders {
            File::open(&folder)
                .and_then(|file| file.sync_all())
                .map_err(|cause| ArtifactError::write(folder.display().to_string(), cause))?;
        }
        Ok(())
    }
}

impl ChunkStore for DiskStore {
    fn find(&self, id: ChunkId) -> io::Result<Option<u64>> {
        match self.file(id).and_then(|file| file.metadata()) {
            Ok(meta) => Ok(Some(meta.len())),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    fn put(&self, id: ChunkId, parts: &[&[u8]]) -> Result<(), ArtifactError> {
        let temp = self
            .write(parts)
            .map_err(|cause| ArtifactError::write(self.place(id), cause))?;
        let mut pending = self.pending();
        pending.files.insert(id, Arc::new(Mutex::new(temp)));
        let is_full = pending.files.len() > MOST_PENDING;
        drop(pending);
        if is_full {
            let files = self.take_all();
            self.settle(&files)?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), ArtifactError> {
        let files = self.take_all();
        let settled = self.settle(&files).and_then(|()| self.sync_folders());
        if settled.is_err() {
            *self.pending() = Pending::default();
        }
        settled
    }

    fn read_at(&self, id: ChunkId, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file(id)?.read_exact_at(out, offset)
    }

    fn open(&self, id: ChunkId) -> io::Result<Option<File>> {
        self.file(id).map(Some)
    }

    fn list(&self) -> io::Result<Vec<StoredChunk>> {
        let mut chunks = Vec::new();
        let folders = match fs::read_dir(&self.root) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(chunks),
            folders => folders?,
        };
        for folder in folders {
            let folder = folder?;
            if folder.file_name().len() != 2 {
                continue;
            }
            for file in fs::read_dir(folder.path())? {
                let file = file?;
                if let Some(id) = file.file_name().to_str().and_then(parse_name) {
                    let stored = file.metadata()?.len();
                    chunks.push(StoredChunk { id, stored });
                }
            }
        }
        Ok(chunks)
    }

    fn delete(&self, id: ChunkId) -> io::Result<bool> {
        match fs::remove_file(self.path(id)) {
            Ok(()) => Ok(true),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(cause),
        }
    }

    fn place(&self, id: ChunkId) -> String {
        self.path(id).display().to_string()
    }
}

fn lock(temp: &Mutex<TempFile>) -> MutexGuard<'_, TempFile> {
    temp.lock().unwrap_or_else(PoisonError::into_inner)
}

fn parse_name(name: &str) -> Option<ChunkId> {
    let (digits, codec) = match name.strip_suffix(".zst") {
        Some(digits) => (digits, Codec::Zstd),
        None => (name, Codec::Raw),
    };
    let hash = *blake3::Hash::from_hex(digits).ok()?.as_bytes();
    Some(ChunkId { hash, codec })
}
