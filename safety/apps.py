"""The guards as a Django app."""

from django.apps import AppConfig


class SafetyConfig(AppConfig):
    """Leases, policies, roles, masking: everything that can say no."""

    name = "safety"
    verbose_name = "Safety"

    def ready(self) -> None:
        from safety import chain  # noqa: F401  registers the system check
