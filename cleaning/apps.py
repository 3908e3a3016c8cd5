"""App configuration."""

from django.apps import AppConfig


class CleaningConfig(AppConfig):
    name = "cleaning"
    verbose_name = "事前クリーニング"
