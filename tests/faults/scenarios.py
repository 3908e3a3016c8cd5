"""What is done to workers, Valkey and database in the middle of a mailing."""

import signal
import sqlite3
import time
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import connection
from django.utils import timezone
from redis import Redis

from campaigns import scheduling
from campaigns.models import CLAIMABLE, Campaign, Chain, Delivery, DeliveryState, DoubtPolicy
from campaigns.tasks import send_turn, start_campaign
from campaigns.unsubscribing import unsubscribe
from tests.faults.installation import is_stopped, send_signal
from tests.faults.judge import Closure
from tests.faults.mailing import DOMAINS, Mailing, patiently
from tests.faults.stage import DELAY, Stage, StandstillError, wait_for

KILLS = 20
# Longer than any transaction of ours takes.
LOCK_SECONDS = 1.0


def undisturbed(stage: Stage) -> None:
    """Two workspaces, three lanes each, nothing happens."""
    stage.begin(600)
    stage.begin(600)


def one_child_killed(stage: Stage) -> None:
    """SIGKILL of one worker process in mid send."""
    kill_children(stage, 600, 1)


def children_killed(stage: Stage) -> None:
    """SIGKILL of a worker process at twenty random moments."""
    kill_children(stage, 2500, KILLS)


def kill_children(stage: Stage, recipients: int, kills: int) -> None:
    """Kill worker processes, one at each of so many random moments."""
    stage.server.order(delay=DELAY)
    mailing = stage.begin(recipients)
    for moment in stage.moments(mailing, kills):
        stage.wait_for(moment)
        # The worker may be about to replace the one before.
        if not wait_for(lambda: stage.installation.kill_child("sender", stage.random), seconds=20):
            raise StandstillError("no worker process to kill")
        stage.allow_doubts(1)


def trees_killed(stage: Stage) -> None:
    """SIGKILL of the whole worker, master and children, at twenty random moments; at five of them of all parts."""
    stage.server.order(delay=DELAY)
    mailing = stage.begin(2500)
    for number, moment in enumerate(stage.moments(mailing, KILLS)):
        stage.wait_for(moment)
        stage.installation.kill_tree("sender")
        stage.allow_doubts(settings.SEND_PROCESSES)
        if number % 4 == 1:
            for name in ("tick", "worker", "beat"):
                stage.installation.kill_tree(name)
        stage.installation.start()


def start_killed(stage: Stage) -> None:
    """SIGKILL, three times, of the worker that freezes the recipients into rows."""
    mailing = stage.begin(6000)
    for rows in sorted(stage.random.sample(range(1, 5000), 3)):
        if not wait_for(partial(mailing.has_rows, rows), seconds=60):
            raise StandstillError(f"not frozen: {mailing.states()}")
        stage.installation.kill_tree("worker")
        stage.installation.start()


def stopped_beyond_the_lease(stage: Stage) -> None:
    """SIGSTOP of a worker process in mid send until its leases are over and others sent its rows, then SIGCONT."""
    stop_one(stage, DoubtPolicy.HOLD)


def stopped_beyond_the_fence(stage: Stage) -> None:
    """The same until the fences are over too, where the policy is to send again: at most one more copy."""
    stop_one(stage, DoubtPolicy.RESEND)


def stopped_within_a_transaction(stage: Stage) -> None:
    """SIGSTOP of a worker process that holds locks: PostgreSQL ends its session, and the others go on."""
    stop_one(stage, DoubtPolicy.HOLD, holding_locks=True)


def stop_one(stage: Stage, policy: DoubtPolicy, *, holding_locks: bool = False) -> None:
    """Stop one worker process, let the others end the mailing, and let it go on."""
    stage.server.order(delay=DELAY)
    mailing = stage.begin(1500, policy=policy)
    stage.wait_for(stage.random.randint(50, 300))
    stopped = stage.random.choice(stage.installation.children_of("sender"))
    if not wait_for(lambda: stop_process(stopped, holding_locks=holding_locks), seconds=30):
        raise StandstillError("the process did not stop where it should")
    # Its mails are withdrawn or answered, and a late 250 settles a doubt; those that the server never had stay in doubt.
    stage.allow_doubts(1)
    try:
        waiting = mailing.deliveries().filter(state__in=(*CLAIMABLE, DeliveryState.CLAIMED))
        stage.wait_until(lambda: not waiting.exists(), "the others sent what the stopped one had claimed")
        mailing.let_fences_pass()
        stage.wait_until(mailing.is_over, "the fences were over")
    finally:
        send_signal(stopped, signal.SIGCONT)
    stage.begin(200)


