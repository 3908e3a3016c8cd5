"""What tests of 登録フォーム share: a form, a visitor, the mail that came."""

import re
from email import message_from_bytes, policy
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Workspace
from lists.models import AttributeDefinition
from signup.models import FormField, SignupForm, Wording
from tests.conftest import Received
from tests.factories import make_list, make_sender, make_workspace

AGREED = "みほん商店株式会社からのお知らせを受け取ることに同意します。"


def make_form(
    workspace: Workspace | None = None, attribute: AttributeDefinition | None = None, **fields: Any
) -> SignupForm:
    """Make an open form with one list, which asks for an attribute where one is given."""
    workspace = workspace or make_workspace()
    sender = fields.pop("sender", None) or make_sender(workspace)
    lists = fields.pop("mailing_lists", None) or [make_list(workspace)]
    defaults = {"name": "トップページ", "heading": "季節の便り"}
    form = SignupForm.objects.create(workspace=workspace, sender=sender, **defaults | fields)
    form.mailing_lists.set(lists)
    Wording.objects.create(form=form, number=1, text=AGREED, since=timezone.now())
    if attribute:
        FormField.objects.create(form=form, attribute=attribute, is_required=True)
    return form


def post(form: SignupForm, address: str, ip: str = "192.0.2.7", **fields: str) -> Any:
    """Send a form as somebody's page does: without cookies, from another site."""
    visitor = Client(enforce_csrf_checks=True)
    headers = {"origin": "https://shop.example", "user-agent": "Mozilla/5.0 " + "x" * 200}
    path = reverse("signup_form", args=[form.token])
    return visitor.post(path, {"address": address} | fields, headers=headers, REMOTE_ADDR=ip)


def text_of(mail: Received) -> str:
    """Return the text of a mail."""
    body = message_from_bytes(mail.content, policy=policy.default).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def link_in(mail: Received) -> str:
    """Return the path of the link by which a request is confirmed."""
    found = re.search(r"https?://[^/\s]+(/fc/\S+)", text_of(mail))
    assert found is not None
    return found[1]
