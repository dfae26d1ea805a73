//! What tasks print: one append-only file per run, read back by task and stream.
//!
//! Owns: the log file's format, its writer and its reader.
//! Must not: know runs beyond their names; buffer what must survive a crash.
//! Start reading at: `record.rs`, then `writer.rs` and `reader.rs`.
//! Tested by: unit tests, among them every cut of a file in mid-record.

mod reader;
mod record;
mod writer;

pub use reader::{LogFilter, LogLine, read};
pub use record::{LogError, Stream, log_path};
pub use writer::LogWriter;
