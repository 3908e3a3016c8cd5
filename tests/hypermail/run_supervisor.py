"""A process for the supervisor's tests: supervises the programs that its argument describes (JSON)."""

import json
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from django.conf import settings

from hypermail.child import Child
from hypermail.supervisor import Supervisor

if __name__ == "__main__":
    settings.configure(USE_I18N=False)
    children = [
        Child(
            spec["name"],
            [sys.executable, "-u", "-c", spec["program"]],
            stop_signal=signal.Signals(spec.get("stop_signal", signal.SIGTERM)),
            stop_order=spec.get("stop_order", 0),
            stop_seconds=spec.get("stop_seconds", 5),
        )
        for spec in json.loads(sys.argv[1])
    ]
    Supervisor(children, sys.stdout, announce=lambda: "READY\n").run()
