"""What happens to a rate that is configured when the broker, which counts it, forgets."""

from tests.faults.scenarios import flush
from tests.faults.stage import Stage

# Mails a minute; over a minute of them, and so many moments at which the broker forgets.
RATE = 1200
RECIPIENTS = 1500
FLUSHES = 6
PATIENCE = 120.0


def flushed_while_paced(stage: Stage) -> None:
    """FLUSHALL at six random moments of a mailing that goes at the pace of RELAY_PER_MINUTE: no minute is above it."""
    installation = stage.installation
    installation.stop()
    usual = dict(installation.environment)
    installation.environment |= {"RELAY_PACED": "1", "RELAY_PER_MINUTE": str(RATE)}
    stage.per_minute = RATE
    try:
        installation.start()
        mailing = stage.begin(RECIPIENTS)
        for moment in stage.moments(mailing, FLUSHES):
            stage.wait_for(moment, seconds=PATIENCE)
            flush()
        stage.wait_until(mailing.is_over, "all were sent", seconds=PATIENCE)
    finally:
        # The next scenario starts the parts anew.
        installation.stop()
        installation.environment = usual
