"""Files that say when and from where their people agreed: kept in the ledger of consents (A4)."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from lists.column_memory import recall
from lists.columns import CONSENT_AT, CONSENT_IP
from lists.import_reasons import RejectReason
from lists.models import (
    AttributeDefinition,
    Consent,
    CsvImport,
    Exclusion,
    ExclusionKind,
    ImportMode,
    ImportState,
    MailingList,
    Subscriber,
)
from tests.factories import make_list, make_subscriber
from tests.lists.clock import NOW
from tests.lists.pages import columns_of, text_of, upload

Importer = Callable[..., CsvImport]
pytestmark = pytest.mark.django_db

HEADER = "メールアドレス,会社名,同意日時,同意IP\n"
FILE = f"""{HEADER}taro@example.jp,みほん,2020/04/01 12:34,192.0.2.1
Hanako@example.jp,,,2001:db8::1
jiro@example.jp,,2021-05-06,
saburo@example.jp,,,
"""
AT = datetime(2020, 4, 1, 3, 34, tzinfo=UTC)


def consents(mailing_list: MailingList) -> dict[str, tuple[datetime, str | None]]:
    found = Consent.objects.filter(mailing_list=mailing_list, ended_at=None)
    return {address: (at, ip) for address, at, ip in found.values_list("subscriber__address", "at", "ip")}


@pytest.mark.parametrize("mode", list(ImportMode))
def test_the_ledger_has_what_the_file_says_and_else_the_time_of_the_import_a4(
    import_csv: Importer, mailing_list: MailingList, mode: ImportMode
) -> None:
    """A4."""
    # Who is known already gets a place here, and a consent for that.
    make_subscriber(make_list(mailing_list.workspace), "jiro@example.jp")
    make_subscriber(make_list(mailing_list.workspace), "hanako@example.jp")
    done = import_csv(mailing_list, FILE, mode)
    assert (done.state, done.rows_new, done.rows_rejected) == (ImportState.DONE, 4, 0)
    spelling = "hanako" if mode == ImportMode.ADD else "Hanako"
    assert consents(mailing_list) == {
        "taro@example.jp": (AT, "192.0.2.1"),
        f"{spelling}@example.jp": (NOW, "2001:db8::1"),
        "jiro@example.jp": (datetime(2021, 5, 5, 15, 0, tzinfo=UTC), None),
        "saburo@example.jp": (NOW, None),
    }
    assert set(Consent.objects.filter(csv_import=done.pk).values_list("evidence", flat=True)) == {"meibo.csv"}
    # What tells of the consent is nobody's attribute.
    assert list(AttributeDefinition.objects.values_list("name", flat=True)) == ["会社名"]
    assert "同意" not in str(list(Subscriber.objects.values_list("attributes", flat=True)))
    assert recall(mailing_list, ["同意日時", "同意IP"]) == {"同意日時": CONSENT_AT, "同意IP": CONSENT_IP}


def test_the_record_of_who_is_on_the_list_stays_as_it_is_a4(import_csv: Importer, mailing_list: MailingList) -> None:
    """A4."""
    import_csv(mailing_list, FILE)
    before = consents(mailing_list)
    import_csv(mailing_list, FILE.replace("2020/04/01 12:34", "2019-01-01"), ImportMode.REPLACE)
    assert consents(mailing_list) == before


def test_one_of_the_two_columns_is_enough(import_csv: Importer, mailing_list: MailingList) -> None:
    import_csv(mailing_list, "メールアドレス,オプトイン日時\ntaro@example.jp,2020-04-01T12:34:00+09:00\n")
    import_csv(mailing_list, "email,confirm_ip\nhanako@example.jp,192.0.2.1\n")
    assert consents(mailing_list) == {"taro@example.jp": (AT, None), "hanako@example.jp": (NOW, "192.0.2.1")}


def test_a_value_that_cannot_be_read_is_told_with_its_row(import_csv: Importer, mailing_list: MailingList) -> None:
    make_subscriber(mailing_list, "mae@example.jp", name="前")
    done = import_csv(
        mailing_list,
        f"{HEADER}taro@example.jp,,2020-04-01,192.0.2.1\nhanako@example.jp,,たぶん春,\njiro@example.jp,,,不明\n"
        "mae@example.jp,,2999-01-01,\nxxx,,たぶん夏,\n",
        ImportMode.REPLACE,
    )
    assert list(done.rejected_rows.order_by("line").values_list("line", "column", "value", "code")) == [
        (3, "同意日時", "たぶん春", RejectReason.CONSENT),
        (4, "同意IP", "不明", RejectReason.CONSENT),
        (5, "同意日時", "2999-01-01", RejectReason.CONSENT),
        (6, "メールアドレス", "xxx", RejectReason.ADDRESS),
    ]
    # Like any other row that is refused, it keeps its person's place.
    assert (done.rows_new, done.rows_kept, done.rows_removed) == (1, 1, 0)


def test_short_rows_and_repeated_ones_say_nothing(import_csv: Importer, mailing_list: MailingList) -> None:
    done = import_csv(mailing_list, f"{HEADER}taro@example.jp\ntaro@example.jp,,2020-04-01,192.0.2.1\n")
    assert (done.rows_new, done.rows_duplicate) == (1, 1)
    assert consents(mailing_list) == {"taro@example.jp": (NOW, None)}


def test_who_is_excluded_does_not_come_in_with_his_consent(import_csv: Importer, mailing_list: MailingList) -> None:
    Exclusion.objects.create(workspace=mailing_list.workspace, kind=ExclusionKind.DOMAIN, value="example.com")
    done = import_csv(mailing_list, FILE + "shiro@example.com,,2020-04-01,192.0.2.9\n", ImportMode.REPLACE)
    assert (done.rows_new, done.rows_barred) == (4, 1)
    assert consents(mailing_list)["taro@example.jp"] == (AT, "192.0.2.1")


def test_the_columns_are_chosen_in_the_wizard_and_each_once(editor: Client, mailing_list: MailingList) -> None:
    upload(editor, mailing_list, "メールアドレス,いつ,どこから\ntaro@example.jp,2020-04-01 12:34,192.0.2.1\n")
    csv_import = CsvImport.objects.get()
    url = reverse("import_columns", args=[csv_import.pk])
    both = columns_of(csv_import, column_1=CONSENT_AT, column_2=CONSENT_AT)
    assert "「同意日時」の列が2つ以上" in text_of(editor.post(url, both))
    answer = columns_of(csv_import, column_1=CONSENT_AT, column_2=CONSENT_IP)
    assert editor.post(url, answer).status_code == 302
    csv_import.refresh_from_db()
    assert (csv_import.columns, csv_import.kinds) == ({"0": "address", "1": CONSENT_AT, "2": CONSENT_IP}, {})


def test_the_page_of_a_subscriber_shows_the_ip_address(
    editor: Client, import_csv: Importer, mailing_list: MailingList
) -> None:
    import_csv(mailing_list, FILE)
    subscriber = Subscriber.objects.get(address="taro@example.jp")
    page = text_of(editor.get(reverse("subscriber_detail", args=[subscriber.pk])))
    assert "2020/04/01 12:34" in page
    assert "192.0.2.1" in page
