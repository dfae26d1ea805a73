//! Writes plain values one after another, with no tree in between.

use rmp::encode as msgpack;

use super::{Date, DateTime, FORMAT, MAX_DEPTH, Time, TimeDelta, ext, tag};
use crate::{ArtifactError, entry::put};

/// Streams one value. A container is announced with its number of elements; exactly that many
/// values (twice as many for a dict: key, value, key, value, …) must follow, and it closes itself.
///
/// The elements of a set are sorted by their bytes when it closes, so equal sets give equal bytes.
///
/// ```
/// use pave_artifact::value::{Value, ValueWriter};
///
/// let mut writer = ValueWriter::new();
/// writer.dict_begin(1)?;
/// writer.str("alphas")?;
/// writer.tuple_begin(2)?;
/// writer.float(0.1)?;
/// writer.int(1)?;
/// let bytes = writer.finish()?;
/// let pair = (Value::Str("alphas".into()), Value::Tuple(vec![Value::Float(0.1), Value::Int(1)]));
/// assert_eq!(Value::decode(&bytes)?, Value::Dict(vec![pair]));
/// # Ok::<(), pave_artifact::ArtifactError>(())
/// ```
#[derive(Debug, Default)]
pub struct ValueWriter {
    out: Vec<u8>,
    open: Vec<Open>,
    started: bool,
}

/// A container whose elements are still being written.
#[derive(Debug)]
struct Open {
    remaining: usize,
    /// Where each element of a set starts.
    starts: Option<Vec<usize>>,
}

impl ValueWriter {
    /// A writer with nothing written.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing is written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The whole value's bytes.
    ///
    /// # Errors
    /// [`ArtifactError::Unfit`] if a container still waits for elements.
    pub fn finish(self) -> Result<Vec<u8>, ArtifactError> {
        if self.started && self.open.is_empty() {
            Ok(self.out)
        } else {
            Err(unfit("its last container was not filled"))
        }
    }

    /// The absence of a value.
    ///
    /// # Errors
    /// [`ArtifactError::Unfit`] if the value is already whole. So do all others.
    pub fn none(&mut self) -> Result<(), ArtifactError> {
        self.scalar(|out| put(msgpack::write_nil(out)))
    }

    /// A truth value.
    ///
    /// # Errors
    /// As [`ValueWriter::none`].
    pub fn bool(&mut self, value: bool) -> Result<(), ArtifactError> {
        self.scalar(|out| put(msgpack::write_bool(out, value)))
    }

    /// An integer.
    ///
    /// # Errors
    /// As [`ValueWriter::none`].
    pub fn int(&mut self, value: i64) -> Result<(), ArtifactError> {
        self.scalar(|out| put(msgpack::write_sint(out, value)))
    }

    /// An integer of any size: two's complement, big-endian. One that fits an `i64` is written as
    /// such, so equal integers give equal bytes.
    ///
    /// # Errors
    /// As [`ValueWriter::none`]; also for no bytes at all.
    pub fn big_int(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        let bytes = minimal(bytes).ok_or_else(|| unfit("an integer of no bytes"))?;
        if bytes.len() > 8 {
            return self.ext(ext::BIG_INT, bytes);
        }
        let fill = if bytes[0] < 0x80 { 0 } else { 0xff };
        let mut wide = [fill; 8];
        wide[8 - bytes.len()..].copy_from_slice(bytes);
        self.int(i64::from_be_bytes(wide))
    }

    /// A 64-bit float, kept bit by bit.
    ///
    /// # Errors
    /// As [`ValueWriter::none`].
    pub fn float(&mut self, value: f64) -> Result<(), ArtifactError> {
        self.scalar(|out| put(msgpack::write_f64(out, value)))
    }

