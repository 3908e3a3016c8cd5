"""`manage.py prepare`: bring database, static files and the first account to where they should be. Safe to repeat."""

import json
import os
import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from hypermail import demo
from hypermail.first_run import make_first_account

FIRST_EMAIL = "admin@example.com"


class Command(BaseCommand):
    help = "データベースと静的ファイルを更新し、最初のアカウントがなければ作ります。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add --demo and --json."""
        parser.add_argument("--demo", action="store_true", help="デモ用ワークスペースも用意します。")
        parser.add_argument("--json", action="store_true", help="作ったアカウントをJSONで書き出します(upコマンド用)。")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare everything and say which account was made."""
        # What a program reads goes to standard output; these talk to people.
        call_command("migrate", interactive=False, verbosity=0, stdout=self.stderr)
        call_command("collectstatic", interactive=False, verbosity=0, stdout=self.stderr)
        workspace = demo.seed() if options["demo"] else None
        email = os.environ.get("HYPERMAIL_ADMIN_EMAIL") or FIRST_EMAIL
        password = os.environ.get("HYPERMAIL_ADMIN_PASSWORD") or secrets.token_urlsafe(12)
        user = make_first_account(email, password, workspace, name=_("はじめてのワークスペース"))
        if options["json"]:
            self.stdout.write(json.dumps({"email": email, "password": password} if user else {}))
        elif user:
            self.stdout.write(_("最初のアカウントを作りました(パスワードの表示は今回だけです)。"))
            self.stdout.write(f"  {email}  {password}")
