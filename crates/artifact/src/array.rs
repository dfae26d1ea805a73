//! The format of numeric n-dimensional arrays.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | the magic text `PVARRAY1` |
//! | 4 | length of the header, little-endian |
//! | that many | the header: a MessagePack map `dtype`, `shape`, `order`, `extra` |
//! | to the next multiple of 64 | zeros |
//! | the rest | the elements, with no gaps, in memory order |
//!
//! The data starts on a 64-byte boundary of the payload, so a mapped payload is the array.

use rmp::encode as msgpack;

use crate::{
    ArtifactError,
    entry::put,
    wire::{Token, Tokens},
};

const MAGIC: &[u8; 8] = b"PVARRAY1";
const FORMAT: &str = "array";

/// Data starts at a multiple of this.
pub const ALIGNMENT: usize = 64;

/// Most dimensions (as many as numpy allows).
pub const MAX_DIMENSIONS: usize = 64;

/// In which order the elements lie in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The last index varies fastest.
    #[default]
    C,
    /// The first index varies fastest.
    F,
}

/// What an array's bytes mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArrayHeader {
    /// The element type as numpy writes it: byte order, kind, bytes, unit; `<f8`, `|b1`, `<M8[ns]`.
    pub dtype: String,
    /// Number of elements along each dimension.
    pub shape: Vec<u64>,
    /// The elements' order.
    pub order: Order,
    /// What a binding notes for itself, such as the array's exact class.
    pub extra: Vec<(String, String)>,
}

impl ArrayHeader {
    /// Bytes of one element; `None` if `dtype` is not a simple type.
    #[must_use]
    pub fn item_size(&self) -> Option<u64> {
        item_size(&self.dtype)
    }

    /// Bytes of all elements; `None` if `dtype` is not a simple type or there are too many.
    #[must_use]
    pub fn data_size(&self) -> Option<u64> {
        self.shape
            .iter()
            .try_fold(self.item_size()?, |size, &n| size.checked_mul(n))
    }

    /// The first part of a payload: the array's data follows it as it is.
    ///
    /// # Errors
    /// [`ArtifactError::Unfit`] for an element type or shape that the format can't hold.
    pub fn encode(&self) -> Result<Vec<u8>, ArtifactError> {
        if self.shape.len() > MAX_DIMENSIONS {
            return Err(unfit(format!("{} dimensions", self.shape.len())));
        }
        if self.data_size().is_none() {
            return Err(unfit(format!(
                "elements of type `{}` in shape {:?}",
                self.dtype, self.shape
            )));
        }
        let mut fields = Vec::with_capacity(96);
        put(msgpack::write_map_len(&mut fields, 4));
        put(msgpack::write_str(&mut fields, "dtype"));
        put(msgpack::write_str(&mut fields, &self.dtype));
        put(msgpack::write_str(&mut fields, "shape"));
        put(msgpack::write_array_len(
            &mut fields,
            length(self.shape.len()),
        ));
        for &n in &self.shape {
            put(msgpack::write_uint(&mut fields, n));
        }
        put(msgpack::write_str(&mut fields, "order"));
        put(msgpack::write_str(
            &mut fields,
            if self.order == Order::C { "C" } else { "F" },
        ));
        put(msgpack::write_str(&mut fields, "extra"));
        put(msgpack::write_map_len(
            &mut fields,
            length(self.extra.len()),
        ));
        for (key, value) in &self.extra {
            put(msgpack::write_str(&mut fields, key));
            put(msgpack::write_str(&mut fields, value));
        }
        let mut out = Vec::with_capacity((12 + fields.len()).next_multiple_of(ALIGNMENT));
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&length(fields.len()).to_le_bytes());
        out.extend_from_slice(&fields);
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        Ok(out)
    }

    /// Splits a payload into its header and the elements' bytes, whose number is checked.
    ///
    /// # Errors
    /// [`ArtifactError::Malformed`].
    pub fn parse(payload: &[u8]) -> Result<(Self, &[u8]), ArtifactError> {
        let mut tokens = Tokens::new(payload, FORMAT);
        if tokens.take(8)? != MAGIC {
            return Err(tokens.wrong("the magic text is not there"));
        }
        let size = tokens.take(4)?.try_into().expect("take gives 4 bytes");
        let end = u32::from_le_bytes(size) as usize + tokens.at();
        let header = Self::read(&mut tokens)?;
        if tokens.at() != end {
            return Err(tokens.wrong("the header's length is wrong"));
        }
        tokens.take(end.next_multiple_of(ALIGNMENT) - end)?;
        match header.data_size() {
            Some(size) if size == tokens.remaining() as u64 => {}
            size => {
                return Err(tokens.wrong(format!(
                    "type `{}` and shape {:?} need {size:?} bytes, {} are there",
                    header.dtype,
                    header.shape,
                    tokens.remaining()
                )));
            }
        }
        let data = tokens.take(tokens.remaining())?;
        Ok((header, data))
    }

    fn read(tokens: &mut Tokens<'_>) -> Result<Self, ArtifactError> {
        let mut header = Self::default();
        for _ in 0..tokens.map_len()? {
            match tokens.str()? {
                "dtype" => header.dtype = tokens.str()?.to_owned(),
                "shape" => {
                    let dimensions = tokens.array_len()?;
                    if dimensions > MAX_DIMENSIONS {
                        return Err(tokens.wrong(format!("{dimensions} dimensions")));
                    }
                    header.shape = (0..dimensions)
                        .map(|_| tokens.uint())
                        .collect::<Result<_, _>>()?;
                }
                "order" => {
                    header.order = match tokens.next()? {
                        Token::Str("C") => Order::C,
                        Token::Str("F") => Order::F,
                        other => return Err(tokens.wrong(format!("unknown order {other:?}"))),
                    }
                }
                "extra" => {
                    for _ in 0..tokens.map_len()? {
                        let key = tokens.str()?.to_owned();
                        header.extra.push((key, tokens.str()?.to_owned()));
                    }
                }
                _ => tokens.skip()?,
            }
        }
        Ok(header)
    }
}

/// Bytes of one element of a numpy type text, such as 8 for `<f8`, 40 for `<U10`.
fn item_size(dtype: &str) -> Option<u64> {
    let rest = dtype.strip_prefix(['<', '>', '|', '='])?;
    let mut chars = rest.chars();
    let kind = chars.next()?;
    let digits: &str = chars.as_str().split('[').next()?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match kind {
        'b' | 'i' | 'u' | 'f' | 'c' | 'm' | 'M' | 'S' | 'V' => Some(number),
        'U' => number.checked_mul(4),
        _ => None,
    }
}

fn length(count: usize) -> u32 {
    u32::try_from(count).expect("headers are small")
}

fn unfit(why: String) -> ArtifactError {
    ArtifactError::Unfit {
        format: FORMAT,
        why,
    }
}
