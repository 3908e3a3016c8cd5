"""What others say of a draft: asked when it is saved, done by a worker, shown on the check page (A17)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connections
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from campaigns import content_checks, tasks
from campaigns.draft_mails import draft_mail
from campaigns.models import Campaign, CampaignState, CheckState, ContentCheck, SplitTest, Variant
from campaigns.preflight.asked import asked_findings
from campaigns.sendable import CampaignError
from tests.campaigns.spamd_server import Spamd, answer_with, serve_spamd
from tests.campaigns.turns import drain
from tests.campaigns.web_server import WebServer, say, serve_web
from tests.factories import make_campaign, make_list, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def web(settings) -> Iterator[WebServer]:
    settings.LINK_CHECKS = settings.LINK_CHECK_PRIVATE = True
    with serve_web() as server:
        server.answers |= {"/": say(), "/big.png": say(content_length=400_000), "/b.png": say(content_length=290_000)}
        yield server


@pytest.fixture
def spamd(settings) -> Iterator[Spamd]:
    with serve_spamd() as server:
        settings.SPAMD_ADDRESS = server.address
        yield server


@pytest.fixture
def campaign(workspace):
    mailing_list = make_list(workspace)
    make_subscriber(mailing_list)
    return make_campaign(mailing_list)


def write(campaign, web, *paths, pictures=()):
    links = "".join(f'<a href="{web.url(path)}">見る</a>' for path in paths)
    campaign.html = links + "".join(f'<img alt="絵" src="{web.url(path)}">' for path in pictures)
    campaign.save()


def add_variant(campaign, **words):
    SplitTest.objects.create(campaign=campaign, rule="hand")
    Variant.objects.create(campaign=campaign, number=1, **{"subject": "B案", "text": "本文", **words})


def check(campaign, now=None):
    """Ask and do at once."""
    content_checks.ask(campaign, now=now or timezone.now())
    for row in ContentCheck.objects.filter(state=CheckState.WAITING):
        content_checks.run(row.pk, now=now or timezone.now())


def findings(campaign):
    return {finding.code: finding for finding in asked_findings(campaign)}


def page(client, campaign, name="campaign_preview"):
    return client.get(reverse(name, args=[campaign.pk])).content.decode()


class TestFindings:
    def test_all_is_well(self, campaign, web):
        write(campaign, web, "/", pictures=["/b.png"])
        check(campaign)
        assert list(findings(campaign)) == ["links_open"]

    def test_a_broken_link_with_its_status_in_words(self, campaign, web):
        write(campaign, web, "/", "/gone")
        check(campaign)
        found = findings(campaign)["link_broken"]
        assert found.level == "yellow"
        assert found.details == (f"{web.url('/gone')} … ページがありません(404)",)

    def test_another_broken_link_asks_for_another_tick(self, campaign, web):
        write(campaign, web, "/gone")
        check(campaign)
        first = findings(campaign)["link_broken"].key
        write(campaign, web, "/away")
        check(campaign)
        assert findings(campaign)["link_broken"].key != first

    def test_a_redirect_is_no_fault(self, campaign, web):
        web.answers["/on"] = say(301, location=web.url("/"))
        write(campaign, web, "/on")
        check(campaign)
        assert list(findings(campaign)) == ["links_open"]

    def test_a_heavy_picture(self, campaign, web):
        write(campaign, web, pictures=["/big.png", "/b.png"])
        check(campaign)
        assert findings(campaign)["image_heavy"].details == (f"{web.url('/big.png')} … 400 kB",)

    def test_pictures_that_are_heavy_together(self, campaign, web):
        web.answers |= {f"/{number}.png": say(content_length=290_000) for number in range(4)}
        write(campaign, web, pictures=[f"/{number}.png" for number in range(4)])
        check(campaign)
        assert "1.2 MB" in findings(campaign)["image_heavy"].sentence

    def test_a_wall_is_told_and_no_fault(self, campaign, web):
        web.answers["/wall"] = say(403)
        write(campaign, web, "/", "/wall")
        check(campaign)
        assert findings(campaign)["links_unsure"].level == "green"

    def test_nothing_known_of_any_is_no_fault(self, campaign, web):
        web.answers["/"] = say(403)
        write(campaign, web, "/")
        check(campaign)
        assert ContentCheck.objects.get().state == CheckState.FAILED
        assert findings(campaign) == {}

    @pytest.mark.parametrize(("score", "level"), [("2.9", "green"), ("3.0", "yellow"), ("-1.0", "green")])
    def test_spam_score(self, campaign, spamd, score, level):
        spamd.answer = answer_with(score, "SUBJ_ALL_CAPS,HTML_IMAGE_ONLY_04\r\n")
        check(campaign)
        found = findings(campaign)["spam_score"]
        assert found.level == level
        assert ("SUBJ_ALL_CAPS" in "".join(found.details)) == (level == "yellow")
        assert spamd.asked == [draft_mail(campaign)]

    def test_links_of_every_variant_are_asked_for(self, campaign, web):
        write(campaign, web, "/")
        add_variant(campaign, html=f'<a href="{web.url("/gone")}">見る</a>')
        check(campaign)
        assert findings(campaign)["link_broken"].details == (f"{web.url('/gone')} … ページがありません(404)",)
        Variant.objects.update(html=f'<a href="{web.url("/")}">見る</a>')
        assert findings(campaign) == {}

    def test_the_worst_of_all_variants_is_told(self, campaign, spamd):
        add_variant(campaign, subject="すぐに儲かる")
        spamd.first = [answer_with("4.5", "MONEY\r\n")]
        spamd.answer = answer_with("0.1")
        check(campaign)
        assert len(spamd.asked) == 2
        assert "4.5" in findings(campaign)["spam_score"].sentence
        spamd.first = [answer_with("0.1")]
        spamd.answer = answer_with("4.6")
        check(campaign, timezone.now() + content_checks.FRESH * 2)
        assert "4.6" in findings(campaign)["spam_score"].sentence

    def test_variants_that_nobody_judged_leave_the_check_open(self, campaign, spamd):
        add_variant(campaign)
        spamd.first = [answer_with("0.1")]
        spamd.answer = b"SPAMD/1.1 75 EX_TEMPFAIL\r\n\r\n"
        check(campaign)
        assert ContentCheck.objects.get().state == CheckState.FAILED

    def test_no_spamd_there_is_no_fault(self, campaign, settings):
        settings.SPAMD_ADDRESS = "127.0.0.1:1"
        check(campaign)
        assert ContentCheck.objects.get().state == CheckState.FAILED
        assert findings(campaign) == {}


class TestAsking:
    def test_no_link_or_nobody_to_ask_makes_no_row(self, campaign, web, settings):
        check(campaign)
        settings.LINK_CHECKS = False
        write(campaign, web, "/")
        check(campaign)
        assert not ContentCheck.objects.exists()

    def test_the_same_content_is_not_asked_about_twice(self, campaign, web):
        write(campaign, web, "/")
        check(campaign)
        check(campaign)
        assert len(web.asked) == 1
        check(campaign, now=timezone.now() + content_checks.FRESH + timedelta(minutes=1))
        assert len(web.asked) == 2

    def test_what_changed_is_not_known_until_it_is_asked_about(self, campaign, web):
        write(campaign, web, "/gone")
        check(campaign)
        write(campaign, web, "/")
        assert findings(campaign) == {}
        check(campaign)
        assert list(findings(campaign)) == ["links_open"]

    def test_a_message_that_comes_twice_asks_once(self, campaign, web):
        write(campaign, web, "/")
        now = timezone.now()
        content_checks.ask(campaign, now=now)
        pk = ContentCheck.objects.get().pk
        assert ContentCheck.objects.filter(pk=pk).update(taken_at=now) == 1
        content_checks.run(pk, now=now + timedelta(seconds=5))
        assert web.asked == []
        # Whoever took it has died.
        content_checks.run(pk, now=now + content_checks.TAKEN_FOR)
        assert len(web.asked) == 1
        content_checks.run(pk, now=now + content_checks.TAKEN_FOR)
        assert len(web.asked) == 1

    @pytest.mark.django_db(transaction=True)
    def test_a_newer_wish_drops_what_an_older_one_finds(self, campaign, web):
        write(campaign, web, "/old")

        def change_meanwhile(connection):
            newer = Campaign.objects.get(pk=campaign.pk)
            write(newer, web, "/new")
            content_checks.ask(newer, now=timezone.now())
            connections.close_all()
            say()(connection)

        web.answers["/old"] = change_meanwhile
        check(campaign)
        row = ContentCheck.objects.get()
        assert (row.state, row.result, row.taken_at) == (CheckState.WAITING, {}, None)

    def test_what_no_worker_took_is_given_up(self, campaign, web):
        write(campaign, web, "/")
        now = timezone.now()
        content_checks.ask(campaign, now=now)
        assert not content_checks.waiting(now=now + content_checks.GIVE_UP).exists()
        content_checks.ask(campaign, now=now + content_checks.GIVE_UP)
        assert content_checks.waiting(now=now + content_checks.GIVE_UP).exists()

    def test_nobody_can_make_us_knock_without_end(self, workspace, campaign, web):
        now = timezone.now()
        for number in range(content_checks.A_MINUTE):
            other = make_campaign(make_list(workspace), text=web.url(f"/{number}"))
            content_checks.ask(other, now=now)
        write(campaign, web, "/")
        with pytest.raises(CampaignError):
            content_checks.ask(campaign, now=now)
        content_checks.ask(campaign, now=now + timedelta(minutes=2))

    def test_the_tick_hints_at_the_one_that_waits_longest(self, workspace, campaign, web):
        drain()
        for text in (web.url("/1"), web.url("/2")):
            content_checks.ask(make_campaign(make_list(workspace), text=text), now=timezone.now())
        tasks.hint_content_checks(now=timezone.now())
        first = ContentCheck.objects.order_by("asked_at")[0]
        assert drain() == [("campaigns.tasks.check_draft_content", (first.pk,))]
        tasks.check_draft_content(first.pk)
        first.refresh_from_db()
        assert first.state == CheckState.DONE


class TestPages:
    def test_saving_asks_and_opening_does_not(self, editor, campaign, web):
        write(campaign, web, "/")
        assert "まだ調べていません" in page(editor, campaign)
        assert not ContentCheck.objects.exists()
        fields = {
            "subject": "件名",
            "text": "本文",
            "html": campaign.html,
            "sender": campaign.sender_id,
            "lists": [entry.pk for entry in campaign.mailing_lists.all()],
            "mailing_lists": [entry.pk for entry in campaign.mailing_lists.all()],
            "revision": campaign.revision,
            "doubt_policy": campaign.doubt_policy,
            "quiet_mode": campaign.quiet_mode,
            "late_tolerance": "6",
        }
        shown = editor.post(reverse("campaign_edit", args=[campaign.pk]), fields, follow=True).content.decode()
        assert "調べています…" in shown
        assert ContentCheck.objects.get().state == CheckState.WAITING

    def test_the_part_asks_again_until_it_is_done_and_then_wants_ticks(self, editor, campaign, web):
        write(campaign, web, "/gone")
        content_checks.ask(campaign, now=timezone.now())
        assert "hx-trigger" in page(editor, campaign, "campaign_content_check")
        content_checks.run(ContentCheck.objects.get().pk, now=timezone.now())
        part = page(editor, campaign, "campaign_content_check")
        assert "hx-trigger" not in part
        assert 'data-finding="link_broken"' in part
        assert 'form="send" required' in part
        assert "もう一度調べる" in part

    def test_a_start_asks_for_the_tick_of_a_broken_link(self, editor, campaign, web):
        write(campaign, web, "/gone")
        check(campaign)
        url = reverse("campaign_send_now", args=[campaign.pk])
        others = ["test_mail", "preheader_missing", "link_http", "takes_long"]
        refused = editor.post(url, {"tick": others}, follow=True).content.decode()
        assert "確認が必要な項目が1件あります" in refused
        assert "開けないリンク" in refused
        editor.post(url, {"tick": [*others, findings(campaign)["link_broken"].key]})
        assert Campaign.objects.get().state == CampaignState.SCHEDULED

    def test_the_button_asks_once_more(self, editor, campaign, web):
        write(campaign, web, "/gone")
        check(campaign)
        url = reverse("campaign_ask_check", args=[campaign.pk])
        assert editor.post(url).headers["Location"] == reverse("campaign_preview", args=[campaign.pk])
        assert ContentCheck.objects.get().state == CheckState.WAITING
        assert "調べています…" in editor.post(url, headers={"HX-Request": "true"}).content.decode()

    def test_too_many_presses_are_told(self, editor, workspace, campaign, web):
        write(campaign, web, "/")
        for number in range(content_checks.A_MINUTE):
            other = make_campaign(make_list(workspace), text=web.url(f"/{number}"))
            content_checks.ask(other, now=timezone.now())
        url = reverse("campaign_ask_check", args=[campaign.pk])
        assert "1分ほど" in editor.post(url, headers={"HX-Request": "true"}).content.decode()
        assert "1分ほど" in editor.post(url, follow=True).content.decode()

    def test_viewers_see_and_do_not_ask(self, client_for, campaign, web):
        write(campaign, web, "/gone")
        check(campaign)
        viewer = client_for(make_user(campaign.workspace, role=Role.VIEWER))
        shown = page(viewer, campaign)
        assert 'data-finding="link_broken"' in shown
        assert reverse("campaign_ask_check", args=[campaign.pk]) not in shown
        assert viewer.post(reverse("campaign_ask_check", args=[campaign.pk])).status_code == 403

    def test_nobody_elses_draft(self, client_for, campaign, web):
        stranger = client_for(make_user(make_workspace()))
        assert stranger.get(reverse("campaign_content_check", args=[campaign.pk])).status_code == 404
        assert stranger.post(reverse("campaign_ask_check", args=[campaign.pk])).status_code == 404

    def test_a_mailing_under_way_is_not_asked_about(self, editor, campaign, web):
        write(campaign, web, "/")
        Campaign.objects.update(state=CampaignState.SENDING, started_at=timezone.now())
        editor.post(reverse("campaign_ask_check", args=[campaign.pk]))
        assert not ContentCheck.objects.exists()
        assert "リンク先や画像などの確認" not in page(editor, campaign, "campaign_content_check")

    def test_what_could_not_be_asked_is_told(self, editor, campaign, settings):
        settings.SPAMD_ADDRESS = "127.0.0.1:1"
        check(campaign)
        assert 'data-failed="spam"' in page(editor, campaign)
