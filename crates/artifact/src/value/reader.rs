//! Reads plain values one after another, with no tree in between.

use super::{Date, DateTime, FORMAT, MAX_DEPTH, Time, TimeDelta, ext, tag};
use crate::{
    ArtifactError,
    wire::{Token, Tokens},
};

/// What comes next in a value. A container gives its number of elements, which follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// The absence of a value.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer that fits.
    Int(i64),
    /// An integer that doesn't: two's complement, big-endian, more than 8 bytes.
    BigInt(&'a [u8]),
    /// A 64-bit float.
    Float(f64),
    /// Real and imaginary part.
    Complex(f64, f64),
    /// A text.
    Str(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Bytes that may change.
    ByteArray(&'a [u8]),
    /// A list of so many elements.
    List(usize),
    /// A tuple of so many elements.
    Tuple(usize),
    /// A set of so many elements.
    Set(usize),
    /// A set that can't change, of so many elements.
    FrozenSet(usize),
    /// A dict of so many pairs: key, value, key, value, …
    Dict(usize),
    /// A range: start, stop and step follow.
    Range,
    /// A date with a time of day.
    DateTime(DateTime<&'a str>),
    /// A calendar date.
    Date(Date),
    /// A time of day.
    Time(Time<&'a str>),
    /// A distance in time.
    TimeDelta(TimeDelta),
    /// A decimal number's exact text.
    Decimal(&'a str),
    /// A UUID.
    Uuid([u8; 16]),
}

/// Streams one value's events. Made for bytes from anywhere: depth is limited, and the elements
/// that all open containers still announce never outnumber the bytes that remain, so a reader may
/// allocate what is announced.
#[derive(Clone, Debug)]
pub struct ValueReader<'a> {
    tokens: Tokens<'a>,
    /// Elements that each open container still waits for.
    open: Vec<usize>,
    /// The sum of `open`.
    awaited: usize,
    started: bool,
}

impl<'a> ValueReader<'a> {
    /// Starts reading.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            tokens: Tokens::new(bytes, FORMAT),
            open: Vec::new(),
            awaited: 0,
            started: false,
        }
    }

    /// The next event.
    ///
    /// # Errors
    /// [`ArtifactError::Malformed`]; also after the end.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would outlive its errors"
    )]
    pub fn next(&mut self) -> Result<Event<'a>, ArtifactError> {
        match self.open.last_mut() {
            Some(waiting) => {
                *waiting -= 1;
                self.awaited -= 1;
            }
            None if self.started => return Err(self.tokens.wrong("the value is over")),
            None => self.started = true,
        }
        let event = self.event()?;
        while self.open.last() == Some(&0) {
            self.open.pop();
        }
        Ok(event)
    }

    /// Whether the whole value was read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.started && self.open.is_empty()
    }

    /// Makes sure that the whole value was read and nothing follows.
    ///
    /// # Errors
    /// [`ArtifactError::Malformed`].
    pub fn finish(self) -> Result<(), ArtifactError> {
        if !self.is_over() {
            return Err(self.tokens.wrong("the value is not over"));
        }
        match self.tokens.remaining() {
            0 => Ok(()),
            rest => Err(self.tokens.wrong(format!("{rest} bytes follow the end"))),
        }
    }

    fn event(&mut self) -> Result<Event<'a>, ArtifactError> {
        Ok(match self.tokens.next()? {
            Token::Nil => Event::None,
            Token::Bool(value) => Event::Bool(value),
            Token::Int(value) => Event::Int(value),
            Token::Uint(_) => {
                return Err(self
                    .tokens
                    .wrong("an integer above 2^63 is not an extension"));
            }
            Token::Float(value) => Event::Float(value),
            Token::Str(text) => Event::Str(text),
            Token::Bin(bytes) => Event::Bytes(bytes),
            Token::Array(count) => self.array(count)?,
            Token::Map(count) => {
                self.announce(count * 2)?;
                Event::Dict(count)
            }
            Token::Ext(kind, bytes) => self
                .extension(kind, bytes)
                .ok_or_else(|| self.tokens.wrong(format!("extension {kind} is damaged")))?,
        })
    }

    fn array(&mut self, count: usize) -> Result<Event<'a>, ArtifactError> {
        let mut ahead = self.tokens.clone();
        let first = if count == 0 { None } else { ahead.next().ok() };
        let Some(Token::Ext(ext::TAG, &[kind])) = first else {
            self.announce(count)?;
            return Ok(Event::List(count));
        };
        self.tokens = ahead;
        let count = count - 1;
        let event = match kind {
            tag::TUPLE => Event::Tuple(count),
            tag::SET => Event::Set(count),
            tag::FROZEN_SET => Event::FrozenSet(count),
            tag::RANGE if count == 3 => Event::Range,
            _ => return Err(self.tokens.wrong(format!("unknown container {kind:#04x}"))),
        };
        self.announce(count)?;
        Ok(event)
    }

    fn announce(&mut self, count: usize) -> Result<(), ArtifactError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self
                .tokens
                .wrong(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.awaited += count;
        if self.awaited > self.tokens.remaining() {
            return Err(self
                .tokens
                .wrong("more elements were announced than bytes remain"));
        }
        self.open.push(count);
        Ok(())
    }

    fn extension(&self, kind: i8, bytes: &'a [u8]) -> Option<Event<'a>> {
        Some(match kind {
            ext::BIG_INT if bytes.len() > 8 => Event::BigInt(bytes),
            ext::COMPLEX => {
                let (real, imaginary) = bytes.split_first_chunk()?;
                Event::Complex(
                    f64::from_be_bytes(*real),
                    f64::from_be_bytes(imaginary.try_into().ok()?),
                )
            }
            ext::DATE_TIME => {
                let (date, rest) = Date::read(bytes)?;
                let time = Time::read(rest)?;
                Event::DateTime(DateTime { date, time })
            }
            ext::DATE => match Date::read(bytes)? {
                (date, []) => Event::Date(date),
                _ => return None,
            },
            ext::TIME => Event::Time(Time::read(bytes)?),
            ext::TIME_DELTA => Event::TimeDelta(TimeDelta::read(bytes)?),
            ext::DECIMAL => Event::Decimal(std::str::from_utf8(bytes).ok()?),
            ext::UUID => Event::Uuid(bytes.try_into().ok()?),
            ext::BYTE_ARRAY => Event::ByteArray(bytes),
            _ => return None,
        })
    }
}
