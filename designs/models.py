"""How the mails of a workspace look, and what they are made of again and again."""

from __future__ import annotations

from typing import Final
from urllib.parse import urljoin

from django.conf import settings
from django.core.files.storage import Storage, storages
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User, Workspace

COLOUR: Final = r"#[0-9a-f]{6}"
is_colour = RegexValidator(COLOUR + r"\Z", _("色は「#1a5fb4」のように入力してください。"))


def picture_storage() -> Storage:
    """Return where pictures are kept: they are public, unlike uploaded lists."""
    return storages["pictures"]


class PictureKind(models.TextChoices):
    """How a picture is encoded: what all mail programs show."""

    JPEG = "jpeg", "JPEG"
    PNG = "png", "PNG"
    GIF = "gif", "GIF"


class Picture(models.Model):
    """A picture of a workspace, encoded anew by us; whoever knows its address can load it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="pictures")
    # Named by its digest: the file of a name never changes.
    file = models.FileField(storage=picture_storage, max_length=200)
    # SHA-256 of the bytes of the file, in hexadecimal digits.
    digest = models.CharField(max_length=64)
    kind = models.CharField(_("形式"), max_length=5, choices=PictureKind.choices)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    bytes = models.PositiveIntegerField()
    alt = models.CharField(_("代替テキスト"), max_length=200, blank=True)
    # As the uploaded file was called.
    name = models.CharField(_("名前"), max_length=200)
    uploaded_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    uploaded_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "digest"], name="picture_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def src(self) -> str:
        """Where our own pages load it from."""
        return picture_storage().url(str(self.file.name))

    @property
    def url(self) -> str:
        """Where recipients load it from, as a whole address."""
        return urljoin(settings.BASE_URL + "/", self.src)


class BrandFont(models.TextChoices):
    """The kind of letters; each is a list of fonts that machines have, none is loaded."""

    GOTHIC = "gothic", _("ゴシック体")
    MINCHO = "mincho", _("明朝体")
    ROUND = "round", _("丸ゴシック体")


class Brand(models.Model):
    """The look of the mails of a workspace; one without a row has the defaults."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="brand")
    # Buttons, links and lines.
    accent = models.CharField(_("アクセントの色"), max_length=7, default="#1a5fb4", validators=[is_colour])
    ink = models.CharField(_("文字の色"), max_length=7, default="#24292f", validators=[is_colour])
    # Around the mail; the mail itself is white.
    page = models.CharField(_("背景の色"), max_length=7, default="#f3f4f6", validators=[is_colour])
    font = models.CharField(_("書体"), max_length=10, choices=BrandFont.choices, default=BrandFont.GOTHIC)
    logo = models.ForeignKey(Picture, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # What a new footer begins with; where it is empty, what the law wants.
    footer = models.TextField(_("フッターの文"), max_length=2000, blank=True)
    # As the data of an SNS block: [{"service": "x", "href": "https://…"}].
    sns = models.JSONField(_("SNS"), default=list, blank=True)

    def __str__(self) -> str:
        return str(self.workspace_id)


class BodyKind(models.TextChoices):
    """In what a person writes a mail."""

    BLOCKS = "blocks", _("ブロック")
    TEXT = "text", _("テキスト")
    HTML = "html", _("自作HTML")
    MARKDOWN = "markdown", "Markdown"


class Template(models.Model):
    """A mail to begin others from."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="templates")
    name = models.CharField(_("テンプレート名"), max_length=100)
    kind = models.CharField(_("本文の種類"), max_length=10, choices=BodyKind.choices, default=BodyKind.BLOCKS)
    subject = models.CharField(_("件名"), max_length=200, blank=True)
    preheader = models.CharField(_("プリヘッダー"), max_length=200, blank=True)
    # The JSON of a Design, for BLOCKS; {} for the others.
    blocks = models.JSONField(default=dict, blank=True)
    # What is written, for HTML and MARKDOWN.
    source = models.TextField(blank=True)
    # The text part where a person writes it, and the conditions that the blocks had by the numbers that stand in it.
    text = models.TextField(_("テキスト本文"), blank=True)
    conditions = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="template_name_once")]

    def __str__(self) -> str:
        return self.name


class Snippet(models.Model):
    """A part (差し込み部品) that is put into mails: some blocks, and the same for mails of text."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="snippets")
    name = models.CharField(_("部品名"), max_length=100)
    # The JSON of a Design; {} where there is text alone.
    blocks = models.JSONField(default=dict, blank=True)
    text = models.TextField(_("テキスト"), blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="snippet_name_once")]

    def __str__(self) -> str:
        return self.name