def stop_process(pid: int, *, holding_locks: bool) -> bool:
    """Stop a process where it holds locks of the database, or where it holds none; else let it go on and return False.

    All others have to wait for one that holds SQLite's only lock, however long.
    """
    send_signal(pid, signal.SIGSTOP)
    # A thread that is within the kernel goes on until it leaves it, and may take a lock there.
    if wait_for(lambda: is_stopped(pid), seconds=5) and holds_locks() is holding_locks:
        return True
    send_signal(pid, signal.SIGCONT)
    return False


def holds_locks() -> bool:
    """Say whether a transaction that is open now stays open."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            now = cursor.fetchone()[0]
        return not wait_for(lambda: not count_transactions(before=now), seconds=LOCK_SECONDS)
    probe = sqlite3.connect(settings.DATABASES["default"]["NAME"], timeout=LOCK_SECONDS, isolation_level=None)
    try:
        probe.execute("BEGIN IMMEDIATE")
        probe.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return True
    finally:
        probe.close()
    return False


def count_transactions(*, before: datetime) -> int:
    """Return how many of PostgreSQL's open transactions began before a moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start <= %s", [before]
        )
        return int(cursor.fetchone()[0])


def leases_lapsed(stage: Stage) -> None:
    """The leases of workers in mid send are over at twenty random moments, as where the clock jumps: they must notice."""
    stage.server.order(delay=DELAY)
    # In one lane, so that each claims what the other still holds.
    mailing = stage.begin(2000, domains=DOMAINS[:1])
    mailing.may_lapse = True
    for moment in stage.moments(mailing, KILLS):
        stage.wait_for(moment)
        mailing.let_time_pass()


def flushed_once(stage: Stage) -> None:
    """FLUSHALL in mid send."""
    flush_often(stage, 500, 1)


def flushed(stage: Stage) -> None:
    """FLUSHALL at five random moments."""
    flush_often(stage, 1200, 5)


def flush_often(stage: Stage, recipients: int, times: int) -> None:
    """Make the broker forget everything at random moments."""
    stage.server.order(delay=DELAY)
    mailing = stage.begin(recipients)
    for moment in stage.moments(mailing, times):
        stage.wait_for(moment)
        flush()


def flush() -> None:
    """Make the broker forget everything."""
    with broker() as client:
        client.flushall()


def broker() -> Redis:
    """Return a connection to what Celery's messages go through."""
    return Redis.from_url(settings.REDIS_URL)


def valkey_restarted(stage: Stage) -> None:
    """Valkey is killed and started again, empty, at two random moments."""
    stage.server.order(delay=DELAY)
    mailing = stage.begin(1200)
    for moment in stage.moments(mailing, 2):
        stage.wait_for(moment)
        stage.installation.restart_valkey()


def database_restarted(stage: Stage) -> None:
    """PostgreSQL is shut down at once and started again at three random moments."""
    server = stage.installation.server
    if server is None:
        raise StandstillError("a file cannot be restarted")
    stage.server.order(delay=DELAY)
    mailing = stage.begin(1500)
    for moment in stage.moments(mailing, 3):
        stage.wait_for(moment)
        server.crash()
        server.start()
        # A process that cannot record its outcomes leaves them in doubt, as one that is killed.
        stage.allow_doubts(settings.SEND_PROCESSES)


def relay_down(stage: Stage) -> None:
    """The relay is away for longer than three retries of everything: no attempt is burnt, nobody fails."""
    stage.server.order(delay=DELAY)
    mailing = stage.begin(800)
    stage.wait_for(stage.random.randint(50, 300))
    stage.server.kill()
    # What it had taken over and not yet answered.
    stage.allow_doubts(settings.SEND_PROCESSES)
    for _retry in range(3):
        if not wait_for(lambda: patiently(mailing.was_put_back), seconds=40):
            raise StandstillError(f"nothing was tried and put back: {mailing.states()}")
        patiently(mailing.let_time_pass)
    burnt = mailing.deliveries().filter(state__in=CLAIMABLE, attempts__gt=0).count()
    if burnt:
        raise StandstillError(f"{burnt} rows burnt an attempt while the relay was away")
    stage.server.start()


