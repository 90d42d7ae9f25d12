"""A broker for tests: starts `ottla serve --testing` once, and asks its control port. Copy this file into your project."""

import json
import os
import shlex
import subprocess
import urllib.error
import urllib.parse
import urllib.request


class Ottla:
    """One process for a whole test run. `command` is `npx ottla` where nothing else is said."""

    def __init__(self):
        command = shlex.split(os.environ.get("OTTLA_COMMAND", "npx ottla"))
        arguments = ["serve", "--testing", "--port", "0", "--json"]
        self.process = subprocess.Popen(command + arguments, stdout=subprocess.PIPE, text=True)
        self.control = json.loads(self.process.stdout.readline())["control"]

    def broker(self, **options):
        """A new broker; `fork=other.id` or `snapshot=name` for one with what another holds."""
        return Broker(self, self.ask("POST", "/brokers", options))

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control + path, data, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            answer = json.load(error)
            raise AssertionError(answer["message"]) from None

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


class Broker:
    def __init__(self, ottla, status):
        self.ottla = ottla
        self.id = status["id"]
        self.bootstrap_servers = status["bootstrapServers"]

    def ask(self, method, path, body=None):
        return self.ottla.ask(method, f"/brokers/{self.id}{path}", body)

    def fork(self):
        return self.ottla.broker(fork=self.id)

    def advance(self, by):
        self.ask("POST", "/clock/advance", {"by": by})

    def add_fault(self, **fault):
        return self.ask("POST", "/faults", fault)["id"]

    def expect(self, topic, *records, **options):
        self.ask("POST", f"/topics/{topic}/expect", {"records": records, **options})

    def records(self, topic):
        return self.ask("GET", f"/topics/{topic}/records")["records"]

    def caught_up(self, group, **options):
        self.ask("POST", f"/groups/{group}/caught-up", options)

    def exactly_once(self, **options):
        return self.ask("POST", "/exactly-once", options)

    def journal(self, **filters):
        return self.ask("GET", "/journal?" + urllib.parse.urlencode(filters))["entries"]

    def close(self):
        self.ask("DELETE", "")
