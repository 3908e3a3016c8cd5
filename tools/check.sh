#!/usr/bin/env bash
# Everything that can be said about the code without running the tests. Asks no network.
set -uo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-.venv/bin}
failed=()

step() {
  echo "== $1"
  shift
  "$@" || failed+=("$*")
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
production() {
  env -i PATH="$PATH" LANG=C.UTF-8 DATA_DIR="$scratch" \
    SECRET_KEY=only-for-this-check-and-long-enough-to-satisfy-it-0123456789 \
    ENCRYPTION_KEYS=b25seS1mb3ItdGhpcy1jaGVjay0wMTIzNDU2Nzg5MDE= \
    BASE_URL=https://mail.shop.example ALLOWED_HOSTS=mail.shop.example BEHIND_PROXY=1 \
    RETURN_DOMAIN=bounce.shop.example EHLO_NAME=mail.shop.example \
    RELAY_URL=smtp+starttls://user:password@relay.shop.example:587 "$@"
}
templates() {
  find templates -name '*.html' -print0 | xargs -0 "$BIN/djade" --check --target-version 5.2
}

step "ruff check" "$BIN/ruff" check .
step "ruff format" "$BIN/ruff" format --check .
step "mypy" "$BIN/mypy"
step "import-linter" "$BIN/lint-imports"
step "djade" templates
step "templates" "$BIN/python" -m tools.check_templates
step "locks" "$BIN/python" -m tools.check_locks
step "behaviours" "$BIN/python" -m tools.behaviours --check
step "migrations" production "$BIN/python" manage.py makemigrations --check --dry-run
step "system checks" production "$BIN/python" manage.py check --deploy --fail-level WARNING

if [ ${#failed[@]} -gt 0 ]; then
  echo "== ${#failed[@]} failed:"
  printf '   %s\n' "${failed[@]}"
  exit 1
fi
echo "== all is well"
