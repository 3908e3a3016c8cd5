"""`manage.py make_key`: print values for SECRET_KEY and ENCRYPTION_KEYS."""

import secrets
from typing import Any

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "SECRET_KEYとENCRYPTION_KEYSに使える、新しい値を表示します。"
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Print both, as lines of an environment file."""
        self.stdout.write(f"SECRET_KEY={secrets.token_urlsafe(64)}")
        self.stdout.write(f"ENCRYPTION_KEYS={Fernet.generate_key().decode()}")
