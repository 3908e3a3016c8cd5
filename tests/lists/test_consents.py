"""The ledger of consents: what ends one, how long it is kept, its page and its export."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from itertools import count
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import AuditEntry, Role, Workspace
from bounces.erasing import erase_people
from lists.consent_ledger import LedgerSearch, consents_of, find_consents, ledger_columns
from lists.consents import end_consents, purge_ended, record_consents
from lists.models import Consent, ImportMode, MailingList, Subscriber
from tests.conftest import ClientFor
from tests.factories import make_list, make_subscriber, make_user, make_workspace
from tests.lists.clock import NOW
from tests.lists.conftest import Importer
from tests.lists.pages import text_of

pytestmark = pytest.mark.django_db
MONTH = timedelta(days=31)


def make_consent(subscriber: Subscriber | None, mailing_list: MailingList | None, **fields: Any) -> Consent:
    defaults = {"source": "csv", "at": NOW, "evidence": "meibo.csv"}
    return Consent.objects.create(subscriber=subscriber, mailing_list=mailing_list, **defaults | fields)


def never(ids: Sequence[int]) -> Mapping[int, datetime]:
    return {}


def test_a_manual_addition_is_written_down_a4(mailing_list: MailingList) -> None:
    person, actor = make_subscriber(mailing_list), make_user(mailing_list.workspace)
    record_consents([person.pk], mailing_list, evidence="申込書", actor=actor, now=NOW, text_version="第2版")
    consent = Consent.objects.get(subscriber=person)
    assert (consent.source, consent.evidence, consent.text_version) == ("manual", "申込書", "第2版")
    assert (consent.recorded_by, consent.at, consent.ended_at) == (actor, NOW, None)


def test_ends_on_one_list_or_on_all(mailing_list: MailingList) -> None:
    other = make_list(mailing_list.workspace)
    person, neighbour = make_subscriber(mailing_list), make_subscriber(mailing_list)
    for place in (mailing_list, other):
        make_consent(person, place)
        make_consent(neighbour, place)
    assert end_consents([person.pk], mailing_list, now=NOW) == 1
    assert end_consents([person.pk], None, now=NOW + MONTH) == 1
    ends = Consent.objects.filter(subscriber=person).order_by("pk").values_list("ended_at", flat=True)
    assert list(ends) == [NOW, NOW + MONTH]
    assert Consent.objects.filter(subscriber=neighbour, ended_at=None).count() == 2


def test_a_replacement_ends_the_consents_of_whom_it_removes(mailing_list: MailingList, import_csv: Importer) -> None:
    import_csv(mailing_list, "メールアドレス\ntaro@example.jp\nhanako@example.jp\n")
    import_csv(mailing_list, "メールアドレス\nhanako@example.jp\n", ImportMode.REPLACE)
    assert Consent.objects.get(subscriber__address="taro@example.jp").ended_at is not None
    assert Consent.objects.get(subscriber__address="hanako@example.jp").ended_at is None
    # Who comes back agrees anew.
    import_csv(mailing_list, "メールアドレス\ntaro@example.jp\n")
    assert Consent.objects.filter(subscriber__address="taro@example.jp").count() == 2


def test_erasing_ends_the_consent_and_keeps_it_f4(mailing_list: MailingList) -> None:
    """F4: what the law asks for stays for a month, without the person's data."""
    person, workspace = make_subscriber(mailing_list, "taro@example.jp"), mailing_list.workspace
    make_consent(person, mailing_list)
    erase_people([person.pk], workspace=workspace, actor=None, now=NOW)
    consent = Consent.objects.get()
    assert (consent.subscriber, consent.ended_at) == (None, NOW)
    assert consent.digest is not None
    # Whoever shows the address finds it.
    assert find_consents(workspace, LedgerSearch(address="Taro@example.jp")).rows == [consent]
    assert find_consents(workspace, LedgerSearch(address="taro@example.j")).rows == []
    assert find_consents(make_workspace(), LedgerSearch(address="taro@example.jp")).rows == []
    purge_ended(now=NOW + MONTH + timedelta(seconds=1), last_mailed=never)
    assert Consent.objects.count() == 0


