#!/usr/bin/env python3
"""Print the steps of a series that a model did not expect, as they arrive: python3 flag_anomalies.py COLUMN LIMIT

Standard input is what `sluice run --keep COLUMN` writes of a model that forecasts COLUMN one step ahead. A line is printed for each value
that is further than LIMIT from the forecast of the step before it, with all that --keep has. The next windows have that value, too, and their
forecasts are led astray: of the next QUIET_STEPS none is looked at.
"""
import csv
import sys

QUIET_STEPS = 6


def main():
    column, limit = sys.argv[1], float(sys.argv[2])
    series = forecast = None
    quiet = 0
    for row in csv.DictReader(sys.stdin):
        if row["series"] != series:
            series, forecast, quiet = row["series"], None, 0
        value = float(row[column])
        if quiet:
            quiet -= 1
        elif forecast is not None and abs(value - forecast) > limit:
            quiet = QUIET_STEPS
            kept = [f"{name}={text}" for name, text in row.items() if name not in ("series", "step", f"{column}+1")]
            print(*kept, f"expected={forecast:.1f}", flush=True)
        forecast = float(row[f"{column}+1"])


if __name__ == "__main__":
    main()
