"""Writes to the people concerned about what was asked and decided of a mailing (承認)."""

from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext_lazy

from accounts.manager_mails import one_line, send
from accounts.models import User
from campaigns.approvals import deciders
from campaigns.models import Approval, ApprovalState

# Approvals that one tick asks to be written about; the next one goes on.
BATCH: Final = 20
SUBJECTS: Final = {
    ApprovalState.ASKED: gettext_lazy("[Hypermail] 承認の依頼: %s"),
    ApprovalState.GRANTED: gettext_lazy("[Hypermail] 承認されました: %s"),
    ApprovalState.REFUSED: gettext_lazy("[Hypermail] 差し戻されました: %s"),
    ApprovalState.VOID: gettext_lazy("[Hypermail] 承認が無効になりました: %s"),
}


def approvals_to_mail() -> list[int]:
    """Return approvals with a state that nobody has been written to about."""
    return list(Approval.objects.filter(to_mail=True).order_by("pk").values_list("pk", flat=True)[:BATCH])


def mail_approval(approval_id: int) -> int:
    """Write about an approval's state, once; return how many mails left.

    It is marked as told first: rather no mail than two. The pages say the same.
    """
    if not Approval.objects.filter(pk=approval_id, to_mail=True).update(to_mail=False):
        return 0
    people = ("asked_by", "decided_by", "campaign__workspace", "campaign__sender")
    approval = Approval.objects.select_related(*people).get(pk=approval_id)
    campaign, state = approval.campaign, ApprovalState(approval.state)
    url = settings.BASE_URL + reverse("campaign_preview", args=[campaign.pk])
    context = {"approval": approval, "campaign": campaign, "state": state.value, "url": url}
    text = render_to_string("campaigns/approval_mail.txt", context).rstrip() + "\n"
    subject = str(SUBJECTS[state]) % one_line(campaign.title)
    mails = [EmailMessage(subject, text, to=[user.email]) for user in people_to_tell(approval)]
    return send(mails, f"approval {approval.pk}")


def people_to_tell(approval: Approval) -> list[User]:
    """Return who is concerned: who may decide, then who asked; both where it became void."""
    if approval.state == ApprovalState.ASKED:
        return deciders(approval.campaign, approval.asked_by)
    concerned = [approval.asked_by, approval.decided_by if approval.state == ApprovalState.VOID else None]
    members = approval.campaign.workspace.memberships.filter(user__is_active=True).values_list("user", flat=True)
    found = [user for user in concerned if user is not None]
    return [user for user in dict.fromkeys(found) if user.pk in set(members)]
