"""An answer's body, bounded while it is read: a few kilobytes of gzip can hold half a gigabyte."""

from __future__ import annotations

import zlib
from typing import Final

from gateway.net.failure import MalformedError, TooLargeError

ACCEPT_ENCODING: Final = "gzip, deflate"
"""What we can unpack without ever holding more than the limit. Brotli and zstd are never asked for."""

_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_ANY_HEADER: Final = 47  # zlib's "window 15, gzip or zlib header, look which"
_NO_HEADER: Final = -15
_PACKING_COSTS: Final = 4096  # what packing may add to a body that does not pack


class Body:
    """Takes the body piece by piece and unpacks it as it comes.

    Args:
        encoding: the `Content-Encoding` header, empty where there is none.
        limit: bytes, of the unpacked body.

    Raises:
        MalformedError: the encoding is none that we asked for.
    """

    __slots__ = ("_encoding", "_inflate", "_limit", "_packed", "_parts", "_raw", "_size")

    def __init__(self, encoding: str, limit: int) -> None:
        self._encoding = encoding.strip().lower()
        self._packed = self._encoding in _PACKED
        if not self._packed and self._encoding not in {"", "identity"}:
            raise MalformedError("packed in a way that was not asked for")
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._raw = 0
        self._inflate: zlib._Decompress | None = None

    def feed(self, piece: bytes) -> None:
        """Take the next piece as it came.

        Raises:
            TooLargeError: the body is now over the limit.
            MalformedError: the packing is broken.
        """
        if not self._packed:
            self._keep(piece)
            return
        self._raw += len(piece)
        if self._raw > self._limit + _PACKING_COSTS:
            raise TooLargeError("the packed body is over the limit")
        try:
            self._unpack(piece)
        except zlib.error as error:
            raise MalformedError("the packing is broken") from error

    def done(self) -> bytes:
        """The whole body.

        Raises:
            MalformedError: the packed stream does not end.
        """
        if self._inflate is not None and not self._inflate.eof:
            raise MalformedError("the packed stream does not end")
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def _unpack(self, piece: bytes) -> None:
        while piece:
            if self._inflate is None:
                # "deflate" means a zlib stream, but some servers leave its header out: 8 is the one method there is.
                bare = self._encoding == "deflate" and piece[0] & 0x0F != 8
                self._inflate = zlib.decompressobj(_NO_HEADER if bare else _ANY_HEADER)
            room = self._limit - self._size + 1
            self._keep(self._inflate.decompress(piece, room))
            piece = self._inflate.unconsumed_tail
            if self._inflate.eof:  # gzip may be several members, one behind the other
                piece = self._inflate.unused_data
                if piece:
                    self._inflate = None

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            raise TooLargeError("the body is over the limit")
        self._parts.append(piece)
