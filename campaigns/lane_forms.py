"""Forms of the page プロバイダ別の配信: which provider is meant, and caps of domains."""

import unicodedata
from collections.abc import Collection
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Workspace
from campaigns.models import DomainCap
from mta.addresses import AddressError, ascii_domain
from mta.providers import PROVIDER_LABELS

HIGHEST_CAP = 100_000


class ProviderForm(forms.Form):
    """Names one provider."""

    provider = forms.ChoiceField(label=gettext_lazy("プロバイダ"))

    def __init__(self, *args: Any, leave_out: Collection[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(name, _(label)) for name, label in PROVIDER_LABELS.items() if name not in leave_out]
        self.fields["provider"].choices = choices  # type: ignore[attr-defined]


def per_minute_field() -> forms.IntegerField:
    """Return the field for a cap."""
    return forms.IntegerField(
        label=gettext_lazy("1分間の上限(通)"),
        min_value=1,
        max_value=HIGHEST_CAP,
        error_messages={
            "required": gettext_lazy("1分間に送る通数を入力してください。"),
            "invalid": gettext_lazy("整数で入力してください。"),
            "min_value": gettext_lazy("1以上の数を入力してください。止めたいときは、一時停止か除外を使ってください。"),
            "max_value": gettext_lazy("100,000以下の数を入力してください。"),
        },
    )


class CapForm(forms.Form):
    """A domain and its cap (C23)."""

    domain = forms.CharField(
        label=gettext_lazy("宛先ドメイン"),
        max_length=320,
        help_text=gettext_lazy(
            "メールアドレスの@より後ろです(例: example.co.jp)。サブドメインには別に指定してください。"
        ),
        error_messages={"required": gettext_lazy("宛先ドメインを入力してください。")},
    )
    per_minute = per_minute_field()

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace

    def clean_domain(self) -> str:
        """Return the domain as lanes know it: lower case, in ASCII."""
        domain = read_domain(self.cleaned_data["domain"])
        if DomainCap.objects.filter(workspace=self.workspace, domain=domain).exists():
            raise ValidationError(_("このドメインの上限は、すでに登録されています。一覧から変更してください。"))
        return domain


class CapChangeForm(forms.Form):
    """Another cap for a domain that has one."""

    per_minute = per_minute_field()


def read_domain(text: str) -> str:
    """Return a domain in ASCII as people write it: full width, in Unicode, with blanks. Raises ValidationError."""
    # Full width letters, and the dots and the sign of Japanese keyboards.
    name = unicodedata.normalize("NFKC", text).replace("。", ".").strip().lower()
    local, at, domain = name.rpartition("@")
    if at and local:
        raise ValidationError(
            _("メールアドレスではなく、@より後ろのドメインだけを入力してください(例: %(domain)s)。"),
            params={"domain": domain or "example.co.jp"},
        )
    if any(mark in domain for mark in "/:*") or domain.startswith("."):
        raise ValidationError(_("URLや「*」は使えません。ドメインだけを入力してください(例: example.co.jp)。"))
    try:
        name = ascii_domain(domain.rstrip("."))
    except AddressError as error:
        raise ValidationError(_("ドメインの形が正しくありません。example.co.jp のように入力してください。")) from error
    if "." not in name:
        raise ValidationError(_("ドメインの形が正しくありません。example.co.jp のように入力してください。"))
    return name
