"""リンクのドメイン: proved by a real answer over a real name, used by mailings that begin, and by nothing else."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from campaigns.freezing import freeze_recipients
from campaigns.link_hosts import BAD, GOOD, LEASE, check, check_due, due_hosts
from campaigns.models import CampaignState, Delivery
from campaigns.public_hosts import is_public_or_loopback
from campaigns.report.overlay import overlay_html
from campaigns.tasks import hint_link_hosts
from campaigns.web_asking import Asker
from hypermail.troubles import find_troubles
from senders.dns import DnsResolver
from senders.models import SenderDomain
from tests.campaigns.turns import drain
from tests.campaigns.web_server import WebServer, say, serve_web
from tests.factories import make_campaign, make_list, make_sender, make_subscriber, make_user, make_workspace
from tests.senders.dns_server import ZoneServer, serve_zones
from tests.tracking.conftest import HTML, NOW
from tests.tracking.test_views import row_of, urls_of
from tracking.figures import reactions_of
from tracking.host_names import owners
from tracking.hosts import HEADER, HostRefused, proof_url, save_host
from tracking.models import LinkHost

pytestmark = pytest.mark.django_db
NAME = "link.shop.example"


@pytest.fixture(autouse=True)
def _fresh():
    """Whose hosts there are is asked anew by each test."""
    owners.cache_clear()


@pytest.fixture
def zones() -> Iterator[ZoneServer]:
    """The DNS, in which the host leads to this machine."""
    with serve_zones() as server:
        server.add_zone(f"{NAME}. 60 IN A 127.0.0.1\n")
        yield server


@pytest.fixture
def elsewhere() -> Iterator[WebServer]:
    """A web server that is not ours."""
    with serve_web() as server:
        yield server


def make_host(workspace, **fields):
    return LinkHost.objects.create(workspace=workspace, **{"name": NAME, "due_at": timezone.now()} | fields)


def asker_for(zones):
    resolver = DnsResolver([zones.address], server_timeout=2, question_timeout=3)
    return Asker(resolver, until=time.monotonic() + 20, may_ask=is_public_or_loopback)


def look(host, zones):
    """Ask a host; return whether it is good and what is wrong."""
    check(host, asker_for(zones), now=timezone.now())
    host.refresh_from_db()
    return host.is_good, host.problem


# ── the proof ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db(transaction=True)
def test_a_host_that_leads_here_is_good(workspace, zones, live_server, settings):
    settings.BASE_URL = live_server.url
    host = make_host(workspace)
    assert look(host, zones) == (True, "")
    assert host.due_at - host.checked_at == GOOD


def test_another_server_is_not_taken_for_ours(workspace, zones, elsewhere, settings):
    settings.BASE_URL = elsewhere.url("")
    host = make_host(workspace, is_good=True)
    # One that has an answer for everything.
    path = proof_url(host).rpartition("/l/")[2]
    for answer in (say(200), say(204, **{HEADER.replace("-", "_"): "1-" + "a" * 26}), say(302, Location=NAME)):
        elsewhere.answers[f"/l/{path}"] = answer
        LinkHost.objects.update(is_good=True)
        is_good, problem = look(host, zones)
        assert not is_good
        assert "別のサーバーが応答しています" in problem
    assert host.due_at - host.checked_at == BAD


@pytest.mark.parametrize(
    ("base", "name", "sentence"),
    [
        ("http://localhost:1", NAME, "に接続できません"),
        ("http://localhost", "gone.shop.example", "が見つかりません。DNSに、localhost へのCNAME"),
    ],
)
def test_what_is_wrong_is_told(workspace, zones, settings, base, name, sentence):
    settings.BASE_URL = base
    is_good, problem = look(make_host(workspace, name=name), zones)
    assert not is_good
    assert sentence in problem


def test_while_the_dns_is_silent_a_host_stays_as_it_was(workspace, zones, settings):
    settings.BASE_URL = "http://localhost:1"
    zones.failing.add(NAME)
    host = make_host(workspace, is_good=True)
    assert look(host, zones) == (True, "")
    assert host.checked_at is None
    assert host.due_at > timezone.now()


def test_a_host_that_was_changed_meanwhile_keeps_nothing_of_the_old_answer(workspace, zones, settings):
    settings.BASE_URL = "http://localhost:1"
    host = make_host(workspace)
    LinkHost.objects.update(name="new.shop.example")
    check(host, asker_for(zones), now=timezone.now())
    assert LinkHost.objects.get().problem == ""


def test_the_proof_answers_our_tokens_alone(workspace):
    answer = Client().get("/l/" + proof_url(make_host(workspace)).rpartition("/")[2], headers={"host": "any.example"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer[HEADER].startswith(f"{workspace.pk}-")
    for token in ("x", answer[HEADER], f"{workspace.pk}-" + "a" * 26):
        assert Client().get(f"/l/{token}").status_code == 404


def test_one_process_asks_what_is_due(workspace, settings):
    settings.BASE_URL = "http://localhost:1"
    settings.DNS_SERVERS = ["127.0.0.1:1"]
    now = timezone.now()
    host = make_host(workspace, due_at=now + timedelta(minutes=1))
    assert due_hosts(now=now) == []
    assert not check_due(host.pk, now=now)
    later = now + timedelta(minutes=1)
    assert due_hosts(now=later) == [host.pk]
    drain()
    hint_link_hosts(now=later)
    assert drain() == [("campaigns.tasks.check_link_host", (host.pk,))]
    LinkHost.objects.update(due_at=later + LEASE)
    assert not check_due(host.pk, now=later)


# ── mails and links ───────────────────────────────────────────────────────────────────────────────────────────────


def begin(**fields):
    """Begin a mailing of a workspace that has a host."""
    mailing_list = make_list()
    make_host(mailing_list.workspace, **fields)
    make_subscriber(mailing_list, name="花子", attributes={"会員番号": "A 1"})
    campaign = make_campaign(mailing_list, html=HTML, state=CampaignState.STARTING)
    freeze_recipients(campaign.pk, now=NOW)
    Delivery.objects.filter(campaign=campaign).update(state="sent", fenced_at=NOW, mail_date=NOW)
    campaign.refresh_from_db()
    return campaign


def test_links_and_picture_have_the_host_and_leaving_has_ours():
    sale, mypage, refuse, picture = urls_of(row_of(begin(is_good=True)))
    for url in (sale, mypage, picture):
        assert url.startswith(f"http://{NAME}/")
    assert refuse.startswith("http://testserver/u/")


def test_a_host_that_is_not_proved_is_not_used():
    assert all(url.startswith("http://testserver/") for url in urls_of(row_of(begin())))


def test_a_link_leads_on_over_the_host_and_nothing_else_is_open_there():
    campaign = begin(is_good=True)
    sale, _mypage, _refuse, picture = urls_of(row_of(campaign))
    client = Client(headers={"host": NAME})
    answer = client.get(sale.removeprefix(f"http://{NAME}"))
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://shop.example/sale?a=1&b=2")
    assert client.get(picture.removeprefix(f"http://{NAME}"))["Content-Type"] == "image/gif"
    for path in ("/", "/accounts/login/", "/campaigns/", "/u/x/"):
        assert client.get(path).status_code == 400


def test_a_link_of_another_workspace_leads_nowhere_over_a_host():
    """Who reads a customer's name in a link can trust it; over ours, and over names that are nobody's, all links lead on."""
    campaign = begin(is_good=True)
    make_host(make_workspace(), name="link.other.example", is_good=True)
    path = urls_of(row_of(campaign))[0].removeprefix(f"http://{NAME}")
    assert Client().get(path, headers={"host": "LINK.other.example:8000"}).status_code == 404
    assert Client().get(path, headers={"host": NAME, "x-forwarded-host": "link.other.example"}).status_code == 404
    for host in ("testserver", NAME, "gone.example"):
        assert Client().get(path, headers={"host": host}).status_code == 302


def test_what_began_keeps_its_links_when_the_host_changes():
    campaign = begin(is_good=True)
    before = urls_of(row_of(campaign))
    LinkHost.objects.all().delete()
    assert urls_of(row_of(campaign)) == before


def test_the_report_finds_the_links_of_a_host():
    campaign = begin(is_good=True)
    page = overlay_html(campaign, reactions_of(campaign.pk).links)
    assert "1: 0人" in page
    assert NAME not in page


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def admin(workspace, client_for):
    make_sender(workspace)
    SenderDomain.objects.update(return_name="return.shop.example")
    return client_for(make_user(workspace))


@pytest.fixture
def alone(settings):
    """A DNS that answers nothing, so that no page asks the outside."""
    settings.DNS_SERVERS = ["127.0.0.1:1"]
    settings.BASE_URL = "http://mail.example:1"


def test_a_host_is_stored_asked_and_taken_back(admin, workspace, alone):
    url = reverse("link_host")
    page = admin.post(url, {"name": " LINK.Shop.example. "}, follow=True).content.decode()
    host = LinkHost.objects.get(workspace=workspace)
    assert host.name == NAME
    assert "いまは確認できませんでした" in page
    for words in (NAME, "CNAME", "mail.example"):
        assert words in page
    assert admin.post(reverse("link_host_check")).url == url
    page = admin.post(url, {"name": ""}, follow=True).content.decode()
    assert not LinkHost.objects.exists()
    assert "このシステムのドメインを使います" in page
    assert AuditEntry.objects.filter(action="workspace.link_host").count() == 2


def test_a_host_is_of_an_organisation_whose_domain_the_workspace_proved(admin, workspace, alone):
    SenderDomain.objects.update(verified_at=None)
    stranger = make_workspace()
    make_sender(stranger)
    page = admin.post(reverse("link_host"), {"name": NAME}).content.decode()
    assert "先に送信ドメインを確認してください" in page
    assert not LinkHost.objects.exists()
    make_sender(workspace, "news@mail.shop.example")
    admin.post(reverse("link_host"), {"name": NAME})
    assert LinkHost.objects.get().name == NAME


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("https://link.shop.example/", "ドメイン"),
        ("co.jp", "登録の単位"),
        ("gmail.com", "フリーメール"),
        ("mail.example", "このシステムのドメインです"),
        ("shop.example", "「link.shop.example」のような"),
        ("return.shop.example", "リンクだけに使う名前"),
        ("x" * 1001, "1000"),
    ],
)
def test_a_name_that_cannot_be_used_is_told(admin, alone, name, sentence):
    page = admin.post(reverse("link_host"), {"name": name}).content.decode()
    assert sentence in page
    assert not LinkHost.objects.exists()


def test_a_host_belongs_to_one_customer(admin, alone):
    make_host(make_workspace())
    page = admin.post(reverse("link_host"), {"name": NAME}).content.decode()
    assert "このドメインは登録できません" in page
    assert LinkHost.objects.count() == 1


def test_a_refused_change_keeps_what_was_there(workspace):
    make_sender(workspace, "news@other.example")
    make_host(workspace, is_good=True)
    make_host(make_workspace(), name="link.other.example")
    with pytest.raises(HostRefused):
        save_host(workspace, "link.other.example", actor=make_user(workspace), now=timezone.now())
    assert LinkHost.objects.get(workspace=workspace).is_good


def test_the_same_name_again_changes_nothing(workspace):
    host = make_host(workspace, is_good=True)
    assert save_host(workspace, NAME, actor=make_user(workspace), now=timezone.now()) == host
    assert LinkHost.objects.get().is_good
    assert not AuditEntry.objects.exists()


def test_home_tells_of_a_host_that_does_not_lead_here(workspace):
    make_host(workspace, problem="link.shop.example が見つかりません。")
    [trouble] = find_troubles(workspace)
    assert "リンクのドメイン: link.shop.example が見つかりません。" in trouble.sentence
    assert trouble.url == reverse("link_host")


def test_the_settings_name_the_host_in_use(admin, workspace):
    url = reverse("tracking_settings")
    assert "このシステムのドメイン" in admin.get(url).content.decode()
    host = make_host(workspace)
    assert "確認できていません" in admin.get(url).content.decode()
    host.is_good = True
    host.save()
    assert NAME in admin.get(url).content.decode()
