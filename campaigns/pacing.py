"""How many rows of a lane may be claimed now: rates, caps and what providers asked for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.models import Lane
from mta.connection_limits import connections_of_process
from mta.pace import Replies, rate_of
from mta.pace_store import note_replies
from mta.provider_policies import Policy
from mta.providers import OTHER, policy_of
from mta.routes import Route
from mta.throttle import Bucket, take
from mta.throttle import give_back as give_back_tokens

# A suspended lane looks again so often: the operator may have set it back.
RECHECK = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a lane may do now. With 0 rows it waits until `again_at`; None of the others = no limit.

    `connections` are those that this process may open to one set of hosts.
    """

    rows: int
    again_at: datetime | None = None
    connections: int | None = None
    messages_per_connection: int | None = None


def grant(lane: Lane, route: Route, *, wanted: int, now: datetime) -> Grant:
    """Return how many of `wanted` rows may be claimed now.

    A lane without any limit costs one read of its pace for each turn (each `Lane` object), and no call of Redis. The
    rows of an excluded lane are not sent, so nothing holds them back.
    """
    if lane.excluded_at is not None:
        return Grant(wanted)
    until = lane.speed.suspended_until
    if until is not None and until > now:
        return Grant(0, again_at=min(until, now + RECHECK))
    policy = policy_for(lane, route)
    connections, messages = connections_for(lane, policy), policy.messages_per_connection if policy else None
    buckets = buckets_for(lane, route)
    if not buckets:
        return Grant(wanted, connections=connections, messages_per_connection=messages)
    taken = take(buckets, wanted=wanted, taker=str(lane.workspace_id))
    again_at = None if taken.tokens else now + timedelta(seconds=taken.again)
    return Grant(taken.tokens, again_at, connections, messages)


def give_back(lane: Lane, route: Route, rows: int) -> None:
    """Return what was granted and not claimed."""
    if rows > 0 and lane.excluded_at is None:
        give_back_tokens(buckets_for(lane, route), rows)


def note(lane: Lane, route: Route, replies: Replies, *, now: datetime) -> bool:
    """Slow the lane's provider down where the replies of a turn ask for it; return whether it is slower now.

    A domain with a lane of its own does not speak for all the servers that belong to no provider.
    """
    if lane.provider == OTHER and lane.domain:
        return False
    policy = policy_for(lane, route)
    return note_replies(
        lane.route,
        lane.provider,
        replies,
        is_direct=route.kind == "direct",
        is_slow=lane.speed.level > 0,
        base=policy.per_minute if policy else None,
        now=now,
    )


def policy_for(lane: Lane, route: Route) -> Policy | None:
    """Return the provider's figures where they are kept: on paced routes, and always on the direct way (C22)."""
    return policy_of(lane.provider) if route.is_paced or route.kind == "direct" else None


def connections_for(lane: Lane, policy: Policy | None) -> int | None:
    """Return this process's part of the provider's connections, fewer where the provider asked for less."""
    if policy is None:
        return None
    return max(1, connections_of_process(policy) >> lane.speed.level)


def buckets_for(lane: Lane, route: Route) -> list[Bucket]:
    """Return every limit that counts for a lane: of its route, its provider and its domain."""
    policy = policy_for(lane, route)
    limits = (
        (f"route:{lane.route}", route.per_minute),
        (f"provider:{lane.route}:{lane.provider}", rate_of(lane.speed, policy.per_minute if policy else None)),
        (f"domain:{lane.workspace_id}:{lane.domain}", lane.cap),
    )
    return [Bucket(key, per_minute) for key, per_minute in limits if per_minute]
