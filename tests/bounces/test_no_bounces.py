"""Automatic replies, answers of people, delay notices and ordinary mails are no bounces."""

import pytest

from bounces.judging import judge
from bounces.parsing import parse
from mta.verdicts import Kind
from tests.emails.no_bounces import LETTERS, Letter, build


@pytest.mark.parametrize("letter", LETTERS, ids=[letter.name for letter in LETTERS])
def test_is_no_bounce(letter: Letter) -> None:
    notice = parse(build(letter))
    assert notice.kind == letter.kind, notice
    assert {judge(notice, recipient).kind for recipient in notice.recipients} <= {Kind.NOT_BOUNCE}


def test_there_are_enough_of_them() -> None:
    assert len({letter.name for letter in LETTERS}) == len(LETTERS) >= 50
