#!/usr/bin/env python3
"""The time of an update on many nodes, computed: docs/scale.md has the assumptions, these tables and the picture.

model.py                   print the tables, in Markdown
model.py --picture FILE    draw efficiency against nodes
model.py --check DIR       print what perf/scale/measure found in DIR beside what the model says of it
"""
import argparse
import json
import math
import pathlib
from typing import NamedTuple

BYTES = 4  # of a float
PAYLOAD = 1448 / 1538  # of what goes over an Ethernet wire: TCP's share of a frame of 1500 bytes, with preamble and gap


class Network(NamedTuple):
    """LSTM layers of as many inputs as units, and a head; and the rows of a node."""
    name: str
    layers: int
    hidden: int
    steps: int = 100
    rows: int = 64
    classes: int = 10

    def layer_floats(self):
        """Parameters of each layer, the head with the last."""
        each = 8 * self.hidden * self.hidden + 4 * self.hidden
        return [each] * (self.layers - 1) + [each + self.classes * (self.hidden + 1)]

    def flop(self):
        """Of an update on one node: forward, and twice that backward."""
        return 3 * 16 * self.hidden * self.hidden * self.layers * self.steps * self.rows


class Link(NamedTuple):
    """What is between nodes: a wire, and the computers at its ends."""
    gigabits: float  # a second, each direction; 0: as fast as the ends are
    delay: float  # seconds, each direction
    message: float = 30e-6  # seconds that a message costs besides, at both ends
    end: float = 0  # seconds that the ends take for a float that each sends and receives

    def wire_seconds(self, floats):
        """Until so many floats have gone through the wire, both ways at the same time."""
        return 8 * BYTES * floats / (self.gigabits * 1e9 * PAYLOAD) if self.gigabits else 0


NETWORKS = (Network("1 layer of 256", 1, 256), Network("4 layers of 256", 4, 256), Network("4 layers of 1024", 4, 1024))
LINKS = (Link(1, 1e-4), Link(10, 1e-4), Link(10, 1e-3), Link(100, 1e-5))
NODES = (16, 128, 1024)
NODE_FLOPS = 1.6e12  # a second: 32 cores of 50 GFLOP/s, half of what one alone reaches here


def halving(floats, ranks, link):
    """Seconds of a sum by halving and doubling: 2 log2 R messages, 2 (R - 1) / R of the floats each direction."""
    sent = 2 * floats * (ranks - 1) / ranks
    return 2 * math.log2(ranks) * (link.message + link.delay) + max(link.wire_seconds(sent), link.end * sent)


def ring(floats, ranks, link):
    """The same around a ring: 2 (R - 1) messages."""
    sent = 2 * floats * (ranks - 1) / ranks
    return 2 * (ranks - 1) * (link.message + link.delay) + max(link.wire_seconds(sent), link.end * sent)


def agree(ranks, link):
    """The two small gathers of an update, one before the forward pass and one behind the gradients."""
    return 2 * math.ceil(math.log2(ranks)) * (link.message + link.delay)


def update(compute, network, ranks, link, method=halving, has_spare_core=True):
    """Seconds of an update. The forward pass takes a third of `compute`; backwards each layer's gradients are exchanged, one layer
    after the other, while those of the layers before it are computed. What the ends have to do takes a core from the computing unless
    one is spare."""
    if ranks == 1:
        return compute
    computed = compute / 3
    exchanged = 0
    for floats in reversed(network.layer_floats()):
        computed += 2 / 3 * compute / network.layers
        exchanged = max(computed, exchanged) + method(floats, ranks, link)
        if not has_spare_core:
            computed += link.end * 2 * floats * (ranks - 1) / ranks
    return agree(ranks, link) + exchanged


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def heading(*cells):
    row(*cells)
    print("|" + "---|" * len(cells))


def name_of(link):
    return (f"{link.gigabits:g} Gb/s" if link.gigabits else "no limit") + f", {link.delay * 1e3:g} ms"


def print_tables():
    """Milliseconds and efficiency for each network, link and number of nodes; then what a ring would take."""
    heading("network, of a node 64 rows x 100 steps", "link", "compute", *(f"{nodes} nodes" for nodes in NODES))
    for network in NETWORKS:
        compute = network.flop() / NODE_FLOPS
        for link in LINKS:
            times = [update(compute, network, nodes, link) for nodes in NODES]
            row(network.name, name_of(link), f"{compute * 1e3:.1f} ms", *(f"{time * 1e3:.1f} ms, {compute / time:.2f}" for time in times))
    print()
    heading(f"sum of the gradients of {NETWORKS[0].name}, alone", "floats", *(f"{nodes} nodes" for nodes in NODES))
    floats = sum(NETWORKS[0].layer_floats())
    for link in LINKS:
        for method in (halving, ring):
            row(f"{name_of(link)}, {method.__name__}", floats, *(f"{method(floats, nodes, link) * 1e3:.1f} ms" for nodes in NODES))


# ---- Beside what was measured --------------------------------------------------------------------------------------------------

