"""`manage.py seed_demo`: fill the demonstration workspace."""

from typing import Any

from django.core.management.base import BaseCommand

from hypermail import demo


class Command(BaseCommand):
    help = "デモ用ワークスペースを用意します。何度実行しても内容は増えません。"

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed."""
        demo.seed()
