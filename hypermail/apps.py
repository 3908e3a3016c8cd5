"""App configuration."""

from django.apps import AppConfig


class HypermailConfig(AppConfig):
    name = "hypermail"
    verbose_name = "Hypermail"
