"""Guessing what the columns of a file are (F2)."""

import pytest

from lists.column_memory import remember
from lists.csv_columns import attribute_names_for, clean_attribute_name, guess_columns
from lists.csv_reading import Preview, Row
from lists.models import AttributeDefinition
from tests.factories import make_list
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db


def guess(headers: list[str], *rows: list[str]) -> dict[str, str]:
    preview = Preview(headers, [Row(line, cells) for line, cells in enumerate(rows, start=2)])
    return guess_columns(make_list(), preview)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["メールアドレス", "氏名", "会社名"], {"0": "address", "1": "name", "2": "会社名"}),
        (["E-mail", "お名前", "都道府県"], {"0": "address", "1": "name", "2": "都道府県"}),
        (["No.", "Full Name", "Mail Address"], {"0": "No.", "1": "name", "2": "address"}),
        (["EMAIL_ADDRESS", "Name"], {"0": "address", "1": "name"}),
        (["Ｅメール", "姓", "名"], {"0": "address", "1": "name", "2": "name"}),
        (["電子メール(PC)", "氏名(漢字)", "フリガナ"], {"0": "電子メール(PC)", "1": "name", "2": "フリガナ"}),
        (["email", "氏名", "姓", "名"], {"0": "address", "1": "name", "2": "姓", "3": "名"}),
    ],
)
def test_japanese_and_english_headers_are_understood_f2(headers: list[str], expected: dict[str, str]) -> None:
    """F2."""
    assert guess(headers) == expected


def test_without_a_telling_header_the_column_with_addresses_is_it() -> None:
    assert guess(["ID", "れんらく先"], ["1", "a@example.jp"], ["2", "x"]) == {"0": "ID", "1": "address"}


def test_of_two_address_columns_the_filled_one_is_taken() -> None:
    columns = guess(["メール", "携帯メール"], ["", "a@example.jp"], ["", "b@example.jp"])
    assert columns == {"0": "メール", "1": "address"}


def test_a_file_without_addresses_has_no_address_column() -> None:
    assert "address" not in guess(["ID", "氏名"], ["1", "山田"]).values()


def test_the_choice_of_the_last_file_is_kept_for_the_next() -> None:
    mailing_list = make_list()
    remember(mailing_list, ["連絡先", "呼び名", "秘密", "会社"], {"0": "address", "1": "name", "3": "勤務先"}, NOW)
    preview = Preview(["秘密", "会社", "呼び名", "連絡先", "新しい列"], [])
    assert guess_columns(mailing_list, preview) == {"1": "勤務先", "2": "name", "3": "address", "4": "新しい列"}


def test_an_attribute_is_found_by_its_label_and_its_name() -> None:
    mailing_list = make_list()
    AttributeDefinition.objects.create(workspace=mailing_list.workspace, name="rank", label="会員ランク")
    assert guess_columns(mailing_list, Preview(["email", "会員 ランク"], [])) == {"0": "address", "1": "rank"}
    assert guess_columns(mailing_list, Preview(["email", "Rank"], [])) == {"0": "address", "1": "rank"}


def test_an_attribute_is_given_to_one_column_only() -> None:
    mailing_list = make_list()
    AttributeDefinition.objects.create(workspace=mailing_list.workspace, name="会社", label="勤務先")
    columns = guess_columns(mailing_list, Preview(["email", "勤務先", "会社"], []))
    assert columns == {"0": "address", "1": "会社"}


def test_attribute_names_are_unique_and_fit_for_merge_tags() -> None:
    names = attribute_names_for(["会社名", "会社名", "{{name|x}}", "name", "", "会員 ランク\n(新)", "x" * 90])
    assert names == ["会社名", "会社名_2", "name x", "name_2", "列5", "会員 ランク (新)", "x" * 50]
    assert clean_attribute_name("ＡＢＣ　①") == "ABC 1"
