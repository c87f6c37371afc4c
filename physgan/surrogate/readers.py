"""Sequences of fields in npz, HDF5 or zarr files, ``(runs, time, channels, H, W)``.

Beside the fields a file may hold parameters ``(runs,)``, each under its name, and the times of the
frames under ``times``, ``(time,)`` or ``(runs, time)``. HDF5 and zarr are read run by run, when a
run is asked for; an npz is mapped into memory where it is not compressed.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from physgan.errors import InputError

FIELD_KEYS = ("fields", "field", "states", "x", "data")
"""Names of the fields that are tried where none is stated."""
TIMES = "times"


@dataclass(frozen=True)
class Sequences:
    """``fields (R, T, C, H, W)``, read when indexed; ``times (R, T)``; ``parameters`` by name,
    ``(R,)`` each; ``where`` they come from."""

    fields: Any
    times: NDArray[np.float64]
    parameters: Mapping[str, NDArray[np.float64]]
    where: str

    def __len__(self) -> int:
        return int(self.fields.shape[0])

    def run(self, index: int) -> Tensor:
        """The frames ``(T, C, H, W)`` of one run in float32; InputError where one is not finite."""
        frames = np.asarray(self.fields[index], dtype=np.float32)
        if not np.isfinite(frames).all():
            frame = int(np.flatnonzero(~np.isfinite(frames).reshape(len(frames), -1).all(1))[0])
            raise InputError(f"run {index}, frame {frame} is not finite", where=self.where)
        return torch.from_numpy(frames.copy())

    def split(self, name: str, seed: int = 0) -> NDArray[np.int64]:
        """The runs of ``train``, ``val`` or ``test``: eight, one and one tenth of them in an order
        of ``seed``, one at least of each; InputError for fewer than three runs."""
        count = len(self)
        if count < 3:
            raise InputError(
                f"{count} runs cannot be split into training, validation and test",
                where=self.where,
                fix="give three runs at least; frames of one run are never split",
            )
        held = max(1, round(0.1 * count))
        edges = {"train": (0, count - 2 * held), "val": (count - 2 * held, count - held)}
        first, last = edges.get(name, (count - held, count))
        return np.sort(np.random.default_rng(seed).permutation(count)[first:last])


def read_sequences(path: Path, key: str | None = None) -> Sequences:
    """The sequences in the ``.npz``, HDF5 (``.h5``, ``.hdf5``) or zarr (``.zarr``) at ``path``.

    ``key`` names the fields. Raises InputError with file and key for what is not there or has
    another shape, and with what to install where a library is missing.
    """
    if not path.exists():
        raise InputError("there are no such data", where=str(path))
    arrays = _open(path)
    name = _field_key(arrays, key, path)
    fields = arrays[name]
    if len(fields.shape) != 5 or 0 in fields.shape:
        raise InputError(
            f"{name!r} has the shape {tuple(fields.shape)}",
            where=str(path),
            fix="sequences are (runs, time, channels, H, W)",
        )
    runs, frames = fields.shape[:2]
    if frames < 2:
        raise InputError(f"{name!r} has one frame for each run", where=str(path))
    times = _times(arrays, runs, frames, path)
    rest = [n for n in arrays if n not in (name, TIMES)]
    return Sequences(
        fields, times, {n: _parameter(arrays[n], n, runs, path) for n in rest}, str(path)
    )


def read_field(path: Path) -> Tensor:
    """One field in float32, from a ``.npy``, or the first frame of the first run, or of the only
    array, of the files that ``read_sequences`` takes: ``(C, H, W)`` or ``(H, W)``."""
    if not path.exists():
        raise InputError("there is no such file", where=str(path))
    if path.suffix == ".npy":
        array = _loaded(path)
    else:
        arrays = _open(path)
        array = arrays[_field_key(arrays, None, path)]
    while len(array.shape) > 3:
        array = array[0]
    found = np.asarray(array)
    if found.ndim < 2 or found.dtype.kind not in "iufb":
        raise InputError(f"{found.shape} of {found.dtype} is no field", where=str(path))
    return torch.from_numpy(found.astype(np.float32))


def _open(path: Path) -> Mapping[str, Any]:
    kind = path.suffix.lower()
    if kind == ".npz":
        return {name: _Member(path, name) for name in _loaded(path).files}
    if kind in (".h5", ".hdf5"):
        return _hdf5(path)
    if kind == ".zarr" or path.is_dir():
        return _zarr(path)
    raise InputError(f"cannot read {kind or 'this'}", where=str(path), fix="npz, h5, hdf5, zarr")


class _Member:
    """An array of an npz, mapped where the archive holds it as it is."""

    def __init__(self, path: Path, name: str) -> None:
        self._array: Any = None
        self.path, self.name = path, name

    @property
    def shape(self) -> tuple[int, ...]:
        return self._all().shape

    def __getitem__(self, index: Any) -> Any:
        return self._all()[index]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self._all(), dtype=dtype)

    def _all(self) -> Any:
        if self._array is None:
            mapped = _mapped(self.path, f"{self.name}.npy")
            self._array = _loaded(self.path)[self.name] if mapped is None else mapped
        return self._array


def _mapped(path: Path, member: str) -> Any:
    """The array of an uncompressed ``member`` of a zip file in place; None where it is not so."""
    with zipfile.ZipFile(path) as archive:
        try:
            info = archive.getinfo(member)
        except KeyError:
            return None
        if info.compress_type != zipfile.ZIP_STORED:
            return None
        with archive.open(info) as file:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                return None
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
            header = file.tell()
    with path.open("rb") as file:
        file.seek(info.header_offset + 26)
        lengths = np.frombuffer(file.read(4), dtype="<u2")
    offset = info.header_offset + 30 + int(lengths.sum()) + header
    if dtype.hasobject or 0 in shape or not shape:
        return None
    return np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")


def _loaded(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"this file cannot be read: {error}", where=str(path)) from error


def _hdf5(path: Path) -> Mapping[str, Any]:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise _missing("h5py", path) from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"this is no HDF5 file: {error}", where=str(path)) from error
    return {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}


def _zarr(path: Path) -> Mapping[str, Any]:
    try:
        import zarr
    except ModuleNotFoundError as error:
        raise _missing("zarr", path) from error
    try:
        group = zarr.open_group(path, mode="r")
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"this is no zarr group: {error}", where=str(path)) from error
    return dict(group.arrays())


def _missing(library: str, path: Path) -> InputError:
    return InputError(
        f"reading this needs {library!r}, which is not installed",
        where=str(path),
        fix='pip install "physgan[sequences]"',
    )


def _field_key(arrays: Mapping[str, Any], key: str | None, path: Path) -> str:
    known = ", ".join(sorted(arrays)) or "none"
    if key is not None:
        if key in arrays:
            return key
        raise InputError(f"there is no array {key!r}", where=str(path), fix=f"arrays: {known}")
    found = [name for name in FIELD_KEYS if name in arrays]
    found = found or [name for name in arrays if len(arrays[name].shape) == 5]
    if len(found) == 0 and len(arrays) == 1:
        found = list(arrays)
    if not found:
        raise InputError(
            f"no fields under {', '.join(FIELD_KEYS)}", where=str(path), fix=f"arrays: {known}"
        )
    return found[0]


def _times(arrays: Mapping[str, Any], runs: int, frames: int, path: Path) -> NDArray[np.float64]:
    if TIMES not in arrays:
        return np.broadcast_to(np.arange(frames, dtype=np.float64), (runs, frames))
    times = np.asarray(arrays[TIMES], dtype=np.float64)
    if times.shape not in ((frames,), (runs, frames)):
        raise InputError(
            f"{TIMES!r} has the shape {times.shape}",
            where=str(path),
            fix=f"({frames},) or ({runs}, {frames})",
        )
    if not (np.diff(times, axis=-1) > 0).all():
        raise InputError(f"{TIMES!r} do not increase", where=str(path))
    return np.broadcast_to(times, (runs, frames))


def _parameter(array: Any, name: str, runs: int, path: Path) -> NDArray[np.float64]:
    values = np.asarray(array)
    if values.shape != (runs,) or values.dtype.kind not in "iufb":
        raise InputError(
            f"the parameter {name!r} has the shape {values.shape} of {values.dtype}",
            where=str(path),
            fix=f"one number for each of {runs} runs",
        )
    return values.astype(np.float64)


def steps_of(times: Sequence[float] | NDArray[np.float64], tolerance: float = 1e-3) -> float:
    """The common step of ``times``; InputError where they are not evenly apart."""
    gaps = np.diff(times)
    if np.ptp(gaps) > tolerance * gaps.mean():
        raise InputError(f"the frames are {gaps.min():g} to {gaps.max():g} apart")
    return float(gaps.mean())
