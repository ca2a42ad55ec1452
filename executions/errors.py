"""Why something that a person or program asked for was refused."""

from dataclasses import dataclass

from safety.rbac import Answer, Question


@dataclass(frozen=True)
class Refusal:
    """What was asked of RBAC, and its no."""

    question: Question
    answer: Answer


class Refused(Exception):
    """Nothing was changed. `code` is stable; the message is for people; `hint` says what to do."""

    code = "refused"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class NotAllowed(Refused):
    """The person may not do this. A retry makes no sense before somebody grants it.

    refused: what is to be written down about it; None when that is done. asked: the same, kept for who wants to
    know why.
    """

    code = "not_allowed"

    def __init__(self, message: str, *, hint: str = "", refused: Refusal | None = None) -> None:
        super().__init__(message, hint=hint)
        self.refused = self.asked = refused


class SignInAgain(NotAllowed):
    """The person signed in too long ago for this. A retry makes sense when they have signed in again."""

    code = "sign_in_again"


class NotFound(Refused):
    """There is no such thing, or not for this person."""

    code = "not_found"


class Conflict(Refused):
    """The state has moved on, or the request contradicts an earlier one. Look again first."""

    code = "conflict"


class KeyMalformed(Refused):
    """No idempotency key can look like this. A retry makes no sense."""

    code = "idempotency.format"


class KeyMismatch(Conflict):
    """The client's idempotency key belongs to another plan. A retry makes no sense with this key."""

    code = "idempotency.mismatch"


class RanBefore(Conflict):
    """The same plan ran a short while ago. Whoever means to run it again has to say so."""

    code = "idempotency.ran_before"


class SwitchedOff(Conflict):
    """Somebody switched such runs off. A retry makes sense when that has ended."""

    code = "switch.off"


class LimitReached(Refused):
    """More than a limit allows. A retry makes sense with less, later, or when somebody has raised the limit."""

    code = "limit.reached"


class TooFast(LimitReached):
    """More within a minute than a limit allows. A retry makes sense in a minute."""

    code = "limit.rate"


class RolloutOff(Conflict):
    """Runs of the tenant are off. A retry makes sense when somebody has changed that."""

    code = "rollout.off"
