#!/usr/bin/env python3
"""Run static Linux programs on an emulated CPU that has AVX-512, whatever CPU this machine has.

The machine is Bochs, its system a Debian kernel with init.c as the only process. One boot runs all programs, each without
arguments; what they print comes out here as it is printed. The current directory is the machine's /: programs and --file's files
lie below it here and at the same paths there. The closing line, `N passed, N failed`, counts the programs' checks and, for each
program, that it did not lack AVX-512; the status is 0 if none failed.

Needs the Debian packages bochs bochs-term bochsbios vgabios isolinux syslinux-common xorriso; `./dev emulate` sees to all. Bochs
runs about 10 million 512-bit floating-point instructions a second, and needs 10 seconds to start Linux.
"""
import argparse
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.checks import Checks
from support.tally import count_test

MEGABYTES = 512
HERTZ = 50_000_000  # of the emulated time stamp counter: one tick per instruction
BIOS = "/usr/share/bochs/BIOS-bochs-latest"
VGA_BIOS = "/usr/share/bochs/VGABIOS-lgpl-latest"
LOADER = ["/usr/lib/ISOLINUX/isolinux.bin", "/usr/lib/syslinux/modules/bios/ldlinux.c32"]

# clearcpuid: XSAVEC and XSAVES. Bochs reports a wrong size for their compacted format, and Linux would switch AVX off; the standard
# format is right. tsc_early_khz: CPUID reports the frequency of the real CPU of that name. The rest shortens the boot.
KERNEL_LINE = ("console=ttyS0,115200 quiet clearcpuid=321,323 tsc_early_khz={khz} mitigations=off nokaslr no_timer_check "
               "cryptomgr.notests audit=0 lsm= random.trust_cpu=on panic=0 "
               "initcall_blacklist=load_system_certificate_list,trace_eval_init,cubictcp_register,init_kprobe_trace")
LOADER_CONFIGURATION = "DEFAULT linux\nPROMPT 0\nLABEL linux\n KERNEL vmlinuz\n INITRD initrd\n APPEND {line}\n"
MACHINE = """config_interface: textconfig
display_library: term
cpu: model=corei7_skylake_x, count=1, ips={hertz}, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest={megabytes}, host={megabytes}
romimage: file={bios}, options=fastboot
vgaromimage: file={vga_bios}
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={folder}/image.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={folder}/console
com2: enabled=1, mode=file, dev={folder}/output
speaker: enabled=0
log: {folder}/log
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
"""


def options():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", required=True, metavar="VMLINUZ", help="a Linux kernel with devtmpfs and serial ports built in")
    parser.add_argument("--init", required=True, metavar="PROGRAM", help="init.c, compiled and linked statically")
    parser.add_argument("--file", action="append", default=[], metavar="PATH", help="a file that the programs read, or a folder")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a variable of the programs' environment")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="for all of it; default: %(default)s")
    parser.add_argument("programs", nargs="+", metavar="PROGRAM")
    return parser.parse_args()


def entry(number, name, mode, data):
    """A file in the format that the kernel unpacks into its first file system: cpio "newc"."""
    head = "070701" + "".join(f"{field:08X}" for field in (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0))
    head = head.encode() + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def first_files(wanted):
    """The machine's files: init, its job, the programs and what they read."""
    named = [pathlib.Path(name) for name in wanted.programs + wanted.file]
    files = sorted({file for path in named for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()})
    inside = {os.path.relpath(file): file for file in files}
    if any(name.startswith("..") for name in inside):
        sys.exit("run: every program and file has to lie below the current directory")
    job = ["eHOME=/", *("e" + setting for setting in wanted.set), *("p/" + os.path.relpath(name) for name in wanted.programs)]
    folders = sorted({str(folder) for name in inside for folder in pathlib.PurePath(name).parents} - {"."})
    entries = [("init", 0o100755, pathlib.Path(wanted.init).read_bytes()),
               ("job", 0o100644, "".join(word + "\0" for word in job).encode()),
               *((name, 0o40755, b"") for name in folders),
               *((name, 0o100755, file.read_bytes()) for name, file in inside.items()),
               ("TRAILER!!!", 0, b"")]
    return b"".join(entry(number, *fields) for number, fields in enumerate(entries, 1))


