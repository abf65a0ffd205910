"""What is written from the option tables: every option of every command stands in --help, in the manual and in the completions for
bash and zsh, with a sentence; sluice help; help on a pipe that nobody reads; pages that man takes without a warning."""
import os
import re
import shutil
import subprocess

from support.checks import BUILD, SOURCE, run
from support.cli import BENCH, IO, OK, PROGRAM, USAGE, bench, environment, finish, run_parts, sluice

PAGES = BUILD / "src" / "program" / "pages"
# Page: the words of its command line, and the file with its table.
COMMANDS = {
    "sluice": ([PROGRAM], "src/cli/command_line.c"),
    "sluice-run": ([PROGRAM, "run"], "src/cli/command_line.c"),
    "sluice-train": ([PROGRAM, "train"], "src/cli/command_line.c"),
    "sluice-info": ([PROGRAM, "info"], "src/cli/command_line.c"),
    "sluice-evaluate": ([PROGRAM, "evaluate"], "src/cli/command_line.c"),
    "sluice-merge": ([PROGRAM, "merge"], "src/cli/command_line.c"),
    "sluice-convert": ([PROGRAM, "convert"], "src/cli/command_line.c"),
    "sluice-bench": ([BENCH], "perf/options/bench_options.c"),
}
BITS = {"SL_COMMAND_NONE": {"sluice"}, "RUN": {"sluice-run"}, "TRAIN": {"sluice-train"}, "INFO": {"sluice-info"},
        "EVALUATE": {"sluice-evaluate"}, "ALL": {"sluice-run", "sluice-train", "sluice-info", "sluice-evaluate"},
        "LOADING": {"sluice-run", "sluice-train", "sluice-info", "sluice-evaluate", "sluice-convert"}, "MERGE": {"sluice-merge"},
        "COMMANDS": {"sluice-run", "sluice-train", "sluice-evaluate", "sluice-merge", "sluice-info", "sluice-convert"}, "1": {"sluice-bench"}}
ROW = re.compile(r'^ {4}\{"([\w-]+)",\s*(?:0|\'(\w)\'),\s*([\w |]+),\s*\w+,\s*(?:NULL|"([^"]*)"),', re.MULTILINE)
SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "ENVIRONMENT", "FILES", "EXIT STATUS", "SEE ALSO"]
VARIABLES = ["SLUICE_NUM_THREADS", "SLUICE_ISA", "SLUICE_GEMM", "SLUICE_PRECISION", "SLUICE_MACHINE", "OMP_NUM_THREADS", "OMP_PROC_BIND",
             "OMP_PLACES", "OMP_WAIT_POLICY", "BLIS_ARCH_TYPE"]


def rows_of(page):
    """[(name, letter, metavar)] of the options that the page's table gives it; letter and metavar may be empty."""
    text = (SOURCE / COMMANDS[page][1]).read_text(encoding="utf-8")
    rows = [row for row in ROW.findall(text) if page in set().union(*(BITS[bit] for bit in row[2].split(" | ")))]
    return [(name, letter, metavar) for name, letter, _, metavar in rows]


def call(*words, **options):
    """The finished process of words, its output and standard error as text."""
    return finish(*words, stdin=subprocess.DEVNULL, text=True, timeout=60, **options)


def spell(name, letter, metavar):
    """How --help and the manual show an option."""
    value = "" if not metavar else metavar if metavar.startswith("[") else " " + metavar
    return f"{f'-{letter}, ' if letter else ''}--{name}{value}"


def check_tables(cli):
    """The tables are read as they are meant here."""
    for page, (_, path) in COMMANDS.items():
        names = [name for name, _, _ in rows_of(page)]
        cli.check(len(names) == len(set(names)) and {"help", "version"} <= set(names), f"{page} has each option once: {names}")
        rows = re.findall(r'^ {4}\{"[\w-]+",', (SOURCE / path).read_text(encoding="utf-8"), re.MULTILINE)
        cli.check(len(rows) == len(ROW.findall((SOURCE / path).read_text(encoding="utf-8"))), f"every row of {path} is read")
    cli.check(len(rows_of("sluice-train")) > 40 and len(rows_of("sluice-bench")) > 30, "the tables have the options")


