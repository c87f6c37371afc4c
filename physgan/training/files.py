"""Writing so that a crash or a full disk leaves the old file, never half a new one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from physgan.errors import RunError
from physgan.files import replace_folder


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError while ``path`` is written into a RunError in plain words."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunError(
                f"the disk is full: could not write {path}; what was saved before is intact. "
                "Free some space and resume."
            ) from error
        raise RunError(f"could not write {path}: {error.strerror or error}") from error


def write_atomic(path: Path, content: bytes) -> None:
    """Write ``content`` beside ``path``, sync it and rename it into place.

    Raises RunError when the disk refuses; ``path`` is then as it was.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    with disk_errors(path):
        try:
            write_synced(draft, content)
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)


def write_folder_atomic(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write ``files`` as a new ``folder`` that appears with all of them or not at all.

    Raises RunError when the disk refuses; what was at ``folder`` is then as it was.
    """
    with disk_errors(folder), replace_folder(folder) as draft:
        for name, content in files.items():
            write_synced(draft / name, content)


def write_synced(path: Path, content: bytes) -> None:
    """Write ``content`` and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
