"""Pictures within the editor: chosen, searched and uploaded there; the mail has their words."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from PIL import Image

from accounts.models import Role, Workspace
from designs.block_forms import form_for
from designs.blocks import BlockKind, new_block
from designs.models import Picture
from designs.picture_encoding import MAX_BYTES
from tests.designs.test_pictures import halves, store, written
from tests.factories import make_workspace

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}


def send(client: Client, data: bytes, name: str = "茶碗.png"):
    return client.post(reverse("picture_choices"), {"pictures": SimpleUploadedFile(name, data)}, headers=JSON)


def chosen(workspace: Workspace, picture: Picture, *, alt: str = "", block=None):
    form = form_for(
        block or new_block(BlockKind.PICTURE, footer="", sns=()),
        QueryDict(f"b-picture={picture.pk}&b-alt={alt}&b-width=100&b-align=center"),
        pictures=Picture.objects.filter(workspace=workspace).order_by("-pk"),
    )
    return form, form.block()


def test_upload_is_stored_and_listed_by_its_words(editor: Client, workspace: Workspace) -> None:
    answer = send(editor, written(halves(), "PNG"))
    picture = Picture.objects.get(workspace=workspace)
    assert answer.status_code == 201
    assert answer.json() == {"id": picture.pk, "name": "茶碗.png", "alt": "", "src": picture.src}
    given = {"picture": picture.pk, f"p{picture.pk}-alt": "白い器"}
    assert editor.post(reverse("picture_describe"), given, headers=JSON).status_code == 204
    for query, count in (("", 1), ("茶碗", 1), ("白い", 1), ("皿", 0), ("\0", 1)):
        assert len(editor.get(reverse("picture_choices"), {"q": query}).json()["pictures"]) == count


def test_list_is_bounded(editor: Client, workspace: Workspace, django_assert_max_num_queries) -> None:
    for width in range(20, 46):
        store(workspace, Image.new("RGB", (width, 10)))
    with django_assert_max_num_queries(8):
        told = editor.get(reverse("picture_choices")).json()
    assert (len(told["pictures"]), told["has_more"]) == (24, True)
    assert told["pictures"][0]["id"] == Picture.objects.order_by("-pk")[0].pk


@pytest.mark.parametrize("data", [b"<svg/>", b"", written(halves(), "PNG")[:60]])
def test_bad_file_is_refused_with_a_sentence(editor: Client, data: bytes) -> None:
    answer = send(editor, data)
    assert answer.status_code == 422
    assert answer.json()["refused"].endswith("。")
    assert not Picture.objects.exists()


def test_too_large_is_refused_before_it_is_stored(editor: Client) -> None:
    answer = send(editor, b"x" * (MAX_BYTES + 100_000))
    assert answer.status_code == 413
    assert "10 MBまで" in answer.json()["refused"]


def test_token_is_asked_for(editor: Client) -> None:
    editor.handler.enforce_csrf_checks = True
    assert send(editor, written(halves(), "PNG")).status_code == 403


def test_pictures_of_others_are_neither_listed_nor_chosen(editor: Client, workspace: Workspace) -> None:
    other = store(make_workspace())
    assert editor.get(reverse("picture_choices")).json()["pictures"] == []
    form, block = chosen(workspace, other)
    assert "picture" in form.errors
    assert block.data["picture"] is None


def test_viewer_gets_nothing(editor: Client, workspace: Workspace) -> None:
    workspace.memberships.update(role=Role.VIEWER)
    assert editor.get(reverse("picture_choices")).status_code == 403
    assert send(editor, written(halves(), "PNG")).status_code == 403
    assert not Picture.objects.exists()


def test_words_of_the_picture_go_with_it_unless_others_were_typed(workspace: Workspace) -> None:
    bowl, dish = store(workspace), store(workspace, Image.new("RGB", (30, 30)))
    for picture, alt in ((bowl, "白い茶碗"), (dish, "青い皿")):
        picture.alt = alt
        picture.save()
    _form, block = chosen(workspace, bowl)
    assert block.data["alt"] == "白い茶碗"
    assert chosen(workspace, bowl, alt="別の言葉")[1].data["alt"] == "別の言葉"
    # Another picture has other words; those that were taken away stay away.
    assert chosen(workspace, dish, alt="白い茶碗", block=block)[1].data["alt"] == "青い皿"
    assert chosen(workspace, bowl, alt="", block=block)[1].data["alt"] == ""


def test_open_block_shows_the_picture_that_is_chosen(editor: Client, workspace: Workspace) -> None:
    picture = store(workspace)
    block = new_block(BlockKind.PICTURE, footer="", sns=())
    for number, shown in ((picture.pk, True), (None, False)):
        stored = {**block.as_json(), "data": {**block.data, "picture": number}}
        page = editor.post(reverse("campaign_blocks"), {"block": json.dumps(stored), "do": f"open:{block.id}"})
        assert (f'<img src="{picture.src}"' in page.content.decode()) is shown
