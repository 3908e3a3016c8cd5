"""Lets the links in mails come in by whatever host leads here, and answers them before all else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import resolve

# Links, pictures and the proof of a host: what they answer depends on no host.
PATHS: Final = ("/c/", "/o/", "/l/")
FORWARDED: Final = "HTTP_X_FORWARDED_HOST"
# Those that are asked for by the thousand.
HITS: Final = ("/c/", "/o/")
ASKED_BY: Final = "hypermail.asked_by"


class LinkHostMiddleware:
    """Answers these paths as if they had been asked for at BASE_URL: ALLOWED_HOSTS need not name the hosts of customers.

    Every other page stays closed there. By which host a link came in stays in the request, as ASKED_BY.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.host = urlsplit(settings.BASE_URL).netloc

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        if request.path_info.startswith(PATHS):
            # Whoever names another host than the one that was asked misleads nobody but himself.
            asked_by = request.META.pop(FORWARDED, "") or request.META.get("HTTP_HOST", "")
            if asked_by != self.host:
                request.META[ASKED_BY] = asked_by
            request.META["HTTP_HOST"] = self.host
        return self.get_response(request)


class HitMiddleware:
    """Answers links and pictures at once: who follows one has no session, no language and no form, which the middlewares
    below look after for every page. They cost more than the answer itself (bench/tracking.py).

    What there is no such link for goes on to them, and gets the page that says so.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        if request.path_info.startswith(HITS):
            try:
                found = resolve(request.path_info)
                answer: HttpResponseBase = found.func(request, *found.args, **found.kwargs)
            except Http404:
                pass
            else:
                return answer
        return self.get_response(request)
