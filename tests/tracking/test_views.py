"""The links and the picture in a mail, as they are followed, and what is written of them."""

import re
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from campaigns import models, reaper
from campaigns.bodies import Edition, body_of
from campaigns.freezing import freeze_recipients
from campaigns.models import Campaign, CampaignState, Delivery
from campaigns.reactions import hits_are_due, prove_doubts, take_hits
from campaigns.rendering import Renderer, preview
from campaigns.tasks import SLOW_STEPS
from campaigns.test_mails import render_test
from lists.csv_columns import attribute_names_for
from lists.models import Engagement
from tests.factories import make_campaign, make_list, make_subscriber, make_user
from tests.tracking.conftest import HTML, NOW, make_tracked
from tests.tracking.test_judging import CHROME, GMAIL
from tracking import buffer
from tracking.figures import reactions_of
from tracking.links import TOKEN_TAG, make_token
from tracking.models import Hit, TrackedLink, TrackedMailing, TrackingRules

pytestmark = pytest.mark.django_db


def row_of(campaign: Campaign, name: str = "花子") -> Delivery:
    return Delivery.objects.select_related("campaign__sender__domain").get(campaign=campaign, name=name)


def urls_of(row: Delivery) -> list[str]:
    """Return the addresses in the HTML part of a mail."""
    return re.findall(r'(?:href|src)="([^"]*)"', Renderer().content_of(row).html)


def path_of(url: str) -> str:
    assert url.startswith("http://testserver/")
    return url.removeprefix("http://testserver")


def follow(url: str, agent: str = CHROME, **headers: str):
    return Client().get(path_of(url), headers={"user-agent": agent, **headers})


def settle(**age: float) -> None:
    """Write and settle all hits, as if their time had come."""
    take_hits(now=timezone.now() + timedelta(**age or {"minutes": 1}))


def test_a_click_leads_to_the_page_and_is_counted_once_for_a_person(campaign):
    sale, mypage, refuse, picture = urls_of(row_of(campaign))
    answer = follow(sale)
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://shop.example/sale?a=1&b=2")
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert follow(mypage).headers["Location"] == "https://shop.example/mypage?id=A%201"
    assert "/u/" in refuse
    assert follow(picture).headers["Content-Type"] == "image/gif"
    follow(sale)
    settle()
    found = reactions_of(campaign.pk)
    # Both links within seconds: no person does that.
    assert (found.clicked, found.clicks, found.machine_clicks) == (0, 0, 3)
    assert (found.opened, found.opens, found.proxy_only) == (1, 1, 0)


def test_links_are_answered_before_what_only_pages_need(campaign):
    """No session is opened and none is named; what there is no link for gets the page that says so."""
    sale, _mypage, _refuse, picture = urls_of(row_of(campaign))
    for url in (sale, picture):
        answer = follow(url)
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert not {"Set-Cookie", "Vary", "Content-Security-Policy"} & set(answer.headers)
    for path in ("/c/1/1/1-a", "/o/1/x.gif", "/c/", "/o/x"):
        unknown = Client().get(path)
        assert unknown.status_code == 404
        assert "ページが見つかりません" in unknown.content.decode()
        assert "Content-Security-Policy" in unknown.headers


def test_the_figures_tell_people_from_machines_and_relays(campaign):
    first, second = row_of(campaign), row_of(campaign, "太郎")
    follow(urls_of(first)[0])
    follow(urls_of(first)[0])
    follow(urls_of(second)[0], "curl/8.0")
    follow(urls_of(second)[3], GMAIL)
    settle()
    found = reactions_of(campaign.pk)
    assert (found.opened, found.proxy_only, found.opens, found.machine_opens) == (1, 1, 1, 0)
    assert (found.clicked, found.clicks, found.machine_clicks) == (1, 2, 1)
    assert [(link.target, link.people, link.clicks, link.machine) for link in found.links] == [
        ("https://shop.example/sale?a=1&b=2", 1, 2, 1),
        ("https://shop.example/mypage?id={{会員番号}}", 0, 0, 0),
    ]


