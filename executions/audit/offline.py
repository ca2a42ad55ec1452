"""Checks a file of evidence without a database: every byte, and whether what it says fits together."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO

from executions.audit.chain import NOTHING_BEFORE, Link
from executions.audit.evidence import FORMAT, as_line
from executions.audit.evidence_history import TO_HEAD, WITH_GAPS
from executions.audit.evidence_rows import decided
from executions.plans.approved import approval_hash

LONGEST_LINE = 1 << 28  # bytes
INCOMPLETE = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
ONCE = ("evidence", "execution", "plan", "head", "end")
MANY = ("approval", "step", "output", "step_run", "event", "decision", "link")

Document = dict[str, Any]


@dataclass(frozen=True)
class Doubt:
    """One reason not to believe the file. `line` counts from 1; 0: the file as a whole."""

    code: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"error[{self.code}] {f'line {self.line}' if self.line else 'the file'}: {self.message}"


@dataclass
class Evidence:
    """One file. `doubts` reads it once; then `head` and the counts say what it holds.

    wanted: hashes of the chain that were kept elsewhere, by the number of their link.
    """

    file: BinaryIO
    wanted: dict[int, str] = field(default_factory=dict)
    about: Document = field(default_factory=dict)
    execution: Document = field(default_factory=dict)
    head: Document = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*ONCE, *MANY), 0))
    sealed: int = 0
    unsealed: int = 0
    sha256: str = ""
    _steps: list[Document] = field(default_factory=list)
    _targets: dict[str, frozenset[str | None]] = field(default_factory=dict)
    _said: dict[str, dict[str, Any]] = field(default_factory=dict)
    _rows: dict[str, int] = field(default_factory=dict)
    _chains: dict[str, tuple[int, str]] = field(default_factory=dict)
    _met: set[int] = field(default_factory=set)

    def doubts(self) -> Iterator[Doubt]:
        """Everything that is wrong. Memory is that of the steps with their targets and of the longest line."""
        whole, number = sha256(), 0
        while line := self.file.readline(LONGEST_LINE):
            number += 1
            before = whole.hexdigest()
            whole.update(line)
            document = _document(line)
            if self.counts["end"]:
                yield Doubt("file.changed", number, "comes after the end of the evidence")
            elif document is None:
                yield Doubt("file.changed", number, "is not a line of evidence")
            else:
                yield from self._look(document, number, line, before)
        self.sha256 = whole.hexdigest()
        try:
            yield from self._as_a_whole()
        except INCOMPLETE as problem:
            yield Doubt("file.changed", 0, f"is not complete ({type(problem).__name__})")

    def _look(self, document: Document, number: int, line: bytes, before: str) -> Iterator[Doubt]:
        kind = document["line"]
        self.counts[kind] += 1
        if (number == 1) != (kind == "evidence"):
            yield Doubt("file.changed", number, f"is of the kind {kind}, which has no place here")
        try:
            if line != as_line(document):
                yield Doubt("file.changed", number, "is written otherwise than evidence is")
            if kind == "end":
                if document != {"line": "end", "lines": number - 1, "sha256": before}:
                    yield Doubt("file.changed", number, "the lines before it are not those that it counted")
            else:
                yield from (Doubt(code, number, message) for code, message in self._checked(kind, document))
        except INCOMPLETE as problem:
            yield Doubt("file.changed", number, f"is not complete ({type(problem).__name__})")

    def _checked(self, kind: str, document: Document) -> Iterator[tuple[str, str]]:
        match kind:
            case "evidence":
                self.about = document
                if document["format"] != FORMAT:
                    yield "file.unknown", f"has format {document['format']}; this version knows {FORMAT}"
            case "execution":
                self.execution = document
                if document["id"] != self.about["execution"]:
                    yield "execution.differs", "is another execution than the one on line 1"
            case "plan":
                if sha256(document["text"].encode()).hexdigest() != self.execution["plan_hash"]:
                    yield "plan.changed", "the plan has not the hash that the execution has"
            case "approval":
                if document["approval_hash"] != self.execution["approval_hash"]:
                    yield "approval.differs", "the approval is for something else than what ran"
            case "step":
                self._steps.append(decided(document))
                self._targets[document["id"]] = frozenset(document["targets"])
            case "output":
                said = self._said.setdefault(document["step_run"], {})
                said.setdefault(str(document["attempt"]), sha256()).update(document["text"].encode())
            case "step_run":
                yield from self._step_run(document)
            case "event" | "decision":
                yield from self._history(kind, document)
            case "link":
                yield from self._linked(document["kind"], document["row_id"], document["link"])
            case "head":
                self.head = document

    def _step_run(self, document: Document) -> Iterator[tuple[str, str]]:
        said = self._said.pop(document["id"], {})
        if {attempt: digest.hexdigest() for attempt, digest in said.items()} != document["output_sha256"]:
            yield "output.changed", f"the output of step run {document['id']} has not the hash that is given"
        target = document["target"] and document["target"]["id"]
        if target not in self._targets.get(document["step"], ()):
            yield "step_run.differs", f"step run {document['id']} is of no step and target of the plan"

    def _history(self, kind: str, document: Document) -> Iterator[tuple[str, str]]:
        row, link = json.loads(document["row"]), document["link"]
        belongs = (row["kind"], row["execution_id"], row["tenant_id"])
        if belongs != (kind, self.about["execution"], self.about["tenant"]["id"]):
            yield "row.differs", f"{kind} {row['id']} is of something else"
        if row["id"] <= self._rows.get(kind, -1):
            yield "row.differs", f"{kind} {row['id']} stands after one that was written later"
        self._rows[kind] = row["id"]
        if link is None:
            self.unsealed += 1
            return
        self.sealed += 1
        if sha256(document["row"].encode()).hexdigest() != link["row_hash"]:
            yield "row.changed", f"{kind} {row['id']} is not what link {link['seq']} sealed"
        yield from self._linked(kind, row["id"], link)

    def _linked(self, kind: str, row_id: int, link: Document) -> Iterator[tuple[str, str]]:
        names = ("tenant_id", "seq", "sealed_at", "row_hash")
        sealed = Link(kind=kind, row_id=row_id, **{name: link[name] for name in names})
        of_tenant = link["tenant_id"] == self.about["tenant"]["id"]
        if sealed.hash_after(link["previous"]) != link["hash"] or not of_tenant:
            yield "link.changed", f"the hash of link {link['seq']} is not that of its content"
        has_gaps = self.about["chain"] == WITH_GAPS
        chain = kind if has_gaps else ""
        seq, previous = self._chains.get(chain, (0, NOTHING_BEFORE))
        is_next = link["seq"] == seq + 1 and link["previous"] == previous
        may_leap = link["seq"] > seq + 1 and (has_gaps or not self._chains)
        if not is_next and not may_leap:
            yield "link.changed", f"link {link['seq']} does not follow link {seq}"
        self._chains[chain] = (link["seq"], link["hash"])
        if link["seq"] in self.wanted:
            self._met.add(link["seq"])
            if self.wanted[link["seq"]] != link["hash"]:
                yield "head.differs", f"link {link['seq']} has not the hash that was kept"

    def _as_a_whole(self) -> Iterator[Doubt]:
        if not self.counts["end"]:
            yield Doubt("file.cut", 0, "its end is missing")
        for kind in ONCE[:-1]:
            if self.counts[kind] != 1:
                yield Doubt(
                    "file.changed",
                    0,
                    f"it has {self.counts[kind]} lines of the kind {kind}; one belongs there",
                )
        if self.counts["execution"] != 1 or self.counts["head"] != 1:
            return
        if self._said:
            yield Doubt(
                "output.changed", 0, f"it has output of {len(self._said)} step runs that it does not have"
            )
        wanted = sum(len(step["targets"]) for step in self._steps)
        if self.counts["step_run"] != wanted:
            yield Doubt(
                "step_run.differs", 0, f"it has {self.counts['step_run']} step runs; the steps have {wanted}"
            )
        if not self._is_bound():
            yield Doubt("approval.differs", 0, "the approval hash is not that of the plan and its steps")
        for seq, last in self._chains.values():
            at_head = self.about["chain"] == TO_HEAD or seq == self.head["seq"]
            if seq > self.head["seq"] or (at_head and (seq, last) != (self.head["seq"], self.head["hash"])):
                yield Doubt("head.differs", 0, f"its head is not one that link {seq} can belong to")
        for seq in sorted(set(self.wanted) - self._met):
            yield Doubt("head.differs", 0, f"link {seq} is not in it, so nothing can be said about its hash")

    def _is_bound(self) -> bool:
        execution = self.execution
        if execution["approval_hash_is"] not in ("whole", "part"):
            return False
        is_part = execution["approval_hash_is"] == "part"
        found = approval_hash(execution["plan_hash"], self._steps, is_part=is_part)
        return found == str(execution["approval_hash"])


def _document(line: bytes) -> Document | None:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    known = isinstance(document, dict) and document.get("line") in (*ONCE, *MANY)
    return document if known else None
