"""Client of a mailknock service (doc/CLIENTS.md). One file, standard library only, Python 3.9 or later.

    client = Client("http://127.0.0.1:8025", key="mk_...")
    client.verify("marta@example.org", timeout_ms=3000)["status"]

Results are dictionaries as the API gives them (doc/API.md). What goes wrong is a MailknockError. No
call is repeated by itself.
"""
from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any, BinaryIO, Callable, Iterable, Iterator, Mapping, Optional, Union

__all__ = ["Client", "MailknockError", "Unauthorized", "Forbidden", "NotFound", "Conflict", "Invalid",
           "RateLimited", "Unavailable", "ListFailed", "BadSignature", "verify_signature"]

JSON = Mapping[str, Any]
OVER = ("done", "cancelled", "failed")


class MailknockError(Exception):
    """status: of HTTP, or None when nobody answered. code: stable, for programs. detail: for people."""

    def __init__(self, detail: str, status: Optional[int] = None, code: Optional[str] = None,
                 retry_after: Optional[float] = None) -> None:
        super().__init__(detail)
        self.detail, self.status, self.code, self.retry_after = detail, status, code, retry_after


class Unauthorized(MailknockError):
    """401: no key, or a wrong one."""


class Forbidden(MailknockError):
    """403: the key lacks the scope."""


class NotFound(MailknockError):
    """404."""


class Conflict(MailknockError):
    """409: not in this state."""


class Invalid(MailknockError):
    """400, 413, 415, 422: the request cannot be done as it is."""


class RateLimited(MailknockError):
    """429: `retry_after` says in how many seconds."""


class Unavailable(MailknockError):
    """503, or nobody answered in time."""


class ListFailed(MailknockError):
    """A list that was waited for failed or was cancelled; `detail` says why."""


class BadSignature(MailknockError):
    """A webhook that is not signed by the secret, or is too old."""


