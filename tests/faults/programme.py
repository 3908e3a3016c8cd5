"""The scenarios by name, and on which databases each is played."""

from collections.abc import Callable, Sequence

from tests.faults import paced_scenarios, scenarios, smtp_scenarios
from tests.faults.smtp_scenarios import PHASES, faults_in
from tests.faults.stage import Stage

Scenario = Callable[[Stage], None]

PROGRAMME: dict[str, Scenario] = {
    "undisturbed": scenarios.undisturbed,
    "children_killed": scenarios.children_killed,
    "trees_killed": scenarios.trees_killed,
    "start_killed": scenarios.start_killed,
    "stopped_beyond_the_lease": scenarios.stopped_beyond_the_lease,
    "stopped_beyond_the_fence": scenarios.stopped_beyond_the_fence,
    "stopped_within_a_transaction": scenarios.stopped_within_a_transaction,
    "leases_lapsed": scenarios.leases_lapsed,
    "flushed": scenarios.flushed,
    "flushed_while_paced": paced_scenarios.flushed_while_paced,
    "valkey_restarted": scenarios.valkey_restarted,
    "database_restarted": scenarios.database_restarted,
    "relay_down": scenarios.relay_down,
    "two_beats": scenarios.two_beats,
    "hints_doubled": scenarios.hints_doubled,
    "hints_lost": scenarios.hints_lost,
    "unsubscribed": scenarios.unsubscribed,
    "paused_and_resumed": scenarios.paused_and_resumed,
    "cancelled": scenarios.cancelled,
    "accepted_then_dropped": smtp_scenarios.accepted_then_dropped,
    "accepted_then_dropped_and_resent": smtp_scenarios.accepted_then_dropped_and_resent,
    "answers_beyond_the_turn": smtp_scenarios.answers_beyond_the_turn,
    "silence_beyond_our_deadline": smtp_scenarios.silence_beyond_our_deadline,
    "storm": smtp_scenarios.storm,
    **{f"faults_in_{phase}": faults_in(phase) for phase in PHASES},
}
# Shorter ones, for the test suite.
SHORT: dict[str, Scenario] = {"one_child_killed": scenarios.one_child_killed, "flushed_once": scenarios.flushed_once}
# A file has no server that could restart, or take a lock from somebody.
POSTGRESQL_ONLY = ("database_restarted", "stopped_within_a_transaction")


def choose(names: Sequence[str], database: str) -> dict[str, Scenario]:
    """Return the scenarios of these names, or all that suit the database. Raises KeyError for an unknown name."""
    wanted = names or [name for name in PROGRAMME if database == "postgresql" or name not in POSTGRESQL_ONLY]
    return {name: (PROGRAMME | SHORT)[name] for name in wanted}
