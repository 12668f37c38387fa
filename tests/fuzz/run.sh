#!/bin/sh
# Runs every fuzzer in a folder for some seconds, two at a time:  run.sh DIR SECONDS
# Each begins with its seeds, tests/fuzz/seeds/NAME/; what it finds beyond them is thrown away, what breaks it is kept in DIR.
set -u
[ $# = 2 ] || { echo "usage: $0 DIR SECONDS" >&2; exit 2; }
dir=$(cd "$1" && pwd) || exit 2
seconds=$2
seeds=$(cd "$(dirname "$0")" && pwd)/seeds
scratch=$(mktemp -d)
export TMPDIR="$scratch"	# what fuzzers keep goes with the rest
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# fuzz_one PROGRAM: leaves a file if all went well
fuzz_one() {
	name=${1##*/fuzz_}
	mkdir "$scratch/$name"
	set -- "$1" "$scratch/$name"
	[ -d "$seeds/$name" ] && set -- "$@" "$seeds/$name"
	if "$@" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=1024 \
		-artifact_prefix="$dir/$name-" -print_final_stats=1 -verbosity=0 >"$scratch/$name.log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/$name.log")
		echo "ok    $name: $runs runs in $seconds s"
		touch "$scratch/$name.ok"
	else
		echo "FAIL  $name"
		tail -n 60 "$scratch/$name.log"
	fi
}

failed=0 first=''
for program in "$dir"/fuzz_*; do
	case $program in *.d | *.o) continue ;; esac
	if [ ! -f "$program" ] || [ ! -x "$program" ]; then continue; fi
	fuzz_one "$program" &
	if [ -z "$first" ]; then
		first=$!
	else
		wait "$first" "$!"
		first=''
	fi
done
wait
found=0
for log in "$scratch"/*.log; do
	[ -e "$log" ] || continue
	found=1
	[ -e "${log%.log}.ok" ] || failed=1
done
[ $found = 1 ] || { echo "there are no fuzzers in $dir" >&2; failed=1; }
exit $failed
