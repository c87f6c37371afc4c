"""From a picture of a foam to its labels.

A file of labels (npz, npy, png of integers) is taken as it is. A picture is segmented: films are
found dark or bright, and bubbles are what they enclose. The field is then a torus: films at
opposite edges of a picture do not fit each other, so a picture that is not periodic is mirrored
both ways, which makes a periodic box of twice its sides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_foam.labels import Labels, check

PICTURES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")
GAP = 1.5
"""Pixels from films within which a bubble's inside may be another's."""
SPECK = 6
"""Fewer pixels are dirt."""
MANY = 0.2
"""Share of pixels from which so many different values are no labels but grey levels."""


def read_labels(path: Path, *, films: Literal["auto", "dark", "bright"] = "auto") -> Labels:
    """Labels ``(H, W)`` of the foam in ``path``: labels or a picture. Raises InputError with what
    is wrong and what would be right."""
    where = str(path)
    if not path.exists():
        raise InputError("there is no such file", where=where)
    if path.suffix == ".npz":
        found = _from_npz(path)
    elif path.suffix == ".npy":
        found = _numpy(path)
    elif path.suffix.lower() in PICTURES:
        found = _picture(path)
    else:
        raise InputError(
            f"a foam cannot be read from {path.suffix or 'this'}", where=where,
            fix=f"npz, npy or a picture ({', '.join(PICTURES)})",
        )  # fmt: skip
    if not is_labels(found):
        return check(periodic(segment(found, films=films, where=where)), where)
    names = found.astype(np.int32)
    return check(periodic(names) if path.suffix.lower() in PICTURES else names, where)


def is_labels(field: NDArray[np.generic]) -> bool:
    """Whether a field ``(H, W)`` holds names rather than brightness: integers of which neighbours
    mostly agree, bubble by bubble."""
    if field.ndim != 2 or not np.issubdtype(field.dtype, np.integer):
        return False
    if len(np.unique(field)) <= 2:
        return False
    same = [(field == np.roll(field, -1, axis)).mean() for axis in (0, 1)]
    return min(same) > 1 - MANY


def segment(
    picture: NDArray[np.generic],
    *,
    films: Literal["auto", "dark", "bright"] = "auto",
    where: str = "",
) -> Labels:
    """Labels ``(H, W)`` of the bubbles in ``picture (H, W)``, of any range of brightness.

    Films are what lies beyond Otsu's threshold (IEEE Trans. SMC 9, 62 (1979)) on the rarer side,
    or on the side that ``films`` names. Bubbles are what films enclose, gaps of up to twice GAP
    pixels closed; a watershed gives the films' pixels to the bubbles beside them. Raises InputError
    where fewer than 4 bubbles appear.
    """
    from scipy import ndimage

    grey = np.asarray(picture, float)
    if grey.ndim != 2 or not np.isfinite(grey).all() or np.ptp(grey) == 0:
        raise InputError("the picture shows nothing", where=where, fix="grey levels (H, W)")
    smooth = ndimage.gaussian_filter((grey - grey.min()) / np.ptp(grey), 0.7)
    cut = otsu(smooth)
    dark = smooth < cut
    is_film = dark if films == "dark" or (films == "auto" and dark.mean() < 0.5) else ~dark
    away = ndimage.distance_transform_edt(~is_film)
    assert isinstance(away, np.ndarray)
    # a gap in a film of up to twice GAP pixels does not join bubbles
    markers, count = _pieces(away > GAP)
    rest, more = _pieces(~is_film)
    size = np.bincount(rest.ravel(), minlength=more + 1)
    seeded = np.bincount(rest[markers > 0], minlength=more + 1) > 0
    small = ~seeded & (size >= SPECK)
    small[0] = False
    place = np.zeros(more + 1, np.int32)
    place[small] = count + 1 + np.arange(np.count_nonzero(small))
    markers = np.where(place[rest] > 0, place[rest], markers)
    count = int(markers.max())
    if count < 4:
        raise InputError(
            f"{count} bubbles are found in the picture", where=where,
            fix="a sharp picture of closed films; say films=dark or films=bright",
        )  # fmt: skip
    depth = (255 * (1 - np.minimum(away / (2 * GAP), 1))).astype(np.uint8)
    return ndimage.watershed_ift(depth, markers.astype(np.int32)).astype(np.int32) - 1


def _pieces(inside: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Connected pieces of ``inside (H, W)``, numbered from 1 on, and how many there are."""
    from scipy import ndimage

    found: Any = ndimage.label(inside)
    return found[0], found[1]


def otsu(level: NDArray[np.float64]) -> float:
    """The threshold in [0, 1] that parts ``level`` into two classes of least spread."""
    count, edges = np.histogram(level, 256, (0, 1))
    middle = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(count), count.sum()
    first = np.cumsum(count * middle)
    apart = np.zeros(256)
    inside = (below > 0) & (below < total)
    mean = first[inside] / below[inside]
    rest = (first[-1] - first[inside]) / (total - below[inside])
    apart[inside] = below[inside] * (total - below[inside]) * (mean - rest) ** 2
    return float(edges[1 + int(apart.argmax())])


def periodic(labels: NDArray[np.integer]) -> NDArray[np.integer]:
    """``labels`` as they are where opposite edges fit (nine pixels of ten agree), else mirrored
    both ways: a bubble at the edge becomes one bubble with its image, all others get one."""
    fits = [(labels[0] == labels[-1]).mean(), (labels[:, 0] == labels[:, -1]).mean()]
    if min(fits) >= 0.9:
        return labels
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    from physgan_foam.labels import compact

    small, names = compact(labels)
    number = len(names)
    wide = np.concatenate([small, small[:, ::-1] + number], 1)
    box = np.concatenate([wide, wide[::-1] + 2 * number], 0)
    height, width = small.shape
    seams = [
        (box[:, width - 1], box[:, width]), (box[:, -1], box[:, 0]),
        (box[height - 1], box[height]), (box[-1], box[0]),
    ]  # fmt: skip
    rows, columns = (np.concatenate(side) for side in zip(*seams, strict=True))
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), (4 * number,) * 2)
    return connected_components(graph, directed=False)[1][box].astype(np.int32)


def _from_npz(path: Path) -> NDArray[np.generic]:
    try:
        with np.load(path, allow_pickle=False) as file:
            if "labels" not in file.files:
                raise InputError(
                    f"there is no array 'labels' but {', '.join(file.files)}", where=str(path)
                )
            found = file["labels"]
    except (OSError, ValueError) as error:
        raise InputError("this is no npz file", where=str(path)) from error
    # the last state of a sequence
    return found.reshape(-1, *found.shape[-2:])[-1] if found.ndim > 2 else found


def _numpy(path: Path) -> NDArray[np.generic]:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError("this is no npy file", where=str(path)) from error


def _picture(path: Path) -> NDArray[np.generic]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.mode not in ("L", "P", "I", "I;16", "F", "1"):
                image = image.convert("L")
            field = np.asarray(image)
    except (OSError, UnidentifiedImageError) as error:
        raise InputError("this picture cannot be read", where=str(path)) from error
    height, width = (side - side % 2 for side in field.shape)
    return (
        field[:height, :width].astype(np.int32) if field.dtype == bool else field[:height, :width]
    )
