#!/usr/bin/env bash
# Instructions that sluice_forward executes, and sluice_backward where a case trains, as callgrind counts them. The count is the same
# in every run, however busy the machine and whatever its caches and number of CPUs, because perf/count.c fixes everything that the
# library would choose by them. It depends on the compiler, which perf/counts.txt names. Not counted is the growth of the tape
# in the first call.
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
figures=$root/perf/counts.txt
most=1 # per cent by which a count may grow
# Counting is turned on and off at the start of these functions, and back at their end. Calls of the last are nested in the first, and
# so are not counted.
toggles=(sluice_forward sluice_backward sl_tape_fit)

usage()
{
    cat <<'TEXT'
usage: perf/count.sh [--check | --renew] [--build DIRECTORY]
Count the instructions of small batches, with the AVX2 kernels on one thread: of each step of a row, and of the call. Training
counts both passes.
  --check   compare with perf/counts.txt; status 1 if one has grown by more than 1 %
  --renew   write perf/counts.txt
  --build   a release build, brought up to date first (build)
Status 77: there is no valgrind or no AVX2 here, or, with --check, another compiler than perf/counts.txt names.
TEXT
}

# leave STATUS WHY
leave()
{
    echo "count.sh: $2" >&2
    exit "$1"
}

# read_options OPTION...: set `verb` (print, check or renew) and `build`.
read_options()
{
    verb=print
    build=$root/build
    while [ $# -gt 0 ]; do
        case "$1" in
        --check | --renew) verb=${1#--} ;;
        --build)
            [ $# -ge 2 ] || leave 2 '--build needs a directory'
            build=$2
            shift
            ;;
        -h | --help)
            usage
            exit
            ;;
        *)
            usage >&2
            leave 2 "no option $1"
            ;;
        esac
        shift
    done
}

# check_toggles: fail if the program lacks a function of `toggles`, of which callgrind would say nothing.
check_toggles()
{
    local name names
    names=$(nm "$program") || leave 1 "the functions of $program cannot be listed"
    for name in "${toggles[@]}"; do
        grep -q " [tT] $name\$" <<<"$names" || leave 1 "the program has no function $name; correct \`toggles\` in perf/count.sh"
    done
}

# prepare: set `program`, `compiler`, and `cases`, a line each: its name, the steps of its rows, what it is.
prepare()
{
    local output listing
    command -v valgrind >/dev/null || leave 77 'nothing was counted: there is no valgrind; install it (Debian: valgrind)'
    [ -f "$build/build.ninja" ] || leave 2 "no build in $build; make one: ./dev build"
    output=$(ninja -C "$build" perf/count 2>&1) || leave 1 "perf/count was not built: $output"
    program=$build/perf/count
    check_toggles
    listing=$("$program")
    compiler=$(sed -n 's/^compiler //p' <<<"$listing")
    cases=$(sed '/^compiler /d' <<<"$listing")
    case "$verb $compiler" in
    print* | *' (release)'*) ;;
    *) leave 2 "the build in $build is not a release build: $compiler" ;;
    esac
    [ "$verb" != check ] || [ -f "$figures" ] || leave 1 'there is no perf/counts.txt; to write it: perf/count.sh --renew'
    if [ "$verb" = check ] && ! grep -qxF "compiler $compiler" "$figures"; then
        leave 77 "nothing was compared: perf/counts.txt has the $(grep '^compiler ' "$figures"), this is $compiler"
    fi
}

# count NAME: set `count` to the instructions of the case's call.
count()
{
    local status=0
    rm -f "$scratch/counted"
    env -i "PATH=$PATH" LD_BIND_NOW=1 valgrind --tool=callgrind "${toggles[@]/#/--toggle-collect=}" \
        --callgrind-out-file="$scratch/counted" "$program" "$1" >"$scratch/output" 2>&1 </dev/null || status=$?
    [ "$status" -ne 77 ] || leave 77 "nothing was counted: $(tail -n 1 "$scratch/output")"
    count=$(sed -n 's/^summary: \([1-9][0-9]*\)$/\1/p' "$scratch/counted") || true
    if [ "$status" -ne 0 ] || [ -z "$count" ]; then
        cat "$scratch/output" >&2
        leave 1 "$1 was not counted; callgrind ended with status $status"
    fi
}

# change OLD NEW: by how many per cent.
change()
{
    awk -v old="$1" -v new="$2" 'BEGIN { printf "%+.2f %%", 100 * (new / old - 1) }'
}

fail()
{
    failed=$((failed + 1))
    echo "FAILED: $1; if that is intended: perf/count.sh --renew"
}

# compare NAME COUNT: one check.
compare()
{
    local old
    old=$(sed -n "s/^$1 \([1-9][0-9]*\)\$/\1/p" "$figures")
    if [ -z "$old" ]; then
        fail "$1 is not in perf/counts.txt"
    elif [ $(($2 * 100)) -gt $((old * (100 + most))) ]; then
        fail "$1 takes $2 instructions, and $old by perf/counts.txt: $(change "$old" "$2")"
    else
        passed=$((passed + 1))
        [ $(($2 * 100)) -ge $((old * (100 - most))) ] ||
            echo "note: $1 takes $2 instructions, and $old by perf/counts.txt: $(change "$old" "$2");" \
                'to keep the lower count: perf/count.sh --renew'
    fi
}

# compare_names: fail for each case that only perf/counts.txt has.
compare_names()
{
    local name
    while read -r name; do
        fail "$name of perf/counts.txt is not counted any more"
    done < <(comm -23 <(sed -n 's/^\([a-z-]*\) [0-9]*$/\1/p' "$figures" | sort) <(cut -d ' ' -f 1 <<<"$cases" | sort))
}

read_options "$@"
prepare
scratch=
trap '[ -z "$scratch" ] || rm -rf "$scratch"' EXIT
scratch=$(mktemp -d)
passed=0
failed=0
cat >"$scratch/figures" <<TEXT
# Instructions of one call of each pass for each case of perf/count.c. Written by perf/count.sh --renew.
compiler $compiler
TEXT

printf '%-12s %-40s %9s %9s %12s\n' case batch 'row steps' 'of each' 'of the call'
while read -r name steps batch; do
    count "$name"
    printf '%-12s %-40s %9d %9d %12d\n' "$name" "$batch" "$steps" $((count / steps)) "$count"
    echo "$name $count" >>"$scratch/figures"
    [ "$verb" != check ] || compare "$name" "$count"
done <<<"$cases"

case "$verb" in
renew)
    cp "$scratch/figures" "$figures.new"
    mv "$figures.new" "$figures"
    ;;
check)
    compare_names
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    ;;
esac
