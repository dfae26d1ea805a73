//! A plain value as a tree.

use super::{Date, DateTime, Event, Time, TimeDelta, ValueReader, ValueWriter};
use crate::ArtifactError;

/// A plain value. Bindings stream instead of building one.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The absence of a value.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer that fits.
    Int(i64),
    /// An integer of any size: two's complement, big-endian.
    BigInt(Vec<u8>),
    /// A 64-bit float, kept bit by bit.
    Float(f64),
    /// Real and imaginary part, kept bit by bit.
    Complex(f64, f64),
    /// A text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Bytes that may change.
    ByteArray(Vec<u8>),
    /// A list.
    List(Vec<Self>),
    /// A tuple.
    Tuple(Vec<Self>),
    /// A set; read back in the order of the elements' bytes.
    Set(Vec<Self>),
    /// A set that can't change; read back in the order of the elements' bytes.
    FrozenSet(Vec<Self>),
    /// Pairs, in order.
    Dict(Vec<(Self, Self)>),
    /// Start, stop and step, each an integer.
    Range(Box<[Self; 3]>),
    /// A date with a time of day.
    DateTime(DateTime<String>),
    /// A calendar date.
    Date(Date),
    /// A time of day.
    Time(Time<String>),
    /// A distance in time.
    TimeDelta(TimeDelta),
    /// A decimal number's exact text.
    Decimal(String),
    /// A UUID.
    Uuid([u8; 16]),
}

impl Value {
    /// The value's bytes.
    ///
    /// # Errors
    /// [`ArtifactError::Unfit`] if it nests too deep, a part is too long or out of its range.
    pub fn encode(&self) -> Result<Vec<u8>, ArtifactError> {
        let mut writer = ValueWriter::new();
        self.write(&mut writer)?;
        writer.finish()
    }

    /// Reads what [`Value::encode`] wrote.
    ///
    /// # Errors
    /// [`ArtifactError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let mut reader = ValueReader::new(bytes);
        let value = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }

    fn write(&self, writer: &mut ValueWriter) -> Result<(), ArtifactError> {
        match self {
            Self::None => writer.none(),
            Self::Bool(value) => writer.bool(*value),
            Self::Int(value) => writer.int(*value),
            Self::BigInt(bytes) => writer.big_int(bytes),
            Self::Float(value) => writer.float(*value),
            Self::Complex(real, imaginary) => writer.complex(*real, *imaginary),
            Self::Str(text) => writer.str(text),
            Self::Bytes(bytes) => writer.bytes(bytes),
            Self::ByteArray(bytes) => writer.byte_array(bytes),
            Self::List(items) => writer
                .list_begin(items.len())
                .and_then(|()| all(items, writer)),
            Self::Tuple(items) => writer
                .tuple_begin(items.len())
                .and_then(|()| all(items, writer)),
            Self::Set(items) => writer
                .set_begin(items.len())
                .and_then(|()| all(items, writer)),
            Self::FrozenSet(items) => {
                writer.frozen_set_begin(items.len())?;
                all(items, writer)
            }
            Self::Dict(pairs) => {
                writer.dict_begin(pairs.len())?;
                pairs.iter().try_for_each(|(key, value)| {
                    key.write(writer)?;
                    value.write(writer)
                })
            }
            Self::Range(bounds) => writer.range_begin().and_then(|()| all(&bounds[..], writer)),
            Self::DateTime(value) => writer.date_time(value),
            Self::Date(value) => writer.date(*value),
            Self::Time(value) => writer.time(value),
            Self::TimeDelta(value) => writer.time_delta(*value),
            Self::Decimal(text) => writer.decimal(text),
            Self::Uuid(bytes) => writer.uuid(bytes),
        }
    }

    fn read(reader: &mut ValueReader<'_>) -> Result<Self, ArtifactError> {
        Ok(match reader.next()? {
            Event::None => Self::None,
            Event::Bool(value) => Self::Bool(value),
            Event::Int(value) => Self::Int(value),
            Event::BigInt(bytes) => Self::BigInt(bytes.to_owned()),
            Event::Float(value) => Self::Float(value),
            Event::Complex(real, imaginary) => Self::Complex(real, imaginary),
            Event::Str(text) => Self::Str(text.to_owned()),
            Event::Bytes(bytes) => Self::Bytes(bytes.to_owned()),
            Event::ByteArray(bytes) => Self::ByteArray(bytes.to_owned()),
            Event::List(count) => Self::List(read_all(count, reader)?),
            Event::Tuple(count) => Self::Tuple(read_all(count, reader)?),
            Event::Set(count) => Self::Set(read_all(count, reader)?),
            Event::FrozenSet(count) => Self::FrozenSet(read_all(count, reader)?),
            Event::Dict(count) => Self::Dict(
                (0..count)
                    .map(|_| Ok((Self::read(reader)?, Self::read(reader)?)))
                    .collect::<Result<_, ArtifactError>>()?,
            ),
            Event::Range => Self::Range(Box::new([
                Self::read(reader)?,
                Self::read(reader)?,
                Self::read(reader)?,
            ])),
            Event::DateTime(value) => Self::DateTime(DateTime {
                date: value.date,
                time: value.time.to_owned(),
            }),
            Event::Date(value) => Self::Date(value),
            Event::Time(value) => Self::Time(value.to_owned()),
            Event::TimeDelta(value) => Self::TimeDelta(value),
            Event::Decimal(text) => Self::Decimal(text.to_owned()),
            Event::Uuid(bytes) => Self::Uuid(bytes),
        })
    }
}

fn all(items: &[Value], writer: &mut ValueWriter) -> Result<(), ArtifactError> {
    items.iter().try_for_each(|item| item.write(writer))
}

fn read_all(count: usize, reader: &mut ValueReader<'_>) -> Result<Vec<Value>, ArtifactError> {
    (0..count).map(|_| Value::read(reader)).collect()
}
