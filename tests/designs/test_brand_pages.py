"""ブランド: what is saved, what is said of colours that are hard to read, and the sample beside the form."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Workspace
from designs.brand_forms import colour_notes
from designs.brands import Look, look_of
from designs.models import Picture
from tests.factories import make_workspace

GIVEN = {"accent": "#0b6e4f", "ink": "#222222", "page": "#eef3f0", "font": "mincho", "logo": "", "footer": "例の店"}


def make_picture(workspace: Workspace) -> Picture:
    size = {"kind": "png", "width": 400, "height": 64, "bytes": 4}
    return Picture.objects.create(
        workspace=workspace, file="0" * 64 + ".png", digest="0" * 64, name="logo", uploaded_at=timezone.now(), **size
    )


@pytest.mark.django_db
def test_brand_is_saved_and_shown(editor: Client, workspace: Workspace) -> None:
    picture = make_picture(workspace)
    given = GIVEN | {"logo": picture.pk, "sns_x": "https://x.com/rei", "sns_line": ""}
    sample = editor.post(reverse("brand_sample"), given).content.decode()
    assert "#0b6e4f" in sample
    assert picture.url in sample
    assert "例の店" in sample
    assert look_of(workspace) == Look()
    editor.post(reverse("brand"), given)
    look = look_of(workspace)
    assert (look.accent, look.font, look.footer) == ("#0b6e4f", "mincho", "例の店")
    assert look.sns == ({"service": "x", "href": "https://x.com/rei"},)
    assert look.logo is not None
    assert look.logo.width == 200
    stored = editor.get(reverse("brand_sample")).content.decode()
    assert "#0b6e4f" in stored
    assert picture.url in stored


@pytest.mark.django_db
def test_what_cannot_be_used_is_said(editor: Client, workspace: Workspace) -> None:
    elsewhere = make_picture(make_workspace())
    wrong = {"accent": "red", "sns_x": "javascript:alert(1)", "logo": elsewhere.pk, "footer": "{{?1}}"}
    page = editor.post(reverse("brand"), GIVEN | wrong).content.decode()
    for sentence in ("#1a5fb4", "「https://」で始まるURL", "正しく選択", "「{{?」"):
        assert sentence in page
    assert look_of(workspace) == Look()
    # The sample is drawn without them.
    assert "red" not in editor.post(reverse("brand_sample"), GIVEN | wrong).content.decode()


@pytest.mark.django_db
def test_notes_follow_the_colours(editor: Client) -> None:
    assert "読みやすい濃さです" in editor.post(reverse("brand_notes"), GIVEN).content.decode()
    page = editor.post(reverse("brand_notes"), GIVEN | {"accent": "#ffe680"}).content.decode()
    assert page.count("note-warn") == 3


@pytest.mark.parametrize(
    ("look", "count"),
    [
        (Look(), 0),
        (Look(ink="#999999"), 2),
        (Look(accent="#f5c518"), 3),
        (Look(page="#333333"), 1),
        (Look(accent="#101010"), 0),
    ],
)
def test_only_colours_that_are_hard_to_read_are_noted(look: Look, count: int) -> None:
    assert len(colour_notes(look)) == count
