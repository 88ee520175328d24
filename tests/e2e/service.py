"""A service under test: started in a folder of its own, called, stopped."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import tempfile
import time
import unittest

from program import start

PATIENCE_S = 60


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    @property
    def type(self):
        return self.headers.get("Content-Type", "")


def record(method, path, answer):
    """For tests/openapi: what was answered, into the file named by MK_RECORD."""
    if "MK_RECORD" not in os.environ:
        return
    with open(os.environ["MK_RECORD"], "a", encoding="utf-8") as file:
        json.dump({"method": method, "path": path, "status": answer.status, "type": answer.type,
                   "body": answer.body.decode("utf-8", "replace")}, file)
        file.write("\n")


class Service:
    """A service on a free port, in a folder; its key is what its first start left there."""

    def __init__(self, config, folder, *options, key=None, env=None):
        self.folder, self.key = pathlib.Path(folder), key
        self.out = open(self.folder / "out", "w+", encoding="utf-8")
        self.err = open(self.folder / "err", "a+", encoding="utf-8")
        self.process = start("serve", "--config", config, "--listen", "127.0.0.1:0", "--data",
                             str(self.folder / "data"), *options, env=env, stdout=self.out, stderr=self.err)
        until = time.monotonic() + PATIENCE_S
        while True:
            said = (self.folder / "out").read_text(encoding="utf-8")
            found = re.search(r"http://127\.0\.0\.1:(\d+)/\n", said)
            if found and (key or "More keys" in said):
                break
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("serve did not open: " + said + self.log())
            time.sleep(0.02)
        self.port = int(found.group(1))
        self.said = said
        if key is None:
            self.key = (self.folder / "data" / "first-key").read_text().strip()

    def log(self):
        return (self.folder / "err").read_text(encoding="utf-8")

    def call(self, method, path, body=None, headers=None, key="own", timeout=PATIENCE_S):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = dict(headers or {})
        if key is not None:
            headers.setdefault("X-API-Key", self.key if key == "own" else key)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body=body, headers=headers)
            # An answer that came before all was sent is one too.
            answer = Answer(connection.getresponse())
            record(method, path, answer)
            return answer
        finally:
            connection.close()

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, body=None, headers=None, **more):
        return self.call("POST", path, body, headers, **more)

    def wait(self, list_id, states=("done",), limit=PATIENCE_S):
        until = time.monotonic() + limit
        while True:
            now = self.get(f"/v1/lists/{list_id}").json()
            if now["state"] in states:
                return now
            if time.monotonic() > until or now["state"] == "failed":
                raise AssertionError(f"list {list_id} is not {states}: {now}")
            time.sleep(0.1)

    def upload(self, content, name="people.csv", options=None):
        answer = self.post("/v1/lists", *multipart(content, name, options))
        if answer.status != 201:
            raise AssertionError(answer.body)
        return answer.json()

    def make_key(self, **body):
        answer = self.post("/v1/keys", body)
        assert answer.status == 201, answer.body
        return answer.json()["key"], answer.json()["details"]["id"]

    def close(self, sign=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sign)
        status = self.process.wait(30)
        self.out.close()
        self.err.close()
        return status


def multipart(content, name, options=None):
    """Arguments of a call: body and headers."""
    edge = "edge-of-a-part"
    parts = []
    if options is not None:
        parts.append(f'--{edge}\r\nContent-Disposition: form-data; name="options"\r\n\r\n'
                     f'{json.dumps(options)}\r\n'.encode())
    parts.append(f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
                 'Content-Type: application/octet-stream\r\n\r\n'.encode() + content + b"\r\n")
    parts.append(f"--{edge}--\r\n".encode())
    return b"".join(parts), {"Content-Type": f"multipart/form-data; boundary={edge}"}


@contextlib.contextmanager
def served(config, *options):
    with tempfile.TemporaryDirectory(prefix="mk-serve-") as folder:
        service = Service(config, folder, *options)
        try:
            yield service
        finally:
            status = service.close()
        if status != 0:
            raise AssertionError(f"serve ended with {status}: {service.log()[-2000:]}")


class Case(unittest.TestCase):
    def problem(self, answer, status, code=None):
        self.assertEqual(answer.status, status, answer.body[:300])
        self.assertIn("application/problem+json", answer.type)
        said = answer.json()
        self.assertEqual(said["status"], status)
        self.assertTrue(said["title"] and said["detail"] and said["type"])
        if code is not None:
            self.assertEqual(said["code"], code)
        return said

    def until(self, holds, limit=20):
        end = time.monotonic() + limit
        while not holds():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
