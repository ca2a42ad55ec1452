"""The domain as a Django app."""

from django.apps import AppConfig


class ExecutionsConfig(AppConfig):
    """Plans, executions and everything that runs them."""

    name = "executions"
    verbose_name = "Executions"

    def ready(self) -> None:
        from executions import granted  # noqa: F401  listens for changed memberships
