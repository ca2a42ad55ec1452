"""Gives every step its own masker and lets nothing out unmasked."""

from dataclasses import replace
from typing import NoReturn

from safety.context import LeaseLost, Outcome, OutcomeStatus, StepContext, StepHandler
from safety.masking import live
from safety.masking.masker import Masker
from safety.masking.spans import MaskingError
from safety.masking.tenant_rules import RulesUnusable, TenantRules, rules_of

WITHHELD = "withheld: masking failed"
# Their detail says what the step waits for; it comes here again.
_COMES_BACK = frozenset({OutcomeStatus.WAITING, OutcomeStatus.HANDED_OVER})


class FailureMasked(Exception):
    """A step failed with an error whose text held something secret; this is what remains of it."""


class MaskingMiddleware:
    """Give the step a masker, mask its outcome, and forget its values.

    LeaseLost passes as it is. Any other exception passes too, unless its text, or that of one it is chained
    to, holds something secret: then FailureMasked is raised in its place, without the chain.
    Outermost in the chain, because whatever the other guards raise passes through here. Nothing is started
    while the tenant's own rules cannot be used. What the masker warns of is told in the outcome's detail.
    """

    def __init__(self, proceed: StepHandler) -> None:
        self.proceed = proceed

    def __call__(self, step: StepContext) -> Outcome:
        try:
            chosen = rules_of(step.tenant_id, step.masking_version)
        except RulesUnusable as problem:
            return Outcome(status=OutcomeStatus.FAILED, category="masking", detail=str(problem))
        return self._masked(step, chosen)

    def _masked(self, step: StepContext, chosen: TenantRules) -> Outcome:
        masker = step.masker = Masker(ip_addresses=chosen.ip_addresses, rules=chosen.rules)
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
        detail=_text_or_notice(_with_warnings(outcome, masker), masker),
        summary=_text_or_notice(outcome.summary, masker),
    )


def _with_warnings(outcome: Outcome, masker: Masker) -> str:
    warnings = [] if outcome.status in _COMES_BACK else [f"warning: {each}" for each in masker.warnings]
    return "; ".join(part for part in (outcome.detail, *warnings) if part)


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
