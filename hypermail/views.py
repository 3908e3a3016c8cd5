"""The home page, the workspace's settings and the error pages."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.access import member_required
from accounts.requests import WorkspaceRequest


@member_required()
def home(request: WorkspaceRequest) -> HttpResponse:
    return render(request, "hypermail/home.html")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "400.html", status=400)