def check_help(cli):
    """--help: usage and an example on the first lines, then every option with its sentence, within 80 columns."""
    for page, (words, _) in COMMANDS.items():
        result = call(*words, "--help")
        text, lines = result.stdout, result.stdout.splitlines()
        shown = page.replace("-", " ") if page != "sluice-bench" else page
        cli.check(result.returncode == OK and not result.stderr and lines[0].startswith(f"Usage: {shown} "),
                  f"{page} --help: {result.returncode}, {lines[:1]}")
        cli.check("Examples:" in lines[:5] and any(line.startswith(f"  {shown}") for line in lines[:9]),
                  f"{page} --help: an example")
        cli.check_none([line for line in lines if len(line) > 80], f"{page} --help is 80 columns wide")
        cli.check(call(*words, "-h").stdout == text, f"{page} -h is --help")
        for row in rows_of(page):
            match = re.search(rf"^  {re.escape(spell(*row))}(?:  +|\n {{20,}})(.*)", text, re.MULTILINE)
            cli.check(match and len(match[1].split()) >= 2,
                      f"{page} --help has {spell(*row)} with a sentence: {match and match[1]}")
    text = call(PROGRAM, "run", "--help").stdout
    cli.check("(auto, rows, hoist, units, measure; default: auto)" in " ".join(text.split()), "choices and the default are shown")
    cli.check("(default: 0.001)" in " ".join(call(PROGRAM, "train", "--help").stdout.split()), "so are other defaults")


def check_read(cli):
    """Every option of a table is one that the program knows."""
    for page, (words, _) in COMMANDS.items():
        if page == "sluice":
            continue
        for name, letter, metavar in rows_of(page):
            value = "needs a value" if metavar and not metavar.startswith("[") else "takes no value"
            for spelling in [f"--{name}"] + ([f"-{letter}"] if letter and metavar else []):
                error = call(*words, spelling + ("=1" if value.startswith("takes") else "")).stderr
                cli.check(value in error or metavar.startswith("[") and f"{spelling} '1'" in error, f"{page} {spelling}: {error}")


def check_commands(cli):
    """sluice help COMMAND is COMMAND --help; other commands are refused."""
    for command in ("run", "train", "evaluate", "merge", "info", "convert"):
        cli.check(cli.answers("help", command) == cli.answers(command, "--help"), f"help {command} is {command} --help")
    general = cli.answers("--help")
    cli.check(cli.answers("help") == general, "help is --help")
    for word in ("help", "--help", "-h"):
        cli.check(cli.answers("help", word) == general, f"help {word} is --help")
    bench = call(BENCH, "help")
    cli.check(bench.returncode == OK and bench.stdout == call(BENCH, "--help").stdout, f"sluice-bench help is --help: {bench}")
    train = " ".join(cli.answers("help", "train").decode().split())
    cli.check("sluice train --resume CHECKPOINT [OPTION]..." in train and "takes the options and the names of files from the" in train
              and "with its options and files where none are given" in train, "help train says what --resume takes")
    for word in (b"run ", b"train ", b"info ", b"help [COMMAND]", b"SLUICE_ISA", b"130 interrupted"):
        cli.check(word in general, f"sluice --help has {word}")
    cli.refused(USAGE, ["'walk'", "run, train, evaluate, merge, info or convert"], "help", "walk")
    cli.refused(USAGE, ["'info'", "'run'"], "help", "run", "info")
    cli.check(sluice().stderr == general, "no command: the same on standard error")


def check_pipe(cli):
    """Help that nobody reads ends without a word, and help that cannot be written does not end well."""
    for words in ([PROGRAM, "--help"], [PROGRAM, "help", "train"], [PROGRAM, "run", "--help"], [BENCH, "--help"],
                  [BENCH, "--version"]):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            result = finish(*words, stdout=pipe)
        cli.check(result.returncode in (IO, -13) and not result.stderr,
                  f"{words[1:]} on a closed pipe: {result.returncode}, {result.stderr!r}")
        if os.path.exists("/dev/full"):
            with open("/dev/full", "wb") as full:
                result = finish(*words, stdout=full)
            cli.check(result.returncode == IO and b"standard output" in result.stderr and result.stderr.count(b"\n") == 1,
                      f"{words[1:]} on a full device: {result.returncode}, {result.stderr!r}")


def plain(roff):
    """A manual page's source without its escapes."""
    text = re.sub(r"\\f[BIR]", "", roff)
    for escape, char in ((r"\-", "-"), (r"\(aq", "'"), (r"\(dq", '"'), (r"\(ga", "`"), (r"\(ha", "^"), (r"\(ti", "~"), (r"\&", "")):
        text = text.replace(escape, char)
    return text.replace(r"\e", "\\")


