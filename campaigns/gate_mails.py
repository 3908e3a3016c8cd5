"""Writes to a workspace's managers about each step of the gate: the figure, why, and what to do (A15)."""

from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.manager_mails import managers, one_line, send
from accounts.models import AuditEntry
from campaigns.error_gate import limits_of, looked_at
from campaigns.gate_figures import worst_mailing, worst_provider
from campaigns.models import ErrorGate, GateState

# Gates that one tick asks to be written about; the next one goes on.
BATCH = 20


def gates_to_mail() -> list[int]:
    """Return gates with a step that the managers have not been written to about."""
    return list(ErrorGate.objects.filter(to_mail__isnull=False).order_by("pk").values_list("pk", flat=True)[:BATCH])


def mail_step(gate_id: int, *, now: datetime) -> int:
    """Write to the managers about a gate's newest step, once; return how many mails left.

    The step is taken off first: rather no mail than two. A mail that cannot leave is logged, and the step stands.
    """
    gate = ErrorGate.objects.select_related("workspace", "to_mail").get(pk=gate_id)
    if gate.to_mail is None:
        return 0
    if not ErrorGate.objects.filter(pk=gate.pk, to_mail=gate.to_mail).update(to_mail=None):
        return 0
    subject, body = compose(gate, gate.to_mail, now=now)
    mails = [EmailMessage(subject, body, to=[user.email]) for user in managers(gate.workspace)]
    return send(mails, f"gate of workspace {gate.workspace_id}")


def compose(gate: ErrorGate, entry: AuditEntry, *, now: datetime) -> tuple[str, str]:
    """Return subject and text of the mail about a step, with the figures of this moment."""
    campaigns = looked_at(gate, now=now)
    context = {
        "gate": gate,
        "state": gate.state,
        "entry": entry,
        "limits": limits_of(gate),
        "days": settings.GATE_DAYS,
        "pace": settings.GATE_SLOW_PER_MINUTE,
        "provider": worst_provider(campaigns),
        "mailing": worst_mailing(campaigns),
        "url": settings.BASE_URL + reverse("gate_detail"),
    }
    subjects = {
        GateState.OPEN: _("[Hypermail] %s: 配信エラー率による制限を解除しました"),
        GateState.WARNED: _("[Hypermail] %s: 配信エラー率についてのお知らせ(注意)"),
        GateState.SLOWED: _("[Hypermail] %s: 配信エラー率のため、配信の速度を制限しています"),
        GateState.STOPPED: _("[Hypermail] %s: 配信エラー率のため、配信を一時停止しました"),
    }
    text = render_to_string("campaigns/gate_mail.txt", context).rstrip() + "\n"
    return subjects[GateState(gate.state)] % one_line(gate.workspace.name), text
