"""`mailknock serve` as people and programs meet it, against a lab on real sockets."""
import contextlib
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from program import ROOT, lab, run, start  # noqa: E402
from service import PATIENCE_S, Case, served  # noqa: E402

GOOD = "amara.okafor.demo@gmail.com"

STACK = contextlib.ExitStack()
LAB = SERVICE = None


def setUpModule():
    global LAB, SERVICE
    LAB = STACK.enter_context(lab(ROOT / "examples" / "demo.scenario"))
    SERVICE = STACK.enter_context(served(LAB.config))


def tearDownModule():
    STACK.close()


def first_start_on_terminal(folder):
    """What `serve` shows there before it is stopped."""
    ours, theirs = pty.openpty()
    process = start("serve", "--config", LAB.config, "--listen", "127.0.0.1:0", "--data",
                    os.path.join(folder, "data"), stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    shown = b""
    until = time.monotonic() + PATIENCE_S
    while b"More keys" not in shown and time.monotonic() < until:
        if select.select([ours], [], [], 1)[0]:
            shown += os.read(ours, 65536)
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE_S)
    os.close(ours)
    return shown.replace(b"\r\n", b"\n")


class Access(Case):
    def test_the_first_key_is_kept_from_logs(self):
        kept = SERVICE.folder / "data" / "first-key"
        self.assertNotIn(SERVICE.key, SERVICE.said + SERVICE.log())
        self.assertIn(str(kept), SERVICE.said)
        self.assertRegex(SERVICE.key, "^mk_[a-z2-7]{32}$")
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
        database = (SERVICE.folder / "data" / "mailknock.db").read_bytes()
        self.assertNotIn(SERVICE.key.encode(), database)

    def test_the_first_key_is_shown_on_a_terminal(self):
        with tempfile.TemporaryDirectory(prefix="mk-serve-") as folder:
            shown = first_start_on_terminal(folder)
            self.assertRegex(shown, rb"\n    mk_[a-z2-7]{32}\n")
            self.assertFalse(pathlib.Path(folder, "data", "first-key").exists())

    def test_no_route_without_a_key(self):
        described = SERVICE.get("/openapi.json", key=None).json()
        self.assertEqual(described["openapi"][:3], "3.1")
        walked = 0
        for path, methods in described["paths"].items():
            for method, operation in methods.items():
                if method not in ("get", "post", "put", "patch", "delete"):
                    continue
                plain = re.sub(r"{[^}]*}", "1", path)
                answer = SERVICE.call(method.upper(), plain, key=None)
                walked += 1
                if operation.get("security") == []:
                    self.assertNotEqual(answer.status, 401, (method, path))
                    continue
                if operation.get("security") == [{"queryKey": []}]:
                    # Vendors' words for errors. Such a call without any key counts as a failure.
                    self.assertIn(answer.status, (401, 429), (method, path, answer.body))
                else:
                    self.assertEqual(answer.status, 401, (method, path, answer.body))
                    self.assertIn("Bearer", answer.headers["WWW-Authenticate"])
        self.assertGreater(walked, 40)

    def test_problems(self):
        self.problem(SERVICE.get("/v1/nothing"), 404, "no_such_path")
        answer = SERVICE.call("DELETE", "/v1/verify")
        self.problem(answer, 405, "wrong_method")
        self.assertEqual(answer.headers["Allow"], "GET, POST")
        with contextlib.suppress(ConnectionError):  # refused before it was read
            self.problem(SERVICE.post("/v1/verify", b"x" * (1024 * 1024 + 1)), 413)
        self.problem(SERVICE.get("/v1/verify"), 422, "no_address")
        self.problem(SERVICE.get("/v1/verify?address=a@b.example&depth=deep"), 422, "bad_depth")
        self.problem(SERVICE.get("/v1/verify?address=a@b.example&timeout_ms=x"), 422)
        self.problem(SERVICE.post("/v1/verify", b"{"), 400, "bad_json")
        self.problem(SERVICE.post("/v1/verify", {"adress": "x"}), 422, "unknown_member")
        self.problem(SERVICE.post("/v1/verify", {"address": 5}), 422)
        self.problem(SERVICE.get("/v1/lists/99999"), 404)
        self.problem(SERVICE.get("/v1/lists/0"), 404)
        self.problem(SERVICE.get("/v1/lists/x"), 404)
        self.problem(SERVICE.post("/v1/lists/99999/start"), 404)

    def test_scopes(self):
        key, key_id = SERVICE.make_key(name="form", scopes=["verify"])
        self.assertEqual(SERVICE.get("/v1/verify?address=x&depth=syntax", key=key).status, 200)
        self.problem(SERVICE.get("/v1/lists", key=key), 403, "wrong_scope")
        self.problem(SERVICE.get("/v1/keys", key=key), 403, "wrong_scope")
        shown = [k for k in SERVICE.get("/v1/keys").json()["items"] if k["id"] == key_id][0]
        self.assertEqual(shown["scopes"], ["verify"])
        self.assertGreaterEqual(shown["uses"], 1)
        self.assertNotIn("hash", shown)
        self.assertEqual(SERVICE.call("DELETE", f"/v1/keys/{key_id}").status, 204)
        self.problem(SERVICE.get("/v1/verify?address=x&depth=syntax", key=key), 401, "bad_key")

    def test_rate(self):
        key, _ = SERVICE.make_key(name="slow", scopes=["verify"], per_minute=3)
        answers = [SERVICE.get("/v1/verify?address=x&depth=syntax", key=key) for _ in range(4)]
        self.assertEqual([a.status for a in answers[:3]], [200] * 3)
        self.assertIn("q=3;w=60", answers[0].headers["RateLimit-Policy"])
        self.assertIn("r=2;", answers[0].headers["RateLimit"])
        self.problem(answers[3], 429, "rate_limited")
        self.assertTrue(1 <= int(answers[3].headers["Retry-After"]) <= 60)

    def test_keys_made_beside_it(self):
        status, out, err = run("keys", "add", "beside", "--scopes", "lists", "--data",
                               str(SERVICE.folder / "data"))
        self.assertEqual(status, 0, err)
        key = out.decode().strip()
        time.sleep(1.1)  # unknown keys are looked up once a second
        self.assertEqual(SERVICE.get("/v1/lists", key=key).status, 200)
        found = [line.split("\t")[0] for line in run(
            "keys", "list", "--data", str(SERVICE.folder / "data"))[1].decode().splitlines()
            if "\tbeside\t" in line]
        self.assertEqual(len(found), 1)
        status, _, err = run("keys", "remove", found[0], "--data", str(SERVICE.folder / "data"))
        self.assertEqual(status, 0, err)
        events = [(e["event"], e["by"], e["subject"])
                  for e in SERVICE.get("/v1/audit").json()["items"]]
        for event in ("key_made", "key_removed"):
            self.assertIn((event, "command line", f"key {found[0]}"), events)

    def test_bearer(self):
        answer = SERVICE.get("/v1/lists", key=None,
                             headers={"Authorization": "Bearer " + SERVICE.key})
        self.assertEqual(answer.status, 200)

    def test_session(self):
        self.problem(SERVICE.post("/v1/session", {"key": "mk_wrong"}, key=None), 401, "bad_key")
        answer = SERVICE.post("/v1/session", {"key": SERVICE.key}, key=None)
        self.assertEqual(answer.status, 200)
        cookie = answer.headers["Set-Cookie"]
        for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
            self.assertIn(word, cookie)
        self.assertNotIn(SERVICE.key, cookie)
        cookie = {"Cookie": cookie.split(";")[0]}
        self.assertEqual(SERVICE.get("/v1/lists", key=None, headers=cookie).status, 200)
        self.assertIn("admin", SERVICE.get("/v1/session", key=None, headers=cookie).json()["scopes"])
        # Another site's page can send the cookie's request, but not the header.
        body = {"address": "x", "depth": "syntax"}
        self.problem(SERVICE.post("/v1/verify", body, key=None, headers=cookie), 401)
        ours = {**cookie, "X-Mailknock": "page"}
        self.assertEqual(SERVICE.post("/v1/verify", body, key=None, headers=ours).status, 200)
        self.assertEqual(SERVICE.call("DELETE", "/v1/session", key=None, headers=ours).status, 204)
        self.problem(SERVICE.get("/v1/lists", key=None, headers=cookie), 401)