def two_beats(stage: Stage) -> None:
    """Two beats at once, over two workspaces."""
    stage.server.order(delay=DELAY)
    stage.installation.start_second_beat()
    stage.begin(600)
    stage.begin(600)
    stage.close()
    stage.installation.kill_tree("beat2")


def hints_doubled(stage: Stage) -> None:
    """Every hint comes many times over."""
    stage.server.order(delay=DELAY)
    mailing = stage.begin(1000)
    for _copy in range(5):
        start_campaign.apply_async((mailing.campaign.pk,), queue="work")
    for moment in stage.moments(mailing, 10):
        stage.wait_for(moment)
        # Those that are next, and some that came before or will come after them.
        for chain in Chain.objects.filter(workspace=mailing.workspace):
            for step in range(max(0, chain.step - 2), chain.step + 3):
                send_turn.apply_async((chain.workspace_id, chain.number, step), queue="send")


def hints_lost(stage: Stage) -> None:
    """The first five hints of each kind are lost on the way."""
    installation = stage.installation
    installation.kill_tree("sender")
    mailing = stage.begin(600)
    with broker() as client:
        for _hint in range(5):
            stage.wait_until(lambda: client.llen("send") != 0, "a hint was given")
            client.delete("send")
            patiently(mailing.let_time_pass)
    installation.start()


def unsubscribed(stage: Stage) -> None:
    """A hundred recipients refuse in mid send: nobody of them is fenced after that."""
    # Slowly, so that those whose turn comes next can be told from those whose dot is on its way.
    stage.server.order(delay=8 * DELAY)
    stage.may_be_stopped = True
    mailing = stage.begin(1200)
    for moment in stage.moments(mailing, 25):
        stage.wait_for(moment)
        for state, number in ((DeliveryState.PENDING, 2), (DeliveryState.CLAIMED, 1), (DeliveryState.FENCED, 1)):
            near = mailing.deliveries().filter(state=state).order_by("lane", "pk")
            for delivery in near.select_related("workspace", "campaign__sender", "subscriber__workspace")[:number]:
                unsubscribe(delivery, now=timezone.now())
                stage.closures.append(Closure("the recipient had refused", (delivery.pk,), time.time()))
    if not mailing.drive_to_end() or not mailing.deliveries().filter(state=DeliveryState.EXCLUDED).exists():
        raise StandstillError(f"nobody refused in time: {mailing.states()}")


def paused_and_resumed(stage: Stage) -> None:
    """A person pauses in mid send, three times: nothing is fenced until the resume."""
    stage.server.order(delay=DELAY)
    mailing = stage.begin(1000)
    everybody = list_ids(mailing)
    for moment in stage.moments(mailing, 3):
        stage.wait_for(moment)
        scheduling.pause(mailing.campaign, actor=mailing.user)
        begin = time.time()
        wait_for(lambda: not patiently(mailing.is_on_its_way), seconds=20)
        stage.closures.append(Closure("the mailing was paused", everybody, begin, time.time()))
        scheduling.resume(mailing.campaign, actor=mailing.user, now=timezone.now())


def cancelled(stage: Stage) -> None:
    """A person cancels in mid send: what was not fenced is not sent."""
    stage.server.order(delay=DELAY)
    stage.may_be_stopped = True
    mailing = stage.begin(1000)
    stage.wait_for(stage.random.randint(50, 600))
    scheduling.cancel(mailing.campaign, actor=mailing.user, now=timezone.now())
    stage.closures.append(Closure("the mailing was cancelled", list_ids(mailing), time.time()))


def list_ids(mailing: Mailing) -> list[int]:
    """Return the ids of a mailing's rows, once they are all there."""
    sending = Campaign.objects.filter(pk=mailing.campaign.pk, recipient_count__isnull=False)
    if not wait_for(sending.exists, seconds=30):
        raise StandstillError("the mailing did not begin")
    return list(Delivery.objects.filter(campaign=mailing.campaign).values_list("pk", flat=True))
