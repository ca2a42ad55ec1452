"""Django settings, read from the environment; docs/operations.md lists every variable."""

import tomllib
from pathlib import Path

from csp.constants import NONE, SELF

from opsconductor import env
from opsconductor.embedded import postgres

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.data_dir()
OPSC_VERSION = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]
DEBUG = env.reader.bool("OPSC_DEBUG", default=False)

SECRET_KEY = env.generated_secret("SECRET_KEY")
# Still read with, while the key is rotated.
SECRET_KEY_FALLBACKS = [key for key in [env.reader.str("OPSC_SECRET_KEY_PREVIOUS", default="")] if key]
# Signs the wake-ups on the broker; the second key is still accepted while keys are rotated.
MESSAGE_KEY = env.generated_secret("OPSC_MESSAGE_KEY")
MESSAGE_KEY_PREVIOUS = env.reader.str("OPSC_MESSAGE_KEY_PREVIOUS", default="")
ALLOWED_HOSTS = env.reader.list("OPSC_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.reader.list("OPSC_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "opsconductor.apps.OpsConductorConfig",
    "executions.apps.ExecutionsConfig",
    "safety.apps.SafetyConfig",
    "safety.signin.apps.SignInConfig",
    "safety.tokens.apps.TokensConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "safety.signin.middleware.SessionLimitsMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "safety.signin.middleware.SecondFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "executions.web.noticing.MaskedNoticeMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "safety.wall.WallMiddleware",  # last: who asks is known, and that they may
]

# The chain around every step, outermost first. A system check refuses to start when one is missing or moved.
SAFETY_MIDDLEWARE = [
    "safety.masking.middleware.MaskingMiddleware",
    "safety.middleware.cancellation.CancellationMiddleware",
    "safety.middleware.timeout.TimeoutMiddleware",
    "safety.middleware.rbac.RbacMiddleware",
    "safety.middleware.approval.ApprovalMiddleware",
    "safety.middleware.mutex.MutexMiddleware",
    "safety.middleware.idempotency.IdempotencyMiddleware",
    "safety.secrets.middleware.SecretsMiddleware",
]

ROOT_URLCONF = "opsconductor.urls"
ASGI_APPLICATION = "opsconductor.asgi.application"
WSGI_APPLICATION = "opsconductor.wsgi.application"

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
            ]
        },
    }
]

