"""Pictures in a row as MP4, or as GIF where no encoder is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FRAMES_PER_SECOND = 12
LEAST = 256
"""Pixels of the longer side, below which pictures are enlarged by whole pixels."""


def write_film(path: Path, pictures: Iterable[NDArray[np.uint8]]) -> Path:
    """Write ``pictures``, each ``(H, W, 3)`` and shown in the first one's size, beside ``path``
    with the ending .mp4 (with imageio-ffmpeg) or .gif; returns the file."""
    frames = _alike(pictures)
    try:
        import imageio_ffmpeg
    except ModuleNotFoundError:
        return _gif(path.with_suffix(".gif"), frames)
    target = path.with_suffix(".mp4")
    writer = None
    try:
        for frame in frames:
            # Encoders of 4:2:0 want even sides.
            even = np.ascontiguousarray(
                np.pad(frame, [(0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)], "edge")
            )
            if writer is None:
                size = (even.shape[1], even.shape[0])
                writer = imageio_ffmpeg.write_frames(
                    str(target), size, fps=FRAMES_PER_SECOND, macro_block_size=2, quality=7,
                    ffmpeg_log_level="error", output_params=["-threads", "1"],
                )  # fmt: skip
                writer.send(None)
            writer.send(even)
    finally:
        if writer is not None:
            writer.close()
    return target


def _gif(target: Path, frames: Iterable[NDArray[np.uint8]]) -> Path:
    from PIL import Image

    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(
        target,
        save_all=True,
        append_images=images[1:],
        duration=1000 // FRAMES_PER_SECOND,
        loop=0,
        optimize=False,
    )
    return target


def _alike(pictures: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """``pictures`` in the enlarged size of the first, each by its nearest pixels."""
    size = None
    for picture in pictures:
        shown = _enlarged(picture)
        size = size or shown.shape[:2]
        if shown.shape[:2] != size:
            rows, columns = (
                np.arange(s) * p // s for s, p in zip(size, picture.shape, strict=False)
            )
            shown = picture[rows][:, columns]
        yield shown


def _enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    times = -(-LEAST // max(picture.shape[:2]))
    return picture.repeat(times, axis=0).repeat(times, axis=1) if times > 1 else picture
