"""The tables of signing in: what happened, and how many tries there were lately."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class SignInRecord(models.Model):
    """One thing that happened to an account at the door, kept for good; the account itself may be gone."""

    class What(models.TextChoices):
        SIGNED_IN = "signed_in", "signed in"
        REFUSED = "refused", "refused"
        LOCKED = "locked", "locked for a while"
        LIFTED = "lifted", "lock lifted"
        PASSWORD = "password", "password changed"
        ENDED = "ended", "signed out everywhere"
        ENROLLED = "enrolled", "second factor set up"
        LINKED = "linked", "linked to single sign-on"
        UNLINKED = "unlinked", "unlinked from single sign-on"
        RESET = "reset", "second factor taken away"
        TOKEN_MADE = "token_made", "API token made"
        TOKEN_REVOKED = "token_revoked", "API token revoked"

    user_id = models.BigIntegerField()
    name = models.CharField(max_length=150)
    what = models.CharField(max_length=20)  # one of What
    method = models.CharField(max_length=40, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    address = models.GenericIPAddressField(null=True)
    by_id = models.BigIntegerField(null=True)  # who did it, when that was somebody else
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "opsc_sign_in"
        verbose_name = "sign-in record"
        indexes = [
            models.Index(fields=["user_id", "-id"], name="sign_in_user"),
            # From where somebody got in lately.
            models.Index(
                fields=["user_id", "address", "at"],
                condition=models.Q(what="signed_in"),
                name="sign_in_known_address",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.happened}"

    @property
    def happened(self) -> str:
        """What it was, in words."""
        return self.What(self.what).label


class SignInCount(models.Model):
    """Tries of one kind, by account, by address, or by both; a new count begins when it has ended.

    The account is a keyed hash of the name that was typed, which may be no account at all, or a password.
    """

    kind = models.CharField(max_length=10)
    account = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=50, blank=True)
    user_id = models.BigIntegerField(null=True)
    tries = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "opsc_sign_in_count"
        verbose_name = "count of tries"
        verbose_name_plural = "counts of tries"
        constraints = [
            models.UniqueConstraint(fields=["kind", "account", "address"], name="one_count_of_tries"),
        ]

    def __str__(self) -> str:
        return f"{self.tries} tries, {self.kind}"


class SessionsEnd(models.Model):
    """Sessions of this account that began before are over."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        db_table = "opsc_sessions_end"

    def __str__(self) -> str:
        return f"sessions before {self.at}"


class SecondFactor(models.Model):
    """The authenticator of one account: its secret, sealed, and the last time step whose code was used."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+")
    sealed = models.TextField()
    last_step = models.BigIntegerField()
    since = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "opsc_second_factor"

    def __str__(self) -> str:
        return f"second factor of {self.user}"


class RecoveryCode(models.Model):
    """The hash of a code that stands in for the authenticator once; using it removes it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)

    class Meta:
        db_table = "opsc_recovery_code"
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="one_recovery_code")]

    def __str__(self) -> str:
        return f"a recovery code of {self.user}"


class ExternalIdentity(models.Model):
    """Which account a subject of an OpenID Connect provider is."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    issuer = models.CharField(max_length=300)
    subject = models.CharField(max_length=255)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "opsc_external_identity"
        verbose_name_plural = "external identities"
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="one_account_per_identity"),
            models.UniqueConstraint(fields=["user", "issuer"], name="one_identity_per_account"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} of {self.issuer}"
