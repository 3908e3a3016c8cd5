"""What the operator says of a workspace's gate: another step or limits of its own, each with a reason."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.error_gate import Limits, default_limits

REASON_LIMIT = 300


class OperatorStep(models.TextChoices):
    """What the operator does to a workspace by hand."""

    RELEASE = "release", _("制限を解除する")
    SLOW = "slow", _("速度を制限する")
    STOP = "stop", _("配信を一時停止する")


def reason_field() -> forms.CharField:
    """Return the field for the reason, which the managers read too."""
    return forms.CharField(
        label=_("理由"),
        max_length=REASON_LIMIT,
        help_text=_("操作の記録に残ります。制限や解除の理由は、ワークスペースの管理者へのメールにも書かれます。"),
        error_messages={"required": _("理由を入力してください。")},
    )


def percent_field(label: Any) -> forms.FloatField:
    """Return a field for a limit in per cent; empty = the installation's."""
    return forms.FloatField(
        label=label,
        required=False,
        min_value=0.1,
        max_value=100,
        error_messages={
            "min_value": _("0.1以上100以下の数を入力してください。"),
            "max_value": _("0.1以上100以下の数を入力してください。"),
            "invalid": _("半角の数字で入力してください。"),
        },
    )


class StepForm(forms.Form):
    """Another step for a workspace."""

    step = forms.ChoiceField(label=_("操作"), choices=OperatorStep.choices)
    why = reason_field()


class LimitsForm(forms.Form):
    """Limits of its own for a workspace."""

    warn_percent = percent_field(_("注意の割合(%)"))
    slow_percent = percent_field(_("速度制限の割合(%)"))
    stop_percent = percent_field(_("一時停止の割合(%)"))
    why = reason_field()

    def clean(self) -> dict[str, Any]:
        """Refuse limits that would not come in their order: warn, slow, stop."""
        if self.errors:
            return self.cleaned_data
        default = default_limits()
        limits = Limits(
            *(
                own if own is not None else fallback
                for own, fallback in zip(self.values(), (default.warn, default.slow, default.stop), strict=True)
            )
        )
        if not limits.warn < limits.slow < limits.stop:
            raise ValidationError(
                _(
                    "割合は「注意」「速度制限」「一時停止」の順に大きくしてください(いまの入力では %(warn)s%%、%(slow)s%%、%(stop)s%%)。"
                ),
                params={"warn": limits.warn, "slow": limits.slow, "stop": limits.stop},
            )
        return self.cleaned_data

    def values(self) -> tuple[float | None, float | None, float | None]:
        """Return the three limits, None where the installation's are meant."""
        data = self.cleaned_data
        return data["warn_percent"], data["slow_percent"], data["stop_percent"]
