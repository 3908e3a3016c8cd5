"""リンクのドメイン: a workspace's own host for its links, and how it proves that it leads to this installation."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import User, Workspace
from mta import tokens
from senders.domain_names import display_domain, guess_zone
from senders.models import SenderDomain
from tracking.links import host_base
from tracking.models import LinkHost

# What stands in the address of the proof, and in the header that answers it; nobody can make the one of the other.
ASKED: Final = "link-host"
ANSWERED: Final = "link-host-proof"
HEADER: Final = "X-Hypermail-Proof"


class HostRefused(Exception):
    """A host that cannot be used; `sentence` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def our_host() -> str:
    """Return the host of BASE_URL, to which one of a customer's has to lead."""
    return urlsplit(settings.BASE_URL).hostname or ""


def save_host(workspace: Workspace, name: str, *, actor: User, now: datetime) -> LinkHost | None:
    """Store a host (in ASCII; "" for none), to be asked at once; return it, None for none.

    Raises HostRefused where it is ours, or not the workspace's own.
    """
    known = LinkHost.objects.filter(workspace=workspace).first()
    if name == (known.name if known else ""):
        return known
    if name == our_host():
        raise HostRefused(_("このシステムのドメインです。空欄にすると、このドメインを使います。"))
    if name:
        require_own(workspace, name)
    try:
        with transaction.atomic():
            LinkHost.objects.filter(workspace=workspace).delete()
            record(workspace, actor, "workspace.link_host", name or "―")
            return LinkHost.objects.create(workspace=workspace, name=name, due_at=now) if name else None
    except IntegrityError as error:
        sentence = _("このドメインは登録できません。お心当たりがない場合は、システム管理者にお問い合わせください。")
        raise HostRefused(sentence) from error


def require_own(workspace: Workspace, name: str) -> None:
    """Raise HostRefused where the workspace proved no domain of the same registration as its own, and for a name that is in
    other use: its mail and web pages would end where it leads here.

    That a name leads here says not whose it is: each of an installation's customers has names that do.
    """
    own = SenderDomain.objects.filter(workspace=workspace)
    if name == guess_zone(name) or own.filter(Q(name=name) | Q(return_name=name)).exists():
        raise HostRefused(
            _(
                "メールやWebサイトに使うドメインそのものは使えません。「link.%s」のような、リンクだけに使う名前を入力してください。"
            )
            % display_domain(name)
        )
    verified = own.filter(verified_at__isnull=False).values_list("name", flat=True)
    if guess_zone(name) not in {guess_zone(domain) for domain in verified}:
        raise HostRefused(
            _(
                "「送信ドメイン」で確認できたドメインか、その仲間(同じ組織のドメインのサブドメイン)だけを使えます。先に送信ドメインを確認してください。"
            )
        )


def proof_url(host: LinkHost) -> str:
    """Return the address that answers with a proof where a host leads to this installation."""
    token = tokens.make(ASKED, host.workspace_id, secret=settings.SECRET_KEY)
    return host_base(host.name) + reverse("link_proof", args=[token])


def proof_of(token: str) -> str | None:
    """Return the proof that answers a token, None for one that is not ours."""
    number = tokens.read(ASKED, token, secret=settings.SECRET_KEY)
    return None if number is None else tokens.make(ANSWERED, number, secret=settings.SECRET_KEY)
