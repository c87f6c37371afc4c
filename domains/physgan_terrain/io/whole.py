"""Files of any size that appear whole or not at all, several together where they belong so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from physgan.training.files import disk_errors


@contextmanager
def whole_files(*paths: Path) -> Iterator[list[Path]]:
    """Drafts beside ``paths`` that take their places, last path last, when the block ends well.

    Missing parent folders are made. After an error no draft is left and what was at ``paths`` is
    as it was. Raises RunError where the disk refuses.
    """
    drafts = [path.with_name(f".{path.name}.{os.getpid()}.part") for path in paths]
    with ExitStack() as stack:
        for path, draft in zip(paths, drafts, strict=True):
            stack.enter_context(disk_errors(path))
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.callback(draft.unlink, missing_ok=True)
        yield drafts
        for draft in drafts:
            _sync(draft)
        for path, draft in zip(paths, drafts, strict=True):
            os.replace(draft, path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