class Guessing(Case):
    def test_guessing_is_slowed(self):
        with served(LAB.config) as service:
            answers = [service.get("/v1/lists", key=f"mk_{i:032d}") for i in range(40)]
            self.assertEqual(answers[0].status, 401)
            self.problem(answers[-1], 429, "too_many_failures")
            self.assertGreaterEqual(int(answers[-1].headers["Retry-After"]), 1)
            self.assertLess(sum(a.status == 401 for a in answers), 20)
            session = service.post("/v1/session", {"key": "mk_no"}, key=None)
            self.problem(session, 429)
            vendor = service.get("/api/v1/validate?key=no&email=a@b.example", key=None)
            self.assertEqual(vendor.status, 429)
            # Others behind the same address are not shut out.
            self.assertEqual(service.get("/v1/lists").status, 200)

    def test_no_key_no_network(self):
        status, _, err = run("serve", "--config", LAB.config, "--open", "--listen", "0.0.0.0:0",
                             "--data", tempfile.mkdtemp(prefix="mk-open-"))
        self.assertEqual(status, 2)
        self.assertIn(b"loopback", err)


class Verify(Case):
    def verify(self, **asked):
        answer = SERVICE.post("/v1/verify", asked)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def test_live_then_cached(self):
        address = "agnieszka.zajac.demo@wp.pl"
        first = self.verify(address=address, fresh=True)
        self.assertEqual((first["status"], first["reason"]), ("valid", "accepted"))
        self.assertEqual(first["source"], "live")
        second = self.verify(address=address)
        self.assertEqual(second["source"], "cache")
        self.assertEqual(second["status"], "valid")
        self.assertEqual(self.verify(address=address, fresh=True)["source"], "live")

    def test_in_the_background(self):
        address = "nobody.at.all.here@gmail.com"
        first = self.verify(address=address, timeout_ms=0)
        self.assertTrue(first["pending"])
        self.assertEqual((first["status"], first["reason"]), ("unknown", "not_probed"))
        until = time.monotonic() + PATIENCE_S
        while "pending" in (now := self.verify(address=address, timeout_ms=0)):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.1)
        self.assertEqual((now["status"], now["reason"]), ("invalid", "mailbox_not_found"))

    def test_depth_profile_evidence(self):
        self.assertEqual(self.verify(address=GOOD, depth="syntax")["reason"], "not_probed")
        self.assertEqual(self.verify(address="a b@c.example")["reason"], "bad_syntax")
        self.assertEqual(self.verify(address="")["reason"], "bad_syntax")
        told = self.verify(address=GOOD, profile="zerobounce")["profile"]
        self.assertEqual((told["name"], told["status"]), ("zerobounce", "valid"))
        self.problem(SERVICE.get("/v1/verify?address=x&profile=acme"), 422, "bad_profile")
        plain, whole = self.verify(address=GOOD), self.verify(address=GOOD, evidence=True)
        self.assertNotIn("RCPT TO", json.dumps(plain))
        self.assertIn("RCPT TO", json.dumps(whole))

    def test_both_methods_agree(self):
        by_get = SERVICE.get(f"/v1/verify?address={GOOD.replace('@', '%40')}").json()
        by_post = self.verify(address=GOOD)
        for name in ("address", "status", "reason", "score"):
            self.assertEqual(by_get[name], by_post[name])

    def test_classify(self):
        answer = SERVICE.post("/v1/classify", {"replies": [
            {"stage": "rcpt", "reply": "550 5.1.1 no such user"},
            {"stage": "rcpt", "reply": "250 2.1.5 ok"}]})
        self.assertEqual(answer.status, 200, answer.body)
        items = answer.json()["items"]
        self.assertEqual(len(items), 2)
        self.assertIn("mailbox_not_found", json.dumps(items[0]))
        self.problem(SERVICE.post("/v1/classify", {"replies": "x"}), 422)