def test_is_kept_until_a_month_after_the_last_mail_f4(mailing_list: MailingList) -> None:
    person = make_subscriber(mailing_list)
    consent = make_consent(person, mailing_list, ended_at=NOW)
    mailed = NOW + timedelta(days=20)
    asked: list[Sequence[int]] = []

    def last_mailed(ids: Sequence[int]) -> Mapping[int, datetime]:
        asked.append(ids)
        return {person.pk: mailed}

    assert purge_ended(now=NOW + timedelta(days=30), last_mailed=last_mailed) == 0
    assert asked == [[]]
    assert purge_ended(now=NOW + MONTH, last_mailed=last_mailed) == 0
    consent.refresh_from_db()
    assert (consent.mailed_at, asked.pop()) == (mailed, [person.pk])
    # Nobody is asked about again before that mail is a month old.
    assert purge_ended(now=NOW + timedelta(days=50), last_mailed=last_mailed) == 0
    assert asked.pop() == []
    assert purge_ended(now=mailed + MONTH, last_mailed=last_mailed) == 1


def test_a_live_consent_is_kept_however_old_it_is(mailing_list: MailingList) -> None:
    make_consent(make_subscriber(mailing_list), mailing_list)
    assert purge_ended(now=NOW + 100 * MONTH, last_mailed=never) == 0
    assert Consent.objects.count() == 1


def test_the_period_is_a_setting(mailing_list: MailingList, settings: Settings) -> None:
    settings.CONSENT_KEEP_DAYS = 365
    make_consent(make_subscriber(mailing_list), mailing_list, ended_at=NOW)
    assert purge_ended(now=NOW + timedelta(days=364), last_mailed=never) == 0
    assert purge_ended(now=NOW + timedelta(days=365), last_mailed=never) == 1


def test_many_are_deleted_in_batches(mailing_list: MailingList) -> None:
    for _number in range(5):
        make_consent(make_subscriber(mailing_list), mailing_list, ended_at=NOW)
    assert purge_ended(now=NOW + MONTH, last_mailed=never, batch=2, batches=2) == 4
    assert purge_ended(now=NOW + MONTH, last_mailed=never, batch=2, batches=2) == 1


def test_places_that_ended_before_ends_were_written_down(mailing_list: MailingList) -> None:
    on_list, elsewhere = make_subscriber(mailing_list), make_subscriber(workspace=mailing_list.workspace)
    live = make_consent(on_list, mailing_list)
    make_consent(elsewhere, mailing_list)
    make_consent(on_list, None)
    import_module("lists.migrations.0013_end_old_consents").end_old_consents(apps, None)
    assert Consent.objects.get(ended_at=None) == live


def test_looking_for_what_may_go_uses_the_index() -> None:
    sql = (
        "SELECT * FROM lists_consent WHERE ended_at IS NOT NULL AND COALESCE(mailed_at, ended_at) <= %s"
        " ORDER BY COALESCE(mailed_at, ended_at) LIMIT 1000"
    )
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # An empty table is read faster without an index.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
        explain = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
        cursor.execute(explain + sql, [NOW.isoformat()])
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "consent_kept" in plan


def test_pages_joined_are_all_consents(mailing_list: MailingList, workspace: Workspace) -> None:
    stranger = make_list()
    own = []
    for number in range(120):
        own.append(make_consent(make_subscriber(mailing_list), mailing_list, ended_at=NOW if number % 3 else None))
        make_consent(make_subscriber(stranger), stranger)
    # As lists that were deleted earlier left them.
    own.append(make_consent(make_subscriber(mailing_list), None))
    for search in (LedgerSearch(), LedgerSearch(state="live"), LedgerSearch(list_id=mailing_list.pk, state="ended")):
        found, before = [], None
        clock = count(step=0.1).__next__
        while True:
            page = find_consents(workspace, search, before=before, clock=clock)
            found += page.rows
            before = page.next_before
            if before is None:
                break
        assert found == list(consents_of(workspace, search).order_by("-pk"))
    assert len(consents_of(workspace, LedgerSearch())) == len(own)


@pytest.fixture
def admin(workspace: Workspace, client_for: ClientFor) -> Client:
    """A browser session of a 管理者."""
    return client_for(make_user(workspace, Role.ADMIN))


