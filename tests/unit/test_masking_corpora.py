"""The two corpora: every secret in its usual surroundings is masked, and ordinary output stays as it is."""

from executions.benchmark.corpora import false_positives, harmless, leaks, missed
from executions.benchmark.masking_suite import MOST_FALSE_POSITIVES
from safety.masking import Masker


def test_every_secret_of_the_leak_corpus_is_masked() -> None:
    every, left = list(leaks()), missed()
    print(f"{len(every) - len(left)} of {len(every)} masked")
    assert len(every) > 500
    assert [leak.text for leak in left] == []


def test_ordinary_output_is_left_as_it_is_but_for_two_lines_at_most() -> None:
    lines, changed = harmless(), false_positives()
    print(f"false positives: {len(changed)} of {len(lines)} lines")
    assert len(lines) > 400
    assert len(changed) <= MOST_FALSE_POSITIVES, changed


def test_the_corpora_are_masked_alike_line_by_line_and_as_one_stream() -> None:
    every, stream = list(leaks()), Masker().stream()
    text = "\n\n".join(leak.text for leak in every).encode()
    shown = b"".join(stream.feed(text[at : at + 777]) for at in range(0, len(text), 777)) + stream.flush()
    assert [leak.text for leak in every if any(one.encode() in shown for one in leak.secrets)] == []
    changed = set(false_positives())
    calm = "\n".join(line for line in harmless() if line not in changed)
    assert Masker().text(calm) == calm


def test_the_made_up_secrets_are_the_same_in_every_run() -> None:
    assert list(leaks()) == list(leaks())
    assert len({leak.text for leak in leaks()}) > 500
