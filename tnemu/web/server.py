"""The page's server: the standard library's, on this computer alone, for who knows the address.

    /TOKEN/              the page, with page.css and page.js
    /TOKEN/about         what is shown: board, layers, actions, report (JSON)
    /TOKEN/events        a live run, moment by moment (server-sent events)
    /TOKEN/moment/K      moment K of a run that has ended (JSON)
    /TOKEN/pace          POST {"do": ..., "value": ...}: the pace of a live run, and which core is watched

Whoever does not know the token, calls the computer by another name, or posts from another site is
refused. Of a run only the pace can be changed. Server-sent events, not a web socket: the stream goes one
way, the standard library can send it and every browser reads it, so no package is needed.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any, Protocol

from tnemu.errors import TnemuError, whole

LOOPBACK = "127.0.0.1"
PAGES = {"": "index.html", "page.css": "page.css", "page.js": "page.js"}
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
MOST_POSTED = 4096
"""Bytes of a posted wish."""

MOST_STREAMS = 8
"""Browsers that watch at once."""

NICENESS = 5
"""The page's threads give way to the host and the board."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class PageError(TnemuError, RuntimeError):
    """A page that cannot be served, or was asked for what it does not have."""


class Source(Protocol):
    """What a page shows."""

    def about(self) -> dict[str, Any]:
        """What does not change while it is watched."""
        ...

    def events(self, ended: threading.Event) -> Iterator[dict[str, Any]]:
        """Moments as they come, until ``ended``."""
        ...

    def moment(self, number: int) -> dict[str, Any]:
        """One of those that are kept."""
        ...

    def do(self, what: str, value: Any) -> None:
        """Change the pace; raises a TnemuError for what is not offered."""
        ...


class Page:
    """Serves ``source`` at :attr:`url` from the beginning of a ``with`` block to its end.

    ``port`` 0..65535, 0 for one that is free. Raises PageError for a port or an address that cannot be had.
    """

    def __init__(self, source: Source, port: int = 0, address: str = LOOPBACK) -> None:
        port = whole("port", port, 0, 65535, error=PageError)
        self.source, self.ended = source, threading.Event()
        self._streams = threading.Semaphore(MOST_STREAMS)
        self._token = secrets.token_urlsafe(16)
        handler = type("Handler", (_Handler,), {"page": self})
        try:
            self._server = _Server((address, port), handler)
        except OSError as error:
            raise PageError(
                f"the page cannot be served at {address}:{port}: {error.strerror or error}; choose "
                "another --port, or leave it out for one that is free"
            ) from error
        self.port = int(self._server.server_address[1])
        names = {LOOPBACK, "localhost"} if address == LOOPBACK else {address}
        self.hosts = None if address in ("0.0.0.0", "::") else {f"{n}:{self.port}" for n in names}
        shown = LOOPBACK if self.hosts is None else address
        self.url = f"http://{shown}:{self.port}/{self._token}/"

    def __enter__(self) -> Page:
        threading.Thread(target=self._serve, daemon=True, name="tnemu-page").start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self) -> None:
        give_way()
        self._server.serve_forever(poll_interval=0.2)

    def knows(self, token: str) -> bool:
        """Whether it is the page's, told in constant time."""
        return hmac.compare_digest(token.encode(), self._token.encode())

    @contextlib.contextmanager
    def stream(self) -> Iterator[bool]:
        """Whether one more may watch."""
        free = self._streams.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self._streams.release()


def give_way() -> None:
    """This thread runs after the others: on Linux a thread has a niceness of its own."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no error."""


class _Handler(BaseHTTPRequestHandler):
    page: Page
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "tnemu", ""
    timeout = 30

    def setup(self) -> None:
        give_way()
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal is the run's."""

    def do_GET(self) -> None:
        path = self._allowed()
        if path is None:
            return
        if path in PAGES:
            name = PAGES[path]
            body = (resources.files("tnemu.web") / "pages" / name).read_bytes()
            self._send(body, TYPES[name.rpartition(".")[2]])
        elif path == "about":
            self._json(self.page.source.about())
        elif path == "events":
            self._stream()
        elif path.startswith("moment/") and path[7:].isascii() and path[7:].isdigit():
            self._tried(lambda: self.page.source.moment(int(path[7:][:18])))
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")

    def do_POST(self) -> None:
        path = self._allowed()
        if path is None:
            return
        origin, length = self.headers.get("Origin"), self.headers.get("Content-Length", "")
        if origin is not None and origin != f"http://{self.headers.get('Host')}":
            self._refuse(HTTPStatus.FORBIDDEN, "another site may not change the pace of a run")
        elif path != "pace":
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
        elif not (length.isascii() and length.isdigit() and int(length[:9]) <= MOST_POSTED):
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MOST_POSTED} bytes")
        else:
            self._wish(self.rfile.read(int(length)))

    def _wish(self, body: bytes) -> None:
        try:
            wish = json.loads(body)
            what, value = str(wish["do"]), wish.get("value")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._refuse(HTTPStatus.BAD_REQUEST, 'send {"do": ..., "value": ...}')
            return

        def done() -> dict[str, Any]:
            self.page.source.do(what, value)
            return {"done": what}

        self._tried(done)

    def _allowed(self) -> str | None:
        """The path below the token; None, and the answer is sent, where it may not be asked for."""
        if self.page.hosts is not None and self.headers.get("Host") not in self.page.hosts:
            self._refuse(HTTPStatus.FORBIDDEN, "this page answers to the address it printed only")
            return None
        token, _, path = self.path.partition("?")[0].lstrip("/").partition("/")
        if not self.page.knows(token):
            self._refuse(
                HTTPStatus.FORBIDDEN, "the address lacks its token: use it as it was printed"
            )
            return None
        return path

    def _stream(self) -> None:
        self.close_connection = True
        with self.page.stream() as free:
            if not free:
                self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"{MOST_STREAMS} watch already")
                return
            self._head(HTTPStatus.OK, "text/event-stream", {"Connection": "close"})
            with contextlib.suppress(OSError):
                for event in self.page.source.events(self.page.ended):
                    text = json.dumps(event, separators=(",", ":"))
                    self.wfile.write(f"data: {text}\n\n".encode())

    def _tried(self, make: Any) -> None:
        try:
            found = make()
        except TnemuError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        else:
            self._json(found)

    def _json(self, found: dict[str, Any]) -> None:
        self._send(json.dumps(found, separators=(",", ":")).encode(), "application/json")

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True  # what was posted may not have been read
        self._send(f"{why}\n".encode(), "text/plain", status)

    def _send(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._head(status, kind, {"Content-Length": str(len(body))})
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str, more: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": f"{kind}; charset=utf-8", **HEADERS, **more}.items():
            self.send_header(name, value)
        self.end_headers()
