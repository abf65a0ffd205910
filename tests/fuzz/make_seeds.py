#!/usr/bin/env python3
"""make_seeds.py csv|npz FOLDER: write files from which fuzz_series starts, each behind the byte that says how it is opened."""
import gzip
import io
import pathlib
import struct
import sys
import zipfile

TABLES = (b"1,2\n3,4\n", b"a,b\r\n1,-2.5e3\r\n,nan\r\n", b'x,2,3\n"y\n""z""",4,5\n', b"id;s;v\n1;a;.5\n2;b;6.\n", b"\xef\xbb\xbf1\t2\n\n3\tinf")
FLAGS = (0, 2 | 4, 1 | 8 | 16, 8 | 32, 16 | 32)
MEMBER = 64


def npy(descr, shape, data, columns=False):
    text = repr({"descr": descr, "fortran_order": columns, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def zipped(content, method, wide):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive, archive.open("x.npy", "w", force_zip64=wide) as member:
        member.write(content)
    return file.getvalue()


def main():
    kind, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    arrays = [npy("<f4", (2, 3, 2), bytes(48)), npy(">i2", (6, 2), bytes(24), True), npy("|u1", (2, 3, 4), bytes(24), True)]
    if kind == "csv":
        seeds = [bytes([flags]) + form for flags in FLAGS for table in TABLES for form in (table, gzip.compress(table, mtime=0))]
    else:
        seeds = [bytes([MEMBER]) + zipped(array, method, wide) for array in arrays for wide in (False, True)
                 for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]
        seeds += [b"\0" + form for array in arrays for form in (array, gzip.compress(array, mtime=0))]
    for k, seed in enumerate(seeds):
        (folder / f"seed_{k}").write_bytes(seed)


if __name__ == "__main__":
    main()
