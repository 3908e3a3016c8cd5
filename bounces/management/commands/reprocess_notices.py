"""`manage.py reprocess_notices`: lets notices be read again that counted nothing."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from bounces.models import RawNotice
from bounces.rereading import AT_ONCE, REREADABLE, outdated, read_again


class Command(BaseCommand):
    help = "未照合・読み取り不可・エラーではないと判断したメールを、今の規則でもう一度読みます。数え済みのメールは読みません。"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what is chosen."""
        parser.add_argument("--state", choices=[state.value for state in REREADABLE], help="この状態のメールだけ")
        parser.add_argument("--all", action="store_true", help="今の規則で読んだメールも")
        parser.add_argument("--limit", type=int, default=AT_ONCE, help="最大件数")

    def handle(self, *args: Any, **options: Any) -> None:
        """Set the notices back and say how many; the worker reads them."""
        chosen = RawNotice.objects.filter(state=options["state"]) if options["state"] else RawNotice.objects.all()
        done = 0
        for part in [chosen] if options["all"] else outdated(chosen):
            done += read_again(part, at_most=options["limit"] - done)
        self.stdout.write(f"{done}件をもう一度読みます。")
