"""The report of a mailing: its figures add up, its words claim no more than is known, its files are safe."""

import csv
import re
from datetime import timedelta
from functools import partial
from io import BytesIO, StringIO

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from campaigns.models import Campaign, CampaignState, Delivery, Leaving
from campaigns.reactions import find_recipients, settle_doubts
from campaigns.report.comparing import EARLIER, compare_with_earlier
from campaigns.report.curves import SPANS, draw_hours
from campaigns.report.exporting import report_rows
from campaigns.report.figures import read_report
from campaigns.report.overlay import add_badges
from campaigns.tally import refresh
from campaigns.unsubscribing import unsubscribe
from designs.frames import POLICY
from tests.factories import make_campaign, make_deliveries, make_lane, make_user
from tests.hypermail.pages import read
from tests.tracking.conftest import HTML, NOW, make_tracked
from tracking.buffer import make_entry
from tracking.figures import HourCount, Hours
from tracking.models import HOURS, HitSource
from tracking.settling import settle_hits
from tracking.writing import store

FORMULA = '=HYPERLINK("https://evil.example","開く")'


def hit(campaign: Campaign, *hits: tuple[int, int, HitSource, timedelta]) -> None:
    """Have hits (delivery, link, source, time after the sending began) come in and be settled."""
    store([make_entry(campaign.pk, pk, number, source, NOW + after) for pk, number, source, after in hits], now=NOW)
    later = NOW + timedelta(days=30)
    evidence = partial(settle_doubts, now=later)
    settle_hits(now=later, find_recipients=find_recipients, record_evidence=evidence, failed={})


def make_sent(**fields: object) -> Campaign:
    """Make a measured mailing that is over: two people reacted, one of them left; four addresses failed."""
    end = NOW + timedelta(minutes=5)
    campaign = make_tracked(**fields)
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.DONE, started_at=NOW, finished_at=end)
    lane = make_lane(campaign.workspace, provider="docomo")
    make_deliveries(campaign, 3, lane=lane, state="failed", kind="hard", reason="user_unknown")
    make_deliveries(campaign, 1, lane=lane, state="complained", kind="complaint", reason="complaint")
    one, other = Delivery.objects.filter(campaign=campaign, state="sent").order_by("pk")
    day = timedelta(days=1)
    hit(
        campaign,
        (one.pk, 0, HitSource.HUMAN, timedelta(minutes=10)),
        (one.pk, 1, HitSource.HUMAN, timedelta(minutes=11)),
        (one.pk, 1, HitSource.HUMAN, timedelta(hours=30)),
        (one.pk, 2, HitSource.HUMAN, 4 * day),
        (other.pk, 0, HitSource.PROXY, timedelta(hours=2)),
        (other.pk, 0, HitSource.MACHINE, timedelta(hours=2)),
        (other.pk, 1, HitSource.MACHINE, timedelta(hours=2)),
    )
    unsubscribe(one, now=NOW + day)
    campaign.refresh_from_db()
    refresh(campaign, now=timezone.now())
    campaign.refresh_from_db()
    return campaign


def login(campaign: Campaign) -> Client:
    client = Client()
    client.force_login(make_user(campaign.workspace, "viewer"))
    return client


@pytest.mark.django_db
def test_figures_add_up_b10() -> None:
    """B10, A12."""
    campaign = make_sent()
    report = read_report(campaign, now=NOW + timedelta(days=5))
    result, found, hours = report.result, report.reactions, report.hours
    assert (result.tried, result.accepted, result.failed) == (6, 2, 4)
    assert sum(row.tried for row in report.providers) == result.tried
    assert sum(cause.number for cause in report.causes) == result.failed
    assert all(sum(part.number for part in cause.reasons) == cause.number for cause in report.causes)
    assert (report.complaints, report.left) == (1, 1)
    assert found is not None
    assert (found.opened, found.proxy_only, found.opens, found.machine_opens) == (2, 1, 2, 1)
    assert (found.clicked, found.clicks, found.machine_clicks) == (1, 3, 1)
    assert [(link.people, link.clicks, link.machine) for link in found.links] == [(1, 2, 1), (1, 1, 0)]
    assert hours is not None
    every = [*hours.counts, hours.later]
    assert len(every) == HOURS + 1
    for name in ("opened", "opens", "clicked", "clicks"):
        assert sum(getattr(hour, name) for hour in every) == getattr(found, name)
    assert (every[0].opened, every[2].opened, every[30].clicks, hours.later.clicks) == (1, 1, 1, 1)
    assert not report.without_hour
    assert (report.open_percent, report.click_percent, report.left_percent) == (100, 50, 50)


