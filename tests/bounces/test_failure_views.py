"""The failed addresses of a campaign: figures, filters, rows and downloads."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Workspace
from bounces.exporting import export_rows
from bounces.failure_export import FAILURE_COLUMNS, read_failures
from bounces.reports import failures_of
from campaigns.models import Campaign, DeliveryState
from campaigns.tally import refresh
from mta.verdicts import Kind, Phase, Reason
from tests.bounces.failing import fail, rows_of, sheet_of
from tests.factories import make_campaign, make_delivery, make_list

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(workspace: Workspace) -> Campaign:
    now = timezone.now()
    return make_campaign(make_list(workspace), state="done", started_at=now, finished_at=now)


def test_failed_addresses_show_code_reason_and_words(editor: Client, campaign: Campaign) -> None:
    """A8, A9, B9, C15: each failed row with code, Japanese reason and the server's own text."""
    fail(campaign, "a@x.example")
    fail(campaign, "b@x.example", state="bounced", kind=Kind.REFUSED, reason=Reason.REFUSED, phase=Phase.NOTICE)
    fail(campaign, "ok@x.example", state=DeliveryState.SENT)
    page = editor.get(reverse("failed_addresses", args=[campaign.pk])).content.decode()
    assert "a@x.example" in page
    assert "5.1.1" in page
    assert "宛先不明" in page
    assert "550 5.1.1 user unknown" in page
    assert "SMTP (RCPT TO)" in page
    assert "エラーメール" in page
    assert "ok@x.example" not in page
    assert "エラーメールを返しません" in page


def test_a_row_is_narrow_enough_to_be_read(editor: Client, campaign: Campaign) -> None:
    """A8: the reason stands next to the address; code and source have no columns of their own."""
    fail(campaign, "a@x.example")
    page = editor.get(reverse("failed_addresses", args=[campaign.pk])).content.decode()
    table = re.findall(r"<table class=\"table[^>]*>.*?</table>", page, re.DOTALL)[-1]
    heads = re.findall(r'<th scope="col">([^<]+)</th>', table)
    assert heads == ["メールアドレス", "種別と理由", "受信サーバーの応答", "日時と通知元"]
    words = ["a@x.example", "5.1.1", "宛先不明", "550 5.1.1 user unknown", "SMTP (RCPT TO)"]
    body = table[table.index("<tbody>") :]
    # The check box names the address before the cell does.
    places = [body.rindex(word) if word == "a@x.example" else body.index(word) for word in words]
    assert places == sorted(places)


def addresses(response: Any) -> list[str]:
    return [delivery.address for delivery, *_ in response.context["rows"]]


def test_every_count_leads_to_as_many_rows(editor: Client, campaign: Campaign) -> None:
    """A12, B10, B11: counts by provider, kind, reason and end; each opens exactly its addresses."""
    fail(campaign, "a@gmail.com", "gmail")
    fail(campaign, "b@gmail.com", "gmail", kind=Kind.SOFT, reason=Reason.MAILBOX_FULL)
    fail(campaign, "c@docomo.ne.jp", "docomo", kind=Kind.SOFT, reason=Reason.TEMPORARY, state="expired")
    fail(campaign, "d@x.example", kind="", reason="", phase="", code="", text="")
    url = reverse("failed_addresses", args=[campaign.pk])
    counts = editor.get(url).context["counts"]
    for part in ("provider", "kind", "reason", "state"):
        chips = counts.chips(part)
        assert sum(chip.count for chip in chips) == 4
        for chip in chips:
            response = editor.get(url, {part: chip.value})
            assert len(addresses(response)) == response.context["counts"].found == chip.count
    for row in counts.table():
        query = {"kind": row.kind.value, "reason": row.reason.value}
        assert len(addresses(editor.get(url, query))) == row.reason.count
    assert {row.provider: row.failed for row in editor.get(url).context["providers"]} == {
        "gmail": 2,
        "docomo": 1,
        "other": 1,
    }


