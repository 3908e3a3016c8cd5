"""The permission to send."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from lists.models.mailing_lists import MailingList
from lists.models.subscribers import Subscriber


class ConsentSource(models.TextChoices):
    """Where the permission to send came from."""

    CSV = "csv", _("ファイルの取り込み")
    MANUAL = "manual", _("手入力")
    FORM = "form", _("登録フォーム")


class Consent(models.Model):
    """The permission a subscriber gave (A4): source, time, file or form, and which text was agreed to.

    Kept until a month after the last mail (F4), also where the subscriber was erased: then with a digest only.
    """

    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.SET_NULL, null=True, related_name="consents", db_index=False
    )
    mailing_list = models.ForeignKey(MailingList, on_delete=models.SET_NULL, null=True, related_name="+")
    # Kept where the list is deleted.
    list_name = models.CharField(max_length=100, blank=True, db_default="")
    source = models.CharField(max_length=10, choices=ConsentSource.choices)
    at = models.DateTimeField()
    # The file name or the name of the form.
    evidence = models.CharField(max_length=255, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    # Which wording the person agreed to.
    text_version = models.CharField(_("同意文の版"), max_length=50, blank=True, db_default="")
    # CsvImport; a number, so that imports can be forgotten.
    csv_import = models.BigIntegerField(null=True, blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    # When the place on the list ended: removed, list deleted, erased.
    ended_at = models.DateTimeField(null=True, blank=True)
    # The newest mail to the person after that, as far as it was looked for (lists.consents.purge_ended).
    mailed_at = models.DateTimeField(null=True, blank=True)
    # Of the address, once it was erased (lists.erasing.digest_of).
    digest = models.BinaryField(max_length=32, null=True, blank=True)

    class Meta:
        indexes = [
            # For the consents of one subscriber, newest first.
            models.Index(fields=["subscriber", "-at"], name="consent_newest"),
            # For those that may have been kept long enough, the longest first.
            models.Index(
                Coalesce("mailed_at", "ended_at"), condition=models.Q(ended_at__isnull=False), name="consent_kept"
            ),
            # For who shows an address that was erased.
            models.Index(fields=["digest"], condition=models.Q(digest__isnull=False), name="consent_of_erased"),
        ]

    def __str__(self) -> str:
        return f"{self.get_source_display()} {self.at:%Y-%m-%d}"

    def list_words(self) -> str:
        """Return the name of the list as it was when the place ended, else as it is."""
        return self.list_name or (self.mailing_list.name if self.mailing_list else "")

    def is_list_deleted(self) -> bool:
        """Say whether the list is gone for everybody."""
        return self.mailing_list is None or self.mailing_list.deleted_at is not None