# Without DATABASE_URL: the embedded PostgreSQL, which manage.py starts when a command needs it.
DATABASE_URL = env.reader.str("DATABASE_URL", default="")
DATABASES = {"default": env.reader.db_url_config(DATABASE_URL or postgres.database_url(DATA_DIR))}
DATABASES["default"] |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
DATABASES["default"]["OPTIONS"] = DATABASES["default"].get("OPTIONS", {}) | {
    "connect_timeout": 5,
    "prepare_threshold": 5,  # Django's default, None, forbids prepared statements altogether
    "application_name": "opsconductor",
    # Our statements are short and prepared: compiling them, or planning each one anew, costs more than running.
    "options": "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"
    " -c jit=off -c plan_cache_mode=force_generic_plan",
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Without RABBITMQ_URL: Dramatiq's in-memory broker, for one process only.
RABBITMQ_URL = env.reader.str("RABBITMQ_URL", default="")

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "safety.auth_backend.TenantRoleBackend",
]
# The first makes new hashes; the others are read, and replaced when their owner signs in.
PASSWORD_HASHERS = [
    f"django.contrib.auth.hashers.{name}PasswordHasher"
    for name in ("Argon2", "PBKDF2", "BCryptSHA256", "Scrypt")
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
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "executions:list"
LOGOUT_REDIRECT_URL = "login"

# Single sign-on; without an issuer there is none.
OIDC = {
    "ISSUER": env.reader.str("OPSC_OIDC_ISSUER", default=""),
    "CLIENT_ID": env.reader.str("OPSC_OIDC_CLIENT_ID", default=""),
    "CLIENT_SECRET": env.reader.str("OPSC_OIDC_CLIENT_SECRET", default=""),
    "SCOPES": env.reader.list("OPSC_OIDC_SCOPES", default=["openid", "profile", "email"]),
    "USERNAME_CLAIM": env.reader.str("OPSC_OIDC_USERNAME_CLAIM", default="preferred_username"),
    "CREATE_ACCOUNTS": env.reader.bool("OPSC_OIDC_CREATE_ACCOUNTS", default=False),
    "EMAIL_DOMAINS": env.reader.list("OPSC_OIDC_EMAIL_DOMAINS", default=[]),
    "IS_SECOND_FACTOR": env.reader.bool("OPSC_OIDC_IS_SECOND_FACTOR", default=False),
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
WHITENOISE_USE_FINDERS = True  # served from where they lie: there is nothing to collect

# Security. OPSC_HTTPS=0 is for the embedded default on loopback only.
HTTPS = env.reader.bool("OPSC_HTTPS", default=bool(DATABASE_URL) and not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
if env.reader.bool("OPSC_BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = int(env.number("OPSC_SESSION_S", 43200, low=60, high=2592000))
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "opsconductor.logs.MaskedJsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": env.reader.str("OPSC_LOG_LEVEL", default="INFO")},
    # What pika says of a broken connection, with tracebacks, Dramatiq says in one line.
    "loggers": {"pika": {"level": "CRITICAL"}, "dramatiq": {"level": "WARNING"}},
}

# What operators may tune; seconds unless the name says otherwise.
OPSC = {
    "PASSWORDS": env.reader.bool("OPSC_PASSWORDS", default=True),
    "LOGIN_TRIES": int(env.number("OPSC_LOGIN_TRIES", 5, low=1, high=1000)),
    "LOGIN_ACCOUNT_TRIES": int(env.number("OPSC_LOGIN_ACCOUNT_TRIES", 20, low=1, high=100000)),
    "LOGIN_ADDRESS_TRIES": int(env.number("OPSC_LOGIN_ADDRESS_TRIES", 50, low=1, high=100000)),
    "LOGIN_LOCK_S": env.number("OPSC_LOGIN_LOCK_S", 900, low=1, high=86400),
    "SESSION_S": SESSION_COOKIE_AGE,
    "SESSION_IDLE_S": env.number("OPSC_SESSION_IDLE_S", 3600, low=60, high=2592000),
    "STEP_UP_S": env.number("OPSC_STEP_UP_S", 900, low=30, high=86400),
    "REQUIRE_SECOND_FACTOR": env.choice(
        "OPSC_REQUIRE_SECOND_FACTOR", "none", among=("none", "approvers", "everybody")
    ),
    "TOKEN_MAX_DAYS": int(env.number("OPSC_TOKEN_MAX_DAYS", 90, low=1, high=3650)),
    "LEASE_TTL_S": env.number("OPSC_LEASE_TTL_S", 30, low=1, high=3600),
    "SWEEP_INTERVAL_S": env.number("OPSC_SWEEP_INTERVAL_S", 2, low=0.1, high=300),
    "KILL_GRACE_S": env.number("OPSC_KILL_GRACE_S", 5, low=0.1, high=300),
    "QUEUE_WAIT_S": env.number("OPSC_QUEUE_WAIT_S", 3600, low=10, high=2_592_000),
    "LOCK_WAIT_S": env.number("OPSC_LOCK_WAIT_S", 3600, low=0, high=86400),
    "CONNECT_S": env.number("OPSC_CONNECT_S", 10, low=0.1, high=300),
    "SIGN_IN_S": env.number("OPSC_SIGN_IN_S", 15, low=0.1, high=300),
    "ANSWER_S": env.number("OPSC_ANSWER_S", 60, low=1, high=3600),
    "FIRST_BYTE_S": env.number("OPSC_FIRST_BYTE_S", 300, low=0.1, high=86400),
    "IDLE_S": env.number("OPSC_IDLE_S", 60, low=0.1, high=86400),
    "IDEMPOTENCY_WINDOW_S": env.number("OPSC_IDEMPOTENCY_WINDOW_S", 86400, low=0, high=31_536_000),
    "IMMEDIATE_SLOTS": int(env.number("OPSC_IMMEDIATE_SLOTS", 4, low=0, high=64)),
    "WORKER_THREADS": int(env.number("OPSC_WORKER_THREADS", 8, low=1, high=64)),
    "DRAIN_S": env.number("OPSC_DRAIN_S", 30, low=0, high=3600),
    "OUTPUT_STOP_BYTES": int(env.number("OPSC_OUTPUT_STOP_BYTES", 1_073_741_824, low=1024, high=1 << 50)),
    "OUTPUT_LIMIT_BYTES": int(env.number("OPSC_OUTPUT_LIMIT_BYTES", 10_485_760, low=1024, high=1 << 30)),
    "HTTP_ALLOW_PRIVATE": env.reader.bool("OPSC_HTTP_ALLOW_PRIVATE", default=True),
    "SECRETS_DIR": env.reader.str("OPSC_SECRETS_DIR", default=""),
    "STORES_DIR": env.reader.str("OPSC_STORES_DIR", default=""),
    "PLAN_MAX_BYTES": int(env.number("OPSC_PLAN_MAX_BYTES", 1_048_576, low=1024, high=1 << 27)),
    "PLAN_MAX_STEPS": int(env.number("OPSC_PLAN_MAX_STEPS", 500, low=1, high=100000)),
    "PLAN_MAX_TARGETS": int(env.number("OPSC_PLAN_MAX_TARGETS", 10_000, low=1, high=1_000_000)),
    "PLAN_MAX_STEP_RUNS": int(env.number("OPSC_PLAN_MAX_STEP_RUNS", 50_000, low=1, high=10_000_000)),
    "PLAN_MAX_DEPTH": int(env.number("OPSC_PLAN_MAX_DEPTH", 32, low=4, high=200)),
}
