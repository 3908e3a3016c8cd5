#!/usr/bin/env bash
# Kills, stops and misleads real installations in mid send, on both databases at once, and prints what became of
# the mails (docs/faults.md). BIN is the environment's folder of programs, ARGS names scenarios (all without any).
set -uo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-.venv/bin}

# One of the two runs is shown as it goes, the other at the end.
log=$(mktemp)
job=
trap '[ -z "$job" ] || { kill "$job" 2>/dev/null; wait "$job"; }; rm -f "$log"' EXIT
status=0
# shellcheck disable=SC2086  # ARGS is a list of words.
if "$BIN/python" -c 'import sys; from tests.postgres import find_binaries; sys.exit(find_binaries() is None)'; then
  "$BIN/python" -m tests.faults --database postgresql ${ARGS:-} >"$log" 2>&1 &
  job=$!
else
  echo "== PostgreSQL is not installed: its half is left out ==" >"$log"
fi
# shellcheck disable=SC2086
"$BIN/python" -m tests.faults --database sqlite ${ARGS:-} || status=1
if [ -n "$job" ]; then
  wait "$job" || status=1
  job=
fi
cat "$log"
exit $status
