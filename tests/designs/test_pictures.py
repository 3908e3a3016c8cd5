"""画像: what is uploaded is encoded anew or refused with a sentence, stored once, served safely, and deleted when unused."""

import io
import struct
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from accounts.models import AuditEntry, Workspace
from campaigns.models import Variant
from designs.models import Brand, Picture, PictureKind, picture_storage
from designs.picture_encoding import LONGEST_FRAME, MAX_FRAMES, MAX_SCANS, MAX_WIDTH, Encoded, PictureRefused, encode
from designs.pictures import store_picture
from tests.factories import make_campaign, make_list, make_workspace

RED, BLUE = (200, 30, 30), (30, 30, 200)
PLACE = 0x8825


def written(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def halves(width: int = 40, height: int = 20) -> Image.Image:
    """Return a picture that is red on its left and blue on its right."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def read(data: bytes) -> Encoded:
    return encode(io.BytesIO(data))


def opened(found: Encoded) -> Image.Image:
    image = Image.open(io.BytesIO(found.data))
    image.load()
    assert (image.format, image.size) == (found.kind.label, (found.width, found.height))
    return image


def is_red(image: Image.Image, at: tuple[int, int]) -> bool:
    red, blue = (image.convert("RGB").getchannel(band).crop((*at, at[0] + 1, at[1] + 1)) for band in "RB")
    return red.tobytes()[0] > 150 > 100 > blue.tobytes()[0]


def test_photograph_is_upright_and_says_nothing_of_its_place() -> None:
    exif = Image.Exif()
    # Turned by a quarter, and taken in a garden; then a page behind the end of the picture.
    exif[0x0112], exif[0x010E] = 6, "ひみつの庭"
    exif.get_ifd(PLACE)[1] = "N"
    data = written(halves(), "JPEG", exif=exif, comment=b"secret") + b"<script>alert(1)</script>"
    found = read(data)
    image = opened(found)
    assert (found.kind, image.size) == (PictureKind.JPEG, (20, 40))
    assert is_red(image, (10, 5))
    assert not is_red(image, (10, 35))
    assert not image.getexif()
    assert not any(mark in found.data for mark in (b"script", b"secret", b"Exif", "ひみつ".encode()))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (written(halves(), "PNG"), PictureKind.PNG),
        (written(halves(), "GIF"), PictureKind.PNG),
        (written(halves(), "WEBP"), PictureKind.JPEG),
        (written(halves().convert("CMYK"), "JPEG"), PictureKind.JPEG),
        (written(halves().convert("L").convert("I;16").point(lambda value: value * 256), "PNG"), PictureKind.PNG),
        (written(Image.new("RGBA", (9, 9), (1, 2, 3, 0)), "WEBP"), PictureKind.PNG),
        # Noise as PNG is heavier than it need be.
        (written(Image.effect_noise((700, 700), 90).convert("RGB"), "PNG"), PictureKind.JPEG),
    ],
    ids=["png", "gif", "webp", "cmyk", "16 bits", "clear", "heavy png"],
)
def test_kinds(data: bytes, kind: PictureKind) -> None:
    found = read(data)
    assert found.kind == kind
    assert opened(found).mode in ("RGB", "RGBA", "P", "L")


def test_large_picture_is_made_as_wide_as_a_mail_needs() -> None:
    found = read(written(halves(4000, 1000), "JPEG"))
    assert (found.width, found.height) == (MAX_WIDTH, 400)
    assert is_red(opened(found), (100, 200))


def test_short_animation_stays_one() -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in (RED, BLUE, RED)]
    data = written(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=200, loop=0, comment=b"secret")
    found = read(data)
    assert found.kind == PictureKind.GIF
    image = opened(found)
    assert (getattr(image, "n_frames", 1), image.info["duration"], image.info["loop"]) == (3, 200, 0)
    assert b"secret" not in found.data


def test_photograph_with_odd_exif_is_upright() -> None:
    # How it was held, and a width that is no number: no such EXIF can be written again.
    entries = ((0x0112, 3, 1, b"\6\0\0\0"), (0x0100, 2, 4, b"abc\0"))
    fields = b"".join(struct.pack("<HHI4s", *entry) for entry in entries)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + fields + bytes(4)
    image = opened(read(written(halves(), "JPEG", exif=exif)))
    assert image.size == (20, 40)
    assert is_red(image, (10, 5))


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff", b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03"])
def test_photograph_with_broken_exif_is_taken_as_it_is(exif: bytes) -> None:
    assert opened(read(written(halves(), "JPEG", exif=exif))).size == (40, 20)


def test_frames_that_stand_longer_than_a_gif_can_are_shown_as_long_as_it_can() -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in (RED, BLUE)]
    data = written(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=[700_000, 100], loop=70_000)
    image = opened(read(data))
    assert (image.info["duration"], image.info["loop"]) == (LONGEST_FRAME, 65_535)


def progressive(scans: int, **options: object) -> bytes:
    """Return a JPEG with its last scan repeated so often."""
    data = written(halves(), "JPEG", progressive=True, **options)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + data[-2:]


def test_scans_are_counted_in_the_picture_alone() -> None:
    assert opened(read(progressive(MAX_SCANS - 20))).size == (40, 20)
    # In a comment, and in the film behind the end of a photograph that moves.
    marks = b"\xff\xda" * MAX_SCANS * 2
    assert opened(read(progressive(0, comment=marks) + marks)).size == (40, 20)


def png_of(width: int, height: int) -> bytes:
    """Return a PNG whose head promises a size that its few bytes do not hold."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def long_gif(frames: int) -> bytes:
    """Return a GIF of tiny frames."""
    head = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"
    frame = b"\x21\xf9\x04\x00\x0a\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00"
    return head + frame * frames + b";"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "中身がありません"),
        (b"\xff\xd8" + bytes(10 * 2**20), "10 MBまで"),
        (png_of(50_000, 50_000), "縦横が大きすぎます"),
        (png_of(8_000, 8_000), "縦横が大きすぎます"),
        (png_of(30, 30_000), "壊れています"),
        (written(halves(), "JPEG")[:-200], "壊れています"),
        (long_gif(10_000), f"{MAX_FRAMES}コマまで"),
        (progressive(MAX_SCANS), "スキャンの数が多すぎます"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "JPEG、PNG、GIF、WebP"),
        (b"<!doctype html><p>GIF89a", "JPEG、PNG、GIF、WebP"),
        (written(halves(), "TIFF"), "JPEG、PNG、GIF、WebP"),
    ],
    ids=["empty", "bytes", "bomb", "pixels", "short png", "short jpeg", "frames", "scans", "svg", "html", "tiff"],
)
def test_what_is_no_picture_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(PictureRefused) as refused:
        read(data)
    assert sentence in refused.value.sentence


