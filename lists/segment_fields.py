"""What the conditions of a workspace may ask for, under the names that people know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from lists.conditions import ATTRIBUTE, FIXED, OPERATORS, Group, Kind, operators_for
from lists.models import ConsentSource, MailingList, StopReason, SubscriberStatus

PERSON, ATTRIBUTES, REACTION = _("購読者"), _("差し込み項目"), _("反応")
LABELS: Final[dict[str, Any]] = {
    "address": _("メールアドレス"),
    "domain": _("ドメイン(@より後ろ)"),
    "name": _("お名前"),
    "list": _("リスト"),
    "joined_at": _("登録日"),
    "status": _("状態"),
    "stop_reason": _("停止理由"),
    "consent_source": _("同意の記録"),
    "errors": _("エラー回数"),
    "opened": _("開封"),
    "clicked": _("クリック"),
}
CHOICES: Final[dict[str, Sequence[tuple[str, Any]]]] = {
    "status": SubscriberStatus.choices,
    "stop_reason": StopReason.choices,
    "consent_source": ConsentSource.choices,
}
# What makes no sense for a field although its kind has it.
WITHOUT: Final = {"joined_at": {"next_days"}, "opened": {"campaign", "not_campaign"}}
WITHOUT["clicked"] = WITHOUT["opened"]


@dataclass(frozen=True, slots=True)
class Field:
    """Something that a condition can be about."""

    name: str
    label: str
    kind: Kind
    section: Any
    # Of a choice, and the lists.
    choices: Sequence[tuple[str, Any]] = ()

    def operators(self, used: str = "") -> list[str]:
        """Return the operators that are offered; `used` stays where the attribute's kind was another one before."""
        fitting = operators_for(self.name)
        return [
            op
            for op in fitting
            if (OPERATORS[op].kind in (self.kind, Kind.ANY) and op not in WITHOUT.get(self.name, ())) or op == used
        ]


def fields_of(workspace: Workspace, used: Group | None = None, *, has_archived: bool = False) -> dict[str, Field]:
    """Return the fields that the workspace's conditions may name, in the order in which they are offered.

    Attributes that are not offered any more are among them where `used` names them, or all of them are asked for.
    """
    lists = MailingList.objects.filter(workspace=workspace).order_by("name").values_list("pk", "name")
    choices = dict(CHOICES) | {"list": [(str(pk), name) for pk, name in lists]}
    events = ("opened", "clicked")
    found = {
        name: Field(name, str(LABELS[name]), kind, REACTION if name in events else PERSON, choices.get(name, ()))
        for name, kind in FIXED.items()
    }
    named = {condition.attribute for condition in used.conditions()} if used else set()
    attributes = {
        ATTRIBUTE + one.name: Field(
            ATTRIBUTE + one.name,
            one.label if one.archived_at is None else str(_("%s(使用終了)")) % one.label,
            Kind(one.kind),
            ATTRIBUTES,
            [(text, text) for text in one.choices],
        )
        for one in workspace.attribute_definitions.all()
        if has_archived or one.archived_at is None or one.name in named
    }
    reactions = {name: found.pop(name) for name in events}
    return found | attributes | reactions