def test_segments_learn_who_opened_and_clicked(campaign):
    """Whoever clicked has opened; what a relay loaded counts as opened, what a machine did as nothing."""
    first, second = row_of(campaign), row_of(campaign, "太郎")
    follow(urls_of(first)[0])
    follow(urls_of(second)[3], GMAIL)
    follow(urls_of(second)[0], "curl/8.0")
    settle()
    noted = {row.subscriber_id: (row.opened_at, row.clicked_at) for row in Engagement.objects.all()}
    assert set(noted) == {first.subscriber_id, second.subscriber_id}
    opened, clicked = noted[first.subscriber_id or 0]
    assert opened == clicked is not None
    assert [at is not None for at in noted[second.subscriber_id or 0]] == [True, False]
    follow(urls_of(first)[3])
    settle()
    own = Engagement.objects.filter(campaign=campaign.pk, subscriber=first.subscriber_id)
    assert own.filter(opened_at__gt=opened, clicked_at=clicked).exists()


def test_unknown_links_are_not_found(campaign):
    row = row_of(campaign)
    token = make_token(campaign.pk, row.pk)
    other = make_tracked()
    for path in (
        f"/c/{campaign.pk}/9/{token}",
        f"/c/{campaign.pk}/0/{token}",
        f"/c/{campaign.pk}/{10**30}/{token}",
        f"/c/{other.pk}/1/{token}",
        f"/c/{campaign.pk}/1/{row.pk + 1}-{token.partition('-')[2]}",
        f"/c/{campaign.pk}/1/x",
        f"/c/{10**30}/1/{token}",
        f"/o/{other.pk}/{token}.gif",
    ):
        assert Client().get(path).status_code == 404, path
    assert buffer.waiting() == 0


def test_nothing_in_the_request_says_where_it_leads(campaign):
    sale = urls_of(row_of(campaign))[0]
    answer = follow(f"{sale}?url=https://evil.example/&next=//evil.example", **{"x-forwarded-host": "evil.example"})
    assert answer.headers["Location"] == "https://shop.example/sale?a=1&b=2"


def test_a_value_cannot_lead_elsewhere(campaign):
    TrackedLink.objects.filter(number=2).update(target="{{会員番号}}")
    Delivery.objects.update(attributes={"会員番号": "javascript:alert(1)"})
    assert follow(urls_of(row_of(campaign))[1]).status_code == 404


def test_head_answers_and_counts_nothing(campaign):
    sale, _mypage, _refuse, picture = urls_of(row_of(campaign))
    assert Client().head(path_of(sale)).status_code == 302
    assert Client().head(path_of(picture)).status_code == 200
    assert Client().post(path_of(sale)).status_code == 405
    assert buffer.waiting() == 0


def test_a_link_needs_no_session_and_few_questions(campaign, django_assert_num_queries):
    sale, mypage, _refuse, picture = urls_of(row_of(campaign))
    follow(sale)
    with django_assert_num_queries(0):
        assert follow(sale).cookies == {}
        follow(picture)
    follow(mypage)
    with django_assert_num_queries(1):
        follow(mypage)


def test_the_person_who_was_erased_still_comes_to_the_page_and_nothing_is_kept(campaign):
    mypage = urls_of(row_of(campaign))[1]
    Delivery.objects.update(subscriber=None, attributes={})
    assert follow(mypage).headers["Location"] == "https://shop.example/mypage?id="
    settle()
    assert (reactions_of(campaign.pk).clicked, reactions_of(campaign.pk).clicks) == (0, 0)
    assert not Engagement.objects.exists()
    assert not Hit.objects.exists()


def test_a_hit_proves_that_a_doubtful_mail_came(campaign):
    row = row_of(campaign)
    Delivery.objects.filter(pk=row.pk).update(state="doubt")
    follow(urls_of(row)[0], "curl/8.0")
    settle()
    assert Delivery.objects.get(pk=row.pk).state == "sent"


@pytest.mark.parametrize("settled", [True, False])
def test_a_hit_before_the_doubt_keeps_the_mail_from_being_sent_again(campaign, settled):
    row = row_of(campaign)
    now = timezone.now()
    Campaign.objects.update(state=CampaignState.SENDING, doubt_policy="resend")
    fenced = {"state": "fenced", "fenced_at": now, "lease_token": uuid4(), "lease_until": now}
    Delivery.objects.filter(pk=row.pk).update(**fenced)
    follow(urls_of(row)[0])
    if settled:
        settle()
    later = now + timedelta(minutes=16)
    steps = [step for step in SLOW_STEPS if step in (reaper.reap_fences, prove_doubts, reaper.resend_doubts)]
    assert [step(now=later) for step in steps] == [1, 1, 0]
    assert Delivery.objects.get(pk=row.pk).state == "sent"


def test_a_link_in_a_text_may_take_along_what_follows_it(campaign):
    sale = urls_of(row_of(campaign))[0]
    for tail in ("。", ")", ">", "はこちら"):
        assert follow(sale + tail).status_code == 302
    assert follow(sale + "2").status_code == 404


