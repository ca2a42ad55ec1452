"""Output of targets is shown as text: colours yes, anything else that acts on a terminal or a page no."""

import time
from typing import Any

import pytest
from django.test import Client
from hypothesis import example, given
from hypothesis import strategies as st

from executions.web import output as output_page
from executions.web.ansi import ansi_html
from tests.factories import a_step, a_step_run, an_asset, an_execution, nina, olga, output


def html(*pieces: str, stream: str = "stdout") -> str:
    return "".join(part for _, part in ansi_html((stream, piece) for piece in pieces))


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a <b>&\"'", "a &lt;b&gt;&amp;&quot;&#x27;"),
        ("\x1b[31mred\x1b[0m plain", '<span class="a-fg1">red</span> plain'),
        ("\x1b[1;32mok\x1b[m!", '<span class="a-fg2 a-bold">ok</span>!'),
        ("\x1b[97;44mx\x1b[39;49my", '<span class="a-fg15 a-bg4">x</span>y'),
        ("\x1b[38;5;9mx\x1b[38;5;200my\x1b[38;2;1;2;3mz", '<span class="a-fg9">x</span>yz'),
        ("\x1b[4m\x1b[24mx\x1b[7my\x1b[27m", 'x<span class="a-inverse">y</span>'),
        ("\x1b[999mx\x1b[;;mx", "xx"),
        ("10%\r20%\r\ndone", "10%\n20%\ndone"),
        ("a\tb\nc", "a\tb\nc"),
    ],
)
def test_colours_become_classes_and_markup_becomes_text(text: str, shown: str) -> None:
    assert html(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "\x1b]0;title\x07",
        "\x1b]8;;http://evil.example/\x1b\\",
        "\x1b]52;c;cHduZWQ=\x07",
        "\x9d0;title\x9c",
        "\x1bPq#0;2;0;0;0\x1b\\",
        "\x1b[2J\x1b[H",
        "\x1b[?1049h",
        "\x9b31m",
        "\x1bc",
        "\x1b(0",
        "\x1b_x\x1b\\",
        "\x1b^x\x1b\\",
    ],
)
def test_sequences_that_would_act_on_a_terminal_leave_nothing(text: str) -> None:
    assert html(f"a{text}b") == "ab"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("\x00", "\u2400"),
        ("\x08", "\u2408"),
        ("\x7f", "\u2421"),
        ("\x85", "U+0085"),
        ("\u202e", "U+202E"),
        ("\u2066", "U+2066"),
        ("\u200b", "U+200B"),
        ("\ufeff", "U+FEFF"),
        ("\U000e0041", "U+E0041"),
    ],
)
def test_hidden_characters_are_shown_by_name(text: str, name: str) -> None:
    shown = html(f"a{text}b")
    assert f">{name}</span>" in shown
    assert text not in shown


@example("00\x9d0", 8)
@example("\x9b3", 6)
@given(st.text(max_size=200), st.integers(0, 200))
def test_where_a_piece_ends_changes_nothing_but_the_spans(text: str, cut: int) -> None:
    def plain(shown: str) -> str:
        return shown.replace("</span>", "").replace('<span class="a-fg1">', "")

    text = f"\x1b[31m{text}\x1b[0m"
    assert plain(html(text[:cut], text[cut:])) == plain(html(text))


@given(st.text(alphabet=st.sampled_from("\x1b[]()0;m38:\x9b\x90\x07\\<>&\"'a\n\r\u202e"), max_size=300))
def test_no_input_makes_an_element_of_its_own(text: str) -> None:
    shown = html(text)
    for part in shown.split("<")[1:]:
        assert part.startswith(("/span>", 'span class="a-'))
    assert not set(shown) & set("\x1b\x9b\x90\x07\r\u202e")


def test_streams_keep_their_own_colours() -> None:
    pieces = [("stdout", "\x1b[31mout"), ("stderr", "err"), ("stdout", "still red")]
    shown = [str(part) for _, part in ansi_html(pieces)]
    assert shown == ['<span class="a-fg1">out</span>', "err", '<span class="a-fg1">still red</span>']


@pytest.mark.parametrize(
    "hostile", ["\x1b", "\x1b[", "\x1b]", "\x1b[1;", "\x9b0", "\x1bP" + "a" * 4095, "\u202e"]
)
def test_hostile_output_is_shown_in_linear_time(hostile: str) -> None:
    text = hostile * (100_000 // len(hostile))
    begin = time.process_time()
    html(text)
    assert time.process_time() - begin < 2


@pytest.mark.usefixtures("live_db")
def test_the_page_shows_the_end_of_long_output_and_the_download_has_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output_page, "SHOWN_CHARACTERS", 100)
    user = olga()
    execution = an_execution(user, status="running")
    run = a_step_run(a_step(execution), an_asset(), status="running")
    output(run, "first line\n", "x" * 90, "\nlast line\n")
    page = signed_in(user).get(f"/executions/{execution.pk}/").content.decode()
    assert "last line" in page
    assert "first line" not in page
    assert "Only the end is shown" in page
    answer = signed_in(user).get(f"/step-runs/{run.pk}/output.txt")
    assert answer.content.decode() == "first line\n" + "x" * 90 + "\nlast line\n"


@pytest.mark.usefixtures("live_db")
def test_a_download_is_plain_text_that_no_browser_opens() -> None:
    user = olga()
    run = a_step_run(a_step(an_execution(user), 'e"vil\r\nX: y'), an_asset("wéb\n01"), status="failed")
    output(run, "<script>alert(1)</script>")
    answer = signed_in(user).get(f"/step-runs/{run.pk}/output.txt")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    assert '"vil' not in answer["Content-Disposition"]


@pytest.mark.usefixtures("live_db")
def test_each_attempt_has_its_own_output() -> None:
    user = olga()
    execution = an_execution(user, status="running")
    run = a_step_run(a_step(execution), an_asset(), status="running")
    output(run, "from the first")
    run.attempt = 2
    run.save()
    output(run, "from the second")
    client = signed_in(user)
    for query, said in (
        ("", "second"),
        ("?attempt=1", "first"),
        ("?attempt=9", "second"),
        ("?attempt=x", "second"),
    ):
        assert client.get(f"/step-runs/{run.pk}/output.txt{query}").content.decode() == f"from the {said}"
    page = client.get(f"/executions/{execution.pk}/?run={run.pk}&attempt=1").content.decode()
    assert "from the first" in page
    assert "from the second" not in page


@pytest.mark.usefixtures("live_db")
def test_output_of_another_tenant_is_not_found() -> None:
    run = a_step_run(a_step(an_execution(olga())), an_asset(), status="failed")
    output(run, "secret of acme")
    assert signed_in(nina()).get(f"/step-runs/{run.pk}/output.txt").status_code == 404
