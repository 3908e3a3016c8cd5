"""Guessing what the columns of a file are (F2)."""

import pytest

from lists.column_memory import remember
from lists.columns import CONSENT_AT, CONSENT_IP
from lists.csv_columns import attribute_names_for, clean_attribute_name, guess_columns
from lists.csv_reading import Preview, Row, make_preview
from lists.models import AttributeDefinition
from lists.people_export import people_columns
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


def test_long_headers_stay_apart_and_short_enough() -> None:
    long = "今後ご案内を希望される製品・サービスをすべてお選びください。複数の場合はすべてにチェックを入れてください"
    names = attribute_names_for([f"{long} [{item}]" for item in ("A", "B", "C")] + [long] * 8)
    assert len(set(names)) == 11
    assert all(len(name) <= 50 for name in names)
    assert names[1].endswith("_2")
    assert names[10].endswith("_11")


def test_a_name_has_no_sign_that_its_form_refuses() -> None:
    assert clean_attribute_name('"A"\\{B}|C') == "A B C"


def test_columns_without_a_header_and_a_value_are_left_out() -> None:
    preview = make_preview([Row(1, ["メール", "氏名", "", "", ""]), Row(2, ["a@example.jp", "花子", "", "x", " "])],
        has_header=True)  # fmt: skip
    assert guess_columns(make_list(), preview) == {"0": "address", "1": "name", "3": "列4"}


def test_what_our_export_adds_is_left_out_unless_there_is_such_an_attribute() -> None:
    mailing_list = make_list()
    headers = ["メールアドレス", "状態", "登録日時"]
    assert guess_columns(mailing_list, Preview(headers, [])) == {"0": "address"}
    AttributeDefinition.objects.create(workspace=mailing_list.workspace, name="state", label="状態")
    expected = {"0": "address", "1": "state"}
    assert guess_columns(mailing_list, Preview(headers, [])) == expected
    # Then the export names both, and they are told apart again.
    labels = [column.label for column in people_columns(mailing_list.workspace)]
    assert labels[:6] == ["メールアドレス", "お名前", "状態", "状態(Hypermail)", "停止理由", "登録日時"]
    found = guess_columns(mailing_list, Preview(labels, []))
    assert found == {"0": "address", "1": "name", "2": "state"}


def test_a_column_of_the_customers_own_with_a_name_of_our_export_is_offered() -> None:
    headers = ["メール", "状態", "停止理由", "登録日時", "エラー回数"]
    ours = ["a@example.jp", "配信停止", "購読解除", "2026-04-01 12:34", "2"]
    assert guess(headers, ours, ["b@example.jp", "配信中", "", "2026/4/1 9:05", "0"]) == {"0": "address"}
    own = ["b@example.jp", "退会", "引っ越し", "2026-04-01", "なし"]
    assert guess(headers, ours, own) == {"0": "address", **{str(number): headers[number] for number in range(1, 5)}}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["email", "同意日時", "同意したときのIPアドレス"], {"0": "address", "1": CONSENT_AT, "2": CONSENT_IP}),
        (["email", "OPTIN_TIME", "OPTIN_IP"], {"0": "address", "1": CONSENT_AT, "2": CONSENT_IP}),
        (["email", "CONFIRM_TIME", "同意日"], {"0": "address", "1": CONSENT_AT, "2": "同意日"}),
        (["email", "IPアドレス", "登録日"], {"0": "address", "1": "IPアドレス", "2": "登録日"}),
    ],
)
def test_when_and_where_people_agreed_is_known_by_its_header_a4(headers: list[str], expected: dict[str, str]) -> None:
    """A4."""
    assert guess(headers) == expected


def test_an_attribute_with_such_a_name_stays_one() -> None:
    mailing_list = make_list()
    AttributeDefinition.objects.create(workspace=mailing_list.workspace, name="同意日", label="同意日")
    assert guess_columns(mailing_list, Preview(["email", "同意日"], [])) == {"0": "address", "1": "同意日"}


def test_a_header_of_a_hundred_thousand_letters_is_cut_before_it_is_folded() -> None:
    # Marks that stand over one letter are sorted, which takes quadratic time.
    header = "a" + "\u0301\u0327" * 50_000
    assert guess([header, "メール"], ["1", "a@example.jp"])["1"] == "address"
