#!/usr/bin/python3
"""Recompute the constants of src/kernel/exponential.h and functions.h and compare them, to the bit, with what the headers hold.

    tests/derive/functions.py [FOLDER]

prints a line for each as activation.py does, whose exit status it has too; FOLDER is that of the headers. It needs mpmath (Debian:
apt-get install python3-mpmath). Not part of the test suite, which looks at the functions' results. Takes some seconds.

The polynomials interpolate at the zeros of a Chebyshev polynomial, in 160 bits, and have their coefficients rounded to doubles: within
a factor of two of the least possible maximum error, and the same wherever they are computed. `holds` says of each what error it was
found to have, at 2000 points, relative to the function; the doubles' own roundings, some 2^-50, come on top.
"""
import pathlib
import sys

from activation import DOUBLE, Report, read_header

try:
    from mpmath import mp, mpf
except ImportError:
    mp = None

POINTS = 2000
BOUND = 2.0 ** -32  # 1/256 of a float's ULP, which is at least 2^-24 of the number
EXPONENTIAL = {
    "exp: 3 * 2^51": rf"big = vd_set\(({DOUBLE})\)",
    "exp: 1 / ln 2": rf"vd_fma\(z, vd_set\(({DOUBLE})\), big\)",
    "exp: -ln 2": rf"vd_fma\(vd_sub\(kf, big\), vd_set\(({DOUBLE})\), z\)",
    "exp: c": r"double c\[7\] = \{([^}]*)\}",
    "log: c": r"double c\[6\] = \{([^}]*)\}",
    "normal: c": r"double c\[12\] = \{([^}]*)\}",
    "normal: 5": rf"vd_add\(a, vd_set\(({DOUBLE})\)\)",
}
FUNCTIONS = {
    "clamp": rf"vd_min\(vd_set\(({DOUBLE})\), vd_max\(vd_set\(({DOUBLE})\), z\)\)",
    "softsign: clamp": rf"at = vd_widen\(v_min\(v_set\(({DOUBLE})f\)",
    "gelu: clamp": rf"vd_normal_below\(vd_widen\(v_min\(v_set\(({DOUBLE})f\)",
    "gelu_tanh: slope": rf"vd_fma\(vd_mul\(at, at\), vd_set\(({DOUBLE})\), vd_set\(({DOUBLE})\)\)",
    "scaled_tanh: clamp": rf"vd_min\(vd_set\(({DOUBLE})\), twice\)",
}


def interpolate(function, low, high, count):
    """The polynomial of `count` terms, highest power first, its coefficients rounded to doubles."""
    return [float(value) for value in mp.chebyfit(function, [low, high], count)]


def worst_error(approximation, function, low, high):
    """The largest relative error found in an interval."""
    places = [low + (high - low) * (2 * k + 1) / (2 * POINTS) for k in range(POINTS)]
    return float(max(abs(approximation(x) / function(x) - 1) for x in places))


def check_error(report, name, error):
    report.holds(name, error < BOUND, f"relative error below 2^{float(mp.log(error, 2)):.2f}")


def polynomial(report, name, x):
    """What the header's polynomial gives at x."""
    return mp.polyval([mpf(value) for value in report.held[name]], x)


def exponential(report):
    """
    exp(z) = 2^n exp(r), r = z - n ln 2, |r| <= ln 2 / 2. ln 2 is one double: n of at most 1010 times its error of 2^-55 is 2^-45.
    Adding 3 * 2^51 leaves no bits behind the point, in a binade that ends at 2^53: so negative n have their place too.
    """
    report.same("exp: 3 * 2^51", [3.0 * 2 ** 51])
    report.same("exp: 1 / ln 2", [float(1 / mp.log(2))])
    report.same("exp: -ln 2", [-float(mp.log(2))])

    # exp(r) - 1 = r + r^2 q(r); a millionth more than ln 2 / 2 on account of the rounded 1 / ln 2.
    high = mp.log(2) / 2 * (1 + mpf(2) ** -20)
    report.same("exp: c", interpolate(lambda r: (mp.expm1(r) - r) / r ** 2 if r else mpf(1) / 2, -high, high, 7))
    error = worst_error(lambda r: r + r ** 2 * polynomial(report, "exp: c", r), mp.expm1, -high, high)
    check_error(report, "exp: c", error)


