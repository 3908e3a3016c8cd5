"""Refuses uploads that are too large, or too many at once, before they are stored."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import TooManyFilesSent
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _

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
        refused = refuse_above(request, settings.UPLOAD_MAX_BYTES, describe_size_limit())
        return refused or view(request, *args, **kwargs)

    return guarded


def refuse_uploads_above(most: int, sentence: str | Promise) -> Callable[[View[R, P]], View[R, P]]:
    """Return what guards a view as `refuse_large_uploads` does, for files of at most so many bytes."""

    def decorate(view: View[R, P]) -> View[R, P]:
        @wraps(view)
        def guarded(request: R, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            return refuse_above(request, most, sentence) or view(request, *args, **kwargs)

        return guarded

    return decorate


def refuse_many_files(view: View[R, P]) -> View[R, P]:
    """Answer a POST with more files than Django takes with a message; has to stand outside of `csrf_protect`."""

    @wraps(view)
    def guarded(request: R, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except TooManyFilesSent:
            drain(request)
            limit = settings.DATA_UPLOAD_MAX_NUMBER_FILES
            messages.error(request, _("一度に選べるファイルは%d個までです。分けてアップロードしてください。") % limit)
            return HttpResponseRedirect(request.get_full_path())

    return guarded


def refuse_above(request: HttpRequest, most: int, sentence: str | Promise) -> HttpResponseBase | None:
    """Return the answer to a POST with a file of more than so many bytes, None for any other request."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if request.method != "POST" or not length.isdecimal() or int(length) <= most + OVERHEAD:
        return None
    drain(request)
    messages.error(request, str(sentence))
    return HttpResponseRedirect(request.get_full_path())


def drain(request: HttpRequest) -> None:
    """Read the body and forget it, in pieces, for at most DRAIN_SECONDS."""
    until = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < until and request.read(CHUNK):
        pass
