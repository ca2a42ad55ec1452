"""Gives every step its own masker and lets nothing out unmasked."""

from dataclasses import replace
from typing import NoReturn

from safety.context import LeaseLost, Outcome, StepContext, StepHandler
from safety.masking import live
from safety.masking.masker import Masker
from safety.masking.spans import MaskingError

WITHHELD = "withheld: masking failed"


class FailureMasked(Exception):
    """A step failed with an error whose text held something secret; this is what remains of it."""


class MaskingMiddleware:
    """Give the step a masker, mask its outcome, and forget its values.

    LeaseLost passes as it is. Any other exception passes too, unless its text, or that of one it is chained
    to, holds something secret: then FailureMasked is raised in its place, without the chain.
    Outermost in the chain, because whatever the other guards raise passes through here.
    """

    def __init__(self, proceed: StepHandler) -> None:
        self.proceed = proceed

    def __call__(self, step: StepContext) -> Outcome:
        masker = step.masker = Masker()
        live.register(masker)
        try:
            try:
                outcome = self.proceed(step)
            except LeaseLost:
                raise
            except Exception as error:
                masked = _without_secrets(error, masker)
                if masked is error:
                    raise
            else:
                return _masked_outcome(outcome, masker)
            _raise_unchained(masked)
        finally:
            step.masker = None
            live.retire(masker)


def _masked_outcome(outcome: Outcome, masker: Masker) -> Outcome:
    return replace(
        outcome,
        detail=_text_or_notice(outcome.detail, masker),
        summary=_text_or_notice(outcome.summary, masker),
    )


def _text_or_notice(text: str, masker: Masker) -> str:
    try:
        return masker.text(text) if text else text
    except MaskingError:
        return WITHHELD


def _without_secrets(error: Exception, masker: Masker) -> Exception:
    try:
        texts = _texts(error, set())
        if all(masker.text(text) == text for text in texts):
            return error
        return FailureMasked(masker.text(f"{type(error).__name__}: {error}"))
    except Exception:  # noqa: BLE001 - an error that cannot even be shown is withheld
        return FailureMasked(WITHHELD)


def _texts(error: BaseException | None, seen: set[int]) -> list[str]:
    """Everything a log would show of an exception: its own text, its notes, and those it is chained to."""
    if error is None or id(error) in seen:
        return []
    seen.add(id(error))
    texts = [str(error), repr(error), *getattr(error, "__notes__", ())]
    chained = (error.__cause__, error.__context__)
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return texts + [text for other in (*chained, *members) for text in _texts(other, seen)]


def _raise_unchained(error: Exception) -> NoReturn:
    """Raise outside of any `except`, so that no context is attached."""
    raise error
