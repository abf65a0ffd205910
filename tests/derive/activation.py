#!/usr/bin/python3
"""Recompute the constants of src/kernel/activation.h and compare them, to the bit, with what the header holds.

    tests/derive/activation.py [HEADER]

prints a line for each: `same`; `holds`, where the constant is a choice that only has to keep a law, which is named; or `DIFFERS`,
with what was computed. Exit status 0 if none differs, 1 if one does, 2 if the header cannot be read, and 77 if a tool is missing:
it needs mpmath and Sollya (Debian: apt-get install python3-mpmath sollya). Not part of the test suite, which looks at the
functions' results; this is where their constants come from. Takes some seconds.

Names: ULP is the unit in the last place of a float, RN(x) the float nearest to x, bits(x) a float's encoding as an integer.
The polynomials are made by Sollya's fpminimax: nearly the least possible maximum error with coefficients that are floats. Its
answer may change with its version; 8.0 gives the header's. So the header's polynomials are also held against their functions,
and a certified bound of the error (Sollya's supnorm) is printed, for tanh in ULP of its least value in the interval.
"""
import math
import pathlib
import re
import shutil
import struct
import subprocess
import sys

try:
    from mpmath import mp, mpf
except ImportError:
    mp = None

FLOAT = r"-?(?:0x[\da-f.]+p[-+]?\d+|\d+\.\d+)f"
DOUBLE = FLOAT[:-1]
# Name: where the header, white space aside, holds it; each group is one constant or a list of them.
PLACES = {
    "sigmoid: M": rf"big = v_set3\(({FLOAT})\)",
    "sigmoid: least bits of kf": r"big_least = vi_set3\((0x[\da-f]+) - (\d+)\)",
    "sigmoid: clamp": rf"v_max3\(v_set3\(({FLOAT})\), z\)",
    "sigmoid: 8 / ln 2": rf"v_fma3\(z, v_set3\(({FLOAT})\), big\)",
    "sigmoid: -high part of ln 2 / 8": rf"v_fma3\(n8, v_set3\(({FLOAT})\), z\)",
    "sigmoid: -low part of ln 2 / 8": rf"v_fma3\(kf, v_set3\(({FLOAT})\), r\)",
    "sigmoid: table": r"\} table [^{]*\{ ?\{([^}]*)\}",
    "sigmoid: exp(r) - 1": rf"q = v_fma3\(r, v_set3\(({FLOAT})\), v_set3\(({FLOAT})\)\); q = v_fma3\(q, r, v_set3\(({FLOAT})\)\)",
    "sigmoid: scale": rf"v_mul3\(e64, v_set3\(({FLOAT})\)\)",
    "sigmoid: -scale": rf"v_fma3\(elo, v_set3\(({FLOAT})\), residual\)",
    "tanh: clamp": rf"v_min\(v_set\(({FLOAT})\), magnitude\)",
    "tanh: slope": rf"v_fma\(a, v_set\(({FLOAT})\), v_set\({FLOAT}\)\)",
    "tanh: offset": rf"v_fma\(a, v_set\({FLOAT}\), v_set\(({FLOAT})\)\)",
    "tanh: centre": r"float centre\[8\] [^{]*\{([^}]*)\}",
    "tanh: c": r"float c\[8\]\[8\] [^{]*\{((?: ?\{[^}]*\},?)*)",
}


def bits(x):
    return struct.unpack("<I", struct.pack("<f", x))[0]


def from_bits(encoding):
    return struct.unpack("<f", struct.pack("<I", encoding))[0]


def ulp(x):
    """The ULP of floats near x > 0, a Python float or mpmath's."""
    return 2.0 ** (math.frexp(float(x))[1] - 24)


def nearest(x):
    """RN(x) of an mpmath number; not by way of double, which would round twice."""
    return float(mp.nint(x / ulp(abs(x))) * ulp(abs(x)))


def number(word):
    """A constant of a header: an integer, or the float or double that the compiler makes of it."""
    if re.fullmatch(DOUBLE, word):
        return float.fromhex(word) if "0x" in word else float(word)
    if not re.fullmatch(FLOAT, word):
        return int(word, 0)
    return from_bits(bits(float.fromhex(word[:-1]) if "0x" in word else float(word[:-1])))


