"""Messages over sockets: four bytes of length, then MessagePack.

Owns: framing, and descriptors that travel with a message.
Must not: know any message.
"""

from __future__ import annotations

# The `socket` module costs more than everything else a worker imports; its C half is enough.
import _socket
import os

from .._native import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CHUNK = 1 << 18
#: Descriptors that one read may bring: those of several messages, never more.
_MOST_DESCRIPTORS = 64
_DESCRIPTOR_SPACE = _socket.CMSG_SPACE(4 * _MOST_DESCRIPTORS)
_CLOSE_ON_EXEC = getattr(_socket, "MSG_CMSG_CLOEXEC", 0)


class Channel:
    """One end of a conversation.

    Parameters
    ----------
    descriptor
        A connected stream socket; the channel owns it from here on.
    """

    def __init__(self, descriptor: int) -> None:
        self._socket = _socket.socket(fileno=descriptor)
        self._socket.setblocking(True)
        os.set_inheritable(descriptor, False)
        self._buffer = bytearray()
        #: Descriptors received and not taken yet.
        self.descriptors: list[int] = []

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Closes the socket and every descriptor that nobody took."""
        self._socket.close()
        while self.descriptors:
            os.close(self.descriptors.pop())

    def send(self, message: Any) -> None:
        """Sends one message, waiting until it is handed to the kernel."""
        body = pack(message)
        self._socket.sendall(len(body).to_bytes(4, "big") + body)

    def receive(self) -> Any:
        """Waits for one message.

        Raises
        ------
        EOFError
            If the other side is gone.
        """
        while True:
            message = self.pop()
            if message is not None:
                return message
            if not self.fill():
                raise EOFError("the runtime has closed the connection")

    def fill(self) -> bool:
        """Reads what has arrived, waiting for something; false if the other side is gone."""
        try:
            data, extras, _, _ = self._socket.recvmsg(_CHUNK, _DESCRIPTOR_SPACE, _CLOSE_ON_EXEC)
        except ConnectionResetError:
            return False
        for level, kind, content in extras:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                whole = len(content) - len(content) % 4
                self.descriptors.extend(memoryview(content)[:whole].cast("i"))
        self._buffer += data
        return bool(data)

    def pop(self) -> Any:
        """Takes the next whole message; `None` if there is none yet."""
        buffer = self._buffer
        if len(buffer) < 4:
            return None
        end = 4 + int.from_bytes(buffer[:4], "big")
        if len(buffer) < end:
            return None
        message = unpack(bytes(memoryview(buffer)[4:end]))
        del buffer[:end]
        return message
