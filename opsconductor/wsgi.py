"""The WSGI application, for servers without ASGI (live event streams then poll)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconductor.settings")
application = get_wsgi_application()
