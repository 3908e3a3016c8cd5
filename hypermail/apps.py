"""App configuration."""

from django.apps import AppConfig

from hypermail.checks import register_all


class HypermailConfig(AppConfig):
    name = "hypermail"
    verbose_name = "Hypermail"

    def ready(self) -> None:
        """Register the system checks."""
        register_all()
