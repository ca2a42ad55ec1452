"""Ways of writing code that open a hole, wherever they stand: none of them is in the product."""

import ast
import re
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings

CODE = ("executions", "safety", "opsconductor")
TEMPLATES = settings.BASE_DIR / "templates"
# The only module that opens a connection to an address that a plan names.
HTTP_CLIENTS = {"requests.get", "requests.post", "requests.put", "requests.request", "urllib.request.urlopen"}
LOOSE = {"eval", "exec", "compile", "mark_safe", "SafeString", "RawSQL"}
LOOSE_METHODS = {"raw", "extra", "mark_safe", "SafeString"}
MODULES = {"pickle", "marshal", "shelve", "yaml", "xml", "random", "telnetlib", "ftplib"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for folder in CODE:
        for path in sorted((settings.BASE_DIR / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(settings.BASE_DIR)), ast.parse(path.read_text())


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def a_shell(node: ast.AST) -> bool:
    """`shell=True`, or a program of the os module that takes a line."""
    if not isinstance(node, ast.Call):
        return False
    through = [one for one in node.keywords if one.arg == "shell"]
    return bool(through) or _name(node.func) in {"os.system", "os.popen", "subprocess.getoutput"}


def something_loose(node: ast.AST) -> bool:
    """What evaluates text, trusts text as HTML, or goes round the query builder."""
    if not isinstance(node, ast.Call):
        return False
    before, _, last = _name(node.func).rpartition(".")
    return last in (LOOSE_METHODS if before else LOOSE)


def a_dangerous_module(node: ast.AST) -> bool:
    """Formats that run code, and numbers that can be guessed."""
    names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
    names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    return any(name.partition(".")[0] in MODULES for name in names)


def a_statement_put_together(node: ast.AST) -> bool:
    """Text that is formatted on its way into `execute`, `fetch` or `fetch_one`."""
    if not (isinstance(node, ast.Call) and node.args):
        return False
    is_query = _name(node.func).rpartition(".")[2] in {"execute", "executemany", "fetch", "fetch_one"}
    return is_query and isinstance(node.args[0], ast.JoinedStr | ast.BinOp)


def a_client_of_its_own(node: ast.AST) -> bool:
    """A request past the guarded client."""
    return isinstance(node, ast.Call) and _name(node.func) in HTTP_CLIENTS


def exempt_from_csrf(node: ast.AST) -> bool:
    """A view that a page of another site may call."""
    return isinstance(node, ast.Name) and node.id == "csrf_exempt"


# Each with the modules that may, and why.
ALLOWED: dict[Callable[[ast.AST], bool], dict[str, str]] = {
    a_shell: {},
    something_loose: {
        "executions/templatetags/pages.py": "what `ansi_html` escaped",
        "executions/web/ansi.py": "escapes, and adds from a fixed list",
        "executions/web/second_factor.py": "a picture that we drew ourselves",
        "safety/masking/masker.py": "`raw` is no query there",
    },
    a_dangerous_module: {
        "executions/benchmark/corpora.py": "the same text in each run",
        "executions/engine.py": "spreads retries",
        "safety/secrets/asset_service.py": "spreads retries",
    },
    a_statement_put_together: {"executions/heartbeat.py": "the name of the channel, a constant"},
    a_client_of_its_own: {},
    exempt_from_csrf: {"executions/api/resource.py": "takes tokens only, and no cookie"},
}


@pytest.mark.parametrize("rule", ALLOWED, ids=lambda rule: rule.__name__)
def test_nothing_of_the_kind_is_in_the_code(rule: Callable[[ast.AST], bool]) -> None:
    found = {
        f"{name}:{getattr(node, 'lineno', 0)}"
        for name, tree in modules()
        for node in ast.walk(tree)
        if rule(node) and name not in ALLOWED[rule]
    }
    assert sorted(found) == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (a_shell, "subprocess.run(line, shell=True)"),
        (something_loose, "Execution.objects.raw(text)"),
        (a_dangerous_module, "from random import choice"),
        (a_statement_put_together, "cursor.execute(f'SELECT {name}')"),
        (a_client_of_its_own, "requests.get(url)"),
        (exempt_from_csrf, "view = csrf_exempt(view)"),
    ],
)
def test_each_rule_finds_what_it_is_for(rule: Callable[[ast.AST], bool], text: str) -> None:
    assert any(rule(node) for node in ast.walk(ast.parse(text)))


def test_no_template_trusts_text_or_carries_code() -> None:
    wrong = re.compile(
        r"\|\s*safe\b|autoescape off|<script(?![^>]*\bsrc=)|\son[a-z]+=|javascript:|style=", re.I
    )
    found = [
        f"{path.name}: {match[0]}"
        for path in sorted(TEMPLATES.rglob("*.html"))
        for match in wrong.finditer(path.read_text())
    ]
    assert found == []
