//! The protocol over a blocking socket.

use std::collections::VecDeque;
use std::io::{IoSliceMut, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use pave_protocol::{Frames, FromTask, FromWorker, ToTask, ToWorker, encode};

pub(crate) struct Channel {
    socket: UnixStream,
    frames: Frames,
    pub(crate) descriptors: VecDeque<OwnedFd>,
}

/// What may be said and heard here.
pub(crate) trait Said: Sized {
    fn bytes(&self) -> Vec<u8>;
}

impl Said for FromWorker {
    fn bytes(&self) -> Vec<u8> {
        encode(self).unwrap()
    }
}

impl Said for FromTask {
    fn bytes(&self) -> Vec<u8> {
        encode(self).unwrap()
    }
}

impl Channel {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        fcntl(&socket, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        Self {
            socket: socket.into(),
            frames: Frames::default(),
            descriptors: VecDeque::new(),
        }
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub(crate) fn send(&mut self, message: &impl Said) {
        self.send_raw(&message.bytes());
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// Reads what is there, waiting for something; false at the end.
    pub(crate) fn fill(&mut self) -> bool {
        let mut buffer = vec![0; 1 << 16];
        let mut space = nix::cmsg_space!([RawFd; 64]);
        let mut slices = [IoSliceMut::new(&mut buffer)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let socket = self.socket.as_raw_fd();
        let Ok(got) = recvmsg::<()>(socket, &mut slices, Some(&mut space), flags) else {
            return false;
        };
        for extra in got.cmsgs().unwrap() {
            if let ControlMessageOwned::ScmRights(descriptors) = extra {
                // SAFETY: the kernel has just opened them for this process.
                let owned = descriptors
                    .into_iter()
                    .map(|number| unsafe { OwnedFd::from_raw_fd(number) });
                self.descriptors.extend(owned);
            }
        }
        let length = got.bytes;
        self.frames.push(&buffer[..length]);
        length > 0
    }

    pub(crate) fn next(&mut self) -> Option<ToWorker> {
        self.frames.take().unwrap()
    }

    pub(crate) fn order(&mut self) -> Option<ToTask> {
        loop {
            if let Some(order) = self.frames.take().unwrap() {
                return Some(order);
            }
            if !self.fill() {
                return None;
            }
        }
    }
}
