"""API tokens as a Django app of their own."""

from django.apps import AppConfig


class TokensConfig(AppConfig):
    """The tables of API tokens and service accounts."""

    name = "safety.tokens"
    label = "tokens"
    verbose_name = "API tokens"