def test_a_personal_link_reads_no_text_of_its_mailing(campaign):
    mypage = urls_of(row_of(campaign))[1]
    with CaptureQueriesContext(connection) as queries:
        follow(mypage)
    assert [found["sql"] for found in queries if '"campaigns_campaign"."html"' in found["sql"]] == []


def test_no_column_of_a_file_takes_the_tag_of_our_links():
    assert TOKEN_TAG not in attribute_names_for([TOKEN_TAG, "＠"])


def test_previews_and_test_mails_are_not_measured(campaign):
    assert "/c/" not in preview(campaign, None).html
    assert "/o/" not in preview(campaign, None).html
    outgoing = render_test(Renderer(), models.TestMail(pk=1, campaign=campaign, address="me@example.jp"), now=NOW)
    assert f"/o/{campaign.pk}/".encode() not in outgoing.data
    assert Renderer().render(row_of(campaign)).data != outgoing.data


@pytest.mark.parametrize(
    ("rules", "clicks", "opens", "texts"),
    [
        ({}, True, True, False),
        ({"opens": False}, True, False, False),
        ({"clicks": False}, False, True, False),
        ({"clicks": False, "texts": True}, False, True, False),
        ({"texts": True}, True, True, True),
        ({"opens": False, "clicks": False}, False, False, False),
    ],
)
def test_measures_what_the_workspace_wants(rules, clicks, opens, texts):
    mailing_list = make_list()
    make_subscriber(mailing_list, name="花子")
    TrackingRules.objects.create(workspace=mailing_list.workspace, **rules)
    campaign = make_tracked_of(mailing_list, text="https://shop.example/ です")
    content = Renderer().content_of(row_of(campaign))
    assert (f"/c/{campaign.pk}/" in content.html, f"/o/{campaign.pk}/" in content.html) == (clicks, opens)
    assert (f"/c/{campaign.pk}/" in content.text) == texts
    assert campaign.is_tracked == TrackedMailing.objects.exists() == (clicks or opens)
    assert "{{" not in content.html + content.text


def make_tracked_of(mailing_list, **fields) -> Campaign:
    campaign = make_campaign(mailing_list, **{"html": HTML, "state": CampaignState.STARTING} | fields)
    freeze_recipients(campaign.pk, now=NOW)
    campaign.refresh_from_db()
    return campaign


@pytest.mark.parametrize("fields", [{"wants_tracking": False}, {"html": ""}], ids=["by choice", "text only"])
def test_a_mailing_that_is_not_measured_is_sent_as_written(fields):
    campaign = make_tracked(**fields)
    assert not campaign.is_tracked
    assert not TrackedMailing.objects.exists()
    assert reactions_of(campaign.pk) is None
    assert "/c/" not in Renderer().content_of(row_of(campaign)).html


def test_a_change_of_the_settings_in_mid_send_changes_no_mail(campaign):
    before = Renderer().render(row_of(campaign))
    TrackingRules.objects.create(workspace=campaign.workspace, opens=False, clicks=False)
    Campaign.objects.update(wants_tracking=False)
    assert Renderer().render(row_of(campaign)) == before


def test_the_plain_way_gives_the_same_mail(campaign):
    row = row_of(campaign)
    assert replace(Renderer().render(row), is_wire_ready=False) == Renderer().render_plainly(row)
    assert body_of(campaign, Edition()).html.count("{{@}}") == 3


def test_figures_stand_on_the_page_of_the_mailing(client_for):
    campaign = make_tracked()
    follow(urls_of(row_of(campaign))[0])
    settle()
    page = client_for(make_user(campaign.workspace)).get(reverse("campaign_detail", args=[campaign.pk]))
    text = page.content.decode()
    assert "開封とクリック" in text
    assert "https://shop.example/sale?a=1&amp;b=2" in text
    Campaign.objects.update(is_tracked=False)
    page = client_for(make_user(campaign.workspace)).get(reverse("campaign_detail", args=[campaign.pk]))
    assert "開封とクリック" not in page.content.decode()


def test_the_tick_asks_only_where_there_is_something(campaign):
    now = timezone.now()
    assert not hits_are_due(now=now)
    follow(urls_of(row_of(campaign))[0])
    assert hits_are_due(now=now)
    take_hits(now=now)
    assert Hit.objects.filter(is_settled=False).count() == 1
    assert not hits_are_due(now=now)
    assert hits_are_due(now=now + timedelta(minutes=1))
