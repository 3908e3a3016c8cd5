"""One turn of a workspace's chain: in the lane that was served longest ago, and who comes after it."""

from django.utils import timezone

from campaigns import chains, send_queue
from campaigns.chains import Link
from campaigns.lanes import hold_lane
from campaigns.sending import PAUSE, End, take_turn


def run(link: Link) -> Link | None:
    """Take one turn; return the next one to ask for, or None where the chain ends.

    A doubled message does nothing. Where the queue is long, the chain ends as well: the tick begins it anew when the
    workspace's time has come.
    """
    if not chains.begin_turn(link, now=timezone.now()):
        return None
    lane = chains.take_lane(link.workspace_id, now=timezone.now())
    if lane is not None:
        if take_turn(lane) is End.NOTHING:
            # Asking again at once would only spin.
            hold_lane(lane, "", until=timezone.now() + PAUSE)
        if send_queue.waiting() < chains.most_queued():
            return link._replace(step=link.step + 1)
    chains.end_chain(link)
    return None
