//! Ctrl-C and friends as a descriptor to wait on.

use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Counts the requests to stop: SIGINT, SIGTERM, SIGHUP.
#[derive(Debug)]
pub struct Signals {
    socket: UnixStream,
    count: usize,
}

impl Signals {
    /// From now on these signals are counted instead of ending the process.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn install() -> std::io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        socket.set_nonblocking(true)?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::low_level::pipe::register(signal, theirs.try_clone()?)?;
        }
        Ok(Self { socket, count: 0 })
    }

    /// Readable when a signal has come since the last [`Signals::take`].
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// How many have come since the last call.
    pub fn take(&mut self) -> usize {
        let mut buffer = [0; 64];
        let mut came = 0;
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => came += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.count += came;
        came
    }

    /// How many have come in all.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }
}
