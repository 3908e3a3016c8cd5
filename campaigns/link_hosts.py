"""Asks whether the hosts of workspaces (リンクのドメイン) lead to this installation, as a mail program will."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.utils.text import Truncator
from django.utils.translation import gettext as _

from campaigns.link_checking import make_asker
from campaigns.web_asking import BROKEN, Asker, Verdict, ask_header
from senders.domain_names import display_domain
from tracking.hosts import HEADER, our_host, proof_of, proof_url
from tracking.models import LinkHost

# When a host is asked again: one that was good, one that was not, and one that nothing could be learnt of.
GOOD: Final = timedelta(hours=12)
BAD: Final = timedelta(minutes=30)
UNTOLD: Final = timedelta(minutes=10)
# While one process asks, no other does.
LEASE: Final = timedelta(minutes=2)
BATCH: Final = 20
# So much of a name stands in a sentence: with two of them it fits into LinkHost.problem.
LONGEST_SHOWN: Final = 80


def due_hosts(*, now: datetime) -> list[int]:
    """Return the hosts that are to be asked."""
    return list(LinkHost.objects.filter(due_at__lte=now).order_by("due_at").values_list("pk", flat=True)[:BATCH])


def check_due(pk: int, *, now: datetime) -> bool:
    """Ask a host if that is due; False where it is not, or another process is at it."""
    if not LinkHost.objects.filter(pk=pk, due_at__lte=now).update(due_at=now + LEASE):
        return False
    check(LinkHost.objects.get(pk=pk), make_asker(), now=now)
    return True


def check(host: LinkHost, asker: Asker, *, now: datetime) -> None:
    """Ask a host and store what came of it. What cannot be learnt changes nothing: the host stays as it was."""
    url = proof_url(host)
    asked, proof = ask_header(asker, url, HEADER)
    own = LinkHost.objects.filter(pk=host.pk, name=host.name)
    if proof == proof_of(url.rpartition("/")[2]):
        own.update(is_good=True, problem="", checked_at=now, due_at=now + GOOD)
    elif asked.verdict in BROKEN or asked.verdict in (Verdict.THERE, Verdict.UNTOLD):
        problem = explain(host, asked.verdict)
        own.update(is_good=False, problem=problem, checked_at=now, due_at=now + BAD)
    else:
        own.update(due_at=now + UNTOLD)


def explain(host: LinkHost, verdict: Verdict) -> str:
    """Return for people what to do about an answer."""
    words = {"name": short(host.name), "ours": short(our_host())}
    if verdict is Verdict.NO_HOST:
        return _("%(name)s が見つかりません。DNSに、%(ours)s へのCNAMEレコードを登録してください。") % words
    if verdict is Verdict.TLS:
        return _("%(name)s の証明書を確かめられません。システムの運営者に、証明書の用意を依頼してください。") % words
    if verdict in (Verdict.REFUSED, Verdict.SLOW):
        return _("%(name)s に接続できません。DNSのレコードが %(ours)s を指しているか確かめてください。") % words
    return (
        _(
            "%(name)s は、このシステムとは別のサーバーが応答しています。DNSのレコードが %(ours)s を指しているか、"
            "運営者がこの名前を受け付けるようにしたかを確かめてください。"
        )
        % words
    )


def short(domain: str) -> str:
    """Return a domain for a sentence, which has a limit, unlike what DNS allows: the page shows the whole name beside it."""
    return Truncator(display_domain(domain)).chars(LONGEST_SHOWN)
