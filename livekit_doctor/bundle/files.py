"""Bundles as files: read up to a limit, written as a whole or not at all."""

import gzip
import sys
import zlib
from io import BytesIO

from livekit_doctor.bundle import Bundle
from livekit_doctor.bundle.codec import BundleRefused, decode, encode
from livekit_doctor.input_file import open_input, open_stdin, read_all
from livekit_doctor.whole_file import STDIN, WholeFile, reason

LARGEST = 64 * 1024 * 1024
"""Bytes of JSON. A call that is followed for an hour makes a tenth of it."""

_GZIP = b"\x1f\x8b"


def read(name: str) -> Bundle:
    """The bundle in the file of this name, compressed or not, or on standard input for "-".

    Raises BundleRefused.
    """
    shown = "standard input" if name == STDIN else name
    try:
        if name == STDIN:
            data = read_all(open_stdin(), LARGEST) if sys.stdin else b""
        else:
            data = read_all(open_input(name), LARGEST)
        if data.startswith(_GZIP):
            data = gzip.GzipFile(fileobj=BytesIO(data)).read(LARGEST + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise BundleRefused(shown, "its compression is damaged, or it is truncated", "copy the file again") from None
    except FileNotFoundError:
        raise BundleRefused(shown, "no such file", "livekit-doctor trace --bundle FILE") from None
    except IsADirectoryError:
        raise BundleRefused(shown, "a folder, not a bundle", "livekit-doctor trace --bundle FILE") from None
    except (OSError, ValueError) as error:
        raise BundleRefused(shown, f"cannot be read: {reason(error)}", "make it readable for this user") from None
    if len(data) > LARGEST:
        raise BundleRefused(shown, f"larger than {LARGEST // 1024 // 1024} MB, which no bundle is", "name the bundle")
    return decode(data, shown)


class Target(WholeFile):
    """The file that a bundle will be saved as."""

    def __init__(self, name: str, *, force: bool = False) -> None:
        super().__init__(name, "--save", force=force)

    def save(self, bundle: Bundle) -> int:
        """Writes the bundle, compressed for a name in .gz; returns how many bytes it has.

        Raises UserError, and then there is no such file, or the one from before.
        """
        data = encode(bundle)
        if self.path.suffix == ".gz":
            data = gzip.compress(data, mtime=0)
        self.write(data)
        return len(data)
