"""バックナンバー of a list, and what people decided of its mailings."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign
from lists.models import MailingList
from signup.models import FormLanguage, SignupForm, make_form_token


class Archive(models.Model):
    """バックナンバー: those mailings of a list that everybody may read."""

    mailing_list = models.OneToOneField(MailingList, on_delete=models.CASCADE, related_name="archive")
    # Of the public address; it stays the same while the archive is closed and opened again.
    token = models.CharField(max_length=32, unique=True, default=make_form_token)
    title = models.CharField(_("タイトル"), max_length=100)
    description = models.TextField(_("説明"), max_length=1000, blank=True)
    language = models.CharField(_("表示する言語"), max_length=2, choices=FormLanguage.choices, default=FormLanguage.JA)
    form = models.ForeignKey(
        SignupForm,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("案内する登録フォーム"),
    )
    is_indexed = models.BooleanField(_("検索エンジンに載せる"), default=False)
    adds_new = models.BooleanField(_("新しい配信を自動で載せる"), default=True)
    # None while nobody may read it.
    published_at = models.DateTimeField(null=True, blank=True)
    # Mailings that began since then are in it of themselves; None while none are.
    adds_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(adds_since=None) | models.Q(published_at__isnull=False, adds_new=True),
                name="archive_adds_while_public",
            )
        ]

    def __str__(self) -> str:
        return self.title


class Choice(models.Model):
    """That a mailing is in an archive, or is not, whatever would be so of itself."""

    archive = models.ForeignKey(Archive, on_delete=models.CASCADE, related_name="choices", db_index=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="+")
    is_shown = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["archive", "campaign"], name="archive_choice_once")]

    def __str__(self) -> str:
        return f"{self.archive_id}: {self.campaign_id} {self.is_shown}"
