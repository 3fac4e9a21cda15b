"""Settings, all from the environment. docs/operators.md lists every variable."""

from __future__ import annotations

from pathlib import Path

import django_stubs_ext
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from compat.hub import HubSettings
from compat.webhooks.hosts import is_origin, read_hosts

from .api import rates
from .env import Environment, database_settings

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY") or ("only for debugging, never for a site" if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. `make run` makes one; elsewhere set SECRET_KEY or SECRET_KEY_FILE to a long random one."
    )
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")

# HTTPS=true once a proxy in front speaks TLS and sets X-Forwarded-Proto.
HTTPS = env.flag("HTTPS", default=False)
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sitemaps",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "django_tasks",
    "django_tasks_db",
    "compat.apps.CompatConfig",
    "marketplace.apps.MarketplaceConfig",
]

MIDDLEWARE = [
    "marketplace.freshness.AfterResponseMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "marketplace.languages.LanguageMiddleware",
    "marketplace.api.middleware.ApiMiddleware",
    "marketplace.page_cache.PageCacheMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "marketplace.urls"
WSGI_APPLICATION = "marketplace.wsgi.application"
# Threads of a web process; the number of processes is the web server's own affair.
WEB_THREADS = env.number("WEB_THREADS", 4, least=1)
# Whether each request gets a line in the log.
ACCESS_LOG = env.flag("ACCESS_LOG", default=False)

# The site's own pages are Jinja's, which renders them several times as fast; the admin's stay Django's.
TEMPLATES = [
    {
        "NAME": "jinja2",
        "BACKEND": "marketplace.rendering.Templates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "environment": "marketplace.rendering.environment",
            "context_processors": [
                "django.contrib.messages.context_processors.messages",
                "marketplace.pages.context.site",
            ],
        },
    },
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": database_settings(env.text("DATABASE_URL", "sqlite:///var/runshere.sqlite3"), BASE_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_redis = env.text("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": _redis,
        # A Redis that hangs must not hold up a request.
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    }
    if _redis
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 2000}}
}
# Memory in which each web process keeps answers for whoever asks the same again; 0 keeps none.
PAGE_CACHE_MB = env.number("PAGE_CACHE_MB", 32)
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# Tasks of any queue: compat/management/lanes.py says which there are.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": []}}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = HTTPS
USE_TZ = True

STATIC_URL = "static/"
# Where the index of the catalogue is written, for all processes to map; none is written where this is empty.
INDEX_ROOT = BASE_DIR / index_root if (index_root := env.text("INDEX_ROOT", "var/index")) else None
# Where templates are kept as they were compiled; each process compiles its own where this is empty.
TEMPLATES_ROOT = BASE_DIR / templates_root if (templates_root := env.text("TEMPLATES_ROOT", "var/templates")) else None
STATIC_ROOT = BASE_DIR / env.text("STATIC_ROOT", "var/static")
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    }
}

# The Hub: HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE, as every Hub client reads them.
try:
    HUB = HubSettings.from_environ()
except ValueError as error:
    raise ImproperlyConfigured(str(error)) from None

# How long a record counts as fresh, in seconds: 48 hours, as the original revalidated.
RECORD_TTL = env.number("RECORD_TTL", 172_800, least=1)
# Of how many models a sync reads the headers of weight files by itself; 0 reads none.
SYNC_HEADERS = env.number("SYNC_HEADERS", 200)
# How many percent of the Hub's quota are kept for visitors, and are all that they can spend.
HUB_VISITOR_SHARE = env.number("HUB_VISITOR_SHARE", 20, least=0, most=90)
# Whether visitors make the site ask the Hub: for a model it lacks, and for a newer record than it has.
FETCH_ON_DEMAND = env.flag("FETCH_ON_DEMAND", default=True)

# How many models one visitor's address may make it ask for in an hour, and all visitors together; and how many models
# visitors may have added to the catalogue at all.
FETCH_PER_ADDRESS = env.number("FETCH_PER_ADDRESS", 60)
FETCH_PER_HOUR = env.number("FETCH_PER_HOUR", 1000)
FETCH_MOST_NEW = env.number("FETCH_MOST_NEW", 20_000)

# Where the command `backup` puts its copies.
BACKUP_ROOT = BASE_DIR / env.text("BACKUP_ROOT", "var/backups")

# Where webhooks may be sent; without hosts there are none.
try:
    WEBHOOK_HOSTS = read_hosts(env.words("WEBHOOK_HOSTS"))
except ValueError as error:
    raise ImproperlyConfigured(f"WEBHOOK_HOSTS: {error}") from None

# This site's own address, for what is read elsewhere than on its pages.
SITE_URL = env.text("SITE_URL").rstrip("/")
if SITE_URL and not is_origin(SITE_URL):
    raise ImproperlyConfigured(f"SITE_URL is {SITE_URL!r}: use an address such as https://models.example.org")

# The API: how much one client may ask, and who it is. Without Redis each web process counts for itself.
REDIS_URL = _redis
if REDIS_URL and not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise ImproperlyConfigured("REDIS_URL is no address of a Redis: use redis://host:6379/0, rediss:// or unix://")
API_RATE: rates.Rate | None = rates.rate_setting("API_RATE", env.text("API_RATE", "300/minute"))
API_TOKEN_RATE: rates.Rate | None = rates.rate_setting("API_TOKEN_RATE", env.text("API_TOKEN_RATE", "3000/minute"))
API_ANONYMOUS = env.flag("API_ANONYMOUS", default=True)
# How many proxies stand in front and add to X-Forwarded-For; with 0 that header is not looked at.
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", 0)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO").upper()},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "httpx": {"level": "WARNING"},
    },
}
