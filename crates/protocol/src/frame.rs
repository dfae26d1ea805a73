//! Framing: four bytes of length (big-endian), then one MessagePack value.

use serde::{Serialize, de::DeserializeOwned};

/// No message is larger. A join's inputs are the largest there are.
pub(crate) const MAX_FRAME: usize = 1 << 30;

/// Why bytes are no message.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The length is absurd: the other side doesn't speak this protocol.
    #[error("a message of {0} bytes was announced; the limit is {MAX_FRAME}")]
    TooLong(usize),
    /// The bytes don't decode.
    #[error("a message could not be decoded")]
    Decode(#[from] rmp_serde::decode::Error),
    /// The value can't be encoded.
    #[error("a message could not be encoded")]
    Encode(#[from] rmp_serde::encode::Error),
}

/// Encodes one message with its length in front.
///
/// # Errors
/// If the value can't be represented or is too long.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let mut out = vec![0; 4];
    rmp_serde::encode::write_named(&mut out, message)?;
    let length = out.len() - 4;
    if length > MAX_FRAME {
        return Err(FrameError::TooLong(length));
    }
    let length = u32::try_from(length).expect("MAX_FRAME fits");
    out[..4].copy_from_slice(&length.to_be_bytes());
    Ok(out)
}

/// Collects bytes and gives whole messages.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    start: usize,
}

impl Frames {
    /// Adds bytes as they arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 && self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Takes the next whole message, if there is one.
    ///
    /// # Errors
    /// If the bytes are no message.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let waiting = &self.buffer[self.start..];
        let Some((head, rest)) = waiting.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*head) as usize;
        if length > MAX_FRAME {
            return Err(FrameError::TooLong(length));
        }
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let message = rmp_serde::from_slice(body)?;
        self.start += 4 + length;
        if self.start > 1 << 20 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        Ok(Some(message))
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.start < self.buffer.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FromWorker, ToWorker};

    #[test]
    fn messages_arrive_whole_however_the_bytes_are_cut() {
        let mut bytes = encode(&ToWorker::Fork { session: 7 }).unwrap();
        bytes.extend(encode(&ToWorker::Stop).unwrap());
        let mut frames = Frames::default();
        let mut got: Vec<ToWorker> = Vec::new();
        for byte in bytes {
            frames.push(&[byte]);
            while let Some(message) = frames.take().unwrap() {
                got.push(message);
            }
        }
        assert_eq!(got, [ToWorker::Fork { session: 7 }, ToWorker::Stop]);
        assert!(!frames.is_partial());
    }

    #[test]
    fn garbage_is_an_error_and_not_a_wait() {
        let mut frames = Frames::default();
        frames.push(b"HTTP/1.1 200 OK");
        assert!(matches!(
            frames.take::<FromWorker>(),
            Err(FrameError::TooLong(_))
        ));
        let mut frames = Frames::default();
        frames.push(&[0, 0, 0, 1, 0xc1]);
        assert!(matches!(
            frames.take::<FromWorker>(),
            Err(FrameError::Decode(_))
        ));
    }
}
