"""Signing in as a Django app of its own."""

from django.apps import AppConfig


class SignInConfig(AppConfig):
    """The tables of signing in."""

    name = "safety.signin"
    label = "signin"
    verbose_name = "Sign-in"

    def ready(self) -> None:
        from safety.signin import checks, sessions  # noqa: F401  registers the check

        sessions.connect()
