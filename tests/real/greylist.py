"""Greylisting as a Postfix policy server (SMTPD_POLICY_README), in a thread of this program.

A triple of client, sender and recipient is told to come back and passes when it does so late
enough; from then on its client is known, as Postgrey has it.
"""

import socketserver
import threading
import time


class Greylist:
    def __init__(self, delay_s):
        """delay_s None: nobody ever passes."""
        self.delay_s = delay_s
        self.first_seen = {}
        self.known_clients = set()
        self.passed = self.deferred = 0
        greylist = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                attributes = {}
                for line in self.rfile:
                    name, equals, value = line.decode("utf-8", "replace").rstrip("\n").partition("=")
                    if equals:
                        attributes[name] = value
                        continue
                    self.wfile.write(f"action={greylist.decide(attributes)}\n\n".encode())
                    attributes = {}

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def decide(self, attributes):
        client = attributes.get("client_address", "")
        key = (client, attributes.get("sender", ""), attributes.get("recipient", ""))
        since = time.monotonic() - self.first_seen.setdefault(key, time.monotonic())
        if self.delay_s is not None and (client in self.known_clients or since >= self.delay_s):
            self.known_clients.add(client)
            self.passed += 1
            return "dunno"
        self.deferred += 1
        if self.delay_s is None:
            return "defer_if_permit Greylisted, see http://postgrey.schweikert.ch/help/"
        return f"450 4.2.0 Greylisted, please try again in {self.delay_s:.0f} seconds"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
