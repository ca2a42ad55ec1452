"""The scene of every walk."""

import logging
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group

from tests.integration.walk import scene as scenes
from tests.integration.walk.scene import Scene


@pytest.fixture
def scene(live_db: None) -> Iterator[Scene]:
    made = scenes.make()
    logging.disable(logging.CRITICAL)  # thousands of refusals
    yield made
    logging.disable(logging.NOTSET)
    Group.objects.all().delete()
