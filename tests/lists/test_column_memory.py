"""What columns were in earlier files (F2)."""

from datetime import timedelta

import pytest

from lists.column_memory import KEEP, fold_header, recall, remember
from lists.models import ColumnMemory
from tests.factories import make_list
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db

HEADERS = ["連絡先", "呼び名", "秘密"]
COLUMNS = {"0": "address", "1": "name"}


def test_headers_are_compared_without_signs_and_width() -> None:
    assert fold_header("Ｅ-mail") == fold_header("e mail") == "email"
    assert fold_header("お名前（漢字）") == fold_header("お名前漢字")
    assert fold_header("--") == ""


def test_a_list_remembers_what_its_columns_were_and_what_was_left_out() -> None:
    mailing_list = make_list()
    remember(mailing_list, HEADERS, COLUMNS, NOW)
    assert recall(mailing_list, ["秘密", "呼び 名", "連絡先", "新しい列"]) == {
        "連絡先": "address",
        "呼び 名": "name",
        "秘密": "-",
    }


def test_a_new_list_begins_with_what_the_workspace_knows() -> None:
    first = make_list()
    second, stranger = make_list(first.workspace), make_list()
    remember(first, HEADERS, COLUMNS, NOW)
    assert recall(second, HEADERS)["連絡先"] == "address"
    assert recall(stranger, HEADERS) == {}
    remember(second, ["連絡先"], {"0": "電話"}, NOW)
    assert recall(second, HEADERS) == {"連絡先": "電話", "呼び名": "name", "秘密": "-"}
    assert recall(first, HEADERS)["連絡先"] == "address"


def test_the_newest_meaning_replaces_the_older() -> None:
    mailing_list = make_list()
    remember(mailing_list, HEADERS, COLUMNS, NOW)
    remember(mailing_list, HEADERS, {"0": "name", "1": "address"}, NOW)
    assert recall(mailing_list, HEADERS) == {"連絡先": "name", "呼び名": "address", "秘密": "-"}
    assert ColumnMemory.objects.filter(mailing_list=mailing_list).count() == 3


def test_of_a_header_that_stands_there_twice_nothing_is_kept() -> None:
    mailing_list = make_list()
    remember(mailing_list, ["メール", "メール", "名前", ""], {"0": "address", "2": "name"}, NOW)
    assert recall(mailing_list, ["メール", "名前", ""]) == {"名前": "name"}
    remember(mailing_list, ["メール"], {"0": "address"}, NOW)
    assert recall(mailing_list, ["メール", "メール"]) == {}


def test_what_was_not_used_for_years_is_forgotten() -> None:
    mailing_list = make_list()
    remember(mailing_list, HEADERS, COLUMNS, NOW - KEEP - timedelta(days=1))
    remember(mailing_list, ["氏名"], {"0": "name"}, NOW)
    assert recall(mailing_list, [*HEADERS, "氏名"]) == {"氏名": "name"}


def test_deleting_the_list_leaves_what_the_workspace_knows() -> None:
    mailing_list = make_list()
    workspace = mailing_list.workspace
    remember(mailing_list, HEADERS, COLUMNS, NOW)
    mailing_list.delete()
    assert recall(make_list(workspace), HEADERS)["呼び名"] == "name"
