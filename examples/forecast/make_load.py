#!/usr/bin/env python3
"""The load of a small town's power network, hour by hour, as CSV: made up, so that it may be shipped and be of any length.

The load, in MW, has a day's and a week's shape, and rises by 0.4 for each degree below 15. The temperature has a year's and a day's
shape, and weather that changes slowly. Both have noise. With --faults the load is wrong in some hours, of each 200 one, as if a meter had
failed.
"""
import argparse
import math
import random
import sys

FAULT_EVERY, FAULT_AT = 200, 150


def hours(count, seed):
    """(load, temperature) of hour after hour."""
    source = random.Random(seed)
    weather = 0
    for hour in range(count):
        of_day, day = hour % 24, hour // 24
        weather = 0.98 * weather + source.gauss(0, 0.5)
        temperature = 10 - 8 * math.cos(2 * math.pi * day / 365) - 4 * math.cos(2 * math.pi * (of_day - 3) / 24) + weather
        load = 40 - 10 * math.cos(2 * math.pi * (of_day - 4) / 24) - 3 * math.cos(4 * math.pi * of_day / 24)
        load -= 4 * math.cos(2 * math.pi * hour / 168)
        yield load + 0.4 * max(0, 15 - temperature) + source.gauss(0, 0.5), temperature


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hours", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", action="store_true")
    options = parser.parse_args()
    print("hour,load,temperature")
    for hour, (load, temperature) in enumerate(hours(options.hours, options.seed)):
        if options.faults and hour % FAULT_EVERY == FAULT_AT:
            load *= 0.5
        print(f"{hour},{load:.2f},{temperature:.1f}")


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(1)
