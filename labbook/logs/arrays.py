"""NumPy archives and arrays: `step`, `train_loss`, `val_step`, `val_loss` by name. No pickle is opened."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from labbook.logs.carry import put_config, scalar
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.opening import opened
from labbook.logs.parallel import beside, meaning, singular
from labbook.logs.rows import Rows
from labbook.records import Issue, Reading, RunPart
from labbook.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST = 64 << 20
"""Bytes of all arrays of an archive together, unpacked: a small archive may hold more than any memory."""
MOST_ARRAYS = 1000
_ZIP, _NPY = b"PK\x03\x04", b"\x93NUMPY"
_DAMAGED = (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, RuntimeError, KeyError)
"""What damaged archives and headers raise in zipfile and NumPy."""


class Arrays:
    """An `.npz` archive of curves, or one `.npy` array whose file bears the name of a loss."""

    name = "numpy"
    whole = True

    def sniff(self, sample: Sample) -> Sniffed | None:
        try:
            if sample.head.startswith(_ZIP):
                return _sniff_archive(sample.path)
            if sample.head.startswith(_NPY) and meaning(sample.path.stem) == "metric":
                return _sniff_array(sample)
        except _DAMAGED:
            return None
        return None

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        issues: list[Issue] = []
        with opened(path) as file:
            data = file.read(LARGEST + 1)
        try:
            arrays = dict(_arrays(data, path.stem, issues))
        except _DAMAGED:
            text = f"not whole, or more than {LARGEST >> 20} MB"
            return Reading([], offset, state, [Issue("cut-tail", text, f"byte {len(data)}")])
        return Reading([_part(arrays, path.name, issues)], len(data), {}, issues, replaces=True)


def _sniff_archive(path: Path) -> Sniffed | None:
    """By the names in its directory. Raises what `_DAMAGED` names."""
    with opened(path) as file, zipfile.ZipFile(file) as archive:
        names = [one.filename.removesuffix(".npy") for one in archive.infolist() if _is_array(one)]
    found = next((name for name in names[:MOST_ARRAYS] if meaning(name) == "metric"), None)
    return Sniffed(0.95, (Evidence("", clean(f"{found}.npy", 80)),)) if found is not None else None


def _sniff_array(sample: Sample) -> Sniffed | None:
    """By its type and shape: values, or pairs of step and value. Raises what `_DAMAGED` names."""
    shape, _, dtype = _header(io.BytesIO(sample.head))
    if dtype.kind != "f" or not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 2)):
        return None
    return Sniffed(0.9, (Evidence("byte 0", clean(f"{sample.path.name}: {dtype} {shape}", 80)),))


def _arrays(data: bytes, stem: str, issues: list[Issue]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The arrays of a file by name; a single one is called `stem`. Raises what `_DAMAGED` names."""
    if data.startswith(_NPY):
        found = _array(io.BytesIO(data))
        if found.ndim == 2 and found.shape[1] == 2:
            yield "step", found[:, 0]
            found = found[:, 1]
        yield stem, found
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        yield from _members(archive, issues)


def _is_array(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.endswith(".npy")


def _members(archive: zipfile.ZipFile, issues: list[Issue]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The numeric arrays of an archive by name, as far as they fit. Raises what `_DAMAGED` names."""
    left = LARGEST
    for entry in [one for one in archive.infolist() if _is_array(one)][:MOST_ARRAYS]:
        name = entry.filename.removesuffix(".npy")
        if entry.file_size > left:
            text = f"{clean(name, 60)} is too large to be read: {entry.file_size} bytes"
            issues.append(Issue("too-large", text, clean(name, 60)))
            continue
        left -= entry.file_size
        with archive.open(entry) as file:
            block = io.BytesIO(file.read(entry.file_size))
        try:
            yield name, _array(block)
        except ValueError:
            issues.append(Issue("not-numbers", f"{clean(name, 60)} holds no numbers", clean(name, 60)))


def _header(file: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """(shape, Fortran order, type) of an array. Raises ValueError."""
    from numpy.lib import format as npy

    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        return read(file)
    except Exception as error:  # damage in its Python literal raises anything
        raise ValueError("no header of an array") from error


def _array(file: io.BytesIO) -> NDArray[np.float64]:
    """An array of numbers as float64, checked against the bytes there are. Raises ValueError."""
    import numpy as np

    shape, is_fortran, dtype = _header(file)
    if dtype.kind not in "fiub" or any(length < 0 for length in shape):
        raise ValueError("no numbers")
    count = math.prod(shape)
    body = file.read()
    if count * dtype.itemsize != len(body):
        raise ValueError("an array and its header disagree")
    found = np.frombuffer(body, dtype).reshape(shape, order="F" if is_fortran else "C")
    return found.astype(np.float64)


def _part(arrays: dict[str, NDArray[np.float64]], source: str, issues: list[Issue]) -> RunPart:
    """One run: single numbers are configuration, vectors are curves or stand beside them."""
    import numpy as np

    part = RunPart(step_origin=1)
    single = {clean(name, 120): scalar(value.item()) for name, value in arrays.items() if value.ndim == 0}
    put_config(part, single, source)
    lengths = {name: len(value) for name, value in arrays.items() if value.ndim == 1}
    rows = Rows()
    for name in lengths:
        if meaning(name) in {"step", "tokens", "epoch"}:
            continue
        at = beside(name, lengths)
        if at.is_bare and meaning(name) != "metric":
            continue
        if at.is_bare:
            text = f"{clean(name, 60)} has no steps beside it: its points are counted from 0"
            issues.append(Issue("no-axis", text, clean(name, 60)))
        axes = {axis: arrays[other] for axis, other in _axes(at.step, at.tokens, at.epoch) if other is not None}
        places = np.arange(lengths[name], dtype=np.int64)
        axes = axes or {"step": places.astype(np.float64)}
        rows.add_columns(part, [*axes, singular(name)], [*axes.values(), arrays[name]], places, issues)
    return part


def _axes(*found: str | None) -> Iterator[tuple[str, str | None]]:
    return zip(("step", "tokens", "epoch"), found, strict=True)