def test_filters_add_up_and_one_click_removes_each(editor: Client, campaign: Campaign) -> None:
    """B10."""
    fail(campaign, "a@gmail.com", "gmail")
    fail(campaign, "b@gmail.com", "gmail", kind=Kind.SOFT, reason=Reason.MAILBOX_FULL)
    fail(campaign, "c@x.example", kind=Kind.SOFT, reason=Reason.MAILBOX_FULL)
    url = reverse("failed_addresses", args=[campaign.pk])
    response = editor.get(url, {"provider": "gmail", "kind": "soft"})
    assert addresses(response) == ["b@gmail.com"]
    page = response.content.decode()
    assert 'href="?kind=soft#rows" aria-current="true">Gmail' in page
    assert 'href="?provider=gmail#rows" aria-current="true">一時的' in page
    # The other counts are those that choosing them would show.
    assert response.context["counts"].count_by("kind") == {"soft": 1, "hard": 1}
    nonsense = {"reason": "no-such", "kind": "'", "provider": "<", "state": "sent"}
    assert len(addresses(editor.get(url, nonsense))) == 3


def test_part_of_an_address_is_searched_for(editor: Client, campaign: Campaign) -> None:
    fail(campaign, "Taro.Yamada@x.example")
    fail(campaign, "hanako@x.example")
    url = reverse("failed_addresses", args=[campaign.pk])
    assert addresses(editor.get(url, {"q": "YAMADA"})) == ["Taro.Yamada@x.example"]
    assert addresses(editor.get(url, {"q": "%"})) == []
    assert "条件に合う宛先はありません" in editor.get(url, {"q": "nobody"}).content.decode()
    assert editor.get(url, {"q": "nobody", "page": "9"}).status_code == 200


def test_what_was_tried_stands_beside_what_failed(editor: Client, campaign: Campaign) -> None:
    """A12, B3, B9: per provider tried, 受信サーバー受付 and 失敗; the age of the figures is said."""
    make_deliveries(campaign, sent=58, failed=2)
    refresh(campaign, now=timezone.now())
    response = editor.get(reverse("failed_addresses", args=[campaign.pk]))
    [row] = response.context["providers"]
    assert (row.tried, row.accepted, row.failed, round(row.error_percent, 1)) == (60, 58, 2, 3.3)
    page = response.content.decode()
    assert "3.3%" in page
    assert "の集計です" in page
    assert "受信サーバー受付" in page
    # One that failed since is in the rows at once; the figures catch up.
    fail(campaign)
    [row] = editor.get(reverse("failed_addresses", args=[campaign.pk])).context["providers"]
    assert (row.tried, row.failed) == (60, 3)


def test_rate_is_compared_with_the_normal_one_only_where_there_is_history(editor: Client, campaign: Campaign) -> None:
    make_deliveries(campaign, sent=57, failed=3)
    refresh(campaign, now=timezone.now())
    url = reverse("failed_addresses", args=[campaign.pk])
    assert "ふだん" not in editor.get(url).content.decode()
    earlier = make_campaign(make_list(campaign.workspace), state="done", finished_at=timezone.now())
    make_deliveries(earlier, sent=99, failed=1)
    refresh(earlier, now=timezone.now())
    assert "ふだんの 1.0% より高めです" in editor.get(url).content.decode()


def make_deliveries(campaign: Campaign, *, sent: int, failed: int) -> None:
    for _ in range(sent):
        fail(campaign, state="sent", kind="", reason="", code="", text="")
    for _ in range(failed):
        fail(campaign)


def test_help_says_that_some_servers_send_no_notice(editor: Client, campaign: Campaign) -> None:
    """B3, B12."""
    page = editor.get(reverse("failed_addresses", args=[campaign.pk])).content.decode()
    assert "エラーメールを返しません" in page
    assert "実際には届いていなくても失敗には数えられません" in page


def test_failures_of_one_person_in_another_mailing_are_apart(editor: Client, campaign: Campaign) -> None:
    """B13: results are per recipient per mailing."""
    once = fail(campaign, "a@x.example")
    again = make_campaign(campaign.mailing_lists.get(), state="done", finished_at=timezone.now())
    make_delivery(again, once.subscriber, state="sent")
    assert addresses(editor.get(reverse("failed_addresses", args=[campaign.pk]))) == ["a@x.example"]
    assert "失敗した宛先はありません" in editor.get(reverse("failed_addresses", args=[again.pk])).content.decode()


def test_hostile_words_are_shown_as_words(editor: Client, campaign: Campaign) -> None:
    fail(campaign, text="550 <script>alert(1)</script>")
    assert "<script>alert" not in editor.get(reverse("failed_addresses", args=[campaign.pk])).content.decode()


