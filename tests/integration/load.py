"""A bounded load on a server, from a process of its own: `python load.py URL CONNECTIONS RATE`, until its input ends.

Prints a JSON array [begin, seconds, status, model] for each request; `begin` is of the system's monotonic clock.
"""

import http.client
import json
import random
import sys
import threading
import time
from urllib.parse import urlsplit

WORDINGS = [
    "550 5.1.1 <{}@example.org>: nobody of that name",
    "452 4.2.2 <{}@example.org>: mailbox over quota",
    "554 5.7.1 <{}@example.org>: refused, see our list",
    "450 4.7.1 <{}@example.org>: greylisted, come back later",
    "552 5.3.4 <{}@example.org>: message too large",
]
WORDS = "mailbox relay policy sender quota network queue host domain filter reputation account spool route".split()


def worker(url, ended, pause, seed, out):
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    chance = random.Random(seed)
    due = time.monotonic() + chance.random() * pause
    while not ended.wait(max(0.0, due - time.monotonic())):
        due = max(due + pause, time.monotonic())
        # Mostly known wordings with another address each time; now and then words that never came before.
        text = chance.choice(WORDINGS).format(f"u{chance.randrange(10**6)}")
        if chance.random() < 0.05:
            text += " " + " ".join(chance.choices(WORDS, k=6))
        body = json.dumps({"text": text})
        begin = time.monotonic()
        try:
            connection.request("POST", "/v1/classify", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            status, answer = response.status, json.loads(response.read())
        except OSError as error:
            status, answer = type(error).__name__, {}
            connection.close()
        out.append([begin, time.monotonic() - begin, status, answer.get("model")])


def main(url, connections, rate):
    ended = threading.Event()
    pause = int(connections) / float(rate)
    outs = [[] for _ in range(int(connections))]
    threads = [threading.Thread(target=worker, args=(url, ended, pause, i, out)) for i, out in enumerate(outs)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()
    for request in sorted(request for out in outs for request in out):
        print(json.dumps(request))


if __name__ == "__main__":
    main(*sys.argv[1:])
