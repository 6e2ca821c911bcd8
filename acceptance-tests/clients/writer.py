"""An application that writes all the time, with redis-py, as docs/guides/clients.md says: nothing else is helped along.

    writer.py CA-FILE USER PREFIX ENDPOINT...        (the password in WRITER_PASSWORD)

It prints a line when its first writes are acknowledged. When its input ends, it goes on until writes are acknowledged once more, reads
everything back, and prints {"acknowledged", "lost", "gap_s", "errors"}: `lost` of the acknowledged writes are not there, `gap_s` is the
longest time that one of its threads had to wait for a write, and `errors` is what was more than the library's own patience.
"""

import json
import os
import sys
import threading
import time
from datetime import datetime, timezone

from redis.cluster import ClusterNode, RedisCluster

THREADS = 3
KEYS = 16  # of each thread: enough for some to be wherever slots move
ENOUGH = 100  # writes of each thread, before it says that it writes, and after it is told to end


class Cluster(RedisCluster):
    """With the node that a redirection names also where it has no slots yet: https://github.com/redis/redis-py/issues/4015."""

    def get_node(self, host=None, port=None, node_name=None):
        node = super().get_node(host, port, node_name)
        if node is None and node_name:
            host, port = node_name.rsplit(":", 1)
            node = ClusterNode(host, int(port))
        return node


class Thread(threading.Thread):
    """Writes one number after the other, each to a bit of its own: a write that is repeated changes nothing."""

    def __init__(self, cluster, prefix, number):
        super().__init__()
        self.cluster = cluster
        self.keys = [f"{prefix}python-{number}-{key}" for key in range(KEYS)]
        self.attempts = 0
        self.acknowledged = 0
        self.refused = set()
        self.errors = []
        self.gap = 0.0
        self.over_at = None

    def run(self):
        # What others before have written is not to pass for what this one will write.
        for key in self.keys:
            self.cluster.delete(key)
        last = time.monotonic()
        while self.over_at is None or self.acknowledged < self.over_at:
            number, self.attempts = self.attempts, self.attempts + 1
            try:
                self.cluster.setbit(self.keys[number % KEYS], number // KEYS, 1)
                self.acknowledged += 1
                self.gap = max(self.gap, time.monotonic() - last)
                last = time.monotonic()
            except Exception as error:
                self.refused.add(number)
                self.errors.append(f"{datetime.now(timezone.utc):%H:%M:%S.%f} {type(error).__name__}: {error}")
            # An application has something else to do, too.
            time.sleep(0.001)

    def lost(self):
        bits = [self.cluster.get(key) or b"" for key in self.keys]

        def there(number):
            byte, bit = divmod(number // KEYS, 8)
            held = bits[number % KEYS]
            return byte < len(held) and held[byte] & (0x80 >> bit)

        return sum(1 for number in range(self.attempts) if number not in self.refused and not there(number))


def main():
    ca, user, prefix, *endpoints = sys.argv[1:]
    nodes = [endpoint.rsplit(":", 1) for endpoint in endpoints]
    cluster = Cluster(
        startup_nodes=[ClusterNode(host, int(port)) for host, port in nodes],
        username=user,
        password=os.environ["WRITER_PASSWORD"],
        ssl=True,
        ssl_ca_certs=ca,
    )
    threads = [Thread(cluster, prefix, number) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    while any(thread.acknowledged < ENOUGH for thread in threads):
        time.sleep(0.01)
    print("writing", flush=True)
    sys.stdin.read()
    for thread in threads:
        thread.over_at = thread.acknowledged + ENOUGH
    for thread in threads:
        thread.join()
    print(
        json.dumps(
            {
                "acknowledged": sum(thread.acknowledged for thread in threads),
                "lost": sum(thread.lost() for thread in threads),
                "gap_s": max(thread.gap for thread in threads),
                "errors": [error for thread in threads for error in thread.errors],
            }
        ),
        flush=True,
    )


main()