def test_no_failures_say_what_comes(editor: Client, campaign: Campaign) -> None:
    assert "失敗した宛先はありません" in editor.get(reverse("failed_addresses", args=[campaign.pk])).content.decode()


def test_page_tells_preliminary_from_final(editor: Client, campaign: Campaign) -> None:
    """B7: 速報 with the day on which it becomes 確定."""
    fail(campaign)
    url = reverse("failed_addresses", args=[campaign.pk])
    page = editor.get(url).content.decode()
    assert 'stat-value">速報' in page
    assert f"{timezone.localtime(timezone.now() + timedelta(days=7)):%Y/%m/%d}" in page
    Campaign.objects.update(finished_at=timezone.now() - timedelta(days=8))
    assert 'stat-value">確定' in editor.get(url).content.decode()


def test_page_needs_few_queries(
    editor: Client, campaign: Campaign, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(30):
        fail(campaign)
    with django_assert_max_num_queries(18):
        editor.get(reverse("failed_addresses", args=[campaign.pk]))


def test_csv_of_failures(editor: Client, campaign: Campaign) -> None:
    """A8, A9, B10, C35: UTF-8 with BOM by default, safe in a spreadsheet."""
    fail(campaign, "a@x.example", text="=cmd|'/c calc'!A1", name="山田 太郎")
    response = editor.get(reverse("failed_addresses_csv", args=[campaign.pk]))
    head, row = rows_of(response)
    assert head[:6] == ["メールアドレス", "お名前", "エラーコード", "種別", "理由", "受信サーバーの応答"]
    assert row[:6] == ["a@x.example", "山田 太郎", "5.1.1", "永続的", "宛先不明", "'=cmd|'/c calc'!A1"]
    assert row[8] == "SMTP (RCPT TO)"


def test_csv_in_cp932_with_chosen_columns(editor: Client, campaign: Campaign) -> None:
    """B10: a choice of columns; CP932 on request."""
    fail(campaign, "a@x.example", settled_at=None)
    url = reverse("failed_addresses_csv", args=[campaign.pk])
    response = editor.get(url, {"encoding": "cp932", "columns": ["reason", "address", "nonsense"]})
    assert rows_of(response, "cp932") == [["メールアドレス", "理由"], ["a@x.example", "宛先不明"]]
    assert rows_of(editor.get(url, {"encoding": "utf-7", "columns": "settled_at"}))[1] == [""]


def test_csv_keeps_the_filter(editor: Client, campaign: Campaign) -> None:
    fail(campaign, "a@x.example")
    fail(campaign, "b@x.example", reason=Reason.REFUSED, kind=Kind.REFUSED)
    response = editor.get(
        reverse("failed_addresses_csv", args=[campaign.pk]), {"reason": "refused", "columns": "address"}
    )
    assert rows_of(response) == [["メールアドレス"], ["b@x.example"]]


def test_csv_has_provider_subject_and_attempts(editor: Client, campaign: Campaign) -> None:
    """B10, C17."""
    fail(campaign, "a@gmail.com", "gmail", mail_date=timezone.now(), attempts=3)
    response = editor.get(
        reverse("failed_addresses_csv", args=[campaign.pk]), {"columns": ["provider", "subject", "attempts"]}
    )
    assert rows_of(response) == [["プロバイダ", "件名", "試行回数"], ["Gmail", campaign.subject, "3"]]


def test_xlsx_has_the_same_rows_and_no_formula(editor: Client, campaign: Campaign) -> None:
    """B10: exactly what is filtered, in the chosen columns."""
    fail(campaign, "a@x.example", text="=1+1")
    fail(campaign, "b@x.example", "gmail")
    url = reverse("failed_addresses_xlsx", args=[campaign.pk])
    response = editor.get(url, {"provider": "other", "columns": ["address", "text"]})
    assert response["Content-Disposition"].endswith(f'filename="failed-{campaign.pk}.xlsx"')
    assert sheet_of(response) == [["メールアドレス", "受信サーバーの応答"], ["a@x.example", "=1+1"]]
    assert len(sheet_of(editor.get(url))) == 3


def test_downloads_read_no_table_row_by_row(
    campaign: Campaign, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(30):
        fail(campaign)
    with django_assert_max_num_queries(2):
        rows = read_failures(campaign, failures_of(campaign))
        assert len(list(export_rows(FAILURE_COLUMNS, rows, []))) == 31