def logarithm(report):
    """
    log(1 + u) = log((1 + s) / (1 - s)) with s = u / (2 + u), an odd function of s: 2 s + s^3 q(s^2), with s^2 <= 1/9.
    """
    def rest(square):
        s = mp.sqrt(square)
        return (mp.log((1 + s) / (1 - s)) - 2 * s) / s ** 3 if s else mpf(2) / 3

    report.same("log: c", interpolate(rest, mpf(0), mpf(1) / 9, 6))
    error = worst_error(lambda s: 2 * s + s ** 3 * polynomial(report, "log: c", s * s), lambda s: mp.log((1 + s) / (1 - s)),
                        mpf(0), mpf(1) / 3)
    check_error(report, "log: c", error)


def normal(report, end):
    """
    The normal distribution below -a is exp(-a^2 / 2) times a function that falls as 1 / a. Of t = 1 / (a + 5) it is nearly linear,
    and divided by t nearly constant, so that absolute and relative errors are alike. Of the numbers added to a, tried by halves from 3
    to 5, 5 gives the least error with 12 terms.
    """
    offset = mpf(report.held["normal: 5"][0])

    def rest(t):
        a = 1 / t - offset
        return mp.erfc(a / mp.sqrt(2)) / 2 * mp.exp(a * a / 2) / t

    low, high = 1 / (end + offset), 1 / offset
    report.same("normal: c", interpolate(rest, low, high, 12))
    check_error(report, "normal: c", worst_error(lambda t: polynomial(report, "normal: c", t), rest, low, high))


def functions(report):
    """Where a function's argument is limited, it has come to its limit, as floats go; and gelu's formula."""
    least = mpf(2) ** -150  # half of the least float: what is not above it rounds to 0
    high, low = map(mpf, report.held["clamp"])
    lawful = low == -high and high * mp.exp(-high) < least and high / mp.log(2) < 1022
    report.holds("clamp", lawful, f"z exp(-z) is {mp.nstr(high * mp.exp(-high), 2)}, and 2^n a normal double")
    end = mpf(report.held["softsign: clamp"][0])
    report.holds("softsign: clamp", 1 - end / (1 + end) < mpf(2) ** -54, "x / (1 + x) is 1, as a double even")
    end = mpf(report.held["gelu: clamp"][0])
    last = end * mp.erfc(end / mp.sqrt(2)) / 2
    report.holds("gelu: clamp", last < least, f"the function is {mp.nstr(last, 2)} there, the least float 1.4e-45")
    # 2 sqrt(2 / pi) (x + 0.044715 x^3) = x (c1 + c3 x^2)
    slope = 2 * mp.sqrt(2 / mp.pi)
    report.same("gelu_tanh: slope", [float(slope * mpf("0.044715")), float(slope)])
    twice = mpf(report.held["scaled_tanh: clamp"][0])
    report.holds("scaled_tanh: clamp", 1 - mp.tanh(twice / 2) < mpf(2) ** -54, "tanh of half of it is 1, as a double even")
    return end


def main():
    if not mp:
        print("functions.py: python3-mpmath missing; apt-get install python3-mpmath", file=sys.stderr)
        sys.exit(77)
    mp.prec = 160
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "src" / "kernel"
    held = read_header(folder / "exponential.h", EXPONENTIAL, DOUBLE)
    report = Report({**held, **read_header(folder / "functions.h", FUNCTIONS, DOUBLE)})
    exponential(report)
    logarithm(report)
    normal(report, functions(report))
    print(f"{report.good} passed, {report.bad} failed")
    sys.exit(1 if report.bad else 0)


if __name__ == "__main__":
    main()
