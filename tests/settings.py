"""Settings of the test suite: those of the product, with throw-away keys and a database file of its own."""

import os
import tempfile
from pathlib import Path

# Two runs at once have a folder each (tools/test.sh).
SCRATCH = Path(os.environ.get("TEST_SCRATCH") or f"{tempfile.gettempdir()}/hypermail-tests-{os.getuid()}")
# Whitenoise warns where its folder is not there.
(SCRATCH / "static").mkdir(parents=True, exist_ok=True)

os.environ["SECRET_KEY"] = "only-for-the-test-suite-and-nowhere-else-0123456789"
os.environ["ENCRYPTION_KEYS"] = "b25seS1mb3ItdGhlLXRlc3Qtc3VpdGUtMDEyMzQ1Njc="
os.environ["DATA_DIR"] = str(SCRATCH)
os.environ["BASE_URL"] = "http://testserver"
# No test asks the outside.
os.environ["MX_LOOKUPS"] = "0"
os.environ["LINK_CHECKS"] = "0"
os.environ["RETURN_DOMAIN"] = "bounce.example.com"

from hypermail.settings import *
from hypermail.settings import DATABASES, STORAGES

# A file, not memory: the engine writes from a thread of its own.
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["TEST"] = {"NAME": str(SCRATCH / f"test-{os.getpid()}.sqlite3")}
elif template := os.environ.get("TEST_TEMPLATE"):
    # tests/postgres.py made it.
    DATABASES["default"]["TEST"] = {"TEMPLATE": template}
# Argon2 is slow on purpose; the tests log in often.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
