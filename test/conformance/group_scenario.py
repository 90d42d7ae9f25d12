"""One group of three members, told to the Python clients in their own words: two join, a third joins, one leaves,
all while records are written; in the end a single one goes on at what was committed. A record may
come again only while its offset is not committed, and a partition goes on where it was or where it is committed, so nothing is
left out and order is kept."""

import threading
import time

from report import equal

PARTITIONS = 6


class Ledger:
    def __init__(self):
        self.next = [0] * PARTITIONS
        self.accepted = [0] * PARTITIONS
        self.counts = {}
        self.problem = None
        self.lock = threading.RLock()

    def consumed(self, member, partition, offset, value):
        with self.lock:
            if offset < self.accepted[partition]:
                self.breach(f"{member} got {partition}:{offset}, though {self.accepted[partition]} was committed")
            if offset > self.next[partition]:
                self.breach(f"{member} got {partition}:{offset} before {self.next[partition]}")
            if value != b"%d:%d" % (partition, offset):
                self.breach(f"{partition}:{offset} has the value {value}")
            self.next[partition] = max(self.next[partition], offset + 1)
            self.counts[member] = self.counts.get(member, 0) + 1

    def committed(self, offsets):
        """Offsets to go on at, by partition, once the broker has accepted them."""
        with self.lock:
            for partition, offset in offsets.items():
                self.accepted[partition] = max(self.accepted[partition], offset)

    def breach(self, what):
        self.problem = self.problem or what

    def until(self, what, condition):
        deadline = time.monotonic() + 25
        while True:
            with self.lock:
                if self.problem:
                    raise AssertionError(self.problem)
                if condition():
                    return
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}; partitions are at {self.next}")
            time.sleep(0.01)

    def heard_by(self, member):
        self.until(f"{member} got nothing", lambda: self.counts.get(member))

    def at(self, positions, what):
        self.until(what, lambda: all(now >= wanted for now, wanted in zip(self.next, positions)))


class Writer:
    """Writes "partition:offset" to every partition in turn; end() tells where each ends."""

    def __init__(self, write, flush):
        self.ends = [0] * PARTITIONS
        self.write = write
        self.flush = flush
        self.ending = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ending:
            for partition in range(PARTITIONS):
                self.write(partition, b"%d:%d" % (partition, self.ends[partition]))
                self.ends[partition] += 1
            if self.ends[0] == 1:
                self.flush()  # Kafka may refuse the first records of a topic that is new to it
            time.sleep(0.02)

    def end(self):
        self.ending = True
        self.thread.join(20)
        return self.ends


class Member:
    """A member on a thread of its own: `work(self)` consumes and commits until `ending`, and closes."""

    def __init__(self, name, work, ledger):
        self.name = name
        self.ledger = ledger
        self.ending = False
        self.thread = threading.Thread(target=self.run, args=(work,), daemon=True)
        self.thread.start()

    def run(self, work):
        try:
            work(self)
        except Exception as error:  # told to whoever waits
            self.ledger.breach(f"{self.name}: {type(error).__name__}: {error}")

    def leave(self):
        self.ending = True
        self.thread.join(20)
        if self.thread.is_alive():
            raise AssertionError(f"{self.name} does not end")


def share_topic(create, write, flush, work, committed):
    """create(partitions) gives a topic; write(topic, partition, value), flush(); work(member, topic, group) is a member's life;
    committed(group, topic) lists the offset of each partition."""
    topic = create(PARTITIONS)
    group = "group-of-" + topic
    ledger = Ledger()
    members = []

    def join(name):
        members.append(Member(name, lambda member: work(member, topic, group), ledger))
        return members[-1]

    writer = Writer(lambda partition, value: write(topic, partition, value), flush)
    try:
        join("a")
        second = join("b")
        ledger.heard_by("a")
        ledger.heard_by("b")
        join("c")
        ledger.heard_by("c")
        second.leave()
        ledger.at([position + 3 for position in ledger.next], "a partition stands still after a member left")
        ends = writer.end()
        flush()
        ledger.at(ends, f"not every record of {ends} came")
        for member in members:
            member.leave()
        equal(ends, committed(group, topic), "committed offsets")

        for partition in range(PARTITIONS):
            write(topic, partition, b"%d:%d" % (partition, ends[partition]))
        flush()
        join("later")
        ledger.until("a later member does not go on where the group was", lambda: ledger.counts.get("later", 0) >= PARTITIONS)
        equal(PARTITIONS, ledger.counts["later"], "records of the later member")
    finally:
        writer.end()
        for member in members:
            member.leave()
    if ledger.problem:
        raise AssertionError(ledger.problem)