    /// A complex number, kept bit by bit.
    ///
    /// # Errors
    /// As [`ValueWriter::none`].
    pub fn complex(&mut self, real: f64, imaginary: f64) -> Result<(), ArtifactError> {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&real.to_be_bytes());
        bytes[8..].copy_from_slice(&imaginary.to_be_bytes());
        self.ext(ext::COMPLEX, &bytes)
    }

    /// A text.
    ///
    /// # Errors
    /// As [`ValueWriter::none`]; also above 4 GiB.
    pub fn str(&mut self, value: &str) -> Result<(), ArtifactError> {
        fits(value.len())?;
        self.scalar(|out| put(msgpack::write_str(out, value)))
    }

    /// Bytes.
    ///
    /// # Errors
    /// As [`ValueWriter::str`].
    pub fn bytes(&mut self, value: &[u8]) -> Result<(), ArtifactError> {
        fits(value.len())?;
        self.scalar(|out| put(msgpack::write_bin(out, value)))
    }

    /// Bytes that may change (Python's `bytearray`).
    ///
    /// # Errors
    /// As [`ValueWriter::str`].
    pub fn byte_array(&mut self, value: &[u8]) -> Result<(), ArtifactError> {
        self.ext(ext::BYTE_ARRAY, value)
    }

    /// A date with a time of day.
    ///
    /// # Errors
    /// As [`ValueWriter::none`]; also if a part is out of its range.
    pub fn date_time<S: AsRef<str>>(&mut self, value: &DateTime<S>) -> Result<(), ArtifactError> {
        let mut bytes = Vec::with_capacity(32);
        value.date.write(&mut bytes);
        value.time.write(&mut bytes);
        self.checked(
            ext::DATE_TIME,
            &bytes,
            value.date.is_valid() && value.time.is_valid(),
        )
    }

    /// A calendar date.
    ///
    /// # Errors
    /// As [`ValueWriter::date_time`].
    pub fn date(&mut self, value: Date) -> Result<(), ArtifactError> {
        let mut bytes = Vec::with_capacity(6);
        value.write(&mut bytes);
        self.checked(ext::DATE, &bytes, value.is_valid())
    }

    /// A time of day.
    ///
    /// # Errors
    /// As [`ValueWriter::date_time`].
    pub fn time<S: AsRef<str>>(&mut self, value: &Time<S>) -> Result<(), ArtifactError> {
        let mut bytes = Vec::with_capacity(24);
        value.write(&mut bytes);
        self.checked(ext::TIME, &bytes, value.is_valid())
    }

    /// A distance in time.
    ///
    /// # Errors
    /// As [`ValueWriter::date_time`].
    pub fn time_delta(&mut self, value: TimeDelta) -> Result<(), ArtifactError> {
        let mut bytes = Vec::with_capacity(12);
        value.write(&mut bytes);
        self.checked(ext::TIME_DELTA, &bytes, value.is_valid())
    }

    /// A decimal number as its exact text, such as `-1.50`, `NaN`.
    ///
    /// # Errors
    /// As [`ValueWriter::str`].
    pub fn decimal(&mut self, text: &str) -> Result<(), ArtifactError> {
        self.ext(ext::DECIMAL, text.as_bytes())
    }

    /// A UUID.
    ///
    /// # Errors
    /// As [`ValueWriter::none`].
    pub fn uuid(&mut self, value: &[u8; 16]) -> Result<(), ArtifactError> {
        self.ext(ext::UUID, value)
    }

    /// A list of `count` elements.
    ///
    /// # Errors
    /// As [`ValueWriter::none`]; also beyond [`MAX_DEPTH`] or 2^32 elements.
    pub fn list_begin(&mut self, count: usize) -> Result<(), ArtifactError> {
        self.begin(count, None, false)
    }

    /// A tuple of `count` elements.
    ///
    /// # Errors
    /// As [`ValueWriter::list_begin`].
    pub fn tuple_begin(&mut self, count: usize) -> Result<(), ArtifactError> {
        self.begin(count, Some(tag::TUPLE), false)
    }

    /// A set of `count` elements, in any order.
    ///
    /// # Errors
    /// As [`ValueWriter::list_begin`].
    pub fn set_begin(&mut self, count: usize) -> Result<(), ArtifactError> {
        self.begin(count, Some(tag::SET), true)
    }

    /// A set that can't change, of `count` elements, in any order.
    ///
    /// # Errors
    /// As [`ValueWriter::list_begin`].
    pub fn frozen_set_begin(&mut self, count: usize) -> Result<(), ArtifactError> {
        self.begin(count, Some(tag::FROZEN_SET), true)
    }

    /// A range; start, stop and step follow as integers.
    ///
    /// # Errors
    /// As [`ValueWriter::list_begin`].
    pub fn range_begin(&mut self) -> Result<(), ArtifactError> {
        self.begin(3, Some(tag::RANGE), false)
    }

    /// A dict of `count` pairs, kept in the order they are written.
    ///
    /// # Errors
    /// As [`ValueWriter::list_begin`].
    pub fn dict_begin(&mut self, count: usize) -> Result<(), ArtifactError> {
        self.start()?;
        self.deepen()?;
        put(msgpack::write_map_len(&mut self.out, length(count)?));
        self.push(count * 2, false);
        Ok(())
    }

    fn begin(&mut self, count: usize, kind: Option<u8>, sort: bool) -> Result<(), ArtifactError> {
        self.start()?;
        self.deepen()?;
        let elements = length(count + usize::from(kind.is_some()))?;
        put(msgpack::write_array_len(&mut self.out, elements));
        if let Some(kind) = kind {
            put(msgpack::write_ext_meta(&mut self.out, 1, ext::TAG));
            self.out.push(kind);
        }
        self.push(count, sort);
        Ok(())
    }

    fn push(&mut self, remaining: usize, sort: bool) {
        self.open.push(Open {
            remaining,
            starts: sort.then(Vec::new),
        });
        self.close_full();
    }

    fn deepen(&self) -> Result<(), ArtifactError> {
        if self.open.len() < MAX_DEPTH {
            Ok(())
        } else {
            Err(unfit(format!("it nests deeper than {MAX_DEPTH} levels")))
        }
    }

    fn scalar(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), ArtifactError> {
        self.start()?;
        write(&mut self.out);
        self.close_full();
        Ok(())
    }

    fn checked(&mut self, kind: i8, bytes: &[u8], valid: bool) -> Result<(), ArtifactError> {
        if valid {
            self.ext(kind, bytes)
        } else {
            Err(unfit("a date or time has a part out of its range"))
        }
    }

    fn ext(&mut self, kind: i8, bytes: &[u8]) -> Result<(), ArtifactError> {
        let length = fits(bytes.len())?;
        self.scalar(|out| {
            put(msgpack::write_ext_meta(out, length, kind));
            out.extend_from_slice(bytes);
        })
    }

    /// Accounts for a value that is about to be written.
    fn start(&mut self) -> Result<(), ArtifactError> {
        match self.open.last_mut() {
            Some(open) => {
                open.remaining -= 1;
                if let Some(starts) = &mut open.starts {
                    starts.push(self.out.len());
                }
            }
            None if self.started => return Err(unfit("a second value follows the first")),
            None => self.started = true,
        }
        Ok(())
    }

    fn close_full(&mut self) {
        while self.open.last().is_some_and(|open| open.remaining == 0) {
            let full = self.open.pop().expect("the loop saw one");
            if let Some(starts) = full.starts {
                self.sort(&starts);
            }
        }
    }

    fn sort(&mut self, starts: &[usize]) {
        let Some(&first) = starts.first() else { return };
        let ends = starts.iter().skip(1).copied().chain([self.out.len()]);
        let mut elements: Vec<&[u8]> = starts
            .iter()
            .zip(ends)
            .map(|(&start, end)| &self.out[start..end])
            .collect();
        elements.sort_unstable();
        let sorted = elements.concat();
        self.out.truncate(first);
        self.out.extend(sorted);
    }
}

fn unfit(why: impl Into<String>) -> ArtifactError {
    ArtifactError::Unfit {
        format: FORMAT,
        why: why.into(),
    }
}

fn length(count: usize) -> Result<u32, ArtifactError> {
    u32::try_from(count).map_err(|_| unfit(format!("{count} elements are too many")))
}

fn fits(bytes: usize) -> Result<u32, ArtifactError> {
    u32::try_from(bytes).map_err(|_| unfit(format!("{bytes} bytes in one piece are too many")))
}

/// Cuts sign bytes that say nothing.
fn minimal(mut bytes: &[u8]) -> Option<&[u8]> {
    while let [first, rest @ ..] = bytes {
        let Some(next) = rest.first() else { break };
        let says_nothing = (*first == 0 && *next < 0x80) || (*first == 0xff && *next >= 0x80);
        if !says_nothing {
            break;
        }
        bytes = rest;
    }
    (!bytes.is_empty()).then_some(bytes)
}
