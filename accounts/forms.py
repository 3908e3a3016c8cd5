"""Forms of logging in and of members."""

from typing import Any

from allauth.account.forms import LoginForm as AllauthLoginForm
from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Role


class LoginForm(AllauthLoginForm):  # type: ignore[misc]
    """django-allauth's login form in our words: the label says it, so there is no placeholder."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("メールアドレス")
        self.fields["remember"].label = _("ログインしたままにする")
        for name in ("login", "password"):
            self.fields[name].widget.attrs.pop("placeholder", None)


class InviteForm(forms.Form):
    """Whom to make a member."""

    email = forms.EmailField(
        label=_("メールアドレス"),
        max_length=150,
        error_messages={"invalid": _("「name@example.jp」の形で入力してください。")},
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    name = forms.CharField(label=_("お名前"), max_length=100, required=False)
    role = forms.ChoiceField(label=_("役割"), choices=Role.choices, initial=Role.EDITOR)


class RoleForm(forms.Form):
    """The role of a member."""

    role = forms.ChoiceField(label=_("役割"), choices=Role.choices)
