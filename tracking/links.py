"""The links of ours in a mailing: made and stored when its sending begins, read again when one is followed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse

from accounts.models import Workspace
from mta import tokens
from tracking.models import LinkHost, TrackedLink, TrackedMailing, TrackedVariant, TrackingRules
from tracking.rewriting import add_picture, is_trackable, rewrite_html, rewrite_text

# The purpose of the tokens (mta/tokens.py): one for all links of a mail, within its campaign.
PURPOSE = "track"
# The tag whose value is the token of a delivery. Nobody can write it into a mailing.
TOKEN_TAG = "@"  # noqa: S105
_TOKEN = re.compile(r"[0-9]+-[a-z2-7]+")
_PLACE = "token-of-a-delivery"
# Links beyond these stay as they are.
MOST_LINKS = 1000


@dataclass(frozen=True, slots=True)
class Body:
    """The parts of a mail before its tags are filled, with all that the law wants; `html` may be empty."""

    text: str
    html: str


def make_token(campaign: int, delivery: int) -> str:
    """Return what stands in the links of one recipient's mail."""
    return tokens.make_within(PURPOSE, campaign, delivery, secret=settings.SECRET_KEY)


def read_token(campaign: int, token: str) -> int | None:
    """Return the delivery that a link was made for, None for a token that is not ours.

    Mail programs take marks and letters along that follow an address in a text; they count for nothing.
    """
    own = _TOKEN.match(token)
    return tokens.read_within(PURPOSE, campaign, own[0], secret=settings.SECRET_KEY) if own else None


def rules_of(workspace: Workspace) -> TrackingRules:
    """Return what a workspace measures, from its row or as it is by default."""
    return TrackingRules.objects.filter(workspace=workspace).first() or TrackingRules(workspace=workspace)


def base_of(workspace: Workspace) -> str:
    """Return what the links of a workspace's mailings begin with, of those that begin now: its own host, or BASE_URL."""
    own = LinkHost.objects.filter(workspace=workspace, is_good=True).values_list("name", flat=True).first()
    return host_base(own) if own else settings.BASE_URL


def host_base(host: str) -> str:
    """Return what links over a host begin with: it leads to the web server that BASE_URL leads to."""
    ours = urlsplit(settings.BASE_URL)
    return f"{ours.scheme}://{host}:{ours.port}" if ours.port else f"{ours.scheme}://{host}"


def base_of_mailing(campaign: int) -> str:
    """Return what the links of a measured mailing begin with."""
    return TrackedMailing.objects.values_list("base", flat=True).get(pk=campaign) or settings.BASE_URL


def link_url(base: str, campaign: int, number: int) -> str:
    """Return the address of a link, with the tag for the token; `base` is what it begins with."""
    return _with_tag(base, reverse("click", args=[campaign, number, _PLACE]))


def picture_url(base: str, campaign: int) -> str:
    """Return the address of the picture, with the tag for the token."""
    return _with_tag(base, reverse("open_pixel", args=[campaign, _PLACE]))


def _with_tag(base: str, path: str) -> str:
    return base + path.replace(_PLACE, "{{" + TOKEN_TAG + "}}")


class Links:
    """Numbers the targets of a mailing, each target once; its links begin with `base`."""

    def __init__(self, campaign: int, base: str) -> None:
        self.campaign = campaign
        self.base = base
        self.numbers: dict[str, int] = {}

    def replace(self, url: str) -> str | None:
        """Return the link of ours for an address; None for one that stays as it is."""
        if not is_trackable(url) or url.startswith((f"{settings.BASE_URL}/", f"{self.base}/")):
            return None
        if url not in self.numbers and len(self.numbers) >= MOST_LINKS:
            return None
        return link_url(self.base, self.campaign, self.numbers.setdefault(url, len(self.numbers) + 1))


def freeze_mailing(
    workspace: Workspace, campaign: int, body: Body, *, now: datetime, others: Mapping[int, Body] | None = None
) -> bool:
    """Store a mailing's body with links of ours as the workspace's rules have it; return whether it has any.

    `others` are the bodies of its other variants: a target has one number in all of them. Called within the transaction
    in which the sending begins.
    """
    others = others or {}
    rules, links = rules_of(workspace), Links(campaign, base_of(workspace))
    own, count = rewrite_body(body, rules, links)
    rewritten = {variant: rewrite_body(other, rules, links) for variant, other in others.items()}
    if own == body and all(rewritten[variant][0] == other for variant, other in others.items()):
        return False
    mailing = TrackedMailing.objects.create(
        campaign=campaign,
        workspace=workspace,
        text=own.text,
        html=own.html,
        own_links=count if others else None,
        has_picture=rules.opens and any(one.html for one in (body, *others.values())),
        base=links.base,
        frozen_at=now,
    )
    TrackedVariant.objects.bulk_create(
        TrackedVariant(mailing=mailing, variant=variant, text=other.text, html=other.html, own_links=number)
        for variant, (other, number) in rewritten.items()
    )
    TrackedLink.objects.bulk_create(
        TrackedLink(mailing=mailing, number=number, target=url) for url, number in links.numbers.items()
    )
    return True


def rewrite_body(body: Body, rules: TrackingRules, links: Links) -> tuple[Body, int]:
    """Return a body with links of ours and the picture, and how many different targets are measured in it."""
    found: set[str] = set()

    def replace(url: str) -> str | None:
        own = links.replace(url)
        if own is not None:
            found.add(own)
        return own

    text = rewrite_text(body.text, replace) if rules.clicks and rules.texts else body.text
    html = rewrite_html(body.html, replace) if rules.clicks else body.html
    if rules.opens and html:
        html = add_picture(html, picture_url(links.base, links.campaign))
    return Body(text, html), len(found)


def frozen_body(campaign: int, variant: int = 0) -> Body:
    """Return what `freeze_mailing` stored of a variant, of another number the mailing's own.

    Raises TrackedMailing.DoesNotExist.
    """
    stored = TrackedVariant.objects.filter(mailing=campaign, variant=variant).values_list("text", "html").first()
    return Body(*(stored or TrackedMailing.objects.values_list("text", "html").get(pk=campaign)))


def links_by_variant(campaign: int) -> dict[int, int]:
    """Return how many measured links the mail of each variant of a mailing has; 0 is the mailing itself."""
    own = TrackedMailing.objects.values_list("own_links", flat=True).get(pk=campaign)
    if own is None:
        return {0: TrackedLink.objects.filter(mailing=campaign).count()}
    others = TrackedVariant.objects.filter(mailing=campaign).values_list("variant", "own_links")
    return {0: own} | dict(others)


def count_links(campaign: int, body: Body) -> int:
    """Return how many measured links of a mailing a body has, such as one of which regions were cut out."""
    before = reverse("click", args=[campaign, 0, _PLACE]).removesuffix(f"0/{_PLACE}")
    return len(set(re.findall(rf"{re.escape(before)}([0-9]+)/", f"{body.text}\n{body.html}")))


class UnknownLink(Exception):
    """No link of a mailing has this number."""


@lru_cache(maxsize=10_000)
def target_of(campaign: int, number: int) -> str:
    """Return where a link leads, with its tags. Targets never change, so each process asks once.

    Raises UnknownLink, which is asked for anew each time.
    """
    target = TrackedLink.objects.filter(mailing=campaign, number=number).values_list("target", flat=True).first()
    if target is None:
        raise UnknownLink
    return target
