"""`manage.py parse_notices`: reads paths of mails on stdin and prints what each says, one JSON object a line."""

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from bounces.judging import judge
from bounces.parsed import NoticeKind, ParsedNotice
from bounces.parsing import parse
from mta.verdicts import Kind

# Kinds as the outside knows them; a refusal by the recipient is a block that is not the address's fault.
OUTSIDE = {Kind.REFUSED: "block"}


class Command(BaseCommand):
    help = "標準入力のパス(1行1件)のメールを読み、結果を1行1件のJSONで出力します。"

    def handle(self, *args: Any, **options: Any) -> None:
        """Answer each path in its turn."""
        for line in sys.stdin:
            if path := line.strip():
                self.stdout.write(json.dumps(describe_file(path), ensure_ascii=False))


def describe_file(path: str) -> dict[str, Any]:
    """Return what a file says; one that cannot be opened is told as an error."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        return {"file": path, "bounces": [], "error": str(error)}
    return {"file": path, "bounces": describe(parse(content))}


def describe(notice: ParsedNotice) -> list[dict[str, str]]:
    """Return a row for each recipient; a complaint that names none is one row."""
    rows = []
    for recipient in notice.recipients:
        verdict = judge(notice, recipient)
        rows.append(
            {
                "recipient": recipient.address,
                "status": recipient.status,
                "kind": OUTSIDE.get(verdict.kind, verdict.kind.value),
                "reason": verdict.reason.value,
                "rule": verdict.rule,
                "text": recipient.text,
            }
        )
    if notice.kind == NoticeKind.COMPLAINT and not rows:
        rows.append({"recipient": "", "status": "", "kind": "complaint", "reason": "complaint"})
    return rows
