"""Output of one attempt on its way to the database: masked first, then stored in chunks, up to a limit."""

import codecs
import logging
from typing import LiteralString

from django.conf import settings

from executions.lifecycle import ClaimedStep
from safety.masking import Masker, MaskingError, NotInTime, StreamMasker
from safety.sql import fetch

logger = logging.getLogger(__name__)

KEPT_FOR_EXPECT = 256 * 1024  # characters at the end of stdout that `expect.output` can see
SUMMARY_CHARACTERS = 4000

# Stored only through the claim: a holder that lost its lease adds nothing.
_APPEND: LiteralString = """
INSERT INTO opsc_output_chunk (step_run_id, attempt, sequence, stream, text, raw_end)
SELECT id, %(attempt)s, %(sequence)s, %(stream)s, %(text)s, %(raw_end)s
FROM opsc_step_run WHERE id = %(id)s AND status = 'running' AND lease_token = %(token)s
"""

_SO_FAR: LiteralString = """
SELECT stream, text, raw_end, sequence FROM opsc_output_chunk
WHERE step_run_id = %(id)s AND attempt = %(attempt)s ORDER BY sequence
"""


class _Stream:
    """One of stdout and stderr: what was read, masked and decoded so far."""

    def __init__(self, masker: StreamMasker) -> None:
        self.masker = masker
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.raw_read = 0

    def feed(self, data: bytes) -> str:
        self.raw_read += len(data)
        return self.decoder.decode(self.masker.feed(data))

    def rest(self) -> str:
        return self.decoder.decode(self.masker.flush(), final=True)

    @property
    def raw_end(self) -> int:
        return self.raw_read - self.masker.pending - len(self.decoder.getstate()[0])


class OutputStore:
    """An OutputSink that masks and stores; a re-attached attempt goes on where the stored output ends."""

    def __init__(self, step: ClaimedStep, masker: Masker) -> None:
        self._step, self._masker = step, masker
        self._streams = {name: _Stream(masker.stream()) for name in ("stdout", "stderr")}
        self._reached: dict[str, int] = {}  # where the step's own output ended, once a section has begun
        self._sequence = 0
        self._stored = 0
        self._full = False
        self._withheld = False
        self._tail: dict[str, str] = {"stdout": "", "stderr": ""}
        if step.resume:
            self._load()

    def offset(self, stream: str) -> int:
        """How many raw bytes of the stream are stored."""
        return self._streams[stream].raw_end

    def write(self, stream: str, data: bytes) -> None:
        """Mask and store; when masking fails nothing of the output is stored from then on."""
        if self._withheld:
            return
        try:
            text = self._streams[stream].feed(data)
        except MaskingError as failure:
            self._withhold(stream, failure)
            return
        self._store(stream, text)

    def close(self) -> None:
        """Store what was held back for masking."""
        for name, stream in self._streams.items():
            if self._withheld:
                return
            try:
                text = stream.rest()
            except MaskingError as failure:
                self._withhold(name, failure)
                return
            self._store(name, text)

    def begin_section(self, title: str) -> None:
        """What follows is said by something else, which counts its output from 0; call it after `close`.

        Whoever re-attaches to the step itself still begins where the step's own output ended.
        """
        self._reached = {name: stream.raw_end for name, stream in self._streams.items()}
        line_begins = self._tail["stdout"].endswith("\n") or not self._tail["stdout"]
        self._store("stdout", ("" if line_begins else "\n") + f"[{title}]\n")
        self._streams = {name: _Stream(self._masker.stream()) for name in self._streams}

    def tail(self, stream: str = "stdout") -> str:
        """The end of the masked output, for `expect`."""
        return self._tail[stream]

    def summary(self) -> str:
        """The last lines of what was said, errors last."""
        half = SUMMARY_CHARACTERS // 2
        parts = [self._tail[name][-half:].strip() for name in ("stdout", "stderr")]
        return "\n".join(part for part in parts if part)

    def _store(self, stream: str, text: str) -> None:
        text = text.replace("\x00", "\N{SYMBOL FOR NULL}")
        if not text:
            return
        self._tail[stream] = (self._tail[stream] + text)[-KEPT_FOR_EXPECT:]
        limit = settings.OPSC["OUTPUT_LIMIT_BYTES"]
        if self._full:
            return
        room = limit - self._stored
        if len(text) > room:
            self._full = True
            text = text[:room] + f"\n[output truncated: only the first {limit} characters are kept]\n"
        self._append(stream, text)

    def _append(self, stream: str, text: str) -> None:
        self._stored += len(text)
        self._sequence += 1
        fetch(
            _APPEND,
            {
                "id": self._step.step_run_id,
                "token": self._step.token,
                "attempt": self._step.attempt,
                "sequence": self._sequence,
                "stream": stream,
                "text": text,
                "raw_end": self._reached.get(stream, self._streams[stream].raw_end),
            },
        )

    def _withhold(self, stream: str, failure: MaskingError) -> None:
        why = "not masked in time" if isinstance(failure, NotInTime) else "masking failed"
        logger.error("the output of step run %s is withheld: %s", self._step.step_run_id, why)
        self._withheld = True
        self._append(stream, f"[output withheld: {why}]\n")

    def _load(self) -> None:
        rows = fetch(_SO_FAR, {"id": self._step.step_run_id, "attempt": self._step.attempt})
        for row in rows:
            self._streams[row["stream"]].raw_read = row["raw_end"]
            self._tail[row["stream"]] = (self._tail[row["stream"]] + row["text"])[-KEPT_FOR_EXPECT:]
            self._stored += len(row["text"])
            self._sequence = row["sequence"]
        self._full = self._stored >= settings.OPSC["OUTPUT_LIMIT_BYTES"]
