"""Logging in and out, passwords, and what guards them."""

import re

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import NoReverseMatch, reverse
from pytest_django import Settings

from accounts.models import Role
from tests.factories import make_user, make_workspace

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def _no_counters() -> None:
    cache.clear()


def attempt(client: Client, email: str, password: str) -> str:
    return client.post(LOGIN, {"login": email, "password": password}, follow=True).content.decode()


def test_logs_in_with_the_mail_address(client: Client) -> None:
    user = make_user(make_workspace(), email="hanako@example.jp")
    answer = client.post(LOGIN, {"login": "Hanako@Example.jp", "password": "password"})
    assert answer["Location"] == reverse("home")
    assert client.session["_auth_user_id"] == str(user.pk)


def test_goes_on_to_the_page_that_was_asked_for(client: Client) -> None:
    make_user(make_workspace(), email="hanako@example.jp")
    asked = client.get(reverse("settings"))
    assert asked["Location"] == f"{LOGIN}?next=/settings/"
    answer = client.post(
        asked["Location"], {"login": "hanako@example.jp", "password": "password", "next": "/settings/"}
    )
    assert answer["Location"] == "/settings/"


def test_never_goes_on_to_another_site(client: Client) -> None:
    make_user(make_workspace(), email="hanako@example.jp")
    answer = client.post(LOGIN, {"login": "hanako@example.jp", "password": "password", "next": "https://evil.example/"})
    assert answer["Location"] == reverse("home")


@pytest.mark.parametrize("email", ["hanako@example.jp", "nobody@example.jp"])
def test_wrong_password_and_unknown_address_get_the_same_words(client: Client, email: str) -> None:
    make_user(make_workspace(), email="hanako@example.jp")
    page = attempt(client, email, "wrong")
    assert "メールアドレスかパスワードが正しくありません" in page
    assert "_auth_user_id" not in client.session


def test_many_wrong_passwords_lock_the_address_for_a_while(client: Client) -> None:
    make_user(make_workspace(), email="hanako@example.jp")
    for _number in range(5):
        attempt(client, "hanako@example.jp", "wrong")
    page = attempt(client, "hanako@example.jp", "password")
    assert "5分ほど待ってから" in page
    assert "_auth_user_id" not in client.session


def test_inactive_account_is_told_so(client: Client) -> None:
    make_user(make_workspace(), email="hanako@example.jp", is_active=False)
    assert "_auth_user_id" not in client.session
    assert attempt(client, "hanako@example.jp", "password")
    assert "_auth_user_id" not in client.session


def test_nobody_can_sign_up(client: Client) -> None:
    with pytest.raises(NoReverseMatch):
        reverse("account_signup")
    assert client.get("/accounts/signup/").status_code == 404
    assert "サインアップ" not in client.get(LOGIN).content.decode()


def test_no_placeholder_stands_where_the_label_is_enough(client: Client) -> None:
    pages = [client.get(path).content.decode() for path in (LOGIN, reverse("account_reset_password"))]
    client.force_login(make_user(make_workspace()))
    pages.append(client.get(reverse("account_change_password")).content.decode())
    assert not any("placeholder" in page for page in pages)


def test_logout_asks_first_and_acts_by_post(client: Client) -> None:
    client.force_login(make_user(make_workspace()))
    assert "ログアウトしますか" in client.get("/accounts/logout/").content.decode()
    assert "_auth_user_id" in client.session
    client.post("/accounts/logout/")
    assert "_auth_user_id" not in client.session


def test_changes_the_password(client: Client) -> None:
    user = make_user(make_workspace(), role=Role.VIEWER)
    client.force_login(user)
    fields = {"oldpassword": "password", "password1": "akai-ringo-7", "password2": "akai-ringo-7"}
    answer = client.post(reverse("account_change_password"), fields)
    assert answer.status_code == 302
    user.refresh_from_db()
    assert user.check_password("akai-ringo-7")


def test_weak_password_is_refused_in_japanese(client: Client) -> None:
    client.force_login(make_user(make_workspace()))
    fields = {"oldpassword": "password", "password1": "1234", "password2": "1234"}
    page = client.post(reverse("account_change_password"), fields).content.decode()
    assert "短すぎます" in page


def test_lost_password_is_set_anew_by_a_mailed_link(client: Client) -> None:
    user = make_user(make_workspace(), email="hanako@example.jp")
    client.post(reverse("account_reset_password"), {"email": "hanako@example.jp"})
    letter = mail.outbox[0]
    assert letter.subject == "Hypermailのパスワードの再設定"
    link = re.search(r"https?://testserver(/\S+)", str(letter.body))
    assert link
    page = client.get(link[1], follow=True)
    assert "新しいパスワード" in page.content.decode()
    client.post(page.redirect_chain[-1][0], {"password1": "akai-ringo-7", "password2": "akai-ringo-7"})
    user.refresh_from_db()
    assert user.check_password("akai-ringo-7")
    # The link works once.
    assert "このリンクは使えません" in Client().get(link[1], follow=True).content.decode()


def test_reset_tells_nobody_which_addresses_have_accounts(client: Client) -> None:
    make_user(make_workspace(), email="hanako@example.jp")
    answers = [
        client.post(reverse("account_reset_password"), {"email": email}, follow=True).content.decode()
        for email in ("hanako@example.jp", "nobody@example.jp")
    ]
    strip = re.compile(r'nonce="[^"]*"|value="[^"]*"|X-CSRFToken": "[^"]*"')
    assert strip.sub("", answers[0]) == strip.sub("", answers[1])
    # Nor can anybody make us write to a stranger.
    assert [letter.to for letter in mail.outbox] == [["hanako@example.jp"]]


def test_too_many_logins_from_one_place_get_the_page_that_says_wait(client: Client, settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
    client.post(LOGIN, {"login": "a@example.jp", "password": "x"})
    answer = client.post(LOGIN, {"login": "a@example.jp", "password": "x"})
    assert answer.status_code == 429
    assert "少し時間をおいてください" in answer.content.decode()
