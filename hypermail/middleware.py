"""What every answer goes through."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.views.defaults import page_not_found

from campaigns.models import Campaign


class EncodingMiddleware:
    """Reads what is sent as UTF-8, as every page of ours sends it: of other codes that a request may name some are no codes of
    text, and others bring what no database can store.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        if request.encoding:
            request.encoding = "utf-8"
        return self.get_response(request)


class WrongMethodMiddleware:
    """Gives a page to whoever opens the address of a button, by the history or by its address bar, instead of an empty 405."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        response = self.get_response(request)
        if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED or request.method != "GET":
            return response
        page = render(request, "405.html", {"above": above(request.path_info)}, status=response.status_code)
        page["Allow"] = response["Allow"]
        return page


class DeletedMeanwhileMiddleware:
    """Answers "not found" where somebody deleted the mailing between a request's look at it and its own turn."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Answer a request whose mailing is gone."""
        return page_not_found(request, exception) if isinstance(exception, Campaign.DoesNotExist) else None


def above(path: str) -> str:
    """Return the address that a button's lies below, "" where there is no page but ホーム."""
    parent = path.rstrip("/").rpartition("/")[0] + "/"
    if parent == "/":
        return ""
    try:
        resolve(parent)
    except Resolver404:
        return ""
    return parent
