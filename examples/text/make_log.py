#!/usr/bin/env python3
"""Lines of a server's log, made up, each with its class and a tab before it: python3 make_log.py LINES [SEED]

Classes are access, disk, login and network. Hosts, numbers and names are drawn at random, so that no line is like another.
"""
import random
import sys

LINES = {
    "access": ["GET /{name}/{n}.html {code} in {n} ms", "POST /{name} {code} from {host}", "client {host} closed the connection to /{name}"],
    "disk": ["{name}: {n} % of /dev/sd{letter} in use", "I/O error on sd{letter}, sector {n}", "remounted /var/{name} read-only"],
    "login": ["session opened for user {name} by {host}", "password of {name} refused, {n} attempts", "{name} logged out after {n} s"],
    "network": ["eth{n}: link is down", "no route to {host}, {n} packets lost", "{host}: lease renewed for {n} s"],
}
NAMES = ("anna", "backup", "cron", "daniel", "films", "index", "mail", "root", "shop", "video")


def main():
    source = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    for _ in range(int(sys.argv[1])):
        kind = source.choice(sorted(LINES))
        line = source.choice(LINES[kind]).format(name=source.choice(NAMES), n=source.randrange(1, 1000), code=source.choice((200, 304, 404, 500)),
                                                 host=f"10.0.{source.randrange(256)}.{source.randrange(256)}", letter=source.choice("abcd"))
        print(kind, line, sep="\t")


if __name__ == "__main__":
    main()
