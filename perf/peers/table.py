"""Rows of several peers as one table: a line for each case and number of threads, a column for each peer in GFLOP/s, and the
library's against the best of the others. Needs nothing outside Python."""

SHAPE = (("steps", "T"), ("batch", "N"), ("input", "I"), ("hidden", "H"), ("layers", "L"), ("directions", "D"),
         ("network", "network"), ("ragged", "ragged"), ("pass", "train"), ("precision", "prec"), ("threads", "thr"))
OWN = "sluice"
ACCURACY = (("error", "largest difference from f32"), ("error_rms", "root mean square difference from f32"),
            ("dependence", "largest change of a row's outputs by its neighbours; 0: the same bits"))


def group(rows, figure):
    """{shape and threads: {peer: the most of a figure in its rows}}, of rows that have it, both in the order of their first rows."""
    lines = {}
    for row in rows:
        if row[figure] is not None:
            line = lines.setdefault(tuple(row[key] for key, _ in SHAPE), {})
            line[row["peer"]] = max(row[figure], line.get(row["peer"], 0.0))
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


def figure_cells(rows, figure, show):
    """The head, and the lines, of the table of a figure, as texts."""
    names = peers_of(row for row in rows if row[figure] is not None)
    body = [["-" if value is None else str(value) for value in shape] + [show(line[name]) if name in line else "-" for name in names]
            for shape, line in group(rows, figure).items()]
    return [heading for _, heading in SHAPE] + names, body


def cells(rows):
    """Likewise of GFLOP/s, with the library's against the best of the others."""
    head, body = figure_cells(rows, "gflops", "{:.1f}".format)
    for texts, line in zip(body, group(rows, "gflops").values()):
        of_own = ratio(line)
        texts += [best_other(line) or "-", f"{of_own:.2f}" if of_own is not None else "-"]
    return head + ["best other", f"{OWN} / best other"], body


def tables(rows):
    """(title, head, body) of the table of GFLOP/s and of those of accuracy, for which the rows have figures."""
    made = [("GFLOP/s", *cells(rows))]
    for figure, title in ACCURACY:
        head, body = figure_cells(rows, figure, lambda value: f"{value:.1e}" if value else "0")
        if body:
            made.append((title, head, body))
    return made


def format_text(head, body):
    widths = [max(len(line[k]) for line in [head, *body]) for k in range(len(head))]
    return "".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths)) + "\n" for line in [head, *body])


def format_md(head, body):
    lines = [head, ["--:"] * len(head), *body]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def versions(rows):
    """One line: what each peer's version is."""
    return ", ".join(f"{name} {version}" for name, version in dict.fromkeys((row["peer"], row["peer_version"]) for row in rows))
