"""A draft is judged by a spamd; one that cannot be asked is no fault."""

import socket
from collections.abc import Iterator

import pytest

from campaigns.spam_checking import ANSWER_BYTES, ask_spamd
from tests.campaigns.spamd_server import Spamd, answer_with, serve_spamd

MAIL = "Subject: 見本\r\n\r\n本文です。\r\n".encode()


@pytest.fixture
def spamd() -> Iterator[Spamd]:
    with serve_spamd() as server:
        yield server


def test_score_and_rules(spamd: Spamd) -> None:
    spamd.answer = answer_with("4.2", "HTML_MESSAGE,MISSING_DATE\r\n")
    assert ask_spamd(spamd.address, MAIL) == {"score": 4.2, "rules": ["HTML_MESSAGE", "MISSING_DATE"]}
    assert spamd.commands == ["SYMBOLS SPAMC/1.5"]
    assert spamd.asked == [MAIL]


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (answer_with("-1.5"), -1.5),
        (answer_with("12.3", "A", spam="True"), 12.3),
        (b"SPAMD/1.5 0 EX_OK\r\nSpam: Yes ; 6 / 5\r\nDidSet: local\r\n\r\nA,B", 6.0),
    ],
)
def test_answers_of_other_versions(spamd: Spamd, answer: bytes, score: float) -> None:
    spamd.answer = answer
    assert ask_spamd(spamd.address, MAIL)["score"] == score


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SPAMD/1.0 76 Bad header line\r\n\r\n",
        b"SPAMD/1.1 0 EX_OK\r\n\r\n",
        b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1.2.3 / 5.0\r\n\r\n",
        b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 9 / 5.0\r\n\r\n<script>",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        answer_with("9.0", "A," * ANSWER_BYTES),
    ],
)
def test_what_is_no_answer(spamd: Spamd, answer: bytes) -> None:
    spamd.answer = answer
    assert ask_spamd(spamd.address, MAIL) == {}


def test_silence(spamd: Spamd) -> None:
    spamd.is_silent = True
    assert ask_spamd(spamd.address, MAIL, seconds=0.2) == {}


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    assert ask_spamd(address, MAIL) == {}


@pytest.mark.parametrize("address", ["", "127.0.0.1", "127.0.0.1:x", "nobody.invalid:783"])
def test_no_address(address: str) -> None:
    assert ask_spamd(address, MAIL, seconds=1) == {}


def test_no_mail(spamd: Spamd) -> None:
    assert ask_spamd(spamd.address, b"") == {}
    assert spamd.asked == []
