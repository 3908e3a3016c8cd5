#!/usr/bin/env bash
# All tests: on SQLite with the browser journeys, and on PostgreSQL where it is installed; coverage of both.
# BIN is the environment's folder of programs, ARGS what pytest is to run instead of everything.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-.venv/bin}

if ! command -v chromium chromium-browser google-chrome >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "== Chromiumがないため、apt-getでインストールします(ブラウザーのテスト用) =="
    (apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
      chromium fonts-noto-cjk >/dev/null) || echo "== インストールできませんでした。ブラウザーのテストは省かれます =="
  else
    echo "== Chromiumがないため、ブラウザーのテストは省かれます(chromiumとfonts-noto-cjkを入れると動きます) =="
  fi
fi

if ! command -v dovecot /usr/sbin/dovecot >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "== Dovecotがないため、apt-getでインストールします(受信メールボックスのテスト用) =="
    # The tests run a server of their own; the one of the package must not start.
    (apt-get -qq update && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq install -y --no-install-recommends \
      dovecot-imapd dovecot-pop3d >/dev/null) || echo "== インストールできませんでした。Dovecotを使うテストは省かれます =="
  else
    echo "== Dovecotがないため、それを使うテストは省かれます(dovecot-imapdとdovecot-pop3dを入れると動きます) =="
  fi
fi

if [ -n "${ARGS:-}" ]; then
  # shellcheck disable=SC2086  # ARGS is a list of words.
  exec "$BIN/python" -m pytest $ARGS
fi

# The two runs share no file and no port, and use a core each.
folder=$(mktemp -d)
job=
trap '[ -z "$job" ] || kill "$job" 2>/dev/null || true; rm -rf "$folder"' EXIT
"$BIN/coverage" erase
status=0
# The journeys look at pages and processes, which are the same on every database.
COVERAGE_FILE="$PWD/.coverage.postgresql" TEST_SCRATCH="$folder/postgresql" "$BIN/python" -m tests.postgres \
  "$BIN/python" -m pytest -q -rs -m "not journey and not once" --cov --cov-report= >"$folder/log" 2>&1 &
job=$!
echo "== SQLite =="
COVERAGE_FILE="$PWD/.coverage.sqlite" TEST_SCRATCH="$folder/sqlite" env -u DATABASE_URL \
  "$BIN/python" -m pytest -q -rs --cov --cov-report= || status=1
wait "$job" || status=1
job=
cat "$folder/log"

echo "== Coverage =="
"$BIN/coverage" combine --quiet
"$BIN/coverage" report --fail-under=90 || status=1
# What decides over other people's addresses is tested to the last branch.
"$BIN/coverage" report --fail-under=100 \
  --include="mta/replies.py,mta/retry.py,bounces/parsing.py,senders/checks.py,lists/errors.py" || status=1
exit $status
