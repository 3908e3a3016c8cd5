"""Settings, all from the environment (12-factor). `.env.example` explains every name."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import django_stubs_ext
import environ
from csp.constants import NONCE, NONE, SELF
from kombu import Exchange, Queue

# Lets `ModelForm[Campaign]` and the like be written for the type checker.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

DATA_DIR = Path(env("DATA_DIR", default=str(BASE_DIR / "var")))
# `manage.py up` writes the keys of a laptop installation here at its first start.
environ.Env.read_env(DATA_DIR / "local.env")

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY: str = env("SECRET_KEY", default="")
# Of the HMACs of erased addresses: the first makes them, all recognise them.
ERASURE_KEYS: list[str] = env.list("ERASURE_KEYS", default=[SECRET_KEY])
# Fernet keys for secrets at rest (DKIM keys, passwords): the first encrypts, all decrypt.
ENCRYPTION_KEYS = env.list("ENCRYPTION_KEYS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# Where recipients and colleagues reach the web pages; links in mails begin with it.
BASE_URL: str = env("BASE_URL", default="http://localhost:8000").rstrip("/")
# The domain of the signed Return-Path; its MX or LMTP route leads to `manage.py run_lmtp`.
RETURN_DOMAIN: str = env("RETURN_DOMAIN", default="bounce.localhost")
# Whether customers may have errors return to a domain of their own; the server that takes mail for RETURN_DOMAIN must take
# these names too, see docs/install.md.
OWN_RETURN_DOMAINS = env.bool("OWN_RETURN_DOMAINS", default=False)
# The relay that takes all mail: smtp://, smtp+starttls:// or smtps://[user:password@]host:port
RELAY_URL: str = env("RELAY_URL", default="smtp://127.0.0.1:2525")
# The name given in EHLO; it should resolve to the sending address (RFC 5321 section 4.1.1.1).
EHLO_NAME: str = env("EHLO_NAME", default="localhost")
# The include that the SPF record of a sender domain must contain (A5); empty = not asked for.
SPF_INCLUDE: str = env("SPF_INCLUDE", default="")
# DNS checks of sender domains before they may send. Off only where mail cannot leave the machine.
REQUIRE_VERIFIED_SENDERS = env.bool("REQUIRE_VERIFIED_SENDERS", default=True)
# What a sender domain must have before it may send (A1, B1); add dmarc to require that too.
REQUIRED_CHECKS = env.list("REQUIRED_CHECKS", default=["spf", "dkim"])
# Domains that proved themselves are checked again after so many hours. What is missing or wrong then is looked at once more
# after so many minutes before it counts.
RECHECK_HOURS = max(1, env.int("RECHECK_HOURS", default=24))
RECHECK_CONFIRM_MINUTES = max(1, env.int("RECHECK_CONFIRM_MINUTES", default=60))
# Domains of one workspace that may be checked within a minute.
CHECKS_PER_MINUTE = max(1, env.int("CHECKS_PER_MINUTE", default=30))
# Where the DMARC reports of customers are to go (rua=); empty = dmarc@ of the customer's domain.
DMARC_REPORT_ADDRESS: str = env("DMARC_REPORT_ADDRESS", default="")
# A zone of the installation's own that holds customers' DKIM records; they set a CNAME into it. Empty = TXT only.
DKIM_CNAME_ZONE: str = env("DKIM_CNAME_ZONE", default="")
# How old a DKIM key grows before the managers are reminded, and for how long it signs what began before it was replaced.
KEY_REMIND_DAYS = max(1, env.int("KEY_REMIND_DAYS", default=365))
KEY_OVERLAP_DAYS = max(1, env.int("KEY_OVERLAP_DAYS", default=14))
# Whether a sender may prove its address by a mailed link where its domain's DNS cannot be changed (E5), and for how long
# such a link is good.
ADDRESS_VERIFICATION = env.bool("ADDRESS_VERIFICATION", default=True)
ADDRESS_PROOF_HOURS = max(1, env.int("ADDRESS_PROOF_HOURS", default=72))
# DNS blocklists by which the sending addresses are looked up (zones, RFC 5782). None by default: each has terms of use.
BLOCKLISTS = env.list("BLOCKLISTS", default=[])
# Resolver addresses ("127.0.0.1:5353") instead of those of the machine.
DNS_SERVERS = env.list("DNS_SERVERS", default=[])
# The built-in sandbox: set while its pages are to be shown.
SANDBOX = env.bool("SANDBOX", default=False)
LMTP_LISTEN: str = env("LMTP_LISTEN", default="127.0.0.1:2424")
SANDBOX_LISTEN: str = env("SANDBOX_LISTEN", default="127.0.0.1:2525")

# At most this many rows of one process are fenced and not yet recorded (design: SEND_WINDOW).
SEND_WINDOW = env.int("SEND_WINDOW", default=64)
# Each waits for its fence and its reply, so a commit serves as many mails as there are connections. Two processes stay
# below the 50 connections that Postfix allows one client (smtpd_client_connection_count_limit).
SEND_CONNECTIONS = env.int("SEND_CONNECTIONS", default=24)
# Processes that send (`manage.py up` starts so many); one workspace has at most so many at work at once.
SEND_PROCESSES = env.int("SEND_PROCESSES", default=2)
# Of the relay of the settings: whether the figures of each provider are kept, and mails a minute over all processes
# (0 = no limit). A relay with a queue of its own paces its receivers itself.
RELAY_PACED = env.bool("RELAY_PACED", default=False)
RELAY_PER_MINUTE = env.int("RELAY_PER_MINUTE", default=0)
# Whether the mail servers (MX) of destination domains are looked up, to tell Google Workspace and the like apart.
MX_LOOKUPS = env.bool("MX_LOOKUPS", default=True)
# A mailing that could not start for this long after its time waits for a person's word (遅延許容); an hour at least.
LATE_TOLERANCE = timedelta(hours=max(1, env.int("LATE_TOLERANCE_HOURS", default=6)))
# How long a delivery is tried before it expires (B5, C19).
DELIVERY_LIFETIME = timedelta(hours=env.int("DELIVERY_LIFETIME_HOURS", default=24))
NOTICE_KEEP_DAYS = env.int("NOTICE_KEEP_DAYS", default=31)
# Whether a notice that is matched by nothing but its address counts towards エラー停止. Anybody can forge one.
COUNT_ADDRESS_MATCHES = env.bool("COUNT_ADDRESS_MATCHES", default=False)
# Where run_lmtp also speaks SMTP, for mail servers that hand mail on by it; empty = nowhere.
BOUNCE_SMTP_LISTEN: str = env("BOUNCE_SMTP_LISTEN", default="")
# How often a mailbox of notices is looked into, in seconds.
MAILBOX_INTERVAL = env.int("MAILBOX_INTERVAL", default=60)
# Whether mailboxes may be at other ports than those of IMAP and POP3. Members enter hosts, so this opens the
# network of the installation to them.
MAILBOX_ANY_PORT = env.bool("MAILBOX_ANY_PORT", default=False)
# The addresses mail leaves from, for letters to providers and for the checks of sender domains.
SENDING_IPS = env.list("SENDING_IPS", default=[])
# The gate of the 配信エラー率 (A15): per cent of the mailings of the newest days at which a workspace is warned,
# slowed and stopped, the number of recipients below which nothing is concluded, and the pace while slowed.
GATE_WARN_PERCENT = env.float("GATE_WARN_PERCENT", default=5.0)
GATE_SLOW_PERCENT = env.float("GATE_SLOW_PERCENT", default=10.0)
GATE_STOP_PERCENT = env.float("GATE_STOP_PERCENT", default=20.0)
GATE_MINIMUM = env.int("GATE_MINIMUM", default=200)
GATE_DAYS = env.int("GATE_DAYS", default=7)
GATE_SLOW_PER_MINUTE = env.int("GATE_SLOW_PER_MINUTE", default=60)
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=200 * 1024 * 1024)
# Rows of a file that is imported, and of one that is cleaned (事前クリーニング).
IMPORT_MAX_ROWS = env.int("IMPORT_MAX_ROWS", default=5_000_000)
CLEANING_MAX_ROWS = env.int("CLEANING_MAX_ROWS", default=1_000_000)
# Whether cleaning looks the domains of addresses up.
CLEANING_DNS = env.bool("CLEANING_DNS", default=True)
# Whether the links and pictures of a draft are asked for, and whether at servers of this machine too: in tests alone.
LINK_CHECKS = env.bool("LINK_CHECKS", default=True)
LINK_CHECK_PRIVATE = env.bool("LINK_CHECK_PRIVATE", default=False)
# The spamd (SpamAssassin) that judges a draft, host:port; empty = none.
SPAMD_ADDRESS: str = env("SPAMD_ADDRESS", default="")
# Requests that 登録フォーム take within an hour: from one IP address (in all workspaces), and by one form.
SIGNUP_PER_IP_HOUR = env.int("SIGNUP_PER_IP_HOUR", default=20)
SIGNUP_PER_FORM_HOUR = env.int("SIGNUP_PER_FORM_HOUR", default=500)
# How long a consent is kept after the last mail to its subscriber (特定電子メール法: one month).
CONSENT_KEEP_DAYS = env.int("CONSENT_KEEP_DAYS", default=31)
# How long opens and clicks of a mailing are counted after its start. Then its single hits are deleted; the figures stay.
HIT_KEEP_DAYS = min(max(1, env.int("HIT_KEEP_DAYS", default=365)), 36_500)

INSTALLED_APPS = [
    "hypermail",
    "bounces",
    "archive",
    "signup",
    "campaigns",
    "cleaning",
    "designs",
    "tracking",
    "senders",
    "lists",
    "mta",
    "accounts",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
    "django_prose_editor",
    "lucide",
]

MIDDLEWARE = [
    "tracking.middleware.LinkHostMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "tracking.middleware.HitMiddleware",
    "hypermail.middleware.EncodingMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "designs.middleware.PublicFileMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.WorkspaceMiddleware",
    "hypermail.middleware.WrongMethodMiddleware",
    "hypermail.middleware.DeletedMeanwhileMiddleware",
]

ROOT_URLCONF = "hypermail.urls"
WSGI_APPLICATION = "hypermail.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "hypermail.context.navigation",
            ],
        },
    },
]

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'hypermail.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # WAL lets readers go on while one process writes; IMMEDIATE takes the write lock at BEGIN, so that
    # a transaction never fails half-way with "database is locked". FULL makes a fence durable.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # The statements that are run for every mail are planned once for a connection. A pooler between that does not
    # know prepared statements (PgBouncer before 1.21 in its transaction mode) needs this off.
    prepare_threshold = 0 if env.bool("DATABASE_PREPARE", default=True) else None
    DATABASES["default"].setdefault("OPTIONS", {})["prepare_threshold"] = prepare_threshold
    # A process that hangs within a transaction, as on a suspended machine, loses its locks: the tick waits for rows.
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("options", "-c idle_in_transaction_session_timeout=60s")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env("REDIS_URL", default="redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "Asia/Tokyo"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Early ack: a task that died is asked for again by the tick, from the database.
CELERY_TASK_ACKS_LATE = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10.0
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# The default exchange needs no bindings in Redis, so a FLUSHALL cannot unbind a queue.
CELERY_TASK_QUEUES = [Queue(name, Exchange(""), routing_key=name) for name in ("tick", "work", "lists", "send")]
CELERY_TASK_DEFAULT_QUEUE = "work"
CELERY_TASK_DEFAULT_EXCHANGE = ""
CELERY_TASK_DEFAULT_ROUTING_KEY = "work"
CELERY_TASK_CREATE_MISSING_QUEUES = False
# A tick that nobody took within two seconds is out of date: the next one asks the same question.
CELERY_BEAT_SCHEDULE = {
    name: {"task": name, "schedule": seconds, "options": {"queue": "tick", "expires": 2 * seconds}}
    for name, seconds in (
        ("lists.tasks.tick", 1.0),
        ("lists.tasks.slow_tick", 60.0),
        ("campaigns.tasks.tick", 1.0),
        ("bounces.tasks.tick", 1.0),
        ("cleaning.tasks.tick", 1.0),
        ("campaigns.tasks.slow_tick", 10.0),
        ("signup.tasks.tick", 2.0),
        ("bounces.tasks.slow_tick", 10.0),
        ("signup.tasks.slow_tick", 30.0),
        ("senders.tasks.slow_tick", 30.0),
    )
}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapter.ClosedAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# Otherwise anybody could make us write to any address.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_FORMS = {
    "login": "accounts.forms.LoginForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.forms.ResetPasswordKeyForm",
}
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "20/m/ip,5/300s/key", "reset_password": "20/m/ip,5/m/key"}
# The rate limits go by the client's address, which a proxy hands on.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if env.bool("BEHIND_PROXY", default=False) else 0
# Holds the counters of the rate limits. Files are shared by all web processes and need no server.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": DATA_DIR / "cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}

LANGUAGE_CODE = "ja"
LANGUAGES = [("ja", "日本語")]
TIME_ZONE = "Asia/Tokyo"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = Path(env("STATIC_ROOT", default=str(DATA_DIR / "static")))
MEDIA_ROOT = DATA_DIR / "files"
# Of mails: public, unlike uploaded lists. Where anybody loads them; without one, over our own page at /p/.
PICTURES_BASE_URL: str = env("PICTURES_BASE_URL", default="")
# The bucket (Amazon S3, Cloudflare R2, MinIO …) that keeps them instead of DATA_DIR/pictures.
PICTURES_S3_BUCKET: str = env("PICTURES_S3_BUCKET", default="")
PICTURES_S3_ENDPOINT: str = env("PICTURES_S3_ENDPOINT", default="")
PICTURES_S3_REGION: str = env("PICTURES_S3_REGION", default="")
PICTURES_S3_ACCESS_KEY: str = env("PICTURES_S3_ACCESS_KEY", default="")
PICTURES_S3_SECRET_KEY: str = env("PICTURES_S3_SECRET_KEY", default="")
PICTURES_S3_PREFIX: str = env("PICTURES_S3_PREFIX", default="")
# path, virtual or auto. Servers of one's own seldom have a host name for each bucket.
PICTURES_S3_ADDRESSING: str = env("PICTURES_S3_ADDRESSING", default="path" if PICTURES_S3_ENDPOINT else "auto")
_pictures_url = PICTURES_BASE_URL.rstrip("/") + "/" if PICTURES_BASE_URL else "/p/"
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "pictures": {
        "BACKEND": "designs.bucket_storage.BucketStorage",
        "OPTIONS": {
            "bucket_name": PICTURES_S3_BUCKET,
            "endpoint_url": PICTURES_S3_ENDPOINT or None,
            "region_name": PICTURES_S3_REGION or None,
            # Without them, as boto3 finds them: the role of the machine, AWS_ACCESS_KEY_ID and so on.
            "access_key": PICTURES_S3_ACCESS_KEY or None,
            "secret_key": PICTURES_S3_SECRET_KEY or None,
            "location": PICTURES_S3_PREFIX.strip("/"),
            "addressing_style": PICTURES_S3_ADDRESSING,
            "base_url": _pictures_url,
        },
    }
    if PICTURES_S3_BUCKET
    else {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        # A name tells the content, so what is written over is the same.
        "OPTIONS": {"location": DATA_DIR / "pictures", "base_url": _pictures_url, "allow_overwrite": True},
    },
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if not DEBUG
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# Other hosts that our pages load pictures of mails from.
_pictures = urlsplit(_pictures_url)
PICTURE_HOSTS = [f"{_pictures.scheme}://{_pictures.netloc}"] if _pictures.netloc else []
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:", *PICTURE_HOSTS],
        "frame-src": [SELF],
        "frame-ancestors": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "object-src": [NONE],
    },
}
# Previews are shown in frames of our own pages, so the check that asks for DENY (W019) is answered.
X_FRAME_OPTIONS = "SAMEORIGIN"
SILENCED_SYSTEM_CHECKS = ["security.W019"]
# True behind TLS; the laptop's plain http://localhost needs False.
HTTPS_ONLY = env.bool("HTTPS_ONLY", default=BASE_URL.startswith("https://"))
SESSION_COOKIE_SECURE = HTTPS_ONLY
CSRF_COOKIE_SECURE = HTTPS_ONLY
SECURE_SSL_REDIRECT = HTTPS_ONLY
# Watchers ask the web server itself, in plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS_ONLY
SECURE_HSTS_PRELOAD = HTTPS_ONLY
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
SECURE_REFERRER_POLICY = "same-origin"

# Mail to colleagues (a lost password) leaves by the relay too, unless it is given a way of its own.
_mail = urlsplit(env("SYSTEM_MAIL_URL", default=RELAY_URL))
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = _mail.hostname or "127.0.0.1"
EMAIL_USE_TLS = _mail.scheme == "smtp+starttls"
EMAIL_USE_SSL = _mail.scheme == "smtps"
EMAIL_PORT = _mail.port or (465 if EMAIL_USE_SSL else 587 if EMAIL_USE_TLS else 25)
EMAIL_HOST_USER = unquote(_mail.username or "")
EMAIL_HOST_PASSWORD = unquote(_mail.password or "")
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="hypermail@localhost")
MESSAGE_STORAGE = "accounts.message_storage.DistinctStorage"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", default="INFO")},
    "loggers": {
        # aiosmtpd tells every command of every connection at INFO.
        "mail.log": {"level": "WARNING"},
        # It tells of every pattern that it tries.
        "flufl.bounce": {"level": "WARNING"},
    },
}
