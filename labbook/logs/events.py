"""TensorBoard event files, read by hand: frames of protobuf, scalars as simple values or tensors."""

from __future__ import annotations

import math
import struct
from pathlib import Path

from labbook.logs import names, wire
from labbook.logs.carry import load_part, put_config, save_part
from labbook.logs.events_bulk import Decoder
from labbook.logs.events_feed import STEP, Feed
from labbook.logs.events_frames import Frames, masked_crc
from labbook.logs.events_text import plugin_config, text_config
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.opening import opened
from labbook.logs.rows import Rows
from labbook.records import Issue, Reading, RunPart
from labbook.text import clean

_HEADER = struct.Struct("<QI")
_MARK = b"brain.Event:"


class Events:
    """`*tfevents*` files of any writer."""

    name = "tensorboard"
    whole = False

    def sniff(self, sample: Sample) -> Sniffed | None:
        head = sample.head
        if head[24:36] == _MARK or head[23:35] == _MARK:
            return Sniffed(0.99, (Evidence("byte 23", _MARK.decode()),))
        if "tfevents" not in sample.path.name or len(head) < 13 or head[12] != 9:
            return None
        if masked_crc(head[:8]) != _HEADER.unpack_from(head)[1]:
            return None
        return Sniffed(0.9, (Evidence("byte 0", "a frame with a valid length checksum"),))

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        part = load_part(state.get("part"), RunPart(step_origin=1))
        rows = Rows(state.get("rows"))
        rows.declare(STEP)  # a tag may be called global_step
        issues: list[Issue] = []
        feed = Feed(part, rows, issues, _held_out_folder(path), state.get("twin"))
        decoder = Decoder()
        with opened(path) as file:
            frames = Frames(
                file,
                offset,
                limit=limit,
                checked=state.get("checked") is not False,
                stopped=bool(state.get("stopped")),
            )
            for block in frames:
                feed.take(decoder.scalars(block), decoder.tags)
                issues += decoder.issues
                _configure(part, decoder)
        issues += frames.issues
        if final and frames.cut:
            issues.append(Issue("cut-tail", "the last event is cut", f"byte {frames.offset}"))
        kept: dict[str, object] = {"part": save_part(part), "rows": rows.state(), "checked": frames.checked}
        kept["twin"] = feed.state()
        kept |= {"stopped": True} if frames.stopped else {}
        return Reading([part], frames.offset, kept, issues, more=frames.more)


def _configure(part: RunPart, decoder: Decoder) -> None:
    """Add what the texts of a block say."""
    if math.isnan(part.started):
        part.started = decoder.first_wall
    for tag, text in decoder.texts:
        put_config(part, text_config(tag, text), f"text summary {clean(tag, 60)}")
    for content in decoder.plugins:
        try:
            put_config(part, plugin_config(content), "hparams plugin")
        except wire.Damaged:
            continue


def _held_out_folder(path: Path) -> str:
    """`validation` where the file lies in a folder of that name: TF2 writes one tag into two folders."""
    folder = path.parent.name.lower()
    return folder if folder in names.HELD_OUT else ""
