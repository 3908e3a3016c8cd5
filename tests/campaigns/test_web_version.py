"""ブラウザーで見る: the mail of one recipient on a page of ours."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.links import unsubscribe_url, web_url
from campaigns.models import Delivery
from campaigns.rendering import Renderer
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber, make_workspace
from tracking.models import Hit

pytestmark = pytest.mark.django_db

TEXT = "{{name|お客様}}様 ブラウザーで見る: {{web_url}}"
HTML = '<p>{{name}}様 <a href="{{web_url}}">ブラウザーで見る</a> <a href="https://shop.example/">店</a></p>'


@pytest.fixture
def delivery() -> Delivery:
    mailing_list = make_list(make_workspace())
    reader = make_subscriber(mailing_list, "hana@example.jp", name="<花>")
    campaign = make_campaign(mailing_list, subject="{{name}}様へ", text=TEXT, html=HTML, started_at=timezone.now())
    return make_delivery(campaign, reader, state="sent")


def path_of(delivery: Delivery) -> str:
    return web_url(delivery.pk).removeprefix("http://testserver")


def test_shows_the_mail_that_the_person_got(client: Client, delivery: Delivery) -> None:
    mail = Renderer().content_of(delivery)
    assert f'href="{web_url(delivery.pk)}"' in mail.html
    response = client.get(path_of(delivery))
    page = response.content.decode()
    assert page == mail.html
    assert "&lt;花&gt;様" in page
    assert unsubscribe_url(delivery.pk) in page
    assert "script-src" not in response.headers["Content-Security-Policy"]
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert response.headers["X-Robots-Tag"] == "noindex"


def test_shows_the_text_where_there_is_no_html(client: Client, delivery: Delivery) -> None:
    type(delivery.campaign).objects.update(html="")
    page = client.get(path_of(delivery)).content.decode()
    assert "<h1>&lt;花&gt;様へ</h1>" in page
    assert "&lt;花&gt;様 ブラウザーで見る" in page


def test_the_compiled_mail_links_to_it_too(delivery: Delivery) -> None:
    renderer = Renderer()
    assert renderer.render(delivery).data == renderer.render_plainly(delivery).data


def test_counts_nothing_and_acts_on_nothing(client: Client, delivery: Delivery) -> None:
    before = Delivery.objects.values().get()
    client.get(path_of(delivery))
    assert client.post(path_of(delivery)).status_code == 405
    assert (Delivery.objects.values().get(), Hit.objects.count()) == (before, 0)


@pytest.mark.parametrize("token", ["x", "1-aaaaaaaaaaaaaaaaaaaaaaaaaa"])
def test_a_link_that_is_not_ours_shows_nothing(client: Client, delivery: Delivery, token: str) -> None:
    assert client.get(reverse("web_version", args=[token])).status_code == 404
    assert client.get(path_of(delivery)[:-3] + "/").status_code == 404
    # The token of another purpose opens nothing here.
    other = unsubscribe_url(delivery.pk).rstrip("/").rpartition("/")[2]
    assert client.get(reverse("web_version", args=[other])).status_code == 404


def test_an_erased_person_has_no_mail_here(client: Client, delivery: Delivery) -> None:
    Delivery.objects.update(subscriber=None)
    assert client.get(path_of(delivery)).status_code == 404