def ends_of(rows, delay):
    """What the ends cost, by the sums over a link that has no limit: half of a short one is a message, but for the delay."""
    sums = {found["floats"]: found["seconds_min"] for found in rows if found["work"] == "exchange"}
    return {"message": sums[min(sums)] / 2 - delay, "end": (sums[max(sums)] - sums[min(sums)]) / max(sums)}


def expect(found, link, alone):
    """What was measured, in words, and what the model says: on two ranks the floats that each end sends are as many as it has."""
    if found["work"] == "exchange":
        return f"sum of {found['floats']:,} floats", halving(found["floats"], 2, link)
    network = Network("", found["layers"], found["hidden"])
    return f"update, layers: {found['layers']}", update(alone[found["layers"]], network, 2, link, has_spare_core=False)


def check(directory):
    """Each record link_RATE_DELAY.json has the sums alone and the updates over one link. What the ends cost comes of the records
    without a limit, with the relay where the link has a delay; compute comes of one rank in the same record."""
    records = {path.stem.split("_", 1)[1]: json.loads(path.read_text()) for path in sorted(pathlib.Path(directory).glob("link_*.json"))}
    ends = {False: ends_of(records["0_0"], 0), True: ends_of(records["0_0.1"], 1e-4)}
    for relayed, costs in ends.items():
        print(f"A message costs {costs['message'] * 1e6:.0f} us {'with' if relayed else 'without'} the relay, a float that each end sends "
              f"and receives {costs['end'] * 1e9:.2f} ns.")
    print()
    for at, (words, rows) in enumerate(sorted(records.items(), key=lambda item: [float(word) for word in reversed(item[0].split("_"))])):
        gigabits, delay = map(float, words.split("_"))
        link = Link(gigabits, delay * 1e-3, **ends[delay > 0])
        alone = {found["layers"]: found["seconds_min"] for found in rows if found["ranks"] == 1}
        pairs = [(found["seconds_min"], *expect(found, link, alone)) for found in rows if found["ranks"] == 2]
        if at == 0:
            heading("link; ms measured / ms of the model", *(what for _, what, _ in pairs))
        row(name_of(link), *(f"{seconds * 1e3:.2f} / {expected * 1e3:.2f} = {seconds / expected:.2f}" for seconds, _, expected in pairs))


# ---- The picture ----------------------------------------------------------------------------------------------------------------

WIDTH, HEIGHT = 960, 420
STYLE = """text { font: 12px sans-serif; fill: #222 } .title { font-size: 14px; font-weight: bold }
.background { fill: #fff } .grid { stroke: #888; stroke-opacity: 0.3 } .curve { fill: none; stroke-width: 2 }
.s0 { stroke: #0072b2 } .s1 { stroke: #d55e00 } .s2 { stroke: #009e73 } .s3 { stroke: #cc79a7 }
@media (prefers-color-scheme: dark) { text { fill: #e6e6e6 } .background { fill: #121417 } .s0 { stroke: #3b9ddd } }"""
DASHES = ("none", "8 4", "4 2.5", "10 3 2 3")


def panel(network, left):
    """Efficiency against nodes, a line for each link."""
    def place(nodes, efficiency):
        return left + 250 * math.log2(nodes) / 10, 340 - 280 * efficiency

    yield f'<text x="{left}" y="40" class="title">{network.name}</text>'
    for efficiency in (0, 0.25, 0.5, 0.75, 1):
        height = place(1, efficiency)[1]
        yield f'<path class="grid" d="M{left} {height:.1f}H{left + 250}"/><text x="{left - 6}" y="{height + 4:.1f}" text-anchor="end">{efficiency:g}</text>'
    for power in range(0, 11, 2):
        x = place(2 ** power, 0)[0]
        yield f'<path class="grid" d="M{x:.1f} 340V60"/><text x="{x:.1f}" y="356" text-anchor="middle">{2 ** power}</text>'
    yield f'<text x="{left + 125}" y="374" text-anchor="middle">nodes</text>'
    compute = network.flop() / NODE_FLOPS
    for style, link in enumerate(LINKS):
        places = [place(2 ** power, compute / update(compute, network, 2 ** power, link)) for power in range(11)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        yield f'<path class="curve s{style}" stroke-dasharray="{DASHES[style]}" d="M{path}"/>'


def draw(path):
    """Write the picture."""
    title = "Efficiency of training against nodes, computed"
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
             f"<title>{title}</title><style>{STYLE}</style>", f'<rect class="background" width="{WIDTH}" height="{HEIGHT}"/>']
    for k, network in enumerate(NETWORKS):
        lines += panel(network, 50 + 310 * k)
    for style, link in enumerate(LINKS):
        x = 50 + 230 * style
        lines.append(f'<path class="curve s{style}" stroke-dasharray="{DASHES[style]}" d="M{x} 400h36"/>'
                     f'<text x="{x + 44}" y="404">{name_of(link)}</text>')
    pathlib.Path(path).write_text("\n".join(lines + ["</svg>\n"]), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", metavar="FILE", help="draw efficiency against nodes, as SVG")
    parser.add_argument("--check", metavar="DIR", help="compare with the records of perf/scale/measure")
    given = parser.parse_args()
    if given.picture:
        draw(given.picture)
    elif given.check:
        check(given.check)
    else:
        print_tables()


if __name__ == "__main__":
    main()
