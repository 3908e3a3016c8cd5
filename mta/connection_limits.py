"""How many connections a process may open at once to the servers of a receiver."""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NamedTuple

from django.conf import settings

from mta.provider_policies import Policy
from mta.providers import OTHER, policy_of, provider_of_mx


class Limits(NamedTuple):
    """How politely some servers are sent to; servers of one group share its connections."""

    group: str
    connections: int
    messages_per_connection: int | None


def limits_of(hosts: Sequence[str]) -> Limits:
    """Return the limits of the provider that servers belong to; those of nobody we know are a group of their own."""
    provider = provider_of_mx(hosts)
    policy = policy_of(provider)
    group = " ".join(hosts) if provider == OTHER else provider
    return Limits(group, connections_of_process(policy), policy.messages_per_connection)


def connections_of_process(policy: Policy) -> int:
    """Return one process's part of a provider's connections, which count for the whole installation; at least one."""
    processes: int = settings.SEND_PROCESSES
    return max(1, policy.connections // max(processes, 1))


class Slots:
    """So many connections at once; who waits for one lets idle ones know."""

    def __init__(self, count: int, wake: Callable[[], None]) -> None:
        self._free = asyncio.Semaphore(max(count, 1))
        self._wake = wake
        self.wanted = 0

    async def __aenter__(self) -> None:
        self.wanted += 1
        if self._free.locked():
            self._wake()
        try:
            await self._free.acquire()
        finally:
            self.wanted -= 1

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._free.release()
