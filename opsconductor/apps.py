"""The wiring as a Django app."""

from django.apps import AppConfig


class OpsConductorConfig(AppConfig):
    """Sets the Dramatiq broker before any actor is declared."""

    name = "opsconductor"
    verbose_name = "OpsConductor"

    def ready(self) -> None:
        from opsconductor import broker

        broker.configure()
        from executions import actors  # noqa: F401  declares them on that broker
