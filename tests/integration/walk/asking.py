"""One request of one person, what was answered, and what it changed; then the database is as it was."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client

from safety.models import Membership
from tests.integration.walk import digest
from tests.integration.walk.planting import MARK
from tests.integration.walk.scene import Scene, ids_of

LOOKS = ("GET", "HEAD")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MOST_PIECES = 50  # of a stream, which may have no end
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"')
# How long something took, or when it was.
_TIME = re.compile(r"just now|in a moment|(in )?\d[\d.]* (s|min|h|d)( \d+ (s|min|h))?( ago)?\b")
# Whatever is no query; what a function of ours may write inside one is called by one of these, too.
_WRITES = re.compile(
    r"\A\s*(?!SELECT|SAVEPOINT|RELEASE|ROLLBACK|SET TRANSACTION|DECLARE|FETCH|CLOSE)|INSERT|UPDATE|DELETE",
    re.I,
)
_SESSION = re.compile(r'(INSERT INTO|UPDATE|DELETE FROM|SELECT.*FROM) "django_session"')
_LONG = re.compile(r"[0-9a-f]{12,}")


class Writes:
    """Whether a statement went out that may have written more than the session: most requests need no look."""

    def __init__(self) -> None:
        self.seen = False
        self._watch = connection.execute_wrapper(self._look)

    def __enter__(self) -> "Writes":
        self._watch.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._watch.__exit__(*error)

    def _look(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        text = str(sql)
        self.seen |= bool(_WRITES.search(text)) and not _SESSION.match(text)
        return execute(sql, params, many, context)


@dataclass(frozen=True)
class Answer:
    """Status, where it leads, all that it says (headers too), and what the request changed."""

    status: int
    location: str
    text: str
    changed: tuple[str, ...]

    def alike(self, *sent: Any) -> str:
        """The answer without what was sent, ids, numbers and tokens: two that are equal tell nobody apart."""
        text = f"{self.status} {self.location}\n{_TIME.sub('#', _CSRF.sub('', self.text))}"
        for value in sorted({str(one) for one in sent if not isinstance(one, int)}, key=len, reverse=True):
            text = text.replace(value, "…")
            text = text.replace(value.replace("-", ""), "…")
        return re.sub(r"\d+", "#", _LONG.sub("#", _UUID.sub("#", text)))


class Asker:
    """Somebody who sends requests; nobody in particular without a person.

    `about_a`: only what is A's counts as changed.
    """

    def __init__(self, scene: Scene, person: User | None, *, about_a: bool = False) -> None:
        self.person = person
        self._a = scene.a.pk if about_a else None
        self._digests = digest.Digests((scene.a.pk, scene.rows_of_a) if about_a else None)
        self._ids = ids_of(scene)
        memberships = Membership.objects.filter(user=person) if person else Membership.objects.none()
        self._tenants = set(memberships.values_list("tenant_id", flat=True))
        self._cookie = ""
        if person:
            client = Client()
            client.force_login(person)
            self._cookie = client.cookies["sessionid"].value
        self._before, self._newest = self._digests.take(person), digest.newest()

    def ask(self, method: str, address: str, data: dict[str, Any] | None = None, **more: Any) -> Answer:
        """Send it and take back what it did to the database."""
        client = Client()
        if self._cookie:
            client.cookies["sessionid"] = self._cookie
        newest = digest.newest()
        with self._taken_back(method), Writes() as writes:
            answer = getattr(client, method.lower())(address, **self._sent(method, data), **more)
            text = _said(answer)
            changed = self._changed(newest) if writes.seen else ()
        return Answer(answer.status_code, answer.get("Location", ""), text, changed)

    @contextmanager
    def _taken_back(self, method: str) -> Iterator[None]:
        """What only looks changes nothing that could be taken back, and may want a transaction of its own."""
        if method in LOOKS:
            yield
            return
        with transaction.atomic():
            yield
            transaction.set_rollback(True)

    @staticmethod
    def _sent(method: str, data: dict[str, Any] | None) -> dict[str, Any]:
        if method in LOOKS or method == "POST":
            return {"data": data or {}}
        return {"data": json.dumps(data, default=str), "content_type": "application/json"}

    def _changed(self, newest: tuple[int, int]) -> tuple[str, ...]:
        now = self._digests.take(self.person)
        tables = [table for table, one in now.items() if one != self._before[table]]
        if self._a is not None:
            return (*tables, *digest.told_about(newest, self._a))
        return (*tables, *digest.told_since(newest, self.person, self._tenants))

    def changes(self) -> tuple[str, ...]:
        """What was changed since this person came."""
        return self._changed(self._newest)

    def leaks(self, answer: Answer, *sent: Any) -> set[str]:
        """What the answer says of A: marks, ids and the name of the tenant, but what was sent itself."""
        words = set(MARK.findall(answer.text)) | self._ids.intersection(_UUID.findall(answer.text))
        if re.search(r"\bacme\b", answer.text, re.IGNORECASE):
            words.add("acme")
        said = " ".join(map(str, sent))
        return {word for word in words if word not in said}


def _said(answer: Any) -> str:
    """Headers, what the next page will say, and the body. Cookies are sealed: what they carry is the next page's."""
    headers = [f"{name}: {value}" for name, value in answer.items()]
    queued = getattr(getattr(answer.wsgi_request, "_messages", None), "_queued_messages", [])
    return "\n".join([*headers, *map(str, queued), _body(answer)])


def _body(answer: Any) -> str:
    if answer.streaming:
        pieces = list(islice(answer.streaming_content, MOST_PIECES))
        answer.close()
        return b"".join(pieces).decode(errors="replace")
    return str(answer.content.decode(errors="replace"))