def check_manual(cli):
    """Every page has its sections, every option with whole sentences, variables and exit codes."""
    version = call(PROGRAM, "--version").stdout.split()[1]
    for page in COMMANDS:
        source = (PAGES / f"{page}.1").read_text(encoding="utf-8")
        text = plain(source)
        cli.check_none([line for line in source.splitlines()[1:] if re.search(r"(?<!\\)-|(?<!\\\()['\"`^~]", line)],
                       f"{page}.1 has no character that is shown as another one")
        cli.check(text.startswith(f".TH {page.upper()} 1 ") and f'"Sluice {version}"' in text.splitlines()[0],
                  f"{page}.1: the title")
        found = [name for name in re.findall(r"^\.SH (.*)", text, re.MULTILINE) if name != "COMMANDS"]
        cli.check(found == SECTIONS, f"{page}.1 has the sections {SECTIONS}; found {found}")
        for row in rows_of(page):
            match = re.search(rf"^\.TP\n{re.escape(spell(*row))}\n((?:[^.\n].*\n)+)", text, re.MULTILINE)
            cli.check(match and re.fullmatch(r"[A-Z].*\.", match[1].strip(), re.DOTALL),
                      f"{page}.1 has {spell(*row)} with a sentence: {match and match[1]!r}")
        cli.check_none([name for name in VARIABLES if name not in text], f"{page}.1 has the environment variables")
        surroundings = text[text.index(".SH ENVIRONMENT"):text.index(".SH FILES")].replace("\n", " ")
        cli.check_none([values for values in (r"One of auto, scalar(, \w+)* or \w+\.", r"One of auto, fused or blis\.")
                        if len(re.findall(values, surroundings)) != 1], f"{page}.1 has the values of variables")
        cli.check_none([code for code in (0, 1, 2, 65, 66, 74, 130) if f"\n.TP\n{code}\n" not in text],
                       f"{page}.1 has the exit codes")
        others = [other for other in COMMANDS if other != page and (page != "sluice-bench" or other == "sluice")]
        see = text[text.index(".SH SEE ALSO"):]
        cli.check_none([other for other in others if f"{other}(1)" not in see], f"{page}.1 names the other pages")
        cli.check(".sluice-XXXXXXXXXXXXXXXX.tmp" in text and "may be deleted" in text.replace("\n", " "), f"{page}.1 has the files")


def check_roff(cli):
    """The formatters that are installed take the pages without a word; a date comes from SOURCE_DATE_EPOCH alone."""
    for maker, pages in ((BUILD / "src" / "cli" / "make_sluice_pages", [page for page in COMMANDS if page != "sluice-bench"]),
                         (BUILD / "perf" / "make_bench_pages", ["sluice-bench"])):
        folder = cli.path(maker.name)
        folder.mkdir()
        made = run([maker, folder], env=environment(SOURCE_DATE_EPOCH="86400", TZ="Pacific/Kiritimati"))
        cli.check(made.returncode == OK and not made.stdout, f"{maker.name}: {made.returncode}, {made.stdout}")
        for page in pages:
            path = folder / f"{page}.1"
            cli.check('"1970-01-02"' in path.read_text(encoding="utf-8").splitlines()[0], f"{page}.1 has the date asked for")
            for words in (["groff", "-man", "-ww", "-Tutf8"], ["mandoc", "-T", "lint", "-W", "warning"]):
                if shutil.which(words[0]):
                    result = call(*words, path, env=environment(LC_ALL="C.UTF-8"))
                    output = result.stderr + (result.stdout if words[0] == "mandoc" else "")
                    cli.check(result.returncode == OK and not output, f"{' '.join(words)} {page}.1: {output}")
        made = []
        for zone in ("UTC", "Asia/Tokyo"):
            variables = environment(TZ=zone)
            variables.pop("SOURCE_DATE_EPOCH", None)
            run([maker, folder], env=variables)
            made.append({path.name: path.read_bytes() for path in folder.iterdir()})
        cli.check(made[0] == made[1], f"{maker.name} writes the same bytes again")
    refused = run([BUILD / "perf" / "make_bench_pages", cli.path("absent")])
    cli.check(refused.returncode == 1 and "absent" in refused.stdout, f"a directory that is not there is named: {refused.stdout}")


def complete(cli, program, *words):
    """What bash makes of words, of which the last is being typed, in the test's directory."""
    name = program.replace("-", "_")
    script = (f'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _{name}; '
              'for word in "${COMPREPLY[@]}"; do printf "%s\\n" "$word"; done')
    result = call("bash", "-u", "-c", script, "bash", PAGES / program, program, *words, cwd=cli.directory)
    cli.check(result.returncode == OK and not result.stderr, f"bash completes {words}: {result.returncode}, {result.stderr}")
    return result.stdout.splitlines()


