"""Rows of several peers as one table: a line for each case and number of threads, a column for each peer in GFLOP/s, and the
library's against the best of the others. Needs nothing outside Python."""

SHAPE = (("steps", "T"), ("batch", "N"), ("input", "I"), ("hidden", "H"), ("layers", "L"), ("directions", "D"),
         ("network", "network"), ("ragged", "ragged"), ("pass", "train"), ("threads", "thr"))
OWN = "sluice"


def group(rows):
    """{shape and threads: {peer: its best row's gflops}}, both in the order of their first rows."""
    lines = {}
    for row in rows:
        line = lines.setdefault(tuple(row[key] for key, _ in SHAPE), {})
        line[row["peer"]] = max(row["gflops"], line.get(row["peer"], 0.0))
    return lines


def ratio(line, peer=OWN):
    """A peer's gflops over the best of the others; None where there is no such figure, or none to compare it with."""
    others = [gflops for name, gflops in line.items() if name != peer]
    return line[peer] / max(others) if peer in line and others else None


def best_other(line, peer=OWN):
    """The name of the best of the others; None if there is none."""
    others = {name: gflops for name, gflops in line.items() if name != peer}
    return max(others, key=others.get) if others else None


def peers_of(rows):
    """The peers' names, in the order of their first rows, the library first."""
    names = list(dict.fromkeys(row["peer"] for row in rows))
    return sorted(names, key=lambda name: name != OWN)


def cells(rows):
    """The head, and the lines, of the table, as texts."""
    names = peers_of(rows)
    head = [heading for _, heading in SHAPE] + names + ["best other", f"{OWN} / best other"]
    body = []
    for shape, line in group(rows).items():
        of_own = ratio(line)
        body.append(["-" if value is None else str(value) for value in shape]
                    + [f"{line[name]:.1f}" if name in line else "-" for name in names]
                    + [best_other(line) or "-", f"{of_own:.2f}" if of_own is not None else "-"])
    return head, body


def format_text(rows):
    head, body = cells(rows)
    widths = [max(len(line[k]) for line in [head, *body]) for k in range(len(head))]
    return "".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths)) + "\n" for line in [head, *body])


def format_md(rows):
    head, body = cells(rows)
    lines = [head, ["--:"] * len(head), *body]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def versions(rows):
    """One line: what each peer's version is."""
    return ", ".join(f"{name} {version}" for name, version in dict.fromkeys((row["peer"], row["peer_version"]) for row in rows))
