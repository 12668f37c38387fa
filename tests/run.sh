#!/bin/sh
# Runs every test that was built and closes with "N passed, N failed":  tests/run.sh BUILD_DIR
#   WXCHAT_TESTS="PATTERN ..."   only the files whose names begin so (push, login, test_frame ...)
#   WXCHAT_JOBS=N                Node test files at once (3)
# What the tests leave (screenshots, logs of failures) is in BUILD_DIR/test-output.
set -u
cd "$(dirname "$0")/.." || exit 1
build=$(cd "$1" && pwd)
out=$build/test-output
mkdir -p "$out"
export WXCHAT_BUILD="$build/bin" WXCHAT_OUTPUT="$out"
export ASAN_OPTIONS="${ASAN_OPTIONS:-abort_on_error=0:detect_leaks=1}" UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}"
passed=0
failed=0
skipped=0

wanted() { # FILE
	[ -n "${WXCHAT_TESTS:-}" ] || return 0
	for pattern in $WXCHAT_TESTS; do
		case ${1##*/} in "$pattern"*) return 0 ;; esac
	done
	return 1
}

# --- units: cmocka's programs ---
for test in "$build"/test/test_*; do
	case $test in *.d) continue ;; esac
	[ -x "$test" ] && wanted "$test" || continue
	log=$out/${test##*/}.log
	if "$test" >"$log" 2>&1; then
		echo "ok    ${test##*/}"
	else
		echo "FAIL  ${test##*/}"
		sed 's/^/      /' "$log" | tail -n 60
		grep -q '\[  FAILED  \]' "$log" || failed=$((failed + 1))	# it died without saying so
	fi
	ok=$(grep -c '^\[       OK \]' "$log")
	skip=$(grep -c '^\[  SKIPPED \] [A-Za-z_]*$' "$log")
	bad=$(sed -n 's/^\[  FAILED  \] [^0-9]* \([0-9][0-9]*\) test.*/\1/p' "$log" | tail -n 1)
	passed=$((passed + ok))
	failed=$((failed + ${bad:-0}))
	skipped=$((skipped + skip))
done

# --- the rest: Node's test runner ---
files=
for test in tests/integration/*.test.mjs tests/browser/*.test.mjs; do
	[ -e "$test" ] && wanted "$test" && files="$files $test"
done
if [ -n "$files" ]; then
	# shellcheck disable=SC2086
	timeout -k 10 "${WXCHAT_TEST_S:-1500}" node --test --test-concurrency="${WXCHAT_JOBS:-3}" --test-reporter=spec --test-reporter-destination=stdout \
		--test-reporter=tap --test-reporter-destination="$out/node.tap" $files
	status=$?
	count() { sed -n "s/^# $1 \([0-9][0-9]*\)$/\1/p" "$out/node.tap" | tail -n 1; }
	passed=$((passed + $(count pass || echo 0)))
	node_failed=$(count fail)
	cancelled=$(count cancelled)
	skipped=$((skipped + $(count skipped || echo 0)))
	failed=$((failed + ${node_failed:-0} + ${cancelled:-0}))
	[ $status -eq 0 ] || [ $((${node_failed:-0} + ${cancelled:-0})) -gt 0 ] || failed=$((failed + 1))
fi

[ $skipped -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