def read_header(path, places, literal):
    """Name: list of the constants that the header holds under it; all that are not integers are floats, or all are doubles."""
    text, held = re.sub(r"\s+", " ", path.read_text(encoding="utf-8")), {}
    for name, place in places.items():
        match = re.search(place, text)
        if not match:
            print(f"{path}: {name}: not found; expected /{place}/, rewrite PLACES if the code was rewritten", file=sys.stderr)
            sys.exit(2)
        held[name] = [number(word) for group in match.groups() for word in re.findall(rf"{literal}|0x[\da-f]+|\d+", group)]
    return held


def written(value):
    """A number as C has it, near enough."""
    if isinstance(value, int):
        return f"{value:#x}" if value > 0xffff else f"{value}"
    return re.sub(r"\.?0*p", "p", value.hex()) if value else "0"


class Report:
    """The header's constants, printed one by one as they are recomputed."""

    def __init__(self, held):
        self.held = held
        self.good = self.bad = 0

    def print_line(self, good, word, name, rest):
        self.good += good
        self.bad += not good
        print(f"{word if good else 'DIFFERS':8} {name:36} {rest}")

    def same(self, name, computed, words="", held=None):
        """Compare a list of constants, to the bit (repr distinguishes -0 from 0, and an integer from a float)."""
        held = self.held[name] if held is None else held
        good = list(map(repr, held)) == list(map(repr, computed))
        found = "" if good else f", computed {' '.join(map(written, computed))}"
        self.print_line(good, "same", name, " ".join(map(written, held)) + found + words)

    def holds(self, name, good, law):
        self.print_line(good, "holds", name, f"{self.held[name][0]:.7g}: {law}")


