"""The command that reads paths and prints what the mails say."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.bounces.notices import EMAILS


def run(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{path}\n" for path in paths) + "\n"))
    out = io.StringIO()
    call_command("parse_notices", stdout=out)
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    return {Path(answer["file"]).stem: answer for answer in answers}


def test_answers_one_line_a_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = run(sorted(EMAILS.glob("*.eml")), monkeypatch)
    assert len(answers) == len(list(EMAILS.glob("*.eml")))
    kinds = {name: [row["kind"] for row in answer["bounces"]] for name, answer in answers.items()}
    assert kinds["postfix-user-unknown"] == ["hard"]
    assert kinds["sendmail-mailbox-full"] == ["soft"]
    assert kinds["docomo-refused-after-data"] == ["block"]
    assert kinds["flufl-only"] == ["unknown"]
    assert kinds["arf-abuse"] == kinds["arf-without-recipient"] == ["complaint"]
    assert kinds["postfix-delay"] == kinds["postfix-delivered"] == ["not_bounce"]
    assert kinds["reply-of-a-person"] == []
    assert answers["postfix-user-unknown"]["bounces"][0]["reason"] == "user_unknown"


def test_missing_file_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run([Path("no-such.eml")], monkeypatch)["no-such"]["error"]
