"""DMARC reports that come in by a door are kept by domain, added up on a page and cleared out (C26)."""

import gzip
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from bounces.batches import process_batch
from bounces.dmarc_reports import KEPT, clear_old_reports, store_dmarc_report, sum_up
from bounces.intake import store_raw
from bounces.models import DmarcReport, DmarcSource, Door, NoticeState, RawNotice
from bounces.processing import process
from senders.models import SenderDomain
from tests.bounces.test_dmarc_reading import make_mail, make_xml, row
from tests.factories import make_sender, make_user, make_workspace

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def domain(workspace):
    return make_sender(workspace).domain


def mail(*rows, **words):
    now = int(timezone.now().timestamp())
    times = {"begin": str(now - 90_000), "end": str(now - 3600)}
    return make_mail(gzip.compress(make_xml(*rows, **(times | words))))


def since():
    return timezone.now() - 30 * DAY


@pytest.mark.parametrize("way", ["alone", "batch"])
def test_a_report_comes_in_by_a_door_and_is_kept_once(domain, way):
    """C26"""
    for _again in range(2):
        notice = store_raw(mail(), envelope_to="dmarc@bounce.example.com", door=Door.LMTP)
        if way == "alone":
            process(notice.pk, now=timezone.now())
        else:
            process_batch([notice.pk], now=timezone.now())
    assert RawNotice.objects.filter(state=NoticeState.IGNORED, kind="report").exists()
    assert (DmarcReport.objects.get().domain, DmarcSource.objects.get().messages) == (domain, 12)


def test_only_who_proved_the_domain_has_it(domain):
    SenderDomain.objects.create(workspace=make_workspace(), name=domain.name)
    assert store_dmarc_report(mail()) == 1
    assert DmarcReport.objects.get().domain == domain
    assert store_dmarc_report(mail(domain="other.example")) == 0
    SenderDomain.objects.update(verified_at=None)
    assert store_dmarc_report(mail().replace(b"123-abc", b"124-abc")) == 0


def test_mails_are_added_up_by_address(domain, settings):
    settings.SENDING_IPS = ["192.0.2.10", "2001:DB8:0::1"]
    store_dmarc_report(
        mail(row(count="10"), row(count="5", dkim="fail", spf="pass"), row("2001:db8::1", "3", spf="fail"))
    )
    found = sum_up(domain, since=since())
    assert (found.messages, found.passed, found.percent) == (18, 18, 100.0)
    assert [(line.source_ip, line.messages, line.dkim, line.spf, line.is_ours) for line in found.sources] == [
        ("192.0.2.10", 15, 10, 15, True),
        ("2001:db8::1", 3, 3, 0, True),
    ]
    assert [(line.reporter, line.messages) for line in found.reporters] == [("google.com", 18)]
    assert sum_up(domain, since=timezone.now()).messages == 0


def test_what_fails_is_told_apart(domain, settings):
    settings.SENDING_IPS = ["192.0.2.10"]
    store_dmarc_report(
        mail(row(dkim="fail", spf="fail"), row("198.51.100.9", "2", "reject", "fail", "fail"), row("203.0.113.5"))
    )
    found = sum_up(domain, since=since())
    assert [line.source_ip for line in found.failing_ours] == ["192.0.2.10"]
    assert [(line.source_ip, line.stopped) for line in found.strangers] == [("198.51.100.9", 2)]


def test_those_with_most_mails_are_shown_and_the_others_counted(domain):
    store_dmarc_report(mail(*[row(f"198.51.100.{number}", str(number + 1)) for number in range(60)]))
    found = sum_up(domain, since=since())
    assert (len(found.sources), found.sources[0].messages, found.more) == (50, 60, 10)


class TestPage:
    def page(self, client, domain, **query):
        return client.get(reverse("dmarc_reports", args=[domain.pk]), query).content.decode()

    def test_shows_servers_and_what_to_do(self, viewer, domain, settings):
        settings.SENDING_IPS = ["192.0.2.10"]
        store_dmarc_report(mail(row(), row("198.51.100.9", "2", "reject", "fail", "fail")))
        shown = self.page(viewer, domain)
        for word in ("192.0.2.10", "当サービス", "198.51.100.9", "なりすましの可能性", "google.com", "85.7%"):
            assert word in shown
        assert "当サービスの送信サーバーから送ったメールに、不合格" not in shown
        assert "192.0.2.10" in self.page(viewer, domain, days="365")
        assert "192.0.2.10" in self.page(viewer, domain, days="²")

    def test_all_well_is_said(self, viewer, domain):
        store_dmarc_report(mail())
        assert "すべて DMARC に合格" in self.page(viewer, domain)

    @pytest.mark.parametrize(("address", "sentence"), [("dmarc@x.example", "翌日ごろ"), ("", "運営者に")])
    def test_without_reports_it_says_how_to_get_some(self, viewer, domain, settings, address, sentence):
        settings.DMARC_REPORT_ADDRESS = address
        assert sentence in self.page(viewer, domain)

    def test_hostile_words_are_text(self, viewer, domain):
        xml = mail().decode()
        store_dmarc_report(make_mail(gzip.compress(make_xml().replace(b"google.com</org", b"&lt;script&gt;</org"))))
        assert "<script>" not in self.page(viewer, domain, days="365").replace("<script src", "")
        assert xml

    def test_nobody_elses(self, client_for, domain):
        client = client_for(make_user(make_workspace()))
        assert client.get(reverse("dmarc_reports", args=[domain.pk])).status_code == 404

    def test_the_domain_page_leads_to_it(self, viewer, domain):
        shown = viewer.get(reverse("domain_detail", args=[domain.pk])).content.decode()
        assert reverse("dmarc_reports", args=[domain.pk]) in shown

    def test_asks_a_fixed_number_of_queries(self, viewer, domain, django_assert_max_num_queries):
        store_dmarc_report(mail(*[row(f"198.51.100.{number}") for number in range(60)]))
        with django_assert_max_num_queries(12):
            self.page(viewer, domain)


def test_old_reports_are_cleared_out(domain):
    store_dmarc_report(mail())
    assert clear_old_reports(now=timezone.now() + KEPT - DAY) == 0
    assert clear_old_reports(now=timezone.now() + KEPT) == 1
    assert not DmarcSource.objects.exists()
