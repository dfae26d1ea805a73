//! A non-blocking socket that speaks frames, with descriptors travelling along.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use pave_protocol::{FrameError, Frames};

/// This many bytes are read in one turn: one that talks without end must not keep others waiting.
const TURN: usize = 1 << 20;

/// One end of a conversation.
#[derive(Debug)]
pub(crate) struct Link {
    socket: UnixStream,
    frames: Frames,
    waiting: VecDeque<Packet>,
    is_closed: bool,
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
            is_closed: false,
        })
    }

    /// What to wait for, as long as the conversation goes on.
    pub(crate) fn watch(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let mut flags = PollFlags::POLLIN;
        flags.set(PollFlags::POLLOUT, !self.waiting.is_empty());
        (!self.is_closed).then(|| (self.socket.as_fd(), flags))
    }

    /// Whether the other side has gone. What it had said before may still be there.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Sends bytes, now or when the other side takes them.
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
                Ok(()) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return,
                Err(Errno::EPIPE | Errno::ECONNRESET) => {
                    // Its last words may still be there; the reading side finds their end.
                    self.waiting.clear();
                }
                Err(_) => {
                    // A message that can't go out leaves the other side waiting for ever.
                    self.waiting.clear();
                    self.is_closed = true;
                    let _ = self.socket.shutdown(Shutdown::Both);
                }
            }
        }
    }

    /// Reads what has arrived, up to a turn's worth. Whether there may be more.
    pub(crate) fn receive(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        let mut taken = 0;
        while !self.is_closed && taken < TURN {
            match self.socket.read(&mut buffer) {
                Ok(0) => self.is_closed = true,
                Ok(length) => {
                    self.frames.push(&buffer[..length]);
                    taken += length;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.is_closed = true,
            }
        }
        !self.is_closed
    }

    /// The next whole message.
    pub(crate) fn next<T: serde::de::DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        self.frames.take()
    }
}

impl Packet {
    fn send(&mut self, socket: &UnixStream) -> nix::Result<()> {
        let raw: Vec<RawFd> = self.descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&raw)];
        let control = if raw.is_empty() { &[][..] } else { &rights };
        let slices = [IoSlice::new(&self.bytes[self.sent..])];
        let flags = MsgFlags::MSG_NOSIGNAL;
        self.sent += sendmsg::<()>(socket.as_raw_fd(), &slices, control, flags, None)?;
        // The kernel holds its own references now.
        self.descriptors.clear();
        Ok(())
    }
}
