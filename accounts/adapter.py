"""What django-allauth may do here, and the words it uses."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class ClosedAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by an administrator, never by sign-up."""

    error_messages: ClassVar[dict[str, Any]] = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _(
            "メールアドレスかパスワードが正しくありません。大文字と小文字、全角と半角をお確かめください。"
        ),
        "too_many_login_attempts": _(
            "ログインの失敗が続いたため、一時的に受け付けを止めています。5分ほど待ってからお試しください。"
        ),
        "enter_current_password": _("いまのパスワードが正しくありません。もう一度入力してください。"),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Refuse every sign-up."""
        return False

    def is_safe_url(self, url: str) -> bool:
        """Say whether one may be led to an address; what is none at all is not one."""
        try:
            return bool(super().is_safe_url(url))
        except ValueError:
            return False