def check_bash(cli):
    """bash, which has the functions called as it would, offers every option, the choices, files, and commands."""
    for page in COMMANDS:
        program = "sluice-bench" if page == "sluice-bench" else "sluice"
        words = [] if page == program else [page.removeprefix("sluice-")]
        offered = complete(cli, program, *words, "--")
        expected = [f"--{name}" + ("=" if metavar.startswith("[") else "") for name, _, metavar in rows_of(page)]
        cli.check(sorted(offered) == sorted(expected), f"bash offers the options of {page}: {sorted(set(offered) ^ set(expected))}")
    for name in ("a file.npy", "a.npy"):
        cli.path(name).write_bytes(b"")
    cli.path("a folder").mkdir()
    schedules = ["auto", "rows", "hoist", "units", "measure"]
    cases = [
        ("sluice", [""], ["run", "train", "evaluate", "merge", "convert", "info", "help"]),
        ("sluice", ["t"], ["train"]),
        ("sluice", ["help", "r"], ["run"]),
        ("sluice", ["help", ""], ["run", "train", "evaluate", "merge", "convert", "info"]),
        ("sluice", ["run", "--schedule", ""], schedules),
        ("sluice", ["run", "--schedule", "=", ""], schedules),
        ("sluice", ["run", "--schedule", "="], schedules),
        ("sluice", ["run", "--schedule", "m"], ["measure"]),
        ("sluice", ["run", "-i", "a f"], ["a file.npy", "a folder"]),
        ("sluice", ["run", "--input", "=", "a.n"], ["a.npy"]),
        ("sluice", ["run", "a."], ["a.npy"]),
        ("sluice", ["run", "--rows", ""], []),
        ("sluice", ["train", "--text", "a."], ["a.npy"]),
        ("sluice", ["run", "--text", "--h"], ["--hop", "--header", "--h0", "--hn", "--head", "--head-name", "--head-activation", "--head-input", "--help"]),
        ("sluice", ["train", "--optimizer", "ad"], ["adam", "adamw"]),
        ("sluice", ["train", "--class-weights", "b"], ["balanced"]),
        ("sluice", ["train", "--class-weights", "=", "b"], ["balanced"]),
        ("sluice", ["train", "--class-weights", "a."], ["a.npy"]),
        ("sluice", ["walk", ""], []),
        ("sluice-bench", ["--isa", "scalar,av"], ["scalar,avx2", "scalar,avx512"]),
        ("sluice-bench", ["--train", "=", "f"], ["forward"]),
        ("sluice-bench", ["--train", "f"], []),
        ("sluice-bench", ["--export", "a"], ["a folder"]),
        ("sluice-bench", ["--format", "json"], ["json", "jsonl"]),
        ("sluice-bench", [""], []),
    ]
    for program, words, expected in cases:
        offered = complete(cli, program, *words)
        cli.check(sorted(offered) == sorted(expected), f"{program} {words}: expected {expected}, bash offers {offered}")
    for program in ("sluice", "sluice-bench"):
        shown = call("bash", "-c", f'source "$1"; complete -p {program}', "bash", PAGES / program).stdout
        cli.check(shown == f"complete -F _{program.replace('-', '_')} {program}\n",
                  f"bash knows how to complete {program}: {shown}")


def check_zsh(cli):
    """zsh's scripts have every option with its sentence, and zsh, if it is there, can read them."""
    for page in COMMANDS:
        program = "sluice-bench" if page == "sluice-bench" else "sluice"
        text = (PAGES / f"_{program}").read_text(encoding="utf-8")
        cli.check(text.startswith(f"#compdef {program}\n"), f"_{program} says what it completes")
        if page not in ("sluice", "sluice-bench"):
            text = re.search(rf"^    {page.removeprefix('sluice-')}\)\n(.*?);;", text, re.MULTILINE | re.DOTALL)[1]
        for name, letter, metavar in rows_of(page):
            found = re.search(rf"^ +'.*--{name}(?:=-?)?(?:\}}')?\[.*\w+ \w+.*\]{':' if metavar else ''}", text, re.MULTILINE)
            cli.check(found, f"_{program} has --{name} of {page} with a sentence")
            cli.check(not letter or f"(-{letter} --{name})" in text, f"_{program} has -{letter} of {page}")
        if page == "sluice-train":
            cli.check("]:balanced|FILE:{compadd - balanced; _files}'" in text, "_sluice has the word that stands for a file")
        if shutil.which("zsh"):
            result = call("zsh", "-n", PAGES / f"_{program}")
            cli.check(result.returncode == OK and not result.stderr, f"zsh reads _{program}: {result.stderr}")


if __name__ == "__main__":
    run_parts()
