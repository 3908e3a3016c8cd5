"""A search in words, for the pages that say whom something is about."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Workspace
from lists.finding import Search, condition_of
from lists.models import AttributeDefinition, MailingList, Segment, StopReason, SubscriberStatus

# A label and what it asks for.
Words = list[tuple[str, str]]


def read_search(workspace: Workspace, query: Mapping[str, Any]) -> Search:
    """Return the search of a page's address, for pages that act on all whom it finds.

    Raises Http404 where it names a list or a segment that the workspace does not have, and ListsError where it makes no
    sense or cannot be done, as with a segment whose conditions cannot be used any more.
    """
    search = Search.require(query)
    lists = MailingList.objects.filter(workspace=workspace)
    if search.list_id is not None and not lists.filter(pk=search.list_id).exists():
        raise Http404
    segments = Segment.objects.filter(workspace=workspace)
    if search.segment_id is not None and not segments.filter(pk=search.segment_id).exists():
        raise Http404
    condition_of(workspace, search, now=timezone.now())
    return search


def describe_search(workspace: Workspace, search: Search) -> Words:
    """Return what the search asks for; nothing where it asks for everybody."""
    words: Words = []
    if search.list_id is not None:
        named = MailingList.everything.filter(workspace=workspace, pk=search.list_id).first()
        words.append((_("リスト"), named.name if named else _("(削除されたリスト)")))
    if search.segment_id is not None:
        segment = Segment.objects.filter(workspace=workspace, pk=search.segment_id).first()
        words.append((_("セグメント"), segment.name if segment else _("(削除されたセグメント)")))
    if search.q:
        words.append((_("メールアドレス・お名前"), search.q))
    if search.status:
        words.append((_("状態"), str(SubscriberStatus(search.status).label)))
    if search.reason:
        words.append((_("停止理由"), str(StopReason(search.reason).label)))
    for name, value in search.attributes:
        words.append((describe_attribute(workspace, name), value))
    return words


def describe_attribute(workspace: Workspace, name: str) -> str:
    """Return the label of an attribute, its name where there is none."""
    label = AttributeDefinition.objects.filter(workspace=workspace, name=name).values_list("label", flat=True).first()
    return label or name
