"""Why a secret could not be had: certain that nothing was started on a target."""

from typing import ClassVar


class SecretError(Exception):
    """A secret could not be had. `code` is a stable word, `transient` says whether a retry makes sense.

    Messages name references and stores, never values. `store`: its name, empty where none was asked.
    """

    code: ClassVar[str] = "secret.failed"
    transient: ClassVar[bool] = False
    store = ""


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


class SecretCycle(SecretError):
    """A secret refers to another, and that one back to it."""

    code = "secret.cycle"


class NoVersions(SecretError):
    """The reference asks for a version where none are kept."""

    code = "secret.version"


class StoreMisconfigured(SecretError):
    """The store's settings cannot be used: an administrator has to repair them."""

    code = "secret.config"


class SignInRefused(SecretError):
    """The store does not accept our token or role."""

    code = "secret.sign_in"


class TokenExpired(SecretError):
    """The store took our token before and does not any more: it expired or was revoked, and there is no other."""

    code = "secret.expired"


class StoreSealed(SecretError):
    """The store is sealed; it can be read again once somebody unsealed it."""

    code = "secret.sealed"
    transient = True


class StoreUnreachable(SecretError):
    """Nobody answers at the store's address."""

    code = "secret.unreachable"
    transient = True


class StoreSlow(SecretError):
    """The store did not answer within its time limit."""

    code = "secret.slow"
    transient = True


class StoreBusy(SecretError):
    """The store asks to be left alone for now."""

    code = "secret.busy"
    transient = True


class StoreFaulty(SecretError):
    """The store has a fault of its own (5xx)."""

    code = "secret.fault"
    transient = True


class StoreUntrusted(SecretError):
    """The store's certificate is not signed by the authority that we trust, or is for another name."""

    code = "secret.tls"


class StoreRedirects(SecretError):
    """The store sends us elsewhere; we do not follow, because our token would go there too."""

    code = "secret.redirect"


class StoreGarbled(SecretError):
    """The store answered with something that is not its protocol."""

    code = "secret.garbled"


class LeaseTooShort(SecretError):
    """The store lends a secret for less time than the step may take."""

    code = "secret.lease_short"


class NothingMasks(SecretError):
    """There is no masker for this step, so no value may be fetched."""

    code = "secret.unmasked"