def fit(function, powers, interval, given, kind, held):
    """
    function(x) over an interval as given(x), which is exact, plus floats times powers of x: the floats that fpminimax finds, and a
    bound on the absolute or relative error with the floats `held` instead.
    """
    terms = " + ".join(f"({value.hex()}) * x^{power}" for value, power in zip(held, powers))
    sizes = ", ".join("24" for _ in powers)
    script = f"""prec = 120!; verbosity = 0!; display = hexadecimal!;
        p = fpminimax({function}, [|{', '.join(map(str, powers))}|], [|{sizes}|], {interval}, {given}, floating, {kind});
        {' '.join(f'print(coeff(p, {power}));' for power in powers)}
        print(sup(supnorm({given} + {terms}, {function}, {interval}, {kind}, 2^-8)));
        quit;"""
    lines = subprocess.run(["sollya"], input=script, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return [float.fromhex(line) for line in lines[:-1]], float.fromhex(lines[-1])


def sigmoid(report):
    """
    e^z for z = -|x|: e^z = 2^(n8/8) e^r with n8 = rint(8 z / ln 2) and r = z - n8 L, L = ln 2 / 8, so |r| <= L/2.

    Reduction. L is taken as high + low, both floats. RN(L) happens to end in three zeros, so high is a multiple of 2^-24; and n8 is
    0 or |z| > 2^-5, a multiple of 2^-28. So z - n8 high is a multiple of 2^-28 below 2^-4, which is a float: no rounding.

    M. In [2^23, 2^24) floats are the integers, so kf = RN(8 z / ln 2 + M) = M + n8 in one multiply-add, and bits(kf) ends in the
    bits of kf. Shifted left by 20, the low 12 of them become sign and exponent (nine) and the first three bits of a fraction. With
    8 (127 + 64) as M's low 12 bits the exponent is that of 2^64 2^floor(n8/8), and j = n8 mod 8 stands in the fraction, where
    adding bits(T_j) - bits(1) - (j << 20) from the table replaces it with T_j = 2^(j/8).

    Shift. Eleven bits of M are still free. If the low part is multiplied by kf = n8 + M instead of n8, r becomes r - rho with
    rho = M low, and T_j e^rho must take the place of T_j: for each M eight other numbers, which are tried for how near they are to
    floats. What counts is their rounding error in ULP of e^z, which but for a power of 2 lies in 2^(j/8 - 1/16) .. 2^(j/8 + 1/16).
    """
    length = mp.log(2) / 8
    high = nearest(length)
    low = nearest(length - high)
    report.same("sigmoid: 8 / ln 2", [nearest(1 / length)])
    report.same("sigmoid: -high part of ln 2 / 8", [-high])
    report.same("sigmoid: -low part of ln 2 / 8", [-low])

    root = [mpf(2) ** (mpf(j) / 8) for j in range(8)]
    # The largest significand that e^z has with T_j; with T_0 it may be below a power of 2.
    significand = [t * mpf(2) ** (mpf(1) / 16) if t > 1 else 2 for t in root]

    def table_error(big):
        """The worst error of the eight T_j e^rho as floats, in ULP of e^z."""
        scale = mp.exp(big * mpf(low))
        return max(abs(nearest(scale * t) / (scale * t) - 1) * 2 ** 23 * s for t, s in zip(root, significand))

    big = min((2 ** 23 + 4096 * free + 8 * (127 + 64) for free in range(2048)), key=table_error)
    rho = big * mpf(low)
    words = f" = {big}, rho = {float(rho):.7f}; T_j e^rho within {float(table_error(big)):.3f} ULP, T_j {float(table_error(0)):.3f}"
    report.same("sigmoid: M", [float(big)], words)
    table = [nearest(mp.exp(rho) * t) for t in root]
    report.same("sigmoid: table", [(bits(t) - bits(1.0) - (j << 20)) % 2 ** 32 for j, t in enumerate(table)])

    # 2^64, from M's low bits, keeps e a normal number up to the last operation, which takes it back.
    report.same("sigmoid: scale", [2.0 ** -64])
    report.same("sigmoid: -scale", [-2.0 ** -64])

    # e^z rounds to 0 below half of the least float, 2^-149; and the exponent of 2^64 2^(n8/8) must be a normal one, at least -126.
    clamp = report.held["sigmoid: clamp"][0]
    lawful = -190 * mp.log(2) < clamp < -150 * mp.log(2)
    report.holds("sigmoid: clamp", lawful, "any number from -190 ln 2 = -131.7 to -150 ln 2 = -103.97 would do")
    # A NaN's kf, as an integer negative like z's sign, is replaced by M less the largest -n8 in whole octaves: not above any kf.
    octaves = math.ceil(mp.nint(-clamp / length) / 8)
    report.same("sigmoid: least bits of kf", [bits(float(big)), 8 * octaves])

    # q = r + c2 r^2 + c3 r^3 + c4 r^4, made for any shift -rho from 0.002 to 0.0042 and a thousandth more than L on account of the
    # rounded 8 / ln 2. For this rho alone the same command would reach 2^-32.5; either is far below what rounding T_j e^rho costs.
    held = report.held["sigmoid: exp(r) - 1"]
    interval = "[-log(2)/16 * 1.001 + 0.002; log(2)/16 * 1.001 + 0.0042]"
    found, error = fit("exp(x)", [2, 3, 4], interval, "1 + x", "absolute", held[::-1])
    report.same("sigmoid: exp(r) - 1", found[::-1], f"; error below 2^{math.log2(error):.2f}")


def breaks(offset, slope):
    """
    Where the eight intervals of a = |x| begin, and where the last ends. offset + slope a, with an offset in [1, 2), has an encoding
    that grows with a, and its exponent with the first bit of the fraction counts half binades: a table index in one shift, by 22.
    So edges are where it passes 1, 1.5, 2, 3, 4, 6 and so on: intervals double in length every two, as tanh flattens.
    """
    first = (bits(offset) >> 22) + 1
    return [0.0] + [(from_bits((first + i) << 22) - offset) / slope for i in range(8)]


def mapping(report):
    """Check clamp, slope and offset; return the offset, and where the intervals begin and end."""
    # tanh(a) rounds to 1 from 1 - 2^-25 on, a = 9.011; the clamp is the least multiple of 1/8 above.
    clamp = float(mp.ceil(8 * mp.atanh(1 - mpf(2) ** -25)) / 8)
    report.same("tanh: clamp", [clamp])
    # Offset and slope are a choice, good if the errors below are small and alike: the offset of which edges there are, the slope
    # of the scale. The clamp has to be in the eighth interval, and not so near its end that a rounding carries it into a ninth.
    slope, offset = report.held["tanh: slope"][0], report.held["tanh: offset"][0]
    report.holds("tanh: offset", 1 <= offset < 2, "in [1, 2)")
    edges = breaks(offset, slope)
    lawful = edges[7] < clamp < edges[8] * (1 - 2 ** -20)
    report.holds("tanh: slope", lawful, f"the eighth interval begins at {edges[7]:.4f}, a ninth would at {edges[8]:.4f}")
    return offset, edges[:8] + [clamp]


def centre_of(low, high):
    """
    (centre, c0, c0's error in ULP): a float near the middle whose tanh is as near to a float as can be, so that c0, the rounded
    tanh, needs no second word. 6000 floats are tried; in the last interval 3000, over which tanh hardly changes: there the middle
    is too far left for max(c0, t) to be c0 up to t = high - centre, and the search begins where that is so.
    """
    middle = start = (low + high) / 2
    while math.tanh(start) < high - start + 1e-4:
        start += 0.001 * middle

    def miss(centre):
        exact = mp.tanh(mpf(centre))
        return abs(nearest(exact) - exact) / ulp(exact)

    centre = min((from_bits(bits(start) + step) for step in range(0 if start > middle else -3000, 3000)), key=miss)
    return centre, nearest(mp.tanh(mpf(centre))), float(miss(centre))


def tanh(report):
    """
    tanh(centre + t) = c0 + c1 t + ... + c7 t^7 in each interval, centre and c0 found first. The interval at 0 has t = a and
    tanh(t) = t + c3 t^3 + c5 t^5 + c7 t^7, fitted for relative error, from 2^-12 on because that is 0/0 at 0 (it falls as t^2).
    The fits' intervals are a millionth wider than the edges, because offset + slope a is rounded. The low three bits of the
    index choose a table's entry; the interval at 0, where the index is that of the offset, need not be the first.
    """
    offset, edges = mapping(report)
    for i, (low, high) in enumerate(zip(edges, edges[1:])):
        entry = (i + (bits(offset) >> 22)) % 8
        name = f"tanh: entry {entry}, a in [{low:.3f}, {high:.3f}]"
        centre, c0, words = 0.0, 0.0, ""
        powers, given, kind, unit = [3, 5, 7], "x", "relative", 2.0 ** -24
        if i:
            centre, c0, miss = centre_of(low, high)
            words = f"; its tanh is {miss:.4f} ULP from a float"
            powers, given, kind, unit = list(range(1, 8)), c0.hex(), "absolute", ulp(math.tanh(low))
        report.same(name, [centre], words, report.held["tanh: centre"][entry:entry + 1])

        low, high = low - 1e-6 * max(1.0, low) - centre, high + 1e-6 * max(1.0, high) - centre
        interval = f"[{low.hex() if i else '2^-12'}; {high.hex()}]"
        held = report.held["tanh: c"][entry::8]
        found, error = fit(f"tanh({centre.hex()} + x)", powers, interval, given, kind, [held[power] for power in powers])
        found = dict(zip(powers, found))
        words = f"; error below {error / unit:.4f} ULP"
        report.same("    its c0..c7", [c0] + [found.get(power, 0.0) for power in range(1, 8)], words, held)


def main():
    missing = [package for package, found in (("python3-mpmath", mp), ("sollya", shutil.which("sollya"))) if not found]
    if missing:
        print(f"activation.py: {' and '.join(missing)} missing; apt-get install {' '.join(missing)}", file=sys.stderr)
        sys.exit(77)
    mp.prec = 120
    header = pathlib.Path(__file__).resolve().parents[2] / "src" / "kernel" / "activation.h"
    report = Report(read_header(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else header, PLACES, FLOAT))
    sigmoid(report)
    tanh(report)
    print(f"{report.good} passed, {report.bad} failed")
    sys.exit(1 if report.bad else 0)


if __name__ == "__main__":
    main()
