//! Plain values: what every language has, as deterministic MessagePack.
//!
//! `docs/formats/value.md` is the format's definition. A language binding streams with
//! [`ValueWriter`] and [`ValueReader`]; [`Value`] is the same as a tree, for Rust and for tests.

mod model;
mod preview;
mod reader;
mod time;
mod writer;

pub use model::Value;
pub use preview::preview;
pub use reader::{Event, ValueReader};
pub use time::{Date, DateTime, Time, TimeDelta, Zone};
pub use writer::ValueWriter;

/// Containers nest no deeper.
pub const MAX_DEPTH: usize = 256;

pub(crate) const FORMAT: &str = "value";

/// MessagePack extension types of the format.
pub(crate) mod ext {
    /// First element of an array that is no list: one byte says which container it is.
    pub(crate) const TAG: i8 = 0;
    pub(crate) const BIG_INT: i8 = 1;
    pub(crate) const COMPLEX: i8 = 2;
    pub(crate) const DATE_TIME: i8 = 3;
    pub(crate) const DATE: i8 = 4;
    pub(crate) const TIME: i8 = 5;
    pub(crate) const TIME_DELTA: i8 = 6;
    pub(crate) const DECIMAL: i8 = 7;
    pub(crate) const UUID: i8 = 8;
    pub(crate) const BYTE_ARRAY: i8 = 9;
}

/// What a tag says.
pub(crate) mod tag {
    pub(crate) const TUPLE: u8 = b't';
    pub(crate) const SET: u8 = b's';
    pub(crate) const FROZEN_SET: u8 = b'f';
    pub(crate) const RANGE: u8 = b'r';
}
