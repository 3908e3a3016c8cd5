"""設定ページ and the reasons of those who unsubscribe, by the links of a mail."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.links import preferences_url, unsubscribe_url
from campaigns.models import Leaving, LeavingReason
from campaigns.rendering import Renderer
from campaigns.report.exporting import report_rows
from campaigns.report.figures import read_report
from lists.models import AttributeDefinition, Consent, Subscription
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber, make_workspace
from tests.signup.making import make_form

pytestmark = pytest.mark.django_db


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


@pytest.fixture
def delivery():
    """A mail to somebody on two public lists and one that no form offers."""
    workspace = make_workspace()
    hobby = AttributeDefinition.objects.create(workspace=workspace, name="趣味", label="趣味")
    news, sales, staff, other = (make_list(workspace, name=name) for name in ("便り", "セール", "社内", "催し"))
    make_form(workspace, hobby, mailing_lists=[news, sales])
    make_form(workspace, mailing_lists=[other])
    reader = make_subscriber(news, "reader@example.jp", attributes={"趣味": "登山", "年": 5})
    for mailing_list in (sales, staff):
        Subscription.objects.create(mailing_list=mailing_list, subscriber=reader)
    return make_delivery(
        make_campaign(news, text="設定: {{preferences_url}}", started_at=timezone.now()), reader, state="sent"
    )


def lists_on(delivery):
    return set(Subscription.objects.filter(subscriber=delivery.subscriber).values_list("mailing_list__name", flat=True))


def test_a_reader_chooses_lists_and_changes_details(delivery):
    """A4, F6: GET changes nothing; leaving ends the consent, joining writes one down; other lists stay."""
    assert preferences_url(delivery.pk) in Renderer().content_of(delivery).text
    assert Renderer().render(delivery).data == Renderer().render_plainly(delivery).data
    client, path = Client(enforce_csrf_checks=True), path_of(preferences_url(delivery.pk))
    page = client.get(path).content.decode()
    assert "便り" in page
    assert "催し" in page
    assert "登山" in page
    assert "社内" not in page
    assert "reader@" not in page
    assert lists_on(delivery) == {"便り", "セール", "社内"}
    wanted = {row.name: row.pk for row in delivery.workspace.mailing_lists.all()}
    hobby = AttributeDefinition.objects.get()
    assert page.count('name="shown"') == 3
    shown = [wanted[name] for name in ("便り", "催し", "セール")]
    given = {"shown": shown, "lists": [wanted["便り"], wanted["催し"], "x"], "name": "花子", f"a{hobby.pk}": "釣り"}
    answer = client.post(path, given)
    assert answer.status_code == 302
    assert lists_on(delivery) == {"便り", "催し", "社内"}
    delivery.subscriber.refresh_from_db()
    assert (delivery.subscriber.name, delivery.subscriber.attributes) == ("花子", {"趣味": "釣り", "年": 5})
    consent = Consent.objects.get()
    assert (consent.mailing_list.name, consent.source, consent.evidence) == ("催し", "form", "メール設定ページ")
    assert "Your settings are saved." in client.get(f"{path}?saved=1&lang=en").content.decode()
    assert client.get(path.replace("-", "-a")).status_code == 404


def test_what_a_page_did_not_show_stays(delivery):
    """A mail program's own POST (RFC 8058), or a page that is older than a list, changes nothing else."""
    path = path_of(preferences_url(delivery.pk))
    Client().post(path, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
    assert lists_on(delivery) == {"便り", "セール", "社内"}
    delivery.subscriber.refresh_from_db()
    assert (delivery.subscriber.attributes["趣味"], delivery.subscriber.name) != ("", "")
    news = delivery.workspace.mailing_lists.get(name="便り").pk
    Client().post(path, {"shown": [news], "name": "花子"})
    assert lists_on(delivery) == {"セール", "社内"}
    delivery.subscriber.refresh_from_db()
    assert (delivery.subscriber.name, delivery.subscriber.attributes["趣味"]) == ("花子", "登山")


@pytest.mark.parametrize("charset", ["rot13", "hex", "undefined", "idna", "utf-7", "unicode_escape", "x", "shift_jis"])
def test_whatever_code_a_request_names_it_is_read_as_ours(delivery, charset):
    body = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n+2AA- \\ud800 \x82\xa0\r\n--x--\r\n'
    form = make_form(delivery.workspace)
    for path in (path_of(preferences_url(delivery.pk)), reverse("signup_form", args=[form.token])):
        answer = Client().generic("POST", path, body, f"multipart/form-data; boundary=x; charset={charset}")
        assert answer.status_code < 500


def test_why_somebody_left_is_asked_after_the_stop_and_kept_once(delivery):
    """F6: one click stops; the reason is counted for the mailing, its words stand with the stop."""
    client, path = Client(enforce_csrf_checks=True), path_of(unsubscribe_url(delivery.pk))
    assert "理由" not in client.get(path).content.decode()
    page = client.post(path, {"List-Unsubscribe": "One-Click"}).content.decode()
    assert "配信を停止しました" in page
    assert "理由をお聞かせください" in page
    assert "理由を選ぶか" in client.post(f"{path}reason/", {}).content.decode()
    page = client.post(f"{path}reason/", {"choice": "too_many", "words": "毎日\nは多い"}).content.decode()
    assert "ありがとう" in page
    assert "お聞かせください" not in page
    client.post(f"{path}reason/", {"choice": "other"})
    assert Leaving.objects.get().reason == LeavingReason.TOO_MANY
    delivery.subscriber.refresh_from_db()
    assert delivery.subscriber.stop_note == "メールの回数が多い: 毎日 は多い"
    settings_page = client.get(path_of(preferences_url(delivery.pk))).content.decode()
    assert "配信は停止しています" in settings_page


def test_nothing_is_said_for_who_did_not_unsubscribe(delivery):
    path = path_of(unsubscribe_url(delivery.pk))
    Client().post(f"{path}reason/", {"choice": "too_many"})
    delivery.subscriber.refresh_from_db()
    assert (delivery.subscriber.stop_note, Leaving.objects.count()) == ("", 0)


def test_the_report_of_the_mailing_counts_the_reasons(delivery):
    Leaving.objects.create(campaign=delivery.campaign, at=timezone.now(), reason="too_many")
    Leaving.objects.create(campaign=delivery.campaign, at=timezone.now(), reason="too_many")
    Leaving.objects.create(campaign=delivery.campaign, at=timezone.now(), reason="other")
    Leaving.objects.create(campaign=delivery.campaign, at=timezone.now())
    report = read_report(delivery.campaign, now=timezone.now())
    assert [(said.label, said.number) for said in report.reasons] == [("メールの回数が多い", 2), ("その他", 1)]
    assert ("配信停止の理由", "その他", "", 1, 33.33, "理由を答えた人") in list(report_rows(report))
