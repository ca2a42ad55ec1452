"""What proves who somebody is, is compared in constant time: no `==` on a digest or a signature."""

import ast
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

PROOFS = ("digest", "signature", "hmac", "secret")
# The seal of the history proves that nothing was changed; everybody may know it.
NO_SECRETS = ("executions/audit/", "executions/web/detail.py")


def sources() -> Iterator[Path]:
    for package in ("opsconductor", "executions", "safety"):
        yield from Path(settings.BASE_DIR, package).rglob("*.py")


def called(node: ast.expr) -> str:
    """What a value is called where it is compared."""
    match node:
        case ast.Call():
            return called(node.func)
        case ast.Subscript():
            return str(getattr(node.slice, "value", ""))
    return str(getattr(node, "attr", "") or getattr(node, "id", ""))


def compared_plainly(source: str) -> list[int]:
    """The lines on which `==` or `!=` meets something that is called a proof."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        and any(isinstance(one, (ast.Eq, ast.NotEq)) for one in node.ops)
        and any(proof in called(side).lower() for side in (node.left, *node.comparators) for proof in PROOFS)
    ]


def test_the_rule_finds_what_it_looks_for() -> None:
    for plain in ("row['digest'] == x", "x != digest_of(y)", "token.digest == x", "signature == x"):
        assert compared_plainly(plain) == [1], plain
    assert compared_plainly("hmac.compare_digest(a, b)") == []


def test_no_proof_is_compared_plainly() -> None:
    found = {
        str(path.relative_to(settings.BASE_DIR)): lines
        for path in sources()
        if (lines := compared_plainly(path.read_text()))
    }
    assert {name: lines for name, lines in found.items() if not name.startswith(NO_SECRETS)} == {}