_KINDS: dict[int, type[MailknockError]] = {
    400: Invalid, 401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 413: Invalid,
    415: Invalid, 422: Invalid, 429: RateLimited, 503: Unavailable}


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect would take the key elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Client:
    """base: where the service is. key: an API key with the scopes verify and lists, as needed.
    timeout: seconds without a byte, for calls that do not wait by themselves."""

    def __init__(self, base: str, key: Optional[str] = None, timeout: float = 30.0) -> None:
        if urllib.parse.urlsplit(base).scheme not in ("http", "https"):
            raise ValueError("base must begin with http:// or https://")
        self._base, self._key, self._timeout = base.rstrip("/"), key, timeout
        self._opener = urllib.request.build_opener(_Stay)

    # --- single addresses ---------------------------------------------------------------------------

    def verify(self, address: str, *, timeout_ms: int = 10000, depth: Optional[str] = None,
               fresh: bool = False, evidence: bool = False, profile: Optional[str] = None,
               idempotency_key: Optional[str] = None) -> JSON:
        """The result. What is not known within timeout_ms is `unknown` with "pending": True."""
        body = {"address": address, "timeout_ms": timeout_ms, "depth": depth, "profile": profile,
                "fresh": fresh or None, "evidence": evidence or None}
        return self._json("POST", "/v1/verify", _given(body), idempotency_key=idempotency_key,
                          timeout=self._timeout + timeout_ms / 1000)

    def classify(self, replies: Iterable[Union[str, JSON]]) -> list[JSON]:
        """What SMTP replies mean: texts, or {"reply", "stage", "mx", "provider"}. At most 1,000."""
        items = [{"reply": each} if isinstance(each, str) else dict(each) for each in replies]
        meanings: list[JSON] = self._json("POST", "/v1/classify", {"replies": items})["items"]
        return meanings

    # --- lists --------------------------------------------------------------------------------------

    def create_list(self, *, path: Union[str, os.PathLike[str], None] = None,
                    addresses: Optional[Iterable[str]] = None, name: Optional[str] = None,
                    idempotency_key: Optional[str] = None, **options: Any) -> JSON:
        """A new list from a file or from addresses. options: as in doc/API.md (column, dedupe, depth,
        patience, start, webhook, webhook_secret, retention_days, ...)."""
        if (path is None) == (addresses is None):
            raise ValueError("either path or addresses")
        options = _given({"name": name, **options})
        if path is None:
            return self._json("POST", "/v1/lists", {"addresses": list(addresses or ()), "options": options},
                              idempotency_key=idempotency_key)
        with open(path, "rb") as file:
            form = _Form(file, os.path.basename(os.fspath(path)), options)
            return self._json("POST", "/v1/lists", form, idempotency_key=idempotency_key)

    def lists(self) -> Iterator[JSON]:
        """All lists, the newest first."""
        return self._pages("/v1/lists", {})

    def get_list(self, list_id: str) -> JSON:
        return self._json("GET", _list(list_id))

    def wait(self, list_id: str, *, timeout: Optional[float] = None, interval: float = 2.0,
             progress: Optional[Callable[[JSON], None]] = None) -> JSON:
        """The list, once it is done. TimeoutError after `timeout` seconds; ListFailed when it failed or
        was cancelled. A service that is away for a moment is waited for."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            pause, now = interval, None
            try:
                now = self.get_list(list_id)
            except (RateLimited, Unavailable) as trouble:
                pause = max(interval, trouble.retry_after or 0)
            if now is not None:
                if progress is not None:
                    progress(now)
                if now["state"] == "done":
                    return now
                if now["state"] in OVER:
                    raise ListFailed(now.get("error") or f"the list is {now['state']}", code=now["state"])
            if end is not None and time.monotonic() + pause > end:
                raise TimeoutError(f"list {list_id} is not done")
            time.sleep(pause)

    def results(self, list_id: str, *, page: int = 500, **filters: Any) -> Iterator[JSON]:
        """Rows, one by one. filters: status, reason, flag, provider, domain, score_min, score_max, text."""
        return self._pages(_list(list_id, "/results"), {**filters, "limit": page})

    def result(self, list_id: str, row: int) -> JSON:
        """One row with its evidence."""
        return self._json("GET", _list(list_id, f"/results/{int(row)}"))

    def export(self, list_id: str, path: Union[str, os.PathLike[str]], **query: Any) -> None:
        """The list as it came, with what was found, into a file. query: preset, format, profile,
        duplicates, columns, status, ... A file that is there already is replaced when all has come."""
        part = os.fspath(path) + ".part"
        with self._open("GET", _list(list_id, "/export"), query=query) as answer, open(part, "wb") as file:
            _copy(answer, file)
        os.replace(part, path)

    def pause(self, list_id: str) -> JSON:
        return self._json("POST", _list(list_id, "/pause"), {})

    def resume(self, list_id: str) -> JSON:
        return self._json("POST", _list(list_id, "/resume"), {})

    def cancel(self, list_id: str) -> JSON:
        return self._json("POST", _list(list_id, "/cancel"), {})

    def recheck(self, list_id: str, rows: Optional[Iterable[int]] = None) -> JSON:
        """Ask again for what is unknown, or for these rows."""
        return self._json("POST", _list(list_id, "/recheck"), {} if rows is None else {"rows": list(rows)})

    def delete_list(self, list_id: str) -> None:
        """Erases file, rows and results."""
        with self._open("DELETE", _list(list_id)):
            pass

    # --- HTTP ---------------------------------------------------------------------------------------

    def _pages(self, path: str, query: JSON) -> Iterator[JSON]:
        cursor = None
        while True:
            page = self._json("GET", path, query={**query, "cursor": cursor})
            yield from page["items"]
            cursor = page.get("next")
            if not cursor:
                return

    def _json(self, method: str, path: str, body: Any = None, **more: Any) -> JSON:
        with self._open(method, path, body, **more) as answer:
            try:
                found: JSON = json.loads(answer.read())
                return found
            except (ValueError, OSError, http.client.HTTPException) as trouble:
                raise Unavailable(f"the answer cannot be read: {trouble}", answer.status) from trouble

    def _open(self, method: str, path: str, body: Any = None, query: Optional[JSON] = None,
              idempotency_key: Optional[str] = None, timeout: Optional[float] = None) -> Any:
        address = self._base + path
        if query and (given := _given(query)):
            address += "?" + urllib.parse.urlencode(given)
        headers = _given({"Accept": "*/*", "X-API-Key": self._key, "Idempotency-Key": idempotency_key})
        data: Any = None
        if isinstance(body, _Form):
            data = body.chunks()
            headers.update({"Content-Type": body.type, "Content-Length": str(body.length)})
        elif body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(address, data=data, headers=headers, method=method)
        try:
            return self._opener.open(request, timeout=timeout or self._timeout)
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise _error(refusal) from None
        except (OSError, http.client.HTTPException) as trouble:
            raise Unavailable(f"{self._base} does not answer: {trouble}") from trouble


class _Form:
    """A file and options as multipart/form-data, read bit by bit."""

    def __init__(self, file: BinaryIO, name: str, options: JSON) -> None:
        edge = uuid.uuid4().hex
        name = name.replace("\\", "_").replace('"', "_").replace("\r", "_").replace("\n", "_")
        self.type = f"multipart/form-data; boundary={edge}"
        self._head = (f'--{edge}\r\nContent-Disposition: form-data; name="options"\r\n\r\n{json.dumps(options)}'
                      f'\r\n--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
                      "Content-Type: application/octet-stream\r\n\r\n").encode()
        self._tail = f"\r\n--{edge}--\r\n".encode()
        self._file, self._size = file, os.fstat(file.fileno()).st_size
        self.length = len(self._head) + self._size + len(self._tail)

    def chunks(self) -> Iterator[bytes]:
        yield self._head
        left = self._size
        while left > 0:
            piece = self._file.read(min(left, 65536))
            if not piece:
                raise OSError("the file became shorter")
            left -= len(piece)
            yield piece
        yield self._tail


def verify_signature(secret: str, header: str, body: bytes, *, tolerance: float = 300.0,
                     now: Optional[float] = None) -> JSON:
    """The event of a webhook, after its signature (X-Mailknock-Signature) was checked over the bytes as
    they came. BadSignature when it does not fit or is more than `tolerance` seconds old or ahead."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    digests = [value for name, _, value in parts if name == "v1"]
    if len(stamps) != 1 or not stamps[0].isascii() or not stamps[0].isdigit() or len(stamps[0]) > 15:
        raise BadSignature("no time in the signature")
    wanted = hmac.new(secret.encode(), stamps[0].encode() + b"." + body, hashlib.sha256).hexdigest()
    if not any([hmac.compare_digest(wanted.encode(), each.encode()) for each in digests]):
        raise BadSignature("not signed by this secret")
    if abs((time.time() if now is None else now) - int(stamps[0])) > tolerance:
        raise BadSignature("too old, or a clock is wrong")
    event: JSON = json.loads(body)
    return event


def _given(values: JSON) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _list(list_id: str, below: str = "") -> str:
    return "/v1/lists/" + urllib.parse.quote(str(list_id), safe="") + below


def _copy(answer: Any, file: BinaryIO) -> None:
    try:
        while piece := answer.read(65536):
            file.write(piece)
    except (http.client.HTTPException, TimeoutError) as trouble:
        raise Unavailable(f"the answer broke off: {trouble}") from trouble


def _error(refusal: urllib.error.HTTPError) -> MailknockError:
    problem: Any = None
    try:
        problem = json.loads(refusal.read(65536))
    except (ValueError, OSError, http.client.HTTPException):
        pass
    if not isinstance(problem, dict):
        problem = {}
    later = refusal.headers.get("Retry-After", "")
    kind = _KINDS.get(refusal.code, MailknockError)
    return kind(str(problem.get("detail") or refusal.reason), refusal.code, problem.get("code"),
                float(later) if later.isdigit() else None)
