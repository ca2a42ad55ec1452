"""A file of evidence that somebody made up is refused in words, whatever it holds."""

import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from executions.audit.evidence import as_line
from executions.audit.offline import MANY, ONCE, Evidence

SMALL: list[dict[str, Any]] = [
    {
        "line": "evidence",
        "format": 1,
        "software": "OpsConductor",
        "execution": "e",
        "tenant": {"id": 1, "slug": "acme"},
        "exported_at": "now",
        "exported_by": "olga",
        "chain": "to the head",
    },
    {"line": "execution", "id": "e", "plan_hash": "p", "approval_hash": "a", "approval_hash_is": "whole"},
    {"line": "plan", "text": "{}"},
    {"line": "step", "id": "s", "targets": [None], "action_class": "read", "effect": "read", "timeout": 1}
    | {"retries": 0, "spec": {}, "name": ""},
    {"line": "output", "step_run": "r", "attempt": 1, "text": "said"},
    {"line": "step_run", "id": "r", "step": "s", "target": None, "output_sha256": {"1": "x"}},
    {
        "line": "event",
        "row": json.dumps({"kind": "event", "id": 1, "execution_id": "e", "tenant_id": 1}),
        "link": {"tenant_id": 1, "seq": 1, "sealed_at": "", "row_hash": "", "hash": "", "previous": ""},
    },
    {"line": "head", "seq": 1, "hash": "h"},
    {"line": "end", "lines": 8, "sha256": "s"},
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def read(content: bytes) -> list[str]:
    """Every doubt, as it would be told."""
    return [str(doubt) for doubt in Evidence(io.BytesIO(content), {1: "0" * 64}).doubts()]


@given(st.binary(max_size=200))
def test_bytes_are_no_evidence(content: bytes) -> None:
    assert read(content)


@given(st.lists(st.sampled_from((*ONCE, *MANY)), max_size=8), st.data())
def test_lines_of_known_kinds_with_anything_in_them_are_no_evidence(kinds: list[str], data: Any) -> None:
    lines = [
        as_line({"line": kind} | data.draw(st.dictionaries(st.text(max_size=5), ANYTHING))) for kind in kinds
    ]
    assert read(b"".join(lines))


@given(st.data())
def test_one_value_of_another_type_anywhere_is_refused_in_words(data: Any) -> None:
    documents = json.loads(json.dumps(SMALL))
    document = data.draw(st.sampled_from(documents))
    place = data.draw(st.sampled_from(sorted(document)))
    inner = document[place]
    if isinstance(inner, dict) and inner and data.draw(st.booleans()):
        inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(ANYTHING)
    else:
        document[place] = data.draw(ANYTHING)
    assert read(b"".join(map(as_line, documents)))


def test_nesting_without_end_is_refused_in_words() -> None:
    assert read(b'{"line":"plan","text":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n")
    row = "[" * 100_000 + "]" * 100_000
    assert read(as_line(SMALL[0]) + as_line({"line": "event", "row": row, "link": None}))
