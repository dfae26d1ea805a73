//! Tests of the artifact room: formats, stores, and what happens on hard days.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod array;
mod blobs;
mod frame;
mod hard_days;
mod hostile;
mod items;
mod manifest;
mod mapping;
mod pickle;
mod sample;
mod store;
mod value;
