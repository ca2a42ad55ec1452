"""The documentation says what the code does: settings, states, plans, commands and test names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.management import get_commands

from executions.plans import parse_plan
from executions.states import EXECUTION_MOVES, STEP_MOVES
from tests.proofs import SUBJECTS

TOP: Path = settings.BASE_DIR
PAGES = [TOP / "README.md", TOP / "CHANGELOG.md", *sorted((TOP / "docs").glob("*.md"))]
OPERATIONS = TOP / "docs/operations.md"
VARIABLE = re.compile(r"(?:OPSC_|VAULT_)[A-Z_]+[A-Z]|DATABASE_URL|RABBITMQ_URL|SECRET_KEY")
# Not settings: what a running command sees, what only the tests know, and Django settings that are computed.
OF_A_COMMAND = {"OPSC_STEP", "OPSC_UID"}
OF_THE_TESTS = {"OPSC_TEST_RABBITMQ_URL", "OPSC_UNPLUG"}
NOT_READ = {"OPSC_SECRET_DEMO__TOKEN", "OPSC_VERSION"}


def text(page: Path) -> str:
    return page.read_text()


def sources() -> Iterator[ast.AST]:
    for package in ("opsconductor", "executions", "safety"):
        for path in (TOP / package).rglob("*.py"):
            yield ast.parse(path.read_text())


def rows(page: Path, first_cell: str) -> list[list[str]]:
    """The tables of a page whose header begins so, row by row, without back quotes."""
    found, inside = [], False
    for line in text(page).splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("| ").split("|")] if line[:1] == "|" else []
        inside = bool(cells) and (inside or cells[0] == first_cell)
        if inside and cells[0] not in (first_cell, "---") and not set(cells[0]) <= {"-"}:
            found.append([cell.strip().strip("`") for cell in line.strip().strip("|").split("|")])
    return found


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text(page), re.MULTILINE | re.DOTALL)


def test_every_variable_that_is_read_is_in_the_table_and_the_reverse():
    constants = {
        node.value
        for tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    read = {value for value in constants if VARIABLE.fullmatch(value)} - OF_A_COMMAND - NOT_READ

    assert {row[0] for row in rows(OPERATIONS, "variable")} == read


def test_every_number_has_its_default_and_range_in_the_table():
    documented = {row[0]: row[1:3] for row in rows(OPERATIONS, "variable")}
    numbers = [
        node
        for node in ast.walk(ast.parse((TOP / "opsconductor/settings.py").read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "number"
    ]
    assert len(numbers) > 10
    for call in numbers:
        name, default = (ast.literal_eval(argument) for argument in call.args)
        low, high = (eval(ast.unparse(keyword.value)) for keyword in call.keywords)
        assert documented[name] == [str(default), f"{low} to {high}"]


def test_every_variable_that_a_page_names_exists():
    known = {row[0] for row in rows(OPERATIONS, "variable")} | OF_A_COMMAND | OF_THE_TESTS
    for page in PAGES:
        named = set(re.findall(r"\b(?:OPSC|VAULT)_[A-Z_]+[A-Z]\b", text(page)))
        named = {name for name in named if not name.startswith("OPSC_SECRET_")}
        assert named <= known, page


def test_the_tables_of_states_are_those_of_the_code():
    documented = [
        (row[0], target)
        for row in rows(TOP / "docs/architecture.md", "from")
        for target in row[1].split(", ")
    ]
    moves = [
        (str(state), str(target))
        for table in (EXECUTION_MOVES, STEP_MOVES)
        for state in table
        for target in table[state]
    ]

    assert sorted(documented) == sorted(moves)


def test_the_order_of_the_safety_chain_is_that_of_the_settings():
    documented = [f"{row[0]}Middleware" for row in rows(TOP / "docs/architecture.md", "middleware")]

    assert [name.upper() for name in documented] == [
        path.rpartition(".")[2].upper() for path in settings.SAFETY_MIDDLEWARE
    ]


def test_every_guard_has_its_section_on_the_page_about_safety():
    sections = re.split(r"^## ", text(TOP / "docs/safety.md"), flags=re.MULTILINE)[1:]
    lists = ["**Guarantees**", "**Does not guarantee**", "**What to configure**"]
    complete = [section for section in sections if all(name in section for name in lists)]

    assert {section.splitlines()[0].lower() for section in complete} == set(SUBJECTS.values())
    assert all("`tests/e2e/" in section for section in complete)  # on the whole path


def test_every_plan_is_a_plan():
    plans = [(page.name, plan) for page in PAGES for plan in fenced(page, "json plan")]

    assert {name for name, _ in plans} == {"README.md", "plans.md"}
    assert all(parse_plan(plan).steps for _, plan in plans)


def test_every_command_and_target_that_a_page_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text(), re.MULTILINE))
    commands = set(get_commands())
    named: set[str] = set()
    for page in PAGES:
        named |= set(re.findall(r"manage\.py ([a-z_]+)", text(page)))
        blocks = "".join(fenced(page, "sh"))
        assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text(page) + blocks, re.MULTILINE)) <= targets, page

    assert named <= commands
    assert {"run", "show", "resolve", "fleet", "scheduler", "web", "migrate"} <= named


def test_every_command_of_ours_is_in_the_changelog():
    ours = {name for name, app in get_commands().items() if app in ("executions", "opsconductor")}

    assert ours == {name for name in ours if f"`{name}`" in text(TOP / "CHANGELOG.md")}


def test_every_test_that_a_page_names_is_there():
    named = [match for page in PAGES for match in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text(page))]

    assert len(named) > 20
    for path, name in named:
        assert not name or f"def {name}(" in (TOP / path).read_text(), f"{path}::{name}"
        assert (TOP / path).is_file(), path


def test_every_place_that_a_page_names_is_there():
    for page in PAGES:
        places = re.findall(r"`((?:executions|safety|opsconductor|templates|docker)/[\w./-]*)`", text(page))
        links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text(page))
        missing = [place for place in places if not (TOP / place).exists()]
        assert missing + [link for link in links if not (page.parent / link).exists()] == [], page
