"""Why a secret could not be had: certain that nothing was started on a target."""

from typing import ClassVar


class SecretError(Exception):
    """A secret could not be had. `code` is a stable word, `transient` says whether a retry makes sense.

    Messages name references and stores, never values.
    """

    code: ClassVar[str] = "secret.failed"
    transient: ClassVar[bool] = False


class ReferenceInvalid(SecretError):
    """The reference is not of the form `{"secret": "<store>:<path>#<field>"}`."""

    code = "secret.ref"


class StoreUnknown(SecretError):
    """The store that the reference names is not configured."""

    code = "secret.store"


class TooManyReferences(SecretError):
    """The step has more references, or nests deeper, than is allowed."""

    code = "secret.limit"


class SecretMissing(SecretError):
    """The store has nothing at that path."""

    code = "secret.missing"


class FieldMissing(SecretError):
    """There is something at that path, but not that field."""

    code = "secret.key_missing"


class WrongType(SecretError):
    """What the store has there is not text."""

    code = "secret.type"


class TooLarge(SecretError):
    """The value is longer than 64 KiB."""

    code = "secret.too_large"


class SecretForbidden(SecretError):
    """The tenant, or the store's own policy, does not allow reading that path."""

    code = "secret.forbidden"


class SignInRefused(SecretError):
    """The store does not accept our token or role: expired, revoked or wrong."""

    code = "secret.sign_in"


class StoreSealed(SecretError):
    """The store is sealed; it can be read again once somebody unsealed it."""

    code = "secret.sealed"
    transient = True


class StoreUnreachable(SecretError):
    """The store does not answer, answers too slowly, or asks to be left alone for now."""

    code = "secret.unreachable"
    transient = True


class StoreGarbled(SecretError):
    """The store answered with something that is not its protocol."""

    code = "secret.garbled"


class NothingMasks(SecretError):
    """There is no masker for this step, so no value may be fetched."""

    code = "secret.unmasked"
