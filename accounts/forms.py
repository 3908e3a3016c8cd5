"""Forms of logging in and of members."""

from typing import Any

from allauth.account import forms as allauth_forms
from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import one_line
from accounts.models import Role, User


class WithoutPlaceholders:
    """Takes the placeholders off django-allauth's forms: the labels say the same and stay while one types."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)


class LoginForm(WithoutPlaceholders, allauth_forms.LoginForm):  # type: ignore[misc]
    """django-allauth's login form in our words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("メールアドレス")
        self.fields["remember"].label = _("ログインしたままにする")


class ChangePasswordForm(WithoutPlaceholders, allauth_forms.ChangePasswordForm):  # type: ignore[misc]
    """A member's own new password."""


class ResetPasswordForm(WithoutPlaceholders, allauth_forms.ResetPasswordForm):  # type: ignore[misc]
    """The address whose password was lost."""


class ResetPasswordKeyForm(WithoutPlaceholders, allauth_forms.ResetPasswordKeyForm):  # type: ignore[misc]
    """The new password behind a mailed link."""


class NameForm(forms.ModelForm[User]):
    """By what name others know a member."""

    class Meta:
        model = User
        fields = ("name",)
        help_texts = {
            "name": _("承認、コメント、変更の記録などに表示されます。空欄のときは、メールアドレスが表示されます。")
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].validators.append(one_line)


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
