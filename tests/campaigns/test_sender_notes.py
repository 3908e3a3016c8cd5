"""The gate on every way to start a mailing, and what its pages say of a sender that lost its proof (A1, A2, E10)."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from campaigns import scheduling, tasks
from campaigns.models import PLANNED, Campaign, CampaignState, ErrorGate, GateState
from campaigns.sendable import CampaignError
from campaigns.sender_notes import note_of
from senders.models import CheckKind, CheckResult, DnsCheck, SenderDomain
from tests.factories import make_campaign, make_list, make_sender, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def campaign(workspace):
    mailing_list = make_list(workspace)
    make_subscriber(mailing_list)
    return make_campaign(mailing_list, sender=make_sender(workspace, "news@lost.example"))


@pytest.fixture
def actor(workspace):
    return make_user(workspace)


def lose(campaign):
    """The domain of the sender loses its proof: SPF is there, DKIM is not."""
    domain = campaign.sender.domain
    at = timezone.now()
    DnsCheck.objects.create(domain=domain, kind=CheckKind.SPF, result=CheckResult.OK, checked_at=at)
    DnsCheck.objects.create(domain=domain, kind=CheckKind.DKIM, result=CheckResult.MISSING, checked_at=at)
    SenderDomain.objects.filter(pk=domain.pk).update(verified_at=None, lost_at=at)
    return f"/senders/domains/{domain.pk}/#dkim"


def set_state(campaign, state, **fields):
    at = timezone.now()
    Campaign.objects.filter(pk=campaign.pk).update(state=state, scheduled_at=at, started_at=at, **fields)


def reload(campaign):
    return Campaign.objects.select_related("sender__domain").get(pk=campaign.pk)


def state_of(campaign):
    return reload(campaign).state


def page(client, name, campaign):
    return client.get(reverse(name, args=[campaign.pk])).content.decode()


class TestNoWayAroundTheGate:
    @pytest.mark.parametrize(
        ("state", "act"),
        [
            (CampaignState.DRAFT, lambda found, **by: scheduling.schedule(found, by["now"], **by)),
            (CampaignState.DRAFT, lambda found, **by: scheduling.schedule(found, by["now"] + timedelta(days=1), **by)),
            (CampaignState.SCHEDULED, scheduling.start_late),
            (CampaignState.PAUSED, scheduling.resume),
        ],
        ids=["send now", "schedule", "start late", "resume"],
    )
    def test_refuses_and_leads_to_the_first_bad_item(self, campaign, actor, now, state, act):
        """A1"""
        url = lose(campaign)
        set_state(campaign, state)
        if state == CampaignState.SCHEDULED:
            Campaign.objects.update(late_since=now)
        with pytest.raises(CampaignError, match=r"lost\.example .*DKIM がまだありません") as refused:
            act(reload(campaign), actor=actor, now=now)
        assert refused.value.url == url
        assert state_of(campaign) == state

    def test_a_copy_is_refused_as_well(self, editor, campaign):
        lose(campaign)
        editor.post(reverse("campaign_copy", args=[campaign.pk]))
        copy = Campaign.objects.exclude(pk=campaign.pk).get()
        editor.post(reverse("campaign_send_now", args=[copy.pk]), {"tick": "test_mail"})
        assert state_of(copy) == CampaignState.DRAFT

    def test_a_released_workspace_sends_it_back_at_the_start(self, campaign, workspace, actor, now):
        set_state(campaign, CampaignState.SCHEDULED)
        gate = ErrorGate.objects.create(workspace=workspace, state=GateState.STOPPED)
        lose(campaign)
        assert scheduling.start_due(now=now) == 0
        ErrorGate.objects.filter(pk=gate.pk).update(state=GateState.OPEN)
        assert scheduling.start_due(now=timezone.now()) == 1
        tasks.start_campaign(campaign.pk)
        sent_back = reload(campaign)
        assert sent_back.state == CampaignState.DRAFT
        assert "DKIM がまだありません" in sent_back.problem

    def test_a_test_mail_is_refused(self, editor, campaign):
        lose(campaign)
        response = editor.post(reverse("campaign_test", args=[campaign.pk]), {"address": "a@example.jp"})
        assert "DKIM がまだありません" in " ".join(map(str, get_messages(response.wsgi_request)))
        assert not campaign.test_mails.exists()

    def test_the_check_page_links_to_the_item(self, editor, campaign):
        url = lose(campaign)
        shown = page(editor, "campaign_preview", campaign)
        assert f'href="{url}"' in shown
        assert "data-sender-note" not in shown
        assert reverse("campaign_send_now", args=[campaign.pk]) not in shown

    def test_what_is_set_per_installation_is_what_is_asked(self, campaign, actor, now, settings):
        settings.REQUIRED_CHECKS = ["spf", "dkim", "dmarc"]
        lose(campaign)
        DnsCheck.objects.filter(kind=CheckKind.DKIM).update(result=CheckResult.OK)
        with pytest.raises(CampaignError, match="DMARC") as refused:
            scheduling.schedule(reload(campaign), now, actor=actor, now=now)
        assert refused.value.url.endswith("#dmarc")


class TestAddressProof:
    def test_lets_the_address_send_and_warns(self, editor, campaign, actor, now):
        """A2 E10"""
        lose(campaign)
        campaign.sender.address_verified_at = now
        campaign.sender.save()
        shown = page(editor, "campaign_preview", campaign)
        assert "〜経由" in shown
        assert 'data-finding="sender_note" data-level="yellow"' in shown
        scheduling.schedule(reload(campaign), now, actor=actor, now=now)
        assert state_of(campaign) == CampaignState.SCHEDULED

    def test_the_setting_takes_it_away(self, campaign, actor, now, settings):
        lose(campaign)
        campaign.sender.address_verified_at = now
        campaign.sender.save()
        settings.ADDRESS_VERIFICATION = False
        with pytest.raises(CampaignError):
            scheduling.schedule(reload(campaign), now, actor=actor, now=now)


class TestNotes:
    @pytest.mark.parametrize(
        ("state", "words"),
        [
            (CampaignState.SCHEDULED, "下書きに戻ります"),
            (CampaignState.STARTING, "そのまま配信します"),
            (CampaignState.SENDING, "そのまま続きます"),
            (CampaignState.PAUSED, "再開できません"),
        ],
    )
    def test_an_open_mailing_says_what_the_loss_means_for_it(self, viewer, campaign, state, words):
        set_state(campaign, state)
        assert "data-sender-note" not in page(viewer, "campaign_detail", campaign)
        url = lose(campaign)
        shown = page(viewer, "campaign_detail", campaign)
        assert words in shown
        assert "確認が取り消されています。DKIM がまだありません" in shown
        assert "SenderNote" not in shown
        assert f'href="{url}"' in shown
        assert f'href="{url}"' in viewer.get(reverse("campaign_index")).content.decode()

    def test_a_domain_that_fails_is_told_of_before_it_is_lost(self, campaign, now):
        SenderDomain.objects.update(failing_since=now, recheck_at=now + timedelta(hours=1))
        note = note_of(reload(campaign))
        assert note is not None
        assert note.tone == "warn"
        assert "配信が止まります" in note.sentence

    @pytest.mark.parametrize("state", [CampaignState.DONE, CampaignState.CANCELLED])
    def test_what_is_over_says_nothing(self, campaign, state):
        lose(campaign)
        set_state(campaign, state)
        assert note_of(reload(campaign)) is None

    def test_where_no_proof_is_asked_nothing_is_said(self, campaign, settings):
        lose(campaign)
        settings.REQUIRE_VERIFIED_SENDERS = False
        assert note_of(reload(campaign)) is None

    def test_the_list_asks_as_much_for_many_senders_as_for_one(self, editor, campaign, workspace):
        lose(campaign)

        def count():
            with CaptureQueriesContext(connection) as queries:
                editor.get(reverse("campaign_index"))
            return len(queries)

        one = count()
        for number in range(5):
            lose(make_campaign(make_list(workspace), sender=make_sender(workspace, f"news@lost{number}.example")))
        assert count() == one


class TestArchiving:
    @pytest.mark.parametrize("state", PLANNED)
    def test_a_sender_that_a_planned_mailing_needs_stays(self, editor, campaign, state):
        set_state(campaign, state)
        sender = campaign.sender
        response = editor.post(reverse("sender_archive", args=[sender.pk]))
        told = " ".join(map(str, get_messages(response.wsgi_request)))
        assert f"予約中または配信中の「{campaign.subject}」" in told
        sender.refresh_from_db()
        assert not sender.is_archived()

    @pytest.mark.parametrize("state", [CampaignState.DRAFT, CampaignState.DONE, CampaignState.CANCELLED])
    def test_another_goes_out_of_use(self, editor, campaign, state):
        set_state(campaign, state)
        editor.post(reverse("sender_archive", args=[campaign.sender_id]))
        campaign.sender.refresh_from_db()
        assert campaign.sender.is_archived()

    def test_other_workspaces_have_no_say(self, client_for, campaign):
        stranger = client_for(make_user(make_workspace()))
        assert stranger.post(reverse("sender_archive", args=[campaign.sender_id])).status_code == 404
