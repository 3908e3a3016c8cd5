"""What bench/tracking.py measures, in a process with Django's settings."""

import io
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import include, path
from django.utils import timezone
from installation import run_broker

from campaigns.freezing import freeze_recipients
from campaigns.models import Campaign, CampaignState, Delivery
from campaigns.reactions import take_hits
from tests.factories import make_campaign, make_list, make_subscriber
from tracking import buffer
from tracking.links import make_token
from tracking.models import Figure, Hit
from tracking.writing import write_hits

ROUNDS = 10
RECIPIENTS = 500
AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
HTML = "".join(f'<p><a href="https://shop.example/{number}">商品{number}</a></p>' for number in range(20))
Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


def bare(request: HttpRequest) -> HttpResponse:
    """Lead somewhere, and do nothing else."""
    return HttpResponseRedirect("https://shop.example/")


# The second one is answered where links are, before the middlewares that pages need.
urlpatterns = [path("bare", bare), path("c/bare", bare), path("", include("hypermail.urls"))]


def run(hits: int, kills: int) -> dict[str, object]:
    """Measure, and count what became of the hits."""
    settings.ROOT_URLCONF = __name__
    with tempfile.TemporaryDirectory(prefix="hypermail-bench-") as folder, run_broker(Path(folder)) as url:
        settings.REDIS_URL = url
        campaign, rows = make_mailing()
        application = get_wsgi_application()
        speeds = measure_speeds(application, campaign, rows, hits)
        made = hits * 2
        made += click_under_kills(application, campaign, rows, kills)
        write_hits(now=timezone.now())
        began = time.perf_counter()
        while take_hits(now=timezone.now() + timedelta(minutes=1)):
            pass
        settled = time.perf_counter() - began
        counted = sum(row.human_hits + row.machine_hits for row in Figure.objects.filter(number__gte=0))
        return speeds | {
            "killed": kills,
            "made": made,
            "written": Hit.objects.count(),
            "counted": counted,
            "waiting": buffer.waiting(),
            "settled_per_second": round(made / settled),
        }


def make_mailing() -> tuple[Campaign, list[Delivery]]:
    mailing_list = make_list()
    for _recipient in range(RECIPIENTS):
        make_subscriber(mailing_list)
    campaign = make_campaign(mailing_list, html=HTML, state=CampaignState.STARTING)
    freeze_recipients(campaign.pk, now=timezone.now())
    Delivery.objects.filter(campaign=campaign).update(state="sent")
    return campaign, list(Delivery.objects.filter(campaign=campaign))


def measure_speeds(application: Application, campaign: Campaign, rows: list[Delivery], hits: int) -> dict[str, object]:
    """Return requests a second of a bare view, of the same where links are answered, of clicks and of the picture, each the
    median of the rounds.

    The ratios are given by the clock and by the CPU time of the process, which other work beside disturbs less.
    """
    tokens = [make_token(campaign.pk, row.pk) for row in rows]
    per_round = hits // ROUNDS
    kinds: dict[str, Callable[[int], str]] = {
        "bare": lambda number: "/bare",
        "early": lambda number: "/c/bare",
        "click": lambda number: f"/c/{campaign.pk}/{number % 20 + 1}/{tokens[number % RECIPIENTS]}",
        "picture": lambda number: f"/o/{campaign.pk}/{tokens[number % RECIPIENTS]}.gif",
    }
    for kind in kinds:
        expect = 200 if kind == "picture" else 302
        assert ask(application, kinds[kind](0), method="HEAD") == expect
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    costs: dict[str, list[float]] = {kind: [] for kind in kinds}
    for turn in range(ROUNDS):
        for kind, path_of in kinds.items():
            began, cpu = time.perf_counter(), time.process_time()
            for number in range(turn * per_round, (turn + 1) * per_round):
                ask(application, path_of(number))
            rates[kind].append(per_round / (time.perf_counter() - began))
            costs[kind].append((time.process_time() - cpu) / per_round)
    found: dict[str, object] = {}
    for kind in kinds:
        found[f"{kind}_per_second"] = round(statistics.median(rates[kind]))
        found[f"{kind}_cpu_ms"] = round(statistics.median(costs[kind]) * 1000, 3)
    for kind in ("click", "picture"):
        found[f"{kind}_ratio"] = round(statistics.median(rates[kind]) / statistics.median(rates["bare"]), 2)
        found[f"{kind}_cpu_ratio"] = round(statistics.median(costs["bare"]) / statistics.median(costs[kind]), 2)
        found[f"{kind}_early_ratio"] = round(statistics.median(rates[kind]) / statistics.median(rates["early"]), 2)
    return found


def ask(application: Application, path_info: str, *, method: str = "GET") -> int:
    """Make one request; return the status of the answer."""
    statuses: list[str] = []
    environment = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path_info,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "HTTP_USER_AGENT": AGENT,
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
    }
    answer = application(environment, lambda status, headers, *rest: statuses.append(status))
    answer.close()
    return int(statuses[0][:3])


def click_under_kills(application: Application, campaign: Campaign, rows: list[Delivery], kills: int) -> int:
    """Click while a writer is killed so many times at any moment; return how many clicks were made."""
    made = 0
    for turn in range(kills):
        writer = start_writer()
        end = time.perf_counter() + 0.2 + turn % 7 * 0.05
        while time.perf_counter() < end:
            row = rows[made % RECIPIENTS]
            ask(application, f"/c/{campaign.pk}/{made % 20 + 1}/{make_token(campaign.pk, row.pk)}")
            made += 1
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    return made


WRITER = """
import sys, django
django.setup()
from django.conf import settings
from django.utils import timezone
settings.REDIS_URL = sys.argv[1]
from tracking.writing import write_hits
print("ready", flush=True)
while True:
    write_hits(now=timezone.now(), piece=200)
"""


def start_writer() -> "subprocess.Popen[bytes]":
    writer = subprocess.Popen([sys.executable, "-c", WRITER, settings.REDIS_URL], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"ready\n"
    return writer
