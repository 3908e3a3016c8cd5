"""Users, workspaces, memberships and the audit log."""

from __future__ import annotations

from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import F
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class AccountManager(UserManager["User"]):
    """Creates users that log in with their mail address."""

    def create_user(  # type: ignore[override]
        self, email: str, password: str | None = None, **fields: Any
    ) -> User:
        """Return a stored user whose user name is the mail address."""
        return super().create_user(email, email, password, **fields)

    def create_superuser(  # type: ignore[override]
        self, email: str, password: str | None = None, **fields: Any
    ) -> User:
        """Return a stored operator of the installation; `manage.py createsuperuser` calls this."""
        return super().create_superuser(email, email, password, **fields)


class User(AbstractUser):
    """A person who works here; logs in with the mail address."""

    email = models.EmailField(_("メールアドレス"), unique=True)
    name = models.CharField(_("お名前"), max_length=100, blank=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[AccountManager] = AccountManager()

    def __str__(self) -> str:
        return self.name or self.email


class ErrorCounting(models.TextChoices):
    """Which errors of an address add up to エラー停止 (A7)."""

    # A mail that arrived and stayed unbounced sets the count to nothing.
    CONSECUTIVE = "consecutive", _("続けて起きたエラーを数える")
    # Only errors of the newest days count, whatever arrived in between.
    PERIOD = "period", _("期間内のエラーを数える")


class Workspace(models.Model):
    """One customer of the installation. Every query starts from one."""

    name = models.CharField(_("ワークスペース名"), max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    is_demo = models.BooleanField(default=False)
    # IANA's name of the zone in which its times are shown, typed and meant (accounts.time_zones).
    time_zone = models.CharField(_("タイムゾーン"), max_length=64, default="Asia/Tokyo", db_default="Asia/Tokyo")
    error_limit = models.PositiveSmallIntegerField(_("エラー停止までの回数"), default=3)
    stop_unknown_at_once = models.BooleanField(_("宛先不明は1回で配信停止にする"), default=True)
    count_unknown_reason = models.BooleanField(_("原因不明のエラーも数える"), default=False)
    error_counting = models.CharField(
        _("エラーの数え方"), max_length=20, choices=ErrorCounting.choices, default=ErrorCounting.CONSECUTIVE
    )
    error_period_days = models.PositiveSmallIntegerField(_("数える期間(日)"), default=90)
    # 宛先不明 of one provider at or above both in one mailing is held for review (B16).
    hold_percent = models.PositiveSmallIntegerField(_("宛先不明を保留にする割合(%)"), default=20)
    hold_minimum = models.PositiveSmallIntegerField(_("宛先不明を保留にする件数"), default=20)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(error_limit__gte=1), name="workspace_error_limit_positive"),
            models.CheckConstraint(
                condition=models.Q(error_period_days__gte=1), name="workspace_error_period_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(hold_percent__gte=1, hold_percent__lte=100, hold_minimum__gte=1),
                name="workspace_hold_sensible",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """The zone of its clock."""
        return ZoneInfo(self.time_zone)

    def in_zone(self) -> timezone.override:
        """Return a context in which times are shown and read by its clock; for processes, which have no request."""
        return timezone.override(self.zone)


class Role(models.TextChoices):
    """What a member may do, from most to least."""

    ADMIN = "admin", _("管理者")
    EDITOR = "editor", _("作成者")
    VIEWER = "viewer", _("閲覧者")


class Membership(models.Model):
    """A user's role in a workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("役割"), max_length=10, choices=Role.choices, default=Role.EDITOR)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} – {self.workspace} ({self.get_role_display()})"

    def can_edit(self) -> bool:
        """Say whether the member may change lists, senders and campaigns."""
        return self.role in (Role.ADMIN, Role.EDITOR)

    def can_manage(self) -> bool:
        """Say whether the member may change settings and members."""
        return self.role == Role.ADMIN


class AuditEntry(models.Model):
    """Who did what, when. Rows are only ever added.

    Two exceptions: they follow a subscriber whose address was changed, and lose it where the subscriber is erased.
    """

    # Empty where it concerns the installation as a whole, such as a route; only the operator reads those.
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, null=True, blank=True, related_name="audit_entries"
    )
    at = models.DateTimeField(auto_now_add=True)
    # Empty where the system acted by itself.
    actor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True)
    action = models.CharField(max_length=50)
    target = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [
            # For the newest entries of a workspace.
            models.Index(fields=["workspace", "-at"], name="audit_newest"),
            # For what was done with one address, however it was spelled, newest first.
            models.Index(F("workspace"), Lower("target"), F("id").desc(), name="audit_by_target"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action} {self.target}"
