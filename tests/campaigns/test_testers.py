"""テスト配信先: who is kept, who may change them, and what the form refuses."""

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Role
from campaigns import models
from campaigns.erasing import erase_mails
from campaigns.models import MOST_SEEDS, MOST_TESTERS
from lists.traces import Gone
from tests.factories import make_user, make_workspace

pytestmark = pytest.mark.django_db

INDEX = "/testers/"


@pytest.fixture
def editor(workspace, client_for):
    return client_for(make_user(workspace, Role.EDITOR))


def make_tester(workspace, address="boss@example.jp", **fields):
    return models.Tester.objects.create(workspace=workspace, **{"name": "部長", "address": address} | fields)


def page_of(response):
    return response.content.decode()


def kept():
    return list(models.Tester.objects.values_list("name", "address", "is_seed"))


def actions():
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def test_a_tester_is_added_changed_and_deleted_and_each_is_written_down(editor):
    assert editor.post(INDEX, {"name": "部長", "address": "boss@EXAMPLE.jp"}).url == INDEX
    assert kept() == [("部長", "boss@example.jp", False)]
    edit = reverse("tester_edit", args=[models.Tester.objects.get().pk])
    assert "部長" in page_of(editor.get(edit))
    assert editor.post(edit, {"name": "店長", "address": "boss@example.jp", "is_seed": "on"}).url == INDEX
    assert kept() == [("店長", "boss@example.jp", True)]
    assert "シード" in page_of(editor.get(INDEX))
    assert editor.post(reverse("tester_delete", args=[models.Tester.objects.get().pk])).url == INDEX
    assert kept() == []
    assert actions() == ["tester.create", "tester.update", "tester.delete"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "名前を入力してください。"),
        ({"name": "部\n長"}, "改行"),
        ({"address": ""}, "メールアドレスを入力してください。"),
        ({"address": "boss.example.jp"}, "@"),
        ({"address": "taken@example.jp"}, "このアドレスはすでに登録されています。"),
        ({"address": "TAKEN@example.jp"}, "このアドレスはすでに登録されています。"),
    ],
)
def test_what_cannot_be_kept_is_told_and_what_was_typed_stays(workspace, editor, fields, sentence):
    make_tester(workspace, "taken@example.jp")
    response = editor.post(INDEX, {"name": "店長", "address": "new@example.jp"} | fields)
    page = page_of(response)
    assert response.status_code == 200
    assert sentence in page
    assert fields.get("name", "店長").split("\n")[0] in page
    assert len(kept()) == 1


def test_there_are_no_more_than_so_many(workspace, editor):
    models.Tester.objects.bulk_create(
        models.Tester(workspace=workspace, name="人", address=f"p{number}@example.jp", is_seed=number < MOST_SEEDS)
        for number in range(MOST_TESTERS - 1)
    )
    one = {"name": "店長", "address": "new@example.jp"}
    assert f"シードは{MOST_SEEDS}件まで" in page_of(editor.post(INDEX, one | {"is_seed": "on"}))
    assert editor.post(INDEX, one).status_code == 302
    assert f"テスト配信先は{MOST_TESTERS}件まで" in page_of(editor.post(INDEX, one | {"address": "more@example.jp"}))
    assert len(kept()) == MOST_TESTERS


def test_the_same_address_may_be_kept_by_another_customer(workspace, editor):
    make_tester(make_workspace(), "boss@example.jp")
    assert editor.post(INDEX, {"name": "部長", "address": "boss@example.jp"}).status_code == 302
    assert models.Tester.objects.filter(workspace=workspace).count() == 1


def test_who_is_erased_is_no_tester_any_more(workspace):
    make_tester(workspace, "Gone@example.jp")
    make_tester(workspace, "stays@example.jp")
    make_tester(make_workspace(), "gone@example.jp")
    erase_mails(Gone(workspace, [], {"gone@example.jp": 1}), timezone.now())
    assert set(models.Tester.objects.values_list("address", flat=True)) == {"stays@example.jp", "gone@example.jp"}
    assert models.Tester.objects.filter(workspace=workspace).get().address == "stays@example.jp"
