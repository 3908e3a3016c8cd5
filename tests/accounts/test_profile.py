"""A member's own name."""

import pytest
from django.urls import reverse

from accounts.models import Role
from tests.factories import make_user, make_workspace

pytestmark = pytest.mark.django_db


def test_everybody_can_say_by_what_name_others_know_him(client_for):
    user = make_user(make_workspace(), Role.VIEWER, name="", email="hanako@example.jp")
    client, url = client_for(user), reverse("profile")
    assert "hanako@example.jp" in client.get(url).content.decode()
    assert "1行で入力してください" in client.post(url, {"name": "花子\u202e"}).content.decode()
    page = client.post(url, {"name": " 山田 花子 "}, follow=True).content.decode()
    assert "お名前を保存しました" in page
    user.refresh_from_db()
    assert str(user) == "山田 花子"
    client.post(url, {"name": ""})
    user.refresh_from_db()
    assert str(user) == "hanako@example.jp"
