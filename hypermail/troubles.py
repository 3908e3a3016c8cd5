"""What is wrong in a workspace apart from its mailings: domains that may not send, mailboxes that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Workspace
from bounces.models import Mailbox
from senders.domain_names import display_domain
from senders.lights import light_of
from senders.models import SenderDomain
from tracking.models import LinkHost

# At most so many of each sort are named.
MOST = 3
# A mailbox that cannot be read once may be read the next time.
FAILURES = 2


@dataclass(frozen=True, slots=True)
class Trouble:
    """One note: `tone` is bad or warn, `url` leads to where it is mended."""

    tone: str
    sentence: str
    url: str


def find_troubles(workspace: Workspace) -> list[Trouble]:
    """Return what somebody should look at; asks nothing but the database."""
    return [*domain_troubles(workspace), *mailbox_troubles(workspace), *host_troubles(workspace)]


def domain_troubles(workspace: Workspace) -> Iterator[Trouble]:
    """Yield the domains in use whose proof is lost, not there yet or about to be lost."""
    if not settings.REQUIRE_VERIFIED_SENDERS:
        return
    in_use = SenderDomain.objects.filter(workspace=workspace, senders__archived_at=None, senders__isnull=False)
    found = 0
    for domain in in_use.distinct().prefetch_related("checks").order_by("pk"):
        light = light_of(domain)
        if light.tone in ("bad", "warn") and found < MOST:
            found += 1
            words = {"domain": display_domain(domain.name), "label": light.label, "why": light.sentence}
            sentence = _("送信元ドメイン %(domain)s(%(label)s): %(why)s") % words
            yield Trouble(light.tone, sentence, reverse("domain_detail", args=[domain.pk]))


def mailbox_troubles(workspace: Workspace) -> Iterator[Trouble]:
    """Yield the mailboxes that could not be read several times in a row: errors are not counted meanwhile."""
    failing = Mailbox.objects.filter(workspace=workspace, is_active=True, failures__gte=FAILURES).exclude(problem="")
    for mailbox in failing.order_by("pk")[:MOST]:
        words = {"name": mailbox.username, "why": mailbox.problem}
        sentence = (
            _("受信メールボックス %(name)s を読み取れないため、エラーメールを数えられていません: %(why)s") % words
        )
        yield Trouble("warn", sentence, reverse("mailbox_detail", args=[mailbox.pk]))


def host_troubles(workspace: Workspace) -> Iterator[Trouble]:
    """Yield the host of the links where it does not lead here: mailings do without it meanwhile."""
    for host in LinkHost.objects.filter(workspace=workspace).exclude(problem=""):
        yield Trouble("warn", _("リンクのドメイン: %s") % host.problem, reverse("link_host"))