@pytest.mark.django_db
def test_the_page_says_what_is_known_b3_b7(django_assert_max_num_queries) -> None:
    """B3, B7, and as few queries at any size."""
    campaign = make_sent()
    client, url = login(campaign), reverse("campaign_report", args=[campaign.pk])
    client.get(url)
    with django_assert_max_num_queries(21) as asked:
        page = client.get(url)
    # A million deliveries are counted by nobody who looks at a page.
    assert not [query for query in asked.captured_queries if '"campaigns_delivery"' in query["sql"]]
    text = page.content.decode()
    assert "速報" in text
    for words in ("読んだかどうかは分かりません", "届いたものだけです", "確定した後も、開封・クリック・停止は増える"):
        assert words in text
    assert (
        f'<iframe class="preview-frame report-frame" sandbox title="リンクに番号を付けた本文" src="{url}frame/"' in text
    )
    assert f"{reverse('failed_addresses', args=[campaign.pk])}?kind=hard&amp;reason=user_unknown#rows" in text
    assert 0 < text.count('class="chart-hover"') <= HOURS
    assert len(page.content) < 100_000
    Campaign.objects.filter(pk=campaign.pk).update(finished_at=timezone.now() - timedelta(days=8))
    assert "に確定しました" in client.get(url).content.decode()
    assert f'href="{url}"' in client.get(reverse("campaign_detail", args=[campaign.pk])).content.decode()


@pytest.mark.django_db
def test_what_was_not_measured_is_not_called_none() -> None:
    campaign = make_campaign(state=CampaignState.SENDING, started_at=NOW)
    make_deliveries(campaign, 2, state="sent")
    refresh(campaign, now=NOW)
    client, url = login(campaign), reverse("campaign_report", args=[campaign.pk])
    text = client.get(url).content.decode()
    assert "計測していません。0件という意味ではありません" in text
    assert '<svg class="chart"' not in text
    [row] = compare_with_earlier(campaign, now=NOW)
    assert (row.open_percent, row.click_percent, row.left_percent) == (None, None, 0)
    assert client.get(f"{url}frame/").status_code == 404
    draft = make_campaign(campaign.mailing_lists.get())
    assert client.get(reverse("campaign_report", args=[draft.pk])).status_code == 302
    assert client.get(reverse("campaign_report_csv", args=[draft.pk])).status_code == 404


@pytest.mark.django_db
def test_the_overlay_can_do_nothing_and_leads_nowhere() -> None:
    hostile = HTML.replace(
        "<p>",
        '<script>alert(1)</script><base href="https://evil.example/"><a href="https://shop.example/sale?a=1&amp;b=2">また</a><p>',
    )
    campaign = make_sent(html=hostile)
    answer = login(campaign).get(reverse("campaign_report_frame", args=[campaign.pk]))
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert POLICY.endswith("; sandbox")
    page = answer.content.decode()
    assert re.findall(r">(\d+: \d+人)<", page) == ["1: 1人", "1: 1人", "2: 1人"]
    assert set(re.findall(r'<a href="([^"]*)"', page)) == {"#hypermail-link-1", "#hypermail-link-2", "#"}
    # Neither the picture that counts, nor a tag, nor the address of anybody.
    assert "/o/" not in page
    assert "{{" not in page


