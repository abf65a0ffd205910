#!/usr/bin/env bash
# Classify the lines of a file by an array of jobs, and then merge their parts: submit.sh MODEL INPUT OUTPUT [OPTION]...
# The files are on a file system that all nodes have. Submitted again, it computes the parts that are missing.
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: $0 MODEL INPUT OUTPUT [OPTION of sluice run]..." >&2; exit 2; }
array=$(sbatch --parsable "$(dirname "$0")/parts.sbatch" "$@")
sbatch --job-name=sluice-merge --dependency="afterok:${array%%;*}" --kill-on-invalid-dep=yes --wrap="sluice merge $(printf %q "$3")"
