"""登録フォーム, what was asked for through them, and the figures that stay."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from lists.models import AttributeDefinition, MailingList
from senders.models import Sender

# Of the tokens in the addresses of forms; they are public and only need to be hard to guess.
TOKEN_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # noqa: S105


def make_form_token() -> str:
    """Return a new token for the address of a form."""
    return get_random_string(16, TOKEN_LETTERS)


class FormLanguage(models.TextChoices):
    """In which language a form speaks to people."""

    JA = "ja", _("日本語")
    EN = "en", _("英語")


class NameRule(models.TextChoices):
    """Whether a form asks for a person's name."""

    NONE = "none", _("たずねない")
    OPTIONAL = "optional", _("任意")
    REQUIRED = "required", _("必須")


class SignupForm(models.Model):
    """登録フォーム: through it people ask to be put onto lists."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="signup_forms")
    token = models.CharField(max_length=32, unique=True, default=make_form_token)
    name = models.CharField(_("フォーム名"), max_length=100)
    language = models.CharField(_("表示する言語"), max_length=2, choices=FormLanguage.choices, default=FormLanguage.JA)
    mailing_lists = models.ManyToManyField(MailingList, verbose_name=_("登録先のリスト"), related_name="signup_forms")
    # None once the sender is gone: then the form takes nothing.
    sender = models.ForeignKey(Sender, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("送信元"))
    heading = models.CharField(_("見出し"), max_length=100)
    description = models.TextField(_("説明"), max_length=1000, blank=True)
    thanks = models.TextField(_("登録完了のお礼"), max_length=1000, blank=True)
    continue_url = models.URLField(_("完了後に案内するページ"), max_length=500, blank=True)
    name_rule = models.CharField(_("お名前"), max_length=10, choices=NameRule.choices, default=NameRule.OPTIONAL)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    # Nothing is taken since then.
    stopped_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name

    def is_open(self) -> bool:
        """Say whether the form takes anything; its lists are another question."""
        return self.stopped_at is None and self.sender is not None and self.sender.archived_at is None


class FormField(models.Model):
    """An attribute that a form asks for."""

    form = models.ForeignKey(SignupForm, on_delete=models.CASCADE, related_name="fields", db_index=False)
    attribute = models.ForeignKey(AttributeDefinition, on_delete=models.CASCADE, related_name="+")
    is_required = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["form", "attribute"], name="form_field_once")]
        ordering = ["attribute__position", "attribute_id"]

    def __str__(self) -> str:
        return f"{self.form_id}: {self.attribute_id}"


class Wording(models.Model):
    """What people agree to in a form. A changed text is a new row, so that consents tell which one it was (A4)."""

    form = models.ForeignKey(SignupForm, on_delete=models.CASCADE, related_name="wordings", db_index=False)
    number = models.PositiveIntegerField()
    text = models.TextField()
    since = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["form", "number"], name="wording_once")]

    def __str__(self) -> str:
        return self.version()

    def version(self) -> str:
        """Return the word by which consents name it (Consent.text_version)."""
        return f"F{self.form_id}-{self.number}"


class RequestState(models.TextChoices):
    """Where a request to be registered stands."""

    QUEUED = "queued", _("確認メールの送信待ち")
    SENDING = "sending", _("確認メールの送信中")
    SENT = "sent", _("確認待ち")
    FAILED = "failed", _("確認メールの送信失敗")
    # No mail is sent: one was sent within a day, or mail to the address was ended for good.
    SILENT = "silent", _("確認メールなし")
    CONFIRMED = "confirmed", _("登録済み")


class SignupRequest(models.Model):
    """What somebody typed into a form; deleted after REQUEST_KEPT, confirmed or not."""

    # The index for the limit of an address begins with it.
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="signup_requests", db_index=False)
    form = models.ForeignKey(SignupForm, on_delete=models.CASCADE, related_name="requests", db_index=False)
    wording = models.ForeignKey(Wording, on_delete=models.RESTRICT, related_name="+")
    # The lists as they were offered; those that were deleted since are left out.
    list_ids: models.JSONField[list[int], list[int]] = models.JSONField(default=list)
    address = models.CharField(max_length=320)
    address_key = models.CharField(max_length=320)
    name = models.CharField(max_length=200, blank=True)
    attributes: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    ip = models.GenericIPAddressField()
    # What the limits go by (signup/limits.py): the address and the network, as those who want more of them write them alike.
    limit_key = models.CharField(max_length=320, default="", db_default="")
    network = models.CharField(max_length=45, default="", db_default="")
    # The beginning.
    user_agent = models.CharField(max_length=100, blank=True)
    asked_at = models.DateTimeField()
    # When its mail may leave at the earliest; None where there is none.
    mail_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=RequestState.choices, default=RequestState.QUEUED)
    # While queued: when to try; while being sent: when its process is taken for dead.
    due_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    # The server's answer, or why no mail left.
    text = models.CharField(max_length=500, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # For erasing whoever asked.
            models.Index(fields=["workspace", "address_key", "-asked_at"], name="signup_by_address"),
            # For the mails of the last day to one address.
            models.Index(fields=["workspace", "limit_key"], name="signup_by_limit_key"),
            # For the requests of the last hour from one network.
            models.Index(fields=["network", "-asked_at"], name="signup_by_network"),
            # For those of a form in the last hour, and its newest.
            models.Index(fields=["form", "-asked_at"], name="signup_by_form"),
            # For the tick.
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="signup_due"),
            # For deleting what was kept long enough.
            models.Index(fields=["asked_at"], name="signup_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.form_id} {self.state}"


class FormDay(models.Model):
    """The figures of a form on one day (of the local calendar)."""

    form = models.ForeignKey(SignupForm, on_delete=models.CASCADE, related_name="days", db_index=False)
    day = models.DateField()
    requests = models.PositiveIntegerField(default=0)
    confirmed = models.PositiveIntegerField(default=0)
    # Turned away by a limit or as a robot's.
    refused = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["form", "day"], name="form_day_once")]

    def __str__(self) -> str:
        return f"{self.form_id} {self.day}"
