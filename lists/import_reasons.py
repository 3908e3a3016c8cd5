"""Why rows of a file are not imported: the kinds of reason, by which they are counted."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class RejectReason(models.TextChoices):
    """What `RejectedRow.code` says; the row's own sentence says it exactly."""

    ADDRESS = "address", _("メールアドレスの書式が正しくない")
    NAME = "name", _("お名前が正しくない")
    VALUE = "value", _("差し込み項目の値が正しくない")
    CONSENT = "consent", _("同意日時・IPアドレスが正しくない")
    COLUMNS = "columns", _("列の数が合わない")
    HEADER = "header", _("見出しの行の繰り返し")
    ENCODING = "encoding", _("文字コードが合わない")
    UNREADABLE = "unreadable", _("行を読み取れない")
    DUPLICATE = "duplicate", _("ファイルの中の重複")
    ERASED = "erased", _("消去済みの宛先")
    EXCLUDED = "excluded", _("除外リストの宛先")