class Operator(Case):
    def put(self, kind, text):
        return SERVICE.call("PUT", f"/v1/operator-lists/{kind}", text.encode())

    def test_lists_of_the_operator(self):
        self.addCleanup(self.put, "block", "")
        said = self.problem(self.put("block", "a@b.example\nbad entry!\n"), 422)
        self.assertIn("line 2", said["detail"])
        self.assertEqual(SERVICE.get("/v1/operator-lists/block").body, b"")
        self.assertEqual(self.put("block", "# ours\nblocked.example\n").status, 204)
        self.assertEqual(SERVICE.get("/v1/operator-lists/block").body,
                         b"# ours\nblocked.example\n")
        got = SERVICE.get("/v1/verify?address=a@blocked.example").json()
        self.assertEqual(got["status"], "skipped")
        self.problem(SERVICE.get("/v1/operator-lists/friends"), 404, "no_such_kind")

    def test_a_list_changed_meanwhile_is_not_written_over(self):
        self.addCleanup(self.put, "block", "")
        path, plain = "/v1/operator-lists/block", {"Content-Type": "text/plain"}
        self.put("block", "one.example\n")
        tag = SERVICE.get(path).headers["ETag"]
        self.assertEqual(SERVICE.post(f"{path}/entries", {"entries": ["two.example"]}).json(),
                         {"added": 1, "already": 0})
        stale = SERVICE.call("PUT", path, b"three.example\n", {**plain, "If-Match": tag})
        self.problem(stale, 412, "changed_meanwhile")
        fresh = {**plain, "If-Match": SERVICE.get(path).headers["ETag"]}
        self.assertEqual(SERVICE.call("PUT", path, b"four.example\n", fresh).status, 204)
        self.assertEqual(SERVICE.get(path).body, b"four.example\n")

    def test_entries_of_a_list(self):
        self.addCleanup(self.put, "opt_out", "")
        self.put("opt_out", "# kept by hand\nAnn@Entries.example # since May")
        path = "/v1/operator-lists/opt_out/entries"
        for bad in ({}, {"entries": []}, {"entries": "a@b.example"}, {"entries": [7]},
                    {"entries": ["a@b.example\nc@d.example"]}, {"entries": ["a@b.example # c"]},
                    {"entries": ["no address!"]}, {"entries": ["x" * 401]}, {"entries": [""]},
                    {"entries": ["a@b.example"] * 1001}):
            self.problem(SERVICE.post(path, bad), 422)
        self.problem(SERVICE.post("/v1/operator-lists/friends/entries", {"entries": ["a.example"]}),
                     404, "no_such_kind")
        SERVICE.post("/v1/verify", {"address": "new@entries.example", "depth": "syntax"})
        given = ["ann@entries.example", "new@entries.example", "NEW@entries.example", "gone.example"]
        self.assertEqual(SERVICE.post(path, {"entries": given}).json(), {"added": 2, "already": 2})
        self.assertEqual(SERVICE.get("/v1/operator-lists/opt_out").body.decode(),
                         "# kept by hand\nAnn@Entries.example # since May\n"
                         "new@entries.example\ngone.example\n")
        got = SERVICE.post("/v1/verify", {"address": "new@entries.example", "depth": "syntax"}).json()
        self.assertEqual(got["reason"], "opted_out")
        first = SERVICE.get(f"{path}?limit=2").json()
        self.assertEqual([one["entry"] for one in first["items"]],
                         ["Ann@Entries.example", "new@entries.example"])
        second = SERVICE.get(f"{path}?limit=2&cursor={first['next']}").json()
        self.assertEqual(second, {"items": [{"entry": "gone.example"}], "next": None})
        found = SERVICE.get(f"{path}?text=ENTRIES.").json()["items"]
        self.assertEqual(len(found), 2)
        self.assertEqual(SERVICE.get(f"{path}?cursor=99999").json(), {"items": [], "next": None})
        self.assertEqual(SERVICE.call("DELETE", f"{path}?entry=ann%40entries.example").status, 204)
        self.problem(SERVICE.call("DELETE", f"{path}?entry=ann%40entries.example"), 404)
        self.problem(SERVICE.call("DELETE", path), 422, "no_entry")
        self.assertEqual(SERVICE.call("DELETE", f"{path}?entry=new@entries.example").status, 204)
        got = SERVICE.post("/v1/verify", {"address": "new@entries.example", "depth": "syntax"}).json()
        self.assertNotEqual(got["reason"], "opted_out")
        self.assertEqual(SERVICE.get("/v1/operator-lists/opt_out").body.decode(),
                         "# kept by hand\ngone.example\n")
        noted = SERVICE.get("/v1/audit").json()["items"][0]
        self.assertEqual((noted["event"], noted["subject"]),
                         ("operator_list_changed", "opt_out, 1 removed"))

    def test_remembered_answers_end_with_the_lists_they_were_judged_by(self):
        """An entry of a domain concerns addresses that are not named in it."""
        self.addCleanup(self.put, "block", "")
        path, address = "/v1/operator-lists/block", "agnieszka.zajac.demo@wp.pl"

        def reason():
            return SERVICE.post("/v1/verify", {"address": address}).json()["reason"]
        self.assertEqual(reason(), "accepted")
        self.assertEqual(SERVICE.post(f"{path}/entries", {"entries": ["wp.pl"]}).status, 200)
        self.assertEqual(reason(), "blocked_domain")
        self.assertEqual(SERVICE.call("DELETE", f"{path}/entries?entry=wp.pl").status, 204)
        self.assertEqual(reason(), "accepted")
        self.assertEqual(self.put("block", "wp.pl\n").status, 204)
        self.assertEqual(reason(), "blocked_domain")
        self.assertEqual(self.put("block", "").status, 204)
        self.assertEqual(reason(), "accepted")

    def test_pages_of_entries_begin_with_whole_ones(self):
        """Also when an entry ahead of the cursor has gone meanwhile."""
        self.addCleanup(self.put, "block", "")
        path = "/v1/operator-lists/block/entries"
        names = [f"domain{i}.example" for i in range(6)]
        self.put("block", "\n".join(names))
        cursor = SERVICE.get(f"{path}?limit=3").json()["next"]
        self.put("block", "\n".join(["do.example", *names[1:]]))
        page = SERVICE.get(f"{path}?cursor={cursor}").json()["items"]
        self.assertEqual([one["entry"] for one in page], names[3:])

    def test_the_mark_of_some_editors_is_no_part_of_an_entry(self):
        self.addCleanup(self.put, "block", "")
        path = "/v1/operator-lists/block/entries"
        self.put("block", "\ufefffirst.example\nsecond.example\n")
        entries = [one["entry"] for one in SERVICE.get(path).json()["items"]]
        self.assertEqual(entries, ["first.example", "second.example"])
        self.assertEqual(SERVICE.post(path, {"entries": ["first.example"]}).json(),
                         {"added": 0, "already": 1})
        self.assertEqual(SERVICE.call("DELETE", f"{path}?entry=first.example").status, 204)
        self.assertEqual(SERVICE.get("/v1/operator-lists/block").body, b"second.example\n")

    def test_suppressing_what_a_filter_matches(self):
        self.addCleanup(self.put, "opt_out", "")
        self.put("opt_out", "sure@here.example")  # no line feed behind it
        given = ["a@here.example", "b@here.example", "B@here.example", "sure@here.example", "no@@x",
                 '"c #d"@here.example', "e@elsewhere.example"]
        made = SERVICE.post("/v1/lists", {"addresses": given, "options": {"depth": "syntax"}}).json()
        SERVICE.wait(made["id"])
        path = f"/v1/lists/{made['id']}/suppress"
        SERVICE.post("/v1/verify", {"address": "a@here.example", "depth": "syntax"})
        self.problem(SERVICE.post(f"{path}?kind=opt_out"), 422, "no_filter")
        self.problem(SERVICE.post(f"{path}?kind=listed&text=here"), 422, "bad_kind")
        self.problem(SERVICE.post(f"{path}?text=here"), 422, "bad_kind")
        self.problem(SERVICE.post("/v1/lists/99999/suppress?kind=opt_out&text=x"), 404)
        answer = SERVICE.post(f"{path}?kind=opt_out&domain=here.example")
        self.assertEqual(answer.json(), {"kind": "opt_out", "matched": 5, "added": 2, "already": 2,
                                         "unusable": 1})
        kept = SERVICE.get("/v1/operator-lists/opt_out").body.decode()
        self.assertEqual(kept, "sure@here.example\na@here.example\nb@here.example\n")
        # In effect at once, also for what was remembered; and nothing is added twice.
        got = SERVICE.post("/v1/verify", {"address": "a@here.example", "depth": "syntax"}).json()
        self.assertEqual(got["reason"], "opted_out")
        again = SERVICE.post(f"{path}?kind=opt_out&domain=here.example").json()
        self.assertEqual((again["added"], again["already"]), (0, 4))
        noted = SERVICE.get("/v1/audit").json()["items"][0]
        self.assertEqual((noted["event"], noted["subject"]),
                         ("operator_list_changed", f"opt_out, 2 of list {made['id']}"))

    def test_lists_from_files_are_told(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("one.example\ntwo@example.org\n")
            file.flush()
            with served(LAB.config, "--block", file.name) as own:
                own.call("PUT", "/v1/operator-lists/block", "three.example\n",
                         {"Content-Type": "text/plain"})
                told = {one["kind"]: one for one in own.get("/v1/operator-lists").json()["items"]}
        self.assertEqual(len(told), 8)
        self.assertEqual(told["block"], {"kind": "block", "in_effect": 3, "own": 1,
                                         "files": [file.name]})
        self.assertEqual((told["allow"]["in_effect"], told["allow"]["files"]), (0, []))


class OtherSites(Case):
    def test_pages_that_are_welcome(self):
        """They may read which text a list is, and say so when they put another."""
        origin = {"Origin": "https://shop.example"}
        with served(LAB.config, "--cors", origin["Origin"]) as service:
            asked = service.call("OPTIONS", "/v1/operator-lists/block", key=None, headers={
                **origin, "Access-Control-Request-Method": "PUT",
                "Access-Control-Request-Headers": "if-match,x-api-key"})
            allowed = asked.headers["Access-Control-Allow-Headers"].lower().split(", ")
            self.assertEqual(set(allowed) & {"if-match", "x-api-key"}, {"if-match", "x-api-key"})
            self.assertNotIn("x-mailknock", allowed)
            self.assertIn("PUT", asked.headers["Access-Control-Allow-Methods"])
            read = service.get("/v1/operator-lists/block", headers=origin)
            self.assertEqual(read.headers["Access-Control-Allow-Origin"], origin["Origin"])
            self.assertIn("ETag", read.headers["Access-Control-Expose-Headers"].split(", "))
            other = service.get("/v1/operator-lists/block", headers={"Origin": "https://evil.example"})
            self.assertNotIn("Access-Control-Allow-Origin", other.headers)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