def make_image(folder, wanted):
    """A disc that boots: folder/image.iso."""
    disc = folder / "disc"
    disc.mkdir()
    for file in LOADER:
        shutil.copy(file, disc)
    shutil.copy(wanted.kernel, disc / "vmlinuz")
    (disc / "initrd").write_bytes(first_files(wanted))
    (disc / "isolinux.cfg").write_text(LOADER_CONFIGURATION.format(line=KERNEL_LINE.format(khz=HERTZ // 1000)))
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", folder / "image.iso", "-b", "isolinux.bin", "-c", "boot.cat",
                    "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", disc], check=True, stderr=subprocess.DEVNULL)


class Machine:
    """Bochs, running. Its screen is a terminal that nobody sees; used in a with statement, at whose end it is switched off."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "output").touch()
        (folder / "commands").write_text("c\n")  # Debian's Bochs has its debugger built in, which waits for "continue"
        (folder / "machine").write_text(MACHINE.format(hertz=HERTZ, megabytes=MEGABYTES, bios=BIOS, vga_bios=VGA_BIOS,
                                                       folder=folder))
        self.screen, terminal = pty.openpty()
        os.set_blocking(self.screen, False)
        self.process = subprocess.Popen(["bochs-bin", "-q", "-f", folder / "machine", "-rc", folder / "commands"], stdin=terminal,
                                        stdout=terminal, stderr=terminal, env={**os.environ, "TERM": "vt100"})
        os.close(terminal)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def has_failed(self):
        """Whether it has stopped or its system has; keeps the screen's pipe from filling, too."""
        try:
            while os.read(self.screen, 65536):
                pass
        except OSError:
            pass
        return self.process.poll() is not None or "Kernel panic" in self.text_of("console")

    def text_of(self, name):
        """Text of one of its files so far."""
        path = self.folder / name
        return path.read_text(errors="replace") if path.exists() else ""


def follow(machine, count, end):
    """[(output, status)] of the programs that ended before `end`, printed as they run."""
    done, text, rest = [], [], ""
    with open(machine.folder / "output", encoding="utf-8", errors="replace", newline="\n") as output:
        while len(done) < count:
            stop = machine.has_failed() or time.monotonic() > end
            *lines, rest = (rest + output.read()).split("\n")
            for line in lines:
                line, ended, status = line.partition("\x1e")
                if line or not ended:
                    print(line, flush=True)
                    text.append(line)
                if ended:
                    done.append(("\n".join(text), int(status)))
                    text = []
            if stop:
                print(f"{rest}\nrun: the machine stopped or ran out of time, {len(done)} of {count} programs done\n"
                      + machine.text_of("log")[-1000:] + machine.text_of("console")[-2000:])
                break
            time.sleep(0.1)
    return done


def stop(*_):
    """End in order when asked to, once: the with statements clean up."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(1)


def main():
    wanted = options()
    end = time.monotonic() + wanted.timeout
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="sluice-emulate-") as name:
        make_image(pathlib.Path(name), wanted)
        with Machine(pathlib.Path(name)) as machine:
            done = follow(machine, len(wanted.programs), end)
    for program, (text, status) in zip(wanted.programs, done):
        passed, failed = count_test({"stdout": text, "result": "OK" if status == 0 else "FAIL"})
        checks.passed += passed
        checks.failed += failed
        checks.check(passed and "lacks avx512" not in text, f"{program} passes some checks and lacks no AVX-512; status {status}")
    checks.check(len(done) == len(wanted.programs), f"all of {len(wanted.programs)} programs ran to their end: {len(done)} did")
    checks.check(any("avx512" in text for text, _ in done), "some program says that it ran its AVX-512 part")
    checks.finish()


if __name__ == "__main__":
    main()
