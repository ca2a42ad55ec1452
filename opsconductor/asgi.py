"""The ASGI application that uvicorn serves."""

import os
import warnings

from django.core.asgi import get_asgi_application
from django.db import connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconductor.settings")
application = get_asgi_application()
# Every request has a thread of its own here; a connection kept for the next one would stay behind, open.
connections.settings["default"]["CONN_MAX_AGE"] = 0
# WhiteNoise reads static files synchronously; they are small and their number is known.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
