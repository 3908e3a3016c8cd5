#!/usr/bin/env bash
# All tests: on SQLite with coverage, and on PostgreSQL where it is installed, followed by the browser journeys.
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

if ! command -v spamassassin >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "== SpamAssassinがないため、apt-getでインストールします(テンプレートのテスト用) =="
    (apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
      spamassassin >/dev/null) || echo "== インストールできませんでした。SpamAssassinを使うテストは省かれます =="
  else
    echo "== SpamAssassinがないため、それを使うテストは省かれます =="
  fi
fi

if [ ! -e /usr/share/gocode/src/blitiri.com.ar/go/spf/testdata/rfc7208-tests.yml ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "== RFC 7208のテスト集がないため、apt-getでインストールします(SPFの評価のテスト用) =="
    (apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
      golang-blitiri-go-spf-dev >/dev/null) || echo "== インストールできませんでした。RFC 7208のテスト集は省かれます =="
  else
    echo "== RFC 7208のテスト集がないため、省かれます(golang-blitiri-go-spf-devを入れると動きます) =="
  fi
fi

if [ -n "${ARGS:-}" ]; then
  # shellcheck disable=SC2086  # ARGS is a list of words.
  exec "$BIN/python" -m pytest $ARGS
fi

# Three runs that share no file and no port: the machine has two cores, and each run often waits. Measuring coverage takes
# as long as the tests again: SQLite does it, in two halves, the shorter one followed by the journeys, whose pages and
# processes are the same on every database.
folder=$(mktemp -d)
jobs=()
trap 'for job in "${jobs[@]}"; do kill "$job" && pkill -P "$job"; done 2>/dev/null || true; rm -rf "$folder"' EXIT
"$BIN/coverage" erase
status=0
processes=(tests/faults tests/hypermail tests/lists tests/mta tests/tracking)

# One run: its name, the programs that begin it, and what pytest gets.
run() {
  local name=$1 code=0
  shift
  TEST_SCRATCH="$folder/$name" "$@" -q -rs -o cache_dir="$folder/cache.$name" || code=$?
  [ $code = 0 ] || echo $code >"$folder/failed.$name"
}
sqlite() {
  echo "== SQLite: $1 =="
  COVERAGE_FILE="$folder/coverage.$1" run "$1" env -u DATABASE_URL \
    "$BIN/python" -m pytest -m "not journey" --cov --cov-report= --durations=30 "${@:2}"
}
postgresql() {
  echo "== PostgreSQL =="
  run postgresql "${on_postgresql[@]}" --durations=30
}
journeys() {
  echo "== Browser =="
  run journeys "${on_sqlite[@]}" tests/journeys
}
# A second look at the few tests that failed, with nothing beside them: three runs on two cores can make a server of a
# test miss its moment. What fails again is a failure, and so are more than a few, and whatever else ends a run.
look_again() {
  local name=$1 most=5
  [ "$(cat "$folder/failed.$name")" = 1 ] || return 1
  [ "$(grep -c '^  "' "$folder/cache.$name/v/cache/lastfailed")" -le $most ] || return 1
  echo "== Second look: $name =="
  shift
  TEST_SCRATCH="$folder/$name" "$@" -q -o cache_dir="$folder/cache.$name" --last-failed --last-failed-no-failures none
}
on_sqlite=(env -u DATABASE_URL "$BIN/python" -m pytest)
on_postgresql=("$BIN/python" -m tests.postgres "$BIN/python" -m pytest -m "not journey and not once")

postgresql >"$folder/log.postgresql" 2>&1 &
jobs+=($!)
sqlite processes "${processes[@]}" >"$folder/log.processes" 2>&1 &
jobs+=($!)
sqlite pages "${processes[@]/#/--ignore=}"
journeys
for job in "${jobs[@]}"; do
  wait "$job" || status=1
done
jobs=()
cat "$folder"/log.*
for failed in "$folder"/failed.*; do
  case ${failed##*.} in
    postgresql) look_again postgresql "${on_postgresql[@]}" || status=1 ;;
    pages | processes) look_again "${failed##*.}" "${on_sqlite[@]}" -m "not journey" || status=1 ;;
    journeys) look_again journeys "${on_sqlite[@]}" || status=1 ;;
  esac
done

echo "== Coverage =="
# A process of a test that ends late gives its file another name while they are looked at.
combine() { "$BIN/coverage" combine --keep --quiet "$folder"/coverage.*; }
combine || { sleep 10 && combine; }
"$BIN/coverage" report --fail-under=90 || status=1
# What decides over other people's addresses is tested to the last branch.
"$BIN/coverage" report --fail-under=100 \
  --include="mta/replies.py,mta/retry.py,bounces/parsing.py,senders/checks.py,senders/spf_*.py,lists/errors.py" || status=1
exit $status
