"""The form of ブランド, and what it says about colours that are hard to read."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Workspace
from designs.blocks import SnsService
from designs.brands import CARD, Look, logo_of
from designs.colours import ENOUGH, WHITE, contrast
from designs.exceptions import DesignRefused
from designs.fields import is_web_address, lines
from designs.models import Brand, BrandFont, Picture

# Of a sign against its ground (WCAG 1.4.11).
SIGN = 3


class BrandForm(forms.ModelForm[Brand]):
    """The look of the mails of a workspace."""

    class Meta:
        model = Brand
        fields = ("accent", "ink", "page", "font", "logo", "footer")
        widgets = {
            "accent": forms.TextInput(attrs={"type": "color"}),
            "ink": forms.TextInput(attrs={"type": "color"}),
            "page": forms.TextInput(attrs={"type": "color"}),
            "font": forms.RadioSelect,
            "footer": forms.Textarea(attrs={"rows": 5}),
        }
        labels = {
            "accent": gettext_lazy("アクセント"),
            "ink": gettext_lazy("文字"),
            "page": gettext_lazy("背景"),
            "logo": gettext_lazy("ロゴ"),
        }
        help_texts = {
            "accent": gettext_lazy("ボタン、リンク、上端の線"),
            "ink": gettext_lazy("本文と見出し"),
            "page": gettext_lazy("メールの周り(本文の地は白)"),
            "logo": gettext_lazy("メールの上端に、幅200 px・高さ64 pxまでの大きさで入ります。"),
            "footer": gettext_lazy(
                "新しいフッターのブロックに入る文です。空欄なら、法律で必要な項目(送信者、住所、お問い合わせ、配信停止)が入ります。"
            ),
        }

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        logo = cast("forms.ModelChoiceField[Picture]", self.fields["logo"])
        logo.queryset = Picture.objects.filter(workspace=workspace).order_by("-pk")
        logo.empty_label = _("使わない")
        given = {link["service"]: link["href"] for link in self.instance.sns}
        for service in SnsService:
            self.fields[f"sns_{service.value}"] = forms.CharField(
                label=service.label,
                required=False,
                max_length=2000,
                initial=given.get(service.value, ""),
                widget=forms.URLInput(attrs={"placeholder": "https://"}),
            )

    def sns_fields(self) -> list[forms.BoundField]:
        """Return the fields of the services."""
        return [self[f"sns_{service.value}"] for service in SnsService]

    def clean_footer(self) -> str:
        """Return the text as a footer can hold it."""
        try:
            return str(lines(2000)(self.cleaned_data["footer"]))
        except DesignRefused as error:
            raise forms.ValidationError(error.sentence) from error

    def clean(self) -> dict[str, Any]:
        """Put the links to services together."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        found = []
        for service in SnsService:
            name = f"sns_{service.value}"
            href = data.get(name, "")
            if href and not is_web_address(href):
                self.add_error(name, _("「https://」で始まるURLを入力してください。"))
            elif href:
                found.append({"service": service.value, "href": href})
        self.instance.sns = found
        return data

    def look(self) -> Look:
        """Return the look of what is filled in; what cannot be used has its stored or default value."""
        self.is_valid()
        given, stored = self.cleaned_data, self.instance
        logo = given.get("logo")
        return Look(
            accent=given.get("accent") or Look().accent,
            ink=given.get("ink") or Look().ink,
            page=given.get("page") or Look().page,
            font=BrandFont(given.get("font") or BrandFont.GOTHIC),
            logo=logo_of(logo) if logo else None,
            footer=given.get("footer", ""),
            sns=tuple(stored.sns),
        )


def colour_notes(look: Look) -> list[str]:
    """Return what a person should know of colours that are hard to read; mails are written readable all the same."""
    notes = []
    if look.text != look.ink:
        notes.append(
            _("文字の色は白い地の上では薄くて読みにくいので、メールでは %s まで濃くして使います。") % look.text
        )
    if look.link != look.accent:
        notes.append(
            _("アクセントの色は文字としては薄いので、リンクには %s を使います。ボタンの地はそのままです。") % look.link
        )
    if look.on_accent != WHITE:
        notes.append(_("ボタンの地が明るいので、ボタンの文字は白でなく黒に近い色になります。"))
    if contrast(look.accent, CARD) < SIGN:
        notes.append(_("ボタンと白い地の差が小さく、ボタンだと気づかれにくい色です。もう少し濃い色をおすすめします。"))
    if contrast(look.ink, look.page) < ENOUGH:
        notes.append(_("背景の色の上では文字の色が読みにくいので、フッターの文字は %s にします。") % look.soft_link)
    return notes
