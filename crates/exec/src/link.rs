//! A non-blocking socket that speaks frames, with descriptors travelling along.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use pave_protocol::{FrameError, Frames};

/// One end of a conversation.
#[derive(Debug)]
pub(crate) struct Link {
    socket: UnixStream,
    frames: Frames,
    waiting: VecDeque<Packet>,
    closed: bool,
}

/// Bytes to send, and the descriptors that go with the first of them.
#[derive(Debug)]
struct Packet {
    bytes: Vec<u8>,
    sent: usize,
    descriptors: Vec<OwnedFd>,
}

impl Link {
    pub(crate) fn new(socket: UnixStream) -> std::io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            frames: Frames::default(),
            waiting: VecDeque::new(),
            closed: false,
        })
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Whether the other side has gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether something still waits to be sent.
    pub(crate) fn wants_write(&self) -> bool {
        !self.closed && !self.waiting.is_empty()
    }

    pub(crate) fn send(&mut self, bytes: Vec<u8>, descriptors: Vec<OwnedFd>) {
        self.waiting.push_back(Packet {
            bytes,
            sent: 0,
            descriptors,
        });
        self.flush();
    }

    /// Sends as much as the other side takes now.
    pub(crate) fn flush(&mut self) {
        while let Some(packet) = self.waiting.front_mut() {
            match packet.send(&self.socket) {
                Ok(()) if packet.sent == packet.bytes.len() => {
                    self.waiting.pop_front();
                }
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    // The reading side finds the end of the conversation by itself.
                    self.waiting.clear();
                    return;
                }
            }
        }
    }

    /// Reads whatever has arrived.
    pub(crate) fn receive(&mut self) {
        let mut buffer = [0; 64 * 1024];
        while !self.closed {
            match self.socket.read(&mut buffer) {
                Ok(0) => self.closed = true,
                Ok(length) => self.frames.push(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.closed = true,
            }
        }
    }

    /// The next whole message.
    pub(crate) fn next<T: serde::de::DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        self.frames.take()
    }
}

impl Packet {
    fn send(&mut self, socket: &UnixStream) -> std::io::Result<()> {
        let rest = &self.bytes[self.sent..];
        let length = if self.sent == 0 && !self.descriptors.is_empty() {
            let raw: Vec<RawFd> = self.descriptors.iter().map(AsRawFd::as_raw_fd).collect();
            let slices = [IoSlice::new(rest)];
            let control = [ControlMessage::ScmRights(&raw)];
            let flags = MsgFlags::MSG_NOSIGNAL;
            sendmsg::<()>(socket.as_raw_fd(), &slices, &control, flags, None)?
        } else {
            let mut socket = socket;
            socket.write(rest)?
        };
        // The kernel holds its own references now.
        self.descriptors.clear();
        self.sent += length;
        Ok(())
    }
}
