"""配信前チェック of sender, people, hour and test mail (F5)."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from campaigns import models
from campaigns.models import Campaign, CampaignState, DeliveryState, ErrorGate, GateState
from campaigns.preflight.check import check
from campaigns.preflight.findings import Level
from campaigns.preflight.people import longest, tags_at_risk
from campaigns.preflight.span import span_words
from campaigns.tally import refresh
from lists.models import AttributeDefinition
from mta.models import RouteKind
from mta.providers import policy_of
from mta.routes import RELAY
from mta.verdicts import Kind
from senders.models import CheckKind, CheckResult, DnsCheck, SenderDomain, ServerCheck, ServerCheckKind
from tests.factories import make_campaign, make_deliveries, make_list, make_mail_route, make_sender, make_subscriber

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 4, 1, 3, tzinfo=UTC)


@pytest.fixture
def mailing_list():
    mailing_list = make_list()
    make_subscriber(mailing_list, name="山田")
    return mailing_list


@pytest.fixture
def campaign(mailing_list):
    return make_campaign(mailing_list, subject="件名", text="本文です。")


def find(campaign, code, **options):
    return next((found for found in check(campaign, **({"now": NOON} | options)).findings if found.code == code), None)


def test_nothing_red_in_a_mailing_that_can_be_sent(campaign):
    report = check(campaign, now=NOON)
    assert report.reds == []
    assert [finding.code for finding in report.yellows] == ["test_mail"]


def test_a_missing_sender_and_nobody_to_send_to_stop_the_start():
    empty = make_campaign(make_list())
    empty.sender = None
    report = check(empty, now=NOON)
    assert {finding.code for finding in report.reds} == {"sender", "audience"}


def test_a_domain_that_is_not_proved_stops_the_start_and_links_to_it(campaign, settings):
    settings.REQUIRE_VERIFIED_SENDERS = True
    SenderDomain.objects.update(verified_at=None)
    finding = find(Campaign.objects.get(), "sender")
    assert finding.level == Level.RED
    assert finding.url.startswith(f"/senders/domains/{campaign.sender.domain.pk}/")


def test_a_stopped_workspace_stops_the_start(campaign):
    ErrorGate.objects.create(workspace=campaign.workspace, state=GateState.STOPPED)
    assert find(campaign, "gate_stopped").level == Level.RED


class TestProviderRules:
    @pytest.mark.parametrize("result", [CheckResult.MISSING, CheckResult.WRONG])
    def test_a_missing_dmarc_record_is_told(self, campaign, result):
        """F5"""
        DnsCheck.objects.create(
            domain=campaign.sender.domain, kind=CheckKind.DMARC, result=result, checked_at=timezone.now()
        )
        assert find(campaign, "dmarc").level == Level.YELLOW

    def test_what_could_not_be_asked_is_no_fault(self, campaign):
        DnsCheck.objects.create(
            domain=campaign.sender.domain, kind=CheckKind.DMARC, result=CheckResult.UNKNOWN, checked_at=timezone.now()
        )
        assert find(campaign, "dmarc") is None
        assert find(campaign, "provider_rules").level == Level.GREEN

    def test_a_server_without_a_name_is_told(self, campaign):
        """F5"""
        ServerCheck.objects.create(
            kind=ServerCheckKind.PTR, subject="192.0.2.1", result=CheckResult.MISSING, checked_at=timezone.now()
        )
        assert find(campaign, "server_ptr").level == Level.YELLOW


class TestLackingValues:
    def test_those_without_a_value_are_counted_tag_by_tag(self, mailing_list):
        AttributeDefinition.objects.create(
            workspace=mailing_list.workspace, name="会員番号", label="会員番号", kind="text"
        )
        make_subscriber(mailing_list, name="", attributes={"会員番号": "7"})
        make_subscriber(mailing_list, name="", attributes={"会員番号": ""})
        campaign = make_campaign(mailing_list, text="{{name}}様 {{会員番号}}", subject="件名")
        told = {found.place: found.sentence for found in check(campaign, now=NOON).yellows if found.place}
        assert set(told) == {"name", "会員番号"}
        assert "2人" in told["name"]
        assert "2人" in told["会員番号"]

    def test_a_fallback_is_enough_also_in_all_but_one_place(self, mailing_list):
        make_subscriber(mailing_list, name="")
        assert find(make_campaign(mailing_list, text="{{name|お客様}}様"), "tag_lacking") is None
        assert find(make_campaign(mailing_list, text="{{name|お客様}}様、{{name}}様"), "tag_lacking")

    def test_what_the_mailing_gives_itself_lacks_nobody(self, campaign):
        campaign.text = "{{legal_name}} {{address}} {{unsubscribe_url}} {{name}}"
        assert tags_at_risk(campaign) == ["name"]

    def test_who_is_not_sent_to_is_not_counted(self, mailing_list):
        make_subscriber(make_list(mailing_list.workspace), name="")
        make_subscriber(mailing_list, name="", status="stopped", stop_reason="manual")
        assert find(make_campaign(mailing_list, text="{{name}}様"), "tag_lacking") is None


class TestResults:
    def sent(self, mailing_list, **states):
        over = make_campaign(mailing_list, state=CampaignState.DONE, started_at=NOON - timedelta(days=2))
        for state, (number, fields) in states.items():
            make_deliveries(over, number, state=state, **fields)
        refresh(over, now=timezone.now())
        return over

    @pytest.mark.parametrize(("failed", "is_told"), [(2, False), (10, True)])
    def test_many_errors_of_the_same_list_are_told(self, campaign, mailing_list, failed, is_told):
        self.sent(
            mailing_list,
            **{DeliveryState.SENT: (60, {}), DeliveryState.BOUNCED: (failed, {"kind": Kind.HARD})},
        )
        assert (find(campaign, "lists_error_rate") is not None) == is_told

    def test_errors_of_another_list_are_not(self, campaign):
        other = make_list(campaign.workspace)
        self.sent(other, **{DeliveryState.BOUNCED: (60, {"kind": Kind.HARD})})
        assert find(campaign, "lists_error_rate") is None

    def test_complaints_of_the_workspace_are_told(self, campaign, mailing_list):
        self.sent(mailing_list, **{DeliveryState.SENT: (500, {}), DeliveryState.COMPLAINED: (1, {})})
        assert "0.20%" in find(campaign, "complaints").sentence


class TestHour:
    @pytest.mark.parametrize(
        ("hour", "is_told"), [(6, True), (7, False), (12, False), (21, False), (22, True), (0, True)]
    )
    def test_night_is_told(self, campaign, hour, is_told):
        at = timezone.make_aware(datetime(2026, 4, 2, hour, 30))  # noqa: DTZ001
        assert (find(campaign, "hour_night", at=at) is not None) == is_told

    def test_without_a_time_nothing_is_said(self, campaign):
        night = timezone.make_aware(datetime(2026, 4, 2, 23))  # noqa: DTZ001
        assert find(campaign, "hour_night", now=night) is None


class TestDuration:
    def test_the_slowest_provider_decides(self):
        route = make_mail_route(is_paced=True)
        pace = policy_of("docomo").per_minute or 0
        assert longest({"docomo": 30.0 * pace, "gmail": 1.0}, route.key()) == ("docomo", 30.0)

    def test_the_limit_of_the_route_is_for_all_together(self):
        route = make_mail_route(per_minute=100)
        assert longest({"docomo": 3000.0, "gmail": 3000.0}, route.key()) == ("", 60.0)

    def test_the_direct_way_keeps_the_paces(self):
        route = make_mail_route(kind=RouteKind.DIRECT)
        assert longest({"docomo": 1e6}, route.key())[0] == "docomo"

    def test_a_relay_that_takes_any_number_is_not_guessed_at(self, campaign):
        assert longest({"docomo": 1e6}, RELAY) == ("", 0.0)
        assert find(campaign, "duration") is None

    def test_it_is_told_and_asked_for_when_it_is_long(self, campaign, settings):
        settings.RELAY_PER_MINUTE = 1
        assert "約1分" in find(campaign, "duration").sentence
        make_subscriber(campaign.mailing_lists.get(), "b@example.jp")
        settings.RELAY_PER_MINUTE = 0.001
        assert find(campaign, "takes_long").level == Level.YELLOW

    @pytest.mark.parametrize(
        ("minutes", "words"),
        [(0, "約1分"), (59, "約59分"), (62, "約1時間"), (127, "約2時間5分"), (700, "約11時間"), (4000, "約2日")],
    )
    def test_words(self, minutes, words):
        assert span_words(timedelta(minutes=minutes)) == words


class TestOwnLook:
    def test_one_of_this_content_is_wanted(self, campaign):
        assert find(campaign, "test_mail").level == Level.YELLOW
        models.TestMail.objects.create(campaign=campaign, address="a@example.jp", state=models.TestMailState.SENT)
        assert find(campaign, "test_mail").level == Level.GREEN
        campaign.save()
        assert find(campaign, "test_mail").level == Level.YELLOW

    def test_one_that_failed_does_not_count(self, campaign):
        models.TestMail.objects.create(campaign=campaign, address="a@example.jp", state=models.TestMailState.FAILED)
        assert find(campaign, "test_mail").level == Level.YELLOW


def test_an_archived_or_foreign_sender_is_told(campaign):
    campaign.sender = make_sender(campaign.workspace)
    assert find(campaign, "sender").level == Level.GREEN
