//! A MessagePack tokenizer over a slice: borrows, never allocates, never panics.
//!
//! Every length is checked against the bytes that remain before anyone acts on it.

use rmp::Marker;

use crate::ArtifactError;

/// One MessagePack token. Containers give their number of elements; the elements follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Token<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    /// Only above `i64::MAX`.
    Uint(u64),
    Float(f64),
    Str(&'a str),
    Bin(&'a [u8]),
    Array(usize),
    Map(usize),
    Ext(i8, &'a [u8]),
}

/// Reads tokens from a slice.
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
    format: &'static str,
}

impl<'a> Tokens<'a> {
    /// Starts at the first byte. `format` names the format in errors.
    pub(crate) fn new(bytes: &'a [u8], format: &'static str) -> Self {
        Self {
            bytes,
            at: 0,
            format,
        }
    }

    /// Bytes not yet read.
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Where the next token starts.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// An error at the current place.
    pub(crate) fn wrong(&self, why: impl Into<String>) -> ArtifactError {
        ArtifactError::Malformed {
            format: self.format,
            why: why.into(),
            at: self.at,
        }
    }

    /// Takes the next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], ArtifactError> {
        let taken = self.bytes[self.at..]
            .get(..count)
            .ok_or_else(|| self.wrong(format!("{count} more bytes were announced than exist")))?;
        self.at += count;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], ArtifactError> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("take gives N bytes"))
    }

    fn length(&mut self, width: usize) -> Result<usize, ArtifactError> {
        let bytes = self.take(width)?;
        Ok(bytes.iter().fold(0, |sum, &b| sum << 8 | usize::from(b)))
    }

    fn text(&mut self, length: usize) -> Result<Token<'a>, ArtifactError> {
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes)
            .map(Token::Str)
            .map_err(|_| self.wrong("a text is not UTF-8"))
    }

    fn elements(&mut self, count: usize, each: usize) -> Result<usize, ArtifactError> {
        match count.checked_mul(each) {
            Some(least) if least <= self.remaining() => Ok(count),
            _ => Err(self.wrong(format!(
                "{count} elements were announced, {} bytes remain",
                self.remaining()
            ))),
        }
    }

    fn array(&mut self, count: usize) -> Result<Token<'a>, ArtifactError> {
        Ok(Token::Array(self.elements(count, 1)?))
    }

    fn map(&mut self, count: usize) -> Result<Token<'a>, ArtifactError> {
        Ok(Token::Map(self.elements(count, 2)?))
    }

    fn ext(&mut self, length: usize) -> Result<Token<'a>, ArtifactError> {
        let kind = i8::from_be_bytes(self.number()?);
        Ok(Token::Ext(kind, self.take(length)?))
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Result<Token<'a>, ArtifactError> {
        let [marker] = self.number::<1>()?;
        Ok(match Marker::from_u8(marker) {
            Marker::FixPos(n) => Token::Int(n.into()),
            Marker::FixNeg(n) => Token::Int(n.into()),
            Marker::Null => Token::Nil,
            Marker::True => Token::Bool(true),
            Marker::False => Token::Bool(false),
            Marker::U8 => Token::Int(u8::from_be_bytes(self.number()?).into()),
            Marker::U16 => Token::Int(u16::from_be_bytes(self.number()?).into()),
            Marker::U32 => Token::Int(u32::from_be_bytes(self.number()?).into()),
            Marker::U64 => {
                let n = u64::from_be_bytes(self.number()?);
                i64::try_from(n).map_or(Token::Uint(n), Token::Int)
            }
            Marker::I8 => Token::Int(i8::from_be_bytes(self.number()?).into()),
            Marker::I16 => Token::Int(i16::from_be_bytes(self.number()?).into()),
            Marker::I32 => Token::Int(i32::from_be_bytes(self.number()?).into()),
            Marker::I64 => Token::Int(i64::from_be_bytes(self.number()?)),
            Marker::F32 => Token::Float(f32::from_be_bytes(self.number()?).into()),
            Marker::F64 => Token::Float(f64::from_be_bytes(self.number()?)),
            Marker::FixStr(n) => self.text(n.into())?,
            Marker::Str8 => self.length(1).and_then(|n| self.text(n))?,
            Marker::Str16 => self.length(2).and_then(|n| self.text(n))?,
            Marker::Str32 => self.length(4).and_then(|n| self.text(n))?,
            Marker::Bin8 => self.length(1).and_then(|n| self.take(n)).map(Token::Bin)?,
            Marker::Bin16 => self.length(2).and_then(|n| self.take(n)).map(Token::Bin)?,
            Marker::Bin32 => self.length(4).and_then(|n| self.take(n)).map(Token::Bin)?,
            Marker::FixArray(n) => self.array(n.into())?,
            Marker::Array16 => self.length(2).and_then(|n| self.array(n))?,
            Marker::Array32 => self.length(4).and_then(|n| self.array(n))?,
            Marker::FixMap(n) => self.map(n.into())?,
            Marker::Map16 => self.length(2).and_then(|n| self.map(n))?,
            Marker::Map32 => self.length(4).and_then(|n| self.map(n))?,
            Marker::FixExt1 => self.ext(1)?,
            Marker::FixExt2 => self.ext(2)?,
            Marker::FixExt4 => self.ext(4)?,
            Marker::FixExt8 => self.ext(8)?,
            Marker::FixExt16 => self.ext(16)?,
            Marker::Ext8 => self.length(1).and_then(|n| self.ext(n))?,
            Marker::Ext16 => self.length(2).and_then(|n| self.ext(n))?,
            Marker::Ext32 => self.length(4).and_then(|n| self.ext(n))?,
            Marker::Reserved => return Err(self.wrong("byte 0xc1 starts nothing")),
        })
    }

    /// Passes over one whole value, however deep.
    pub(crate) fn skip(&mut self) -> Result<(), ArtifactError> {
        let mut open: usize = 1;
        while open > 0 {
            open -= 1;
            open += match self.next()? {
                Token::Array(count) => count,
                Token::Map(count) => count * 2,
                _ => 0,
            };
        }
        Ok(())
    }

    /// A text.
    pub(crate) fn str(&mut self) -> Result<&'a str, ArtifactError> {
        match self.next()? {
            Token::Str(text) => Ok(text),
            other => Err(self.wrong(format!("expected a text, found {other:?}"))),
        }
    }

    /// Bytes.
    pub(crate) fn bin(&mut self) -> Result<&'a [u8], ArtifactError> {
        match self.next()? {
            Token::Bin(bytes) => Ok(bytes),
            other => Err(self.wrong(format!("expected bytes, found {other:?}"))),
        }
    }

    /// 32 bytes.
    pub(crate) fn hash(&mut self) -> Result<[u8; 32], ArtifactError> {
        let bytes = self.bin()?;
        bytes
            .try_into()
            .map_err(|_| self.wrong(format!("a hash of {} bytes", bytes.len())))
    }

    /// A number from 0.
    pub(crate) fn uint(&mut self) -> Result<u64, ArtifactError> {
        match self.next()? {
            Token::Int(n) if n >= 0 => Ok(n.unsigned_abs()),
            Token::Uint(n) => Ok(n),
            other => Err(self.wrong(format!("expected a number from 0, found {other:?}"))),
        }
    }

    /// The beginning of a list.
    pub(crate) fn array_len(&mut self) -> Result<usize, ArtifactError> {
        match self.next()? {
            Token::Array(count) => Ok(count),
            other => Err(self.wrong(format!("expected a list, found {other:?}"))),
        }
    }

    /// The beginning of a map.
    pub(crate) fn map_len(&mut self) -> Result<usize, ArtifactError> {
        match self.next()? {
            Token::Map(count) => Ok(count),
            other => Err(self.wrong(format!("expected a map, found {other:?}"))),
        }
    }
}