@pytest.mark.django_db
def test_files_hold_every_figure_and_no_formula() -> None:
    campaign = make_sent(subject=FORMULA)
    client = login(campaign)
    text = read(client.get(reverse("campaign_report_csv", args=[campaign.pk]))).removeprefix("\ufeff")
    rows = list(csv.reader(StringIO(text)))
    assert ["配信", "件名", f"'{FORMULA}", "", "", ""] in rows
    assert not [cell for row in rows for cell in row if cell[:1] in "=+@" and cell]
    assert ["結果", "失敗", "", "4", "66.67", "配信数"] in rows
    whole = int(next(row[3] for row in rows if row[:2] == ["開封とクリック", "クリック数"]))
    assert sum(int(row[3]) for row in rows if row[0].endswith(("後から", "後以降")) and row[2] == "クリック数") == whole
    content = client.get(reverse("campaign_report_xlsx", args=[campaign.pk])).getvalue()
    cells = [cell for row in load_workbook(BytesIO(content)).worksheets[0].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells if cell.value is not None} == {"s", "n"}
    assert FORMULA in {cell.value for cell in cells}
    assert len({len(row) for row in report_rows(read_report(campaign, now=NOW))}) == 1


@pytest.mark.django_db
def test_beside_the_last_five_of_the_workspace() -> None:
    campaign = make_campaign(state=CampaignState.DONE, started_at=NOW)
    mailing_list = campaign.mailing_lists.get()
    earlier = [
        make_campaign(mailing_list, sender=campaign.sender, state="done", started_at=NOW - timedelta(days=day))
        for day in range(1, EARLIER + 2)
    ]
    make_campaign(mailing_list, sender=campaign.sender, started_at=NOW - timedelta(hours=1), resend_of=earlier[0])
    make_campaign(mailing_list, sender=campaign.sender, started_at=NOW + timedelta(hours=1))
    make_campaign(started_at=NOW - timedelta(hours=1))
    make_deliveries(earlier[1], 3, state="sent")
    make_deliveries(earlier[1], 1, state="failed", kind="hard", reason="user_unknown")
    Leaving.objects.create(campaign=earlier[1], at=NOW)
    refresh(earlier[1], now=NOW)
    rows = compare_with_earlier(campaign, now=NOW)
    assert [row.pk for row in rows] == [campaign.pk, *(one.pk for one in earlier[:EARLIER])]
    assert (rows[2].tried, rows[2].error_percent, round(rows[2].left_percent or 0)) == (4, 25, 33)
    # Nothing is said of what was not counted.
    assert (rows[1].tried, rows[1].error_percent, rows[1].left_percent) == (0, None, None)


def test_badges_stand_in_links_alone() -> None:
    page = '<a title="a>b" href="#hypermail-link-1"><img></a><area href="#hypermail-link-1"><a href="#hypermail-link-9">x</a>'
    marked = add_badges(page, {1: "1: <2>"})
    assert re.sub(r"<span[^>]*>", "<b>", marked) == page.replace("<img>", "<b>1: &lt;2&gt;</span><img>")


@pytest.mark.parametrize(("hours", "span"), [(0, 24), (23, 24), (24, 48), (48, 72), (1000, 72)])
def test_the_chart_covers_the_hours_that_have_begun(hours: int, span: int) -> None:
    counts = tuple(HourCount(hour, opened=hour, clicked=1) for hour in range(HOURS))
    curve = draw_hours(Hours(NOW, counts, HourCount(HOURS)), now=NOW + timedelta(hours=hours))
    assert len(curve.columns) == min(hours + 1, span)
    assert curve.labels[-1].label == str(span)
    assert span in SPANS
    places = [float(column.left[:-1]) + float(column.width[:-1]) for column in curve.columns]
    assert max(places) <= 100.01
    assert all(float(column.bar_height) >= 1.5 for column in curve.columns)
