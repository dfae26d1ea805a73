//! Appends records. What `append` has taken is in the kernel's hands when it returns: it survives
//! the death of this process, though not a power cut before the next `sync`.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use pave_model::{AttemptNumber, FlowName, Millis, RunNumber, TaskNumber};

use crate::record::{Header, append, parse};
use crate::{LogError, Stream, log_path};

/// The longest text of one record; longer ones become several.
const LONGEST: usize = 1 << 20;

/// The one writer of a run's log.
#[derive(Debug)]
pub struct LogWriter {
    file: File,
    path: PathBuf,
    buffer: Vec<u8>,
}

impl LogWriter {
    /// Opens a run's log for appending; creates it, or cuts away what a dead writer left half-written.
    ///
    /// # Errors
    /// If the file can't be created, read or cut.
    pub fn open(store: &Path, flow: &FlowName, run: RunNumber) -> Result<Self, LogError> {
        let path = log_path(store, flow, run);
        let failed = |action| {
            let path = path.clone();
            move |cause| LogError::Io {
                action,
                path,
                cause,
            }
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed("create"))?;
        }
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("create"))?;
        let bytes = std::fs::read(&path).map_err(failed("read"))?;
        let mut whole = 0;
        while let Some((_, _, length)) = parse(&bytes[whole..]) {
            whole += length;
        }
        file.set_len(whole as u64).map_err(failed("write"))?;
        file.seek(SeekFrom::End(0)).map_err(failed("write"))?;
        Ok(Self {
            file,
            path,
            buffer: Vec::new(),
        })
    }

    /// Adds text that a task printed, whole lines or not.
    ///
    /// # Errors
    /// If it can't be written, for example because the disk is full.
    pub fn append(
        &mut self,
        task: TaskNumber,
        attempt: AttemptNumber,
        stream: Stream,
        at: Millis,
        text: &[u8],
    ) -> Result<(), LogError> {
        for part in text.chunks(LONGEST) {
            append(
                &mut self.buffer,
                Header {
                    task,
                    attempt,
                    stream,
                    at,
                },
                part,
            );
        }
        let written = self.file.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(|cause| LogError::Io {
            action: "write",
            path: self.path.clone(),
            cause,
        })
    }

    /// Makes everything durable on the disk.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn sync(&mut self) -> Result<(), LogError> {
        self.file.sync_data().map_err(|cause| LogError::Io {
            action: "write",
            path: self.path.clone(),
            cause,
        })
    }
}
