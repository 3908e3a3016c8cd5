"""The pages on which members make forms."""

import pytest
from django.urls import reverse

from accounts.models import AuditEntry, Role
from lists.erasing import erase
from lists.models import AttributeDefinition
from signup.erasing import erase_requests
from signup.models import SignupForm, SignupRequest
from tests.factories import make_list, make_sender, make_subscriber, make_user
from tests.signup.making import make_form, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def data(workspace):
    return {
        "name": "店頭",
        "language": "ja",
        "mailing_lists": [make_list(workspace).pk],
        "sender": make_sender(workspace).pk,
        "heading": "店頭での登録",
        "description": "",
        "wording": "お知らせを受け取ります。",
        "thanks": "",
        "continue_url": "",
        "name_rule": "required",
    }


def test_an_editor_makes_changes_and_stops_a_form(workspace, client_for, data):
    """A4: a changed text is a new wording; what was done stands in the audit log."""
    client = client_for(make_user(workspace, Role.EDITOR))
    hobby = AttributeDefinition.objects.create(workspace=workspace, name="趣味", label="趣味")
    answer = client.post(
        reverse("signup_create"), data | {f"ask_{hobby.pk}": "required", "continue_url": "http://a.example"}
    )
    assert "https:// で始まるURL" in answer.content.decode()
    answer = client.post(reverse("signup_create"), data | {f"ask_{hobby.pk}": "required"}, follow=True)
    form = SignupForm.objects.get()
    page = answer.content.decode()
    assert f"/f/{form.token}/" in page
    assert f"&lt;input type=&quot;text&quot; name=&quot;a{hobby.pk}&quot;" in page
    client.post(reverse("signup_edit", args=[form.pk]), data)
    assert (form.wordings.count(), form.fields.count()) == (1, 0)
    client.post(reverse("signup_edit", args=[form.pk]), data | {"wording": "新しい同意文です。"})
    assert [row.version() for row in form.wordings.order_by("number")] == [f"F{form.pk}-1", f"F{form.pk}-2"]
    for active in ("0", "0", "1"):
        client.post(reverse("signup_switch", args=[form.pk]), {"active": active})
    form.refresh_from_db()
    assert form.is_open()
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions == [f"signup_form.{word}" for word in ("create", "update", "update", "stop", "resume")]


def test_who_may_see_and_who_may_change(workspace, viewer, client_for, data):
    form = make_form(workspace)
    for name in ("signup_index", "signup_detail"):
        assert viewer.get(reverse(name, args=[form.pk] if "detail" in name else [])).status_code == 200
    assert viewer.post(reverse("signup_create"), data).status_code == 403
    assert viewer.post(reverse("signup_switch", args=[form.pk]), {"active": "0"}).status_code == 403
    stranger = client_for(make_user(make_form().workspace))
    assert stranger.get(reverse("signup_detail", args=[form.pk])).status_code == 404
    # A list, and a sender, of somebody else.
    foreign = data | {"mailing_lists": [make_list().pk], "sender": make_sender().pk}
    editor = client_for(make_user(workspace, Role.EDITOR))
    editor.post(reverse("signup_create"), foreign)
    assert list(SignupForm.objects.filter(workspace=workspace)) == [form]


def test_a_form_whose_sender_cannot_send_says_so(workspace, viewer):
    form = make_form(workspace)
    form.sender.domain.verified_at = None
    form.sender.domain.save()
    page = viewer.get(reverse("signup_detail", args=[form.pk])).content.decode()
    assert "だれも登録できません" in page


def test_what_an_erased_person_typed_goes_with_them(workspace):
    form = make_form(workspace)
    reader = make_subscriber(form.mailing_lists.get(), "gone@example.jp")
    post(form, "Gone@example.jp")
    post(form, "other@example.jp")
    erase([reader.pk], workspace=workspace, actor=None, now=form.created_at, also=(erase_requests,))
    assert SignupRequest.objects.get().address == "other@example.jp"
