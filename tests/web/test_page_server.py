"""The page's server: who is let in, what may be asked, and what a run's numbers are, without a browser."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tnemu.web.server import MOST_POSTED, Page, PageError


class Still:
    """A source that tells what it was asked."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []

    def about(self) -> dict[str, Any]:
        return {"title": "still"}

    def events(self, ended: threading.Event) -> Iterator[dict[str, Any]]:
        yield {"numbers": {"decisions": 1}}

    def moment(self, number: int) -> dict[str, Any]:
        if number > 2:
            raise PageError(f"moment {number}: there are 3")
        return {"decision": number}

    def do(self, what: str, value: Any) -> None:
        self.done.append((what, value))


@pytest.fixture
def page() -> Iterator[Page]:
    with Page(Still()) as page:
        yield page


def ask(
    page: Page, path: str, body: bytes | None = None, method: str = "", **headers: str
) -> tuple[int, str, dict[str, str]]:
    """(status, text, headers) of one request, below the token."""
    where = urlsplit(page.url)
    call = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
    method = method or ("GET" if body is None else "POST")
    call.request(method, f"{where.path}{path}", body, headers)
    answer = call.getresponse()
    return answer.status, answer.read().decode(), dict(answer.headers)


def test_the_page_and_its_parts_come_from_the_package_and_name_no_other_site(page: Page) -> None:
    for path in ("", "page.css", "page.js"):
        status, text, headers = ask(page, path)
        assert status == 200
        assert "http://" not in text
        assert "https://" not in text
        assert headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert headers["Referrer-Policy"] == "no-referrer"  # the token stays here


def test_a_page_is_on_loopback_and_at_a_port_that_is_free(page: Page) -> None:
    with Page(Still()) as other:
        assert other.port != page.port
        assert other.url.startswith(f"http://127.0.0.1:{other.port}/")
        assert other._server.server_address[0] == "127.0.0.1"


def test_without_the_token_nothing_is_shown(page: Page) -> None:
    for path in ("/", "/about", "/wrong/about", "//about", "/favicon.ico"):
        call = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
        call.request("GET", path)
        answer = call.getresponse()
        assert (answer.status, answer.read()) == (
            403,
            b"the address lacks its token: use it as it was printed\n",
        )


@pytest.mark.parametrize("name", ["evil.example", "evil.example:80", "127.0.0.1", ""])
def test_another_hosts_name_is_refused(page: Page, name: str) -> None:
    """A name that a stranger's name server points at 127.0.0.1 reaches nothing."""
    status, text, _ = ask(page, "about", Host=name)
    assert (status, text) == (403, "this page answers to the address it printed only\n")


def test_localhost_is_this_computer_too(page: Page) -> None:
    assert ask(page, "about", Host=f"localhost:{page.port}")[0] == 200


def test_another_site_may_not_change_the_pace(page: Page) -> None:
    body = b'{"do": "pause"}'
    assert ask(page, "pace", body, Origin="http://evil.example")[0] == 403
    assert ask(page, "pace", body, Origin=f"http://127.0.0.1:{page.port}")[0] == 200
    assert page.source.done == [("pause", None)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'"do"', 400),
        (b"[" * 4000, 400),
        (b"x" * (MOST_POSTED + 1), 413),
    ],
)
def test_what_is_no_wish_is_refused(page: Page, body: bytes, status: int) -> None:
    assert ask(page, "pace", body)[0] == status
    assert page.source.done == []  # type: ignore[attr-defined]


def test_what_is_not_there_is_said_to_be(page: Page) -> None:
    for path in ("nothing", "moment/", "moment/-1", "moment/x", "page.html", "../about"):
        assert ask(page, path)[0] == 404
    assert ask(page, "about", b"{}")[0] == 404
    assert ask(page, "moment/9") == (400, "moment 9: there are 3\n", ask(page, "moment/9")[2])
    assert ask(page, "about", method="DELETE")[0] == 501


def test_events_come_one_after_the_other(page: Page) -> None:
    status, text, headers = ask(page, "events")
    assert (status, text) == (200, 'data: {"numbers":{"decisions":1}}\n\n')
    assert headers["Content-Type"].startswith("text/event-stream")
    assert json.loads(ask(page, "about")[1]) == {"title": "still"}


def test_a_port_that_is_taken_is_named(page: Page) -> None:
    with pytest.raises(PageError, match=rf"127.0.0.1:{page.port}: .*; choose another --port"):
        Page(Still(), page.port)
    with pytest.raises(PageError, match=r"port = 65536: must be a whole number in 0..65535"):
        Page(Still(), 65536)
