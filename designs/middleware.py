"""Hosted pictures are the same for everybody: no cache keeps them apart by cookie or language."""

from __future__ import annotations

from collections.abc import Callable

from django.http import FileResponse, HttpRequest
from django.http.response import HttpResponseBase


class PublicFile(FileResponse):
    """A file that whoever knows its address gets, as it is."""


class PublicFileMiddleware:
    """Takes `Vary` off public files. It stands before the sessions and languages that set it (RFC 9110, 12.5.5)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(response, PublicFile):
            response.headers.pop("Vary", None)
        return response
