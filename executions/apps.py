"""The domain as a Django app."""

from django.apps import AppConfig


class ExecutionsConfig(AppConfig):
    """Plans, executions and everything that runs them."""

    name = "executions"
    verbose_name = "Executions"

    def ready(self) -> None:
        from executions import granted, rules_changed  # noqa: F401  listen for changes that belong in the history