def test_the_page_tells_who_agreed_when_and_how_a4(
    viewer: Client, mailing_list: MailingList, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(60):
        make_consent(make_subscriber(mailing_list), mailing_list, evidence=f"meibo{number}.csv", text_version="第3版")
    with django_assert_max_num_queries(9):
        page = viewer.get(reverse("consent_index")).content.decode()
    assert "meibo59.csv" in page
    assert "meibo9.csv" not in page
    assert "第3版" in page
    assert "次の50件" in page
    assert reverse("consent_export") not in page


def test_the_page_finds_an_address(viewer: Client, mailing_list: MailingList) -> None:
    make_consent(make_subscriber(mailing_list, "taro@example.jp"), mailing_list, evidence="taro.csv")
    make_consent(make_subscriber(mailing_list, "hanako@example.jp"), mailing_list, evidence="hanako.csv")
    page = viewer.get(reverse("consent_index"), {"q": "TARO@"}).content.decode()
    assert "taro.csv" in page
    assert "hanako.csv" not in page
    assert "条件に合う記録はありません" in viewer.get(reverse("consent_index"), {"q": "x@"}).content.decode()


def test_a_list_of_another_workspace_is_no_filter(viewer: Client, admin: Client) -> None:
    stranger = make_list()
    assert viewer.get(reverse("consent_index"), {"list": stranger.pk}).status_code == 404
    assert admin.get(reverse("consent_export"), {"list": stranger.pk}).status_code == 404


@pytest.mark.parametrize("query", [{"list": "x"}, {"before": "x"}, {"before": "9" * 30}, {"state": "x"}, {"q": "\0"}])
def test_nonsense_in_the_address_is_left_out(query: dict[str, str], viewer: Client, mailing_list: MailingList) -> None:
    make_consent(make_subscriber(mailing_list), mailing_list)
    assert "meibo.csv" in viewer.get(reverse("consent_index"), query).content.decode()


def test_the_export_holds_the_whole_record_a4(admin: Client, editor: Client, mailing_list: MailingList) -> None:
    actor = make_user(mailing_list.workspace, email="clerk@example.com")
    person = make_subscriber(mailing_list, "taro@example.jp")
    make_consent(
        person,
        mailing_list,
        ip="192.0.2.1",
        text_version="第3版",
        evidence="=meibo.csv",
        recorded_by=actor,
        ended_at=NOW,
    )
    make_consent(None, mailing_list, digest=b"\x01" * 32, list_name="終わったときの名前")
    make_consent(make_subscriber(make_list(), "stranger@example.jp"), None)
    assert "同意文の版" in text_of(admin.get(reverse("consent_export")))
    everything = {"columns": [column.name for column in ledger_columns()], "format": "csv"}
    lines = text_of(admin.post(reverse("consent_export"), everything)).splitlines()
    assert lines[0].startswith("メールアドレス,消去した宛先の照合用の値,リスト,経路,同意の日時")
    assert lines[1:] == [
        f"taro@example.jp,,{mailing_list.name},ファイルの取り込み,2026-05-01 21:00,'=meibo.csv,192.0.2.1,第3版,"
        "clerk@example.com,2026-05-01 21:00",
        f",{'01' * 32},終わったときの名前,ファイルの取り込み,2026-05-01 21:00,meibo.csv,,,,",
    ]
    page = reverse("consent_export") + f"?state=live&list={mailing_list.pk}"
    assert mailing_list.name in text_of(admin.get(page))
    only = text_of(admin.post(page, {"columns": ["list"], "format": "csv"})).splitlines()
    assert only == ["リスト", "終わったときの名前"]
    told = [(entry.action, entry.target, entry.detail["columns"]) for entry in AuditEntry.objects.order_by("pk")]
    assert told == [("consent.export", "", 10), ("consent.export", f"{mailing_list.name}、登録中", 1)]
    for answer in (editor.get(page), editor.post(page, everything)):
        assert answer.status_code == 403


@pytest.mark.parametrize("kind", ["csv", "cp932", "xlsx"])
def test_the_export_comes_in_each_format(kind: str, admin: Client, mailing_list: MailingList) -> None:
    make_consent(make_subscriber(mailing_list), mailing_list)
    response = admin.post(reverse("consent_export"), {"columns": ["address"], "format": kind})
    assert response.status_code == 200
    assert b"".join(response)[:2] == {"csv": b"\xef\xbb"}.get(kind, b"PK")


def test_the_subscribers_page_tells_that_a_consent_ended(viewer: Client, mailing_list: MailingList) -> None:
    person = make_subscriber(mailing_list)
    make_consent(person, mailing_list, ended_at=timezone.now(), list_name="旧名")
    page = viewer.get(reverse("subscriber_detail", args=[person.pk])).content.decode()
    assert "旧名" in page
    assert "に終了" in page
