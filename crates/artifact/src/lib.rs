//! The artifact room: what tasks leave, as bytes.
//!
//! Owns: encodings and their formats, content addresses, manifests, the chunk store on disk.
//! Must not: know runs, steps or tasks; decide which encoding a language's value gets; run user code.
//! Start reading at: `entry.rs` and `manifest.rs` (what is known about an artifact), then `blobs.rs`
//! (where its bytes go and how they come back).
//! Tested by: `tests/suite/`, whose `store.rs` is one suite for every [`ChunkStore`].
//!
//! ```
//! use pave_artifact::{Blobs, Encoding, Manifest};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! let blobs = Blobs::open(folder.path());
//! let stored = blobs.put(&[b"any ", b"bytes"])?;
//! let entry = stored.into_entry("greeting", Encoding::Rds, "character", "any bytes");
//! blobs.sync()?;
//! let manifest: Manifest = [entry].into_iter().collect();
//!
//! let again = Manifest::decode(&manifest.encode())?;
//! let entry = again.find("greeting").unwrap();
//! assert_eq!(&blobs.map(entry)?[..], b"any bytes");
//! # Ok::<(), pave_artifact::ArtifactError>(())
//! ```

pub mod array;
pub mod frame;
pub mod items;
pub mod pickle;
pub mod value;

mod blobs;
mod codec;
mod disk;
mod entry;
mod error;
mod fetch;
mod manifest;
#[expect(unsafe_code, reason = "maps files into memory")]
mod mapping;
mod memory;
mod parallel;
mod pending;
mod shuffle;
mod store;
mod wire;

pub use blobs::{Blobs, CHUNK_SIZE, INLINE_LIMIT, Stored, VERIFY_BELOW};
pub use disk::DiskStore;
pub use entry::{Chunk, Codec, Encoding, Entry, Hash, LABEL_LIMIT, Placement};
pub use error::ArtifactError;
pub use manifest::{Manifest, NOT_INHERITED, is_inherited};
pub use mapping::Mapping;
pub use memory::MemoryStore;
pub use store::{ChunkId, ChunkStore, StoredChunk};

/// Bytes as lower-case hexadecimal text.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}
