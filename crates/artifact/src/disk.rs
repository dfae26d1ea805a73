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
    pending::{TempFile, clean, finish_writeback},
};

/// So many files wait for `sync` at most: open files are limited, and so is what a crash may lose.
const MOST_PENDING: usize = 64;

/// A [`ChunkStore`] in a folder.
#[derive(Debug)]
pub struct DiskStore {
    root: PathBuf,
    pending: Mutex<Pending>,
    /// Held while pending files are made durable: whoever syncs meanwhile waits, and then relies on
    /// what was done.
    settling: Mutex<()>,
}

/// What was put and not yet made durable.
#[derive(Debug, Default)]
struct Pending {
    pid: u32,
    files: HashMap<ChunkId, Arc<TempFile>>,
    /// Folders with new names in them.
    folders: BTreeSet<PathBuf>,
    /// Whether settling failed: then what was put is lost, whoever put it.
    is_broken: bool,
}

impl DiskStore {
    /// The store in `root`, which is made on the first write. Removes what dead processes left.
    #[must_use]
    pub fn open(root: &Path) -> Self {
        let store = Self {
            root: root.to_owned(),
            pending: Mutex::default(),
            settling: Mutex::default(),
        };
        clean(&store.temp());
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
        temp.file().try_clone().map(Some)
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
    fn settle(&self, files: &[(ChunkId, Arc<TempFile>)]) -> Result<(), ArtifactError> {
        for (_, temp) in files {
            finish_writeback(temp.file());
        }
        each(files.len(), |index| {
            let (id, temp) = &files[index];
            let path = self.path(*id);
            let settled = temp.file().sync_data().and_then(|()| temp.persist(&path));
            settled.map_err(|cause| ArtifactError::write(path.display().to_string(), cause))
        })?;
        let mut pending = self.pending();
        for (id, temp) in files {
            if pending
                .files
                .get(id)
                .is_some_and(|newest| Arc::ptr_eq(newest, temp))
            {
                pending.files.remove(id);
            }
            let path = self.path(*id);
            pending.folders.extend(path.parent().map(Path::to_owned));
        }
        Ok(())
    }

    /// Makes all that is pending durable and visible, and with `folders` their names too.
    fn settle_all(&self, folders: bool) -> Result<(), ArtifactError> {
        let _alone = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        let pending = self.pending();
        if pending.is_broken {
            let earlier = io::Error::other("writing here failed before");
            return Err(ArtifactError::write(
                self.root.display().to_string(),
                earlier,
            ));
        }
        let files: Vec<_> = pending
            .files
            .iter()
            .map(|(&id, temp)| (id, Arc::clone(temp)))
            .collect();
        drop(pending);
        let mut settled = self.settle(&files);
        if folders {
            settled = settled.and_then(|()| self.sync_folders());
        }
        if settled.is_err() {
            let mut pending = self.pending();
            pending.is_broken = true;
            pending.files.clear();
        }
        settled
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

    fn reuse(&self, id: ChunkId) -> io::Result<Option<u64>> {
        let found = self.find(id)?;
        if found.is_some() {
            // Its bytes are on the disk, for it has its name. The name itself may not be yet.
            let folder = self.path(id).parent().map(Path::to_owned);
            self.pending().folders.extend(folder);
        }
        Ok(found)
    }

    fn put(&self, id: ChunkId, parts: &[&[u8]]) -> Result<(), ArtifactError> {
        let temp = self
            .write(parts)
            .map_err(|cause| ArtifactError::write(self.place(id), cause))?;
        let mut pending = self.pending();
        pending.files.insert(id, Arc::new(temp));
        let is_full = pending.files.len() > MOST_PENDING;
        drop(pending);
        if is_full {
            self.settle_all(false)
        } else {
            Ok(())
        }
    }

    fn take_back(&self, id: ChunkId) {
        self.pending().files.remove(&id);
    }

    fn sync(&self) -> Result<(), ArtifactError> {
        self.settle_all(true)
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

fn parse_name(name: &str) -> Option<ChunkId> {
    let (digits, codec) = match name.strip_suffix(".zst") {
        Some(digits) => (digits, Codec::Zstd),
        None => (name, Codec::Raw),
    };
    let hash = *blake3::Hash::from_hex(digits).ok()?.as_bytes();
    Some(ChunkId { hash, codec })
}
