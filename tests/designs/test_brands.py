"""The look of a workspace: its defaults, its logo, and colours that can be read."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from designs.brands import CARD, DARK_CARD, Logo, Look, look_of, picture_urls
from designs.colours import BLACK, WHITE, contrast, ink_on, mix, readable
from designs.models import Brand, BrandFont, Picture, PictureKind, Snippet, Template
from tests.factories import make_workspace


def make_picture(workspace, name: str = "logo.png", *, width: int = 400, height: int = 100) -> Picture:
    """Store a picture without a file behind it."""
    return Picture.objects.create(
        workspace=workspace,
        file=name,
        digest=name.encode().hex().ljust(64, "0"),
        kind=PictureKind.PNG,
        width=width,
        height=height,
        bytes=1000,
        name=name,
        uploaded_at=timezone.now(),
    )


@pytest.mark.django_db
def test_a_workspace_without_a_brand_has_the_defaults(django_assert_num_queries):
    workspace = make_workspace()
    with django_assert_num_queries(1):
        assert look_of(workspace) == Look()
    # The defaults of both are the same.
    Brand.objects.create(workspace=workspace)
    assert look_of(workspace) == Look()


@pytest.mark.django_db
def test_a_brand_is_its_workspaces_look(django_assert_num_queries, settings):
    settings.BASE_URL = "https://mail.example"
    workspace = make_workspace()
    links = [{"service": "x", "href": "https://x.com/a"}]
    Brand.objects.create(
        workspace=workspace,
        accent="#c2410c",
        font=BrandFont.MINCHO,
        logo=make_picture(workspace),
        footer="例の店",
        sns=links,
    )
    Brand.objects.create(workspace=make_workspace(name="よその店"), accent="#000000")
    with django_assert_num_queries(1):
        look = look_of(workspace)
    assert (look.accent, look.font, look.footer, look.sns) == ("#c2410c", BrandFont.MINCHO, "例の店", tuple(links))
    # Half the size of the picture, so that it is sharp on phones, too.
    assert look.logo == Logo("https://mail.example/p/logo.png", "logo.png", 200)


@pytest.mark.django_db
@pytest.mark.parametrize(("size", "width"), [((400, 100), 200), ((100, 30), 100), ((300, 300), 64), ((1, 5000), 1)])
def test_a_logo_has_the_room_there_is(size, width):
    workspace = make_workspace()
    Brand.objects.create(workspace=workspace, logo=make_picture(workspace, width=size[0], height=size[1]))
    assert look_of(workspace).logo.width == width


@pytest.mark.django_db
def test_pictures_of_others_are_not_found(django_assert_num_queries):
    mine, other = make_workspace(), make_workspace(name="よその店")
    one, two = make_picture(mine), make_picture(other)
    with django_assert_num_queries(1):
        assert picture_urls(mine, [one.pk, two.pk, 999]) == {one.pk: "http://testserver/p/logo.png"}


@pytest.mark.django_db
def test_deleting_a_logo_leaves_the_brand():
    workspace = make_workspace()
    Brand.objects.create(workspace=workspace, logo=make_picture(workspace), accent="#c2410c")
    Picture.objects.all().delete()
    assert (look_of(workspace).logo, look_of(workspace).accent) == (None, "#c2410c")


@pytest.mark.django_db
def test_names_are_taken_once_in_a_workspace():
    workspace = make_workspace()
    make_picture(workspace)
    Template.objects.create(workspace=workspace, name="夏", created_at=timezone.now())
    Snippet.objects.create(workspace=workspace, name="署名")
    for again in (
        lambda: make_picture(workspace),
        lambda: Template.objects.create(workspace=workspace, name="夏", created_at=timezone.now()),
        lambda: Snippet.objects.create(workspace=workspace, name="署名"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            again()
    make_picture(make_workspace(name="よその店"))


@pytest.mark.django_db
@pytest.mark.parametrize("colour", ["red", "#fff", "#ABCDEF", "#123456\n", "#123456;}"])
def test_forms_take_colours_alone(colour):
    with pytest.raises(ValidationError):
        Brand(workspace=make_workspace(), accent=colour).full_clean()


@pytest.mark.once
@pytest.mark.parametrize("accent", ["#000000", "#ffffff", "#f5c518", "#1a5fb4", "#ff0000", "#7f7f7f", "#00ff00"])
def test_words_in_any_colour_can_be_read(accent):
    look = Look(accent=accent, ink=accent, page=mix(accent, WHITE, 0.5))
    for colour, ground in (
        *((look.text, CARD), (look.link, CARD), (look.dark_link, DARK_CARD)),
        *((look.soft, look.page), (look.soft_link, look.page)),
    ):
        assert contrast(colour, ground) >= 4.5
    assert contrast(look.on_accent, accent) >= 3


@pytest.mark.once
def test_contrast_is_that_of_wcag():
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast("#767676", WHITE) == pytest.approx(4.54, abs=0.01)
    assert contrast("#123456", "#123456") == 1
    # What can be read already stays as it is.
    assert readable("#1a5fb4", WHITE) == "#1a5fb4"
    assert (ink_on("#1a5fb4"), ink_on("#f5c518")) == (WHITE, "#1b1f24")
