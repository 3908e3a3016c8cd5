"""Refuses uploads that are too large before they are stored."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect

from lists.csv_import import describe_size_limit

P = ParamSpec("P")
R = TypeVar("R", bound=HttpRequest)
View = Callable[Concatenate[R, P], HttpResponseBase]

# The form around the file: boundaries, other fields.
OVERHEAD = 64 * 1024
# A browser shows an answer only after it was allowed to send its file to the end; so the rest is read and
# thrown away, but not for longer than this.
DRAIN_SECONDS = 10.0
CHUNK = 1 << 16


def refuse_large_uploads(view: View[R, P]) -> View[R, P]:
    """Answer a POST whose body is above UPLOAD_MAX_BYTES with a message, without storing any of it.

    Has to stand outside of `csrf_protect`, which reads the body.
    """

    @wraps(view)
    def guarded(request: R, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if request.method != "POST" or not length.isdecimal() or int(length) <= settings.UPLOAD_MAX_BYTES + OVERHEAD:
            return view(request, *args, **kwargs)
        drain(request)
        messages.error(request, describe_size_limit())
        return HttpResponseRedirect(request.get_full_path())

    return guarded


def drain(request: HttpRequest) -> None:
    """Read the body and forget it, in pieces, for at most DRAIN_SECONDS."""
    until = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < until and request.read(CHUNK):
        pass