def store(workspace: Workspace, image: Image.Image | None = None) -> Picture:
    file = io.BytesIO(written(image or halves(), "PNG"))
    picture, _is_new = store_picture(workspace, file, name="写真.png", actor=None, now=timezone.now())
    return picture


@pytest.mark.django_db
def test_same_content_is_one_row_in_a_workspace_and_no_file_of_another(workspace: Workspace) -> None:
    picture = store(workspace)
    assert store(workspace).pk == picture.pk
    other = store(make_workspace())
    assert other.digest == picture.digest
    assert other.file.name != picture.file.name


@pytest.mark.django_db
def test_recipients_load_what_is_stored_and_nothing_else(client: Client, workspace: Workspace) -> None:
    picture = store(workspace)
    answer = client.get(picture.file.url)
    assert answer.status_code == 200
    assert Image.open(io.BytesIO(answer.getvalue())).size == (40, 20)
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Vary" not in answer
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert client.post(picture.file.url).status_code == 405
    # Of another ending, of no picture, and what lies beside the folder.
    for name in (picture.file.name.replace("png", "jpg"), "0" * 64 + ".png", "..%2Flocal.env", "x"):
        assert client.get(f"/p/{name}").status_code == 404


@pytest.mark.django_db
def test_upload_asks_what_the_pictures_show(editor: Client, workspace: Workspace) -> None:
    files = [
        SimpleUploadedFile("茶碗.png", written(halves(), "PNG")),
        SimpleUploadedFile("bad.png", b"<svg/>"),
        SimpleUploadedFile("皿.jpg", written(halves(60, 60), "JPEG")),
    ]
    asked = editor.post(reverse("picture_index"), {"pictures": files}, follow=True)
    bowl, dish = Picture.objects.filter(workspace=workspace).order_by("pk")
    page = asked.content.decode()
    assert asked.request["PATH_INFO"] == reverse("picture_describe")
    assert "bad.png" in page
    given = {"picture": [bowl.pk, dish.pk], f"p{bowl.pk}-alt": "白い茶碗", f"p{dish.pk}-alt": ""}
    assert editor.post(reverse("picture_describe"), given).headers["Location"] == reverse("picture_index")
    bowl.refresh_from_db()
    assert (bowl.alt, bowl.name, bowl.kind) == ("白い茶碗", "茶碗.png", "png")
    page = editor.get(reverse("picture_index")).content.decode()
    assert page.count("代替テキストなし") == 1
    assert AuditEntry.objects.filter(workspace=workspace, action="picture.upload").count() == 2
    # All refused: the page says why beside the control.
    refused = editor.post(reverse("picture_index"), {"pictures": SimpleUploadedFile("x.svg", b"<svg/>")})
    assert "x.svg: JPEG、PNG、GIF、WebPのどれか" in refused.content.decode()


@pytest.mark.django_db
def test_picture_that_is_shown_somewhere_is_not_deleted(
    editor: Client, workspace: Workspace, django_capture_on_commit_callbacks: object
) -> None:
    picture = store(workspace)
    name, page = picture.file.name, reverse("picture_detail", args=[picture.pk])
    campaign = make_campaign(make_list(workspace), subject="夏の便り")
    campaign.html = f'<img src="{picture.url}" alt="">'
    campaign.save()
    brand = Brand.objects.create(workspace=workspace, logo=picture)
    shown = editor.get(page).content.decode()
    assert "夏の便り" in shown
    assert reverse("brand") in shown
    brand.delete()
    refused = editor.post(reverse("picture_delete", args=[picture.pk]), follow=True)
    assert "使われている画像は削除できません" in refused.content.decode()
    assert picture_storage().exists(name)
    campaign.html = ""
    campaign.save()
    # Another form of a mailing shows it, as it was written or, where it could not be, as its blocks have it.
    variant = Variant.objects.create(campaign=campaign, number=1, subject="B案", html=f'<img src="{picture.url}">')
    assert "夏の便り" in editor.get(page).content.decode()
    Variant.objects.update(html="", body={"blocks": {"blocks": [{"data": {"picture": picture.pk}}]}})
    assert "夏の便り" in editor.get(page).content.decode()
    variant.delete()
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        editor.post(reverse("picture_delete", args=[picture.pk]))
    assert not Picture.objects.filter(pk=picture.pk).exists()
    assert not picture_storage().exists(name)
