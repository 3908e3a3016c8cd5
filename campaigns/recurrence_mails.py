"""Writes to a workspace's managers about a time of a 繰り返し that was not sent."""

from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.manager_mails import managers, one_line, send
from campaigns.models import Occurrence

# Occurrences that one tick asks to be written about; the next one goes on.
BATCH: Final = 20


def occurrences_to_mail() -> list[int]:
    """Return occurrences that were left as a draft and that the managers have not been written to about."""
    return list(Occurrence.objects.filter(to_mail=True).order_by("pk").values_list("pk", flat=True)[:BATCH])


def mail_occurrence(occurrence_id: int) -> int:
    """Write to the managers about an occurrence that was left as a draft, once; return how many mails left.

    It is marked as told first: rather no mail than two. The pages say the same.
    """
    if not Occurrence.objects.filter(pk=occurrence_id, to_mail=True).update(to_mail=False):
        return 0
    occurrence = Occurrence.objects.select_related("recurrence__workspace", "recurrence__master").get(pk=occurrence_id)
    recurrence = occurrence.recurrence
    url = settings.BASE_URL + reverse("recurrence_detail", args=[recurrence.pk])
    context = {"occurrence": occurrence, "recurrence": recurrence, "url": url}
    with recurrence.workspace.in_zone():
        text = render_to_string("campaigns/recurrence_mail.txt", context).rstrip() + "\n"
    subject = _("[Hypermail] %s: 繰り返しの配信を始められませんでした") % one_line(recurrence.workspace.name)
    mails = [EmailMessage(subject, text, to=[user.email]) for user in managers(recurrence.workspace)]
    return send(mails, f"occurrence {occurrence.pk}")
