#!/usr/bin/env bash
# Run or train a model on several ranks of MPI:
#   ranks.sh run MODEL INPUT OUTPUT [OPTION]...   classifies the lines of a file, each rank a part of them
#   ranks.sh train LINES MODEL [OPTION]...        trains on labelled lines; begun again, it goes on from the last checkpoint
# RANKS says how many (2); a hosts file, binding and the like are mpirun's own environment variables.
set -euo pipefail
[ $# -ge 3 ] || { sed -n 's/^# \?//; 2,5p' "$0" >&2; exit 2; }
command=(mpirun -n "${RANKS:-2}" sluice-mpi "$1")
case "$1" in
run) exec "${command[@]}" "$2" --text --input "$3" --output "$4" "${@:5}" ;;
train)
    checkpoint=$3.checkpoint
    [ ! -e "$checkpoint" ] || exec "${command[@]}" --resume "$checkpoint"
    # 16 shards: the same bits on any number of ranks, up to 16 of which have work.
    exec "${command[@]}" --text "$2" --output "$3" --checkpoint "$checkpoint" --shards 16 "${@:4}"
    ;;
*) echo "$0: run or train is expected, not $1" >&2; exit 2 ;;
esac
