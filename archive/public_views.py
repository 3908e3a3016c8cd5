"""The public pages of バックナンバー. They change nothing, and there is nothing of a recipient in them."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page, require_safe

from archive.bar import add_bar
from archive.choosing import shown_mailings
from archive.feeds import write_feed
from archive.models import Archive
from archive.public_content import content_of, dress, feed_url, mailing_url, subject_of
from archive.words import words_in
from campaigns.links import absolute_url
from campaigns.models import Campaign
from campaigns.web_views import HEADERS
from signup.requesting import lists_of
from signup.words import words_preferred

PAGE = 20
# A browser or a proxy may keep a page, and asks each time whether it is still there: closing works at once.
kept_with_care = cache_control(no_cache=True)


def find_archive(token: str) -> Archive | None:
    """Return the archive of a token that is open to everybody."""
    found = Archive.objects.select_related("mailing_list__workspace", "form__sender__domain")
    return found.filter(token=token, published_at__isnull=False, mailing_list__deleted_at=None).first()


def show_unknown(request: HttpRequest) -> HttpResponse:
    """Say that there is nothing, in the reader's language since no archive is known."""
    words = words_in(words_preferred(request.headers.get("Accept-Language", "")).language)
    return render(request, "archive/unknown.html", {"words": words}, status=404)


def signup_url(archive: Archive) -> str:
    """Return the address of the form that an archive leads to; "" where it has none that takes anything."""
    form = archive.form
    if form is None or not form.is_open() or not lists_of(form):
        return ""
    return absolute_url(reverse("signup_form", args=[form.token]))


def tell_robots(archive: Archive, response: HttpResponse) -> HttpResponse:
    """Return an answer that search engines leave alone, unless the archive wants them."""
    if not archive.is_indexed:
        response["X-Robots-Tag"] = HEADERS["X-Robots-Tag"]
    return response


def context_of(archive: Archive, **more: Any) -> dict[str, Any]:
    """Return what every page of an archive needs."""
    return {
        "archive": archive,
        "words": words_in(archive.language),
        "feed_url": feed_url(archive),
        "signup_url": signup_url(archive),
    } | more


@kept_with_care
@require_safe
def index(request: HttpRequest, token: str) -> HttpResponse:
    """List the mailings, newest first, with their days on the workspace's clock."""
    archive = find_archive(token)
    if archive is None:
        return show_unknown(request)
    page = Paginator(shown_mailings(archive).defer("text", "html"), PAGE).get_page(request.GET.get("page"))
    words = words_in(archive.language)
    with timezone.override(archive.mailing_list.workspace.zone):
        rows = [
            (mailing_url(archive, one), subject_of(archive, one), one.started_at, words.write_day(one.started_at))
            for one in dress(page)
            if one.started_at
        ]
    sender = (archive.form and archive.form.sender) or next((one.sender for one in page), None)
    context = context_of(archive, page=page, rows=rows, sender=sender)
    return tell_robots(archive, render(request, "archive/public_index.html", context))


@kept_with_care
@require_safe
def mailing(request: HttpRequest, token: str, number: int) -> HttpResponse:
    """Show one mailing, whole each time: a 304 would bring the policy of our own pages, and a browser take it for the mail's."""
    archive = find_archive(token)
    campaign = shown_mailings(archive).filter(pk=number).first() if archive else None
    if archive is None or campaign is None:
        return show_unknown(request)
    return tell_robots(archive, show_mailing(request, archive, campaign))


def show_mailing(request: HttpRequest, archive: Archive, campaign: Campaign) -> HttpResponse:
    """Return the page of a mailing: its HTML under a policy of its own, or its text where there is no other."""
    content = content_of(archive, dress([campaign])[0])
    if content.html:
        headers = {name: value for name, value in HEADERS.items() if name != "X-Robots-Tag"}
        return HttpResponse(add_bar(archive, content, signup_url=signup_url(archive)), headers=headers)
    words = words_in(archive.language)
    with timezone.override(archive.mailing_list.workspace.zone):
        day = words.write_day(campaign.started_at) if campaign.started_at else ""
    context = context_of(archive, content=content, day=day, sender=campaign.sender)
    return render(request, "archive/public_text.html", context)


@kept_with_care
@conditional_page
@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """Return the newest mailings as RSS."""
    archive = find_archive(token)
    if archive is None:
        return show_unknown(request)
    return tell_robots(archive, HttpResponse(write_feed(archive), content_type="application/rss+xml; charset=utf-8"))


@require_safe
def links(request: HttpRequest, token: str) -> HttpResponse:
    """Explain why a public mailing has no link by which its recipient would have unsubscribed."""
    archive = find_archive(token)
    if archive is None:
        return show_unknown(request)
    return render(request, "archive/public_links.html", context_of(archive, sender=None))
