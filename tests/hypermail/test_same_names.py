"""Two people give the same name at the same moment: the second one is told as if the first had been there."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection
from django.urls import reverse
from django.utils import timezone

from accounts.form_storing import store
from accounts.models import AuditEntry, Role
from campaigns import models
from campaigns.label_forms import LabelForm
from campaigns.models import Folder, Label
from designs.models import BodyKind, Snippet, Template
from tests.campaigns.meanwhile import meanwhile
from tests.factories import make_campaign, make_list, make_user

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "同じ名前"
CALLED = {Folder: "フォルダ", Label: "ラベル", Snippet: "部品", Template: "テンプレート"}
# Of a model: what else its form asks for, and what its rows have to have.
KINDS = {
    Folder: ({}, {}),
    Label: ({"tone": "ok"}, {}),
    Snippet: ({"text": "あ"}, {"text": "い"}),
    Template: ({}, {"kind": BodyKind.TEXT, "created_at": timezone.now()}),
}


def make(model, workspace, name=NAME):
    return model.objects.create(workspace=workspace, name=name, **KINDS[model][1])


def rename_url(model, workspace):
    named = {Folder: "folder_edit", Label: "label_edit", Snippet: "snippet_detail", Template: "template_rename"}
    return reverse(named[model], args=[make(model, workspace, "前の名前").pk])


def create_url(model, workspace):
    if model is Template:
        return reverse("campaign_save_template", args=[make_campaign(make_list(workspace)).pk])
    return reverse({Folder: "folder_index", Label: "label_index", Snippet: "snippet_index"}[model])


@pytest.mark.parametrize("model", KINDS)
@pytest.mark.parametrize("url_of", [create_url, rename_url])
def test_a_name_that_is_taken_at_that_moment_is_told(client_for, workspace, model, url_of):
    editor = client_for(make_user(workspace, Role.EDITOR))
    url = url_of(model, workspace)
    statements = [f'{verb} "{model._meta.db_table}"' for verb in ("INSERT INTO", "UPDATE")]
    with meanwhile(lambda: make(model, workspace), "BEGIN", *statements) as done:
        page = editor.post(url, {"name": NAME, **KINDS[model][0]})
    assert done[0].result()
    assert page.status_code == 200
    assert f"この名前の{CALLED[model]}はすでにあります。" in page.content.decode()
    assert model.objects.filter(workspace=workspace, name=NAME).count() == 1
    assert not AuditEntry.objects.exists()


def test_a_file_whose_name_is_taken_at_that_moment_is_told(client_for, workspace):
    editor = client_for(make_user(workspace, Role.EDITOR))
    file = SimpleUploadedFile("mail.html", b"<html><body><p>Hello</p></body></html>")
    with meanwhile(lambda: make(Template, workspace), "BEGIN", 'INSERT INTO "designs_template"'):
        page = editor.post(reverse("design_import"), {"name": NAME, "file": file}).content.decode()
    assert "この名前のテンプレートはすでにあります。" in page
    assert page.count("すでにあります。") == 1
    assert "中身がありません" not in page


def test_an_address_of_a_tester_that_comes_at_that_moment_is_told(client_for, workspace):
    editor = client_for(make_user(workspace, Role.EDITOR))
    fields = {"name": "部長", "address": "boss@example.jp"}
    with meanwhile(
        lambda: models.Tester.objects.create(workspace=workspace, **fields), "BEGIN", 'INSERT INTO "campaigns_tester"'
    ):
        page = editor.post(reverse("tester_index"), fields).content.decode()
    assert "このアドレスはすでに登録されています。" in page
    assert models.Tester.objects.count() == 1


def test_another_fault_of_the_database_is_none_of_a_name(workspace):
    form = LabelForm({"name": NAME, "tone": "ok"}, instance=Label(workspace=workspace))
    assert form.is_valid()

    def fail(_name):
        raise IntegrityError

    with pytest.raises(IntegrityError):
        store(form, fail)
    assert not Label.objects.exists()
    assert connection.is_usable()
