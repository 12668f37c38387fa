#!/bin/sh
# Static analysis: warnings of gcc and clang over all C, tests too; clang-tidy (.clang-tidy) and cppcheck
# (etc/cppcheck.*) over the programs and the sandbox; shell scripts by sh -n.  Prints what is found and fails on anything.
set -eu
cd "$(dirname "$0")/.."
sources=$(git ls-files 'shared/*.c' 'fcgi-login/*.c' 'push-server/*.c' 'tests/sandbox/*.c')
flags='-std=c11 -D_GNU_SOURCE -DWXCHAT_VERSION="lint" -Ishared'
warnings='-Wall -Wextra -Wshadow -Wconversion -Werror -fsyntax-only -I.'
jobs=$(nproc)
mkdir -p build

# All C but what needs a library of the bench's that is not here.
all_c() {
	if [ -e /usr/include/libwebsockets.h ]; then
		git ls-files '*.c'
	else
		echo "lint: no libwebsockets here, so not tests/bench/peers/lws.c" >&2
		git ls-files '*.c' | grep -vx 'tests/bench/peers/lws\.c'
	fi
}

echo "lint: shell"
for script in $(git ls-files '*.sh' '*/postinst'); do
	sh -n "$script"
done
bash -n .ci/run
for cc in gcc clang; do
	echo "lint: $cc"
	all_c | FLAGS="$flags $warnings" xargs -P "$jobs" -I{} sh -c "$cc"' $FLAGS "$1"' _ {}
done
echo "lint: clang-tidy"
printf '%s\n' $sources | FLAGS=$flags xargs -P "$jobs" -I{} sh -c 'clang-tidy --quiet "$1" -- $FLAGS 2>/dev/null' _ {} \
	>build/tidy.log || {
	cat build/tidy.log
	exit 1
}
echo "lint: cppcheck"
# It knows the macros of lists only when it sees them.
queue=$(echo '#include <sys/queue.h>' | gcc -E - | sed -n 's/^# 1 "\(.*queue\.h\)".*/\1/p')
cppcheck --quiet --std=c11 --library=posix,etc/cppcheck.cfg --enable=warning,performance,portability --inline-suppr \
	--suppressions-list=etc/cppcheck.txt --error-exitcode=1 -j "$jobs" -Ishared --include="$queue" \
	-D_GNU_SOURCE -DWXCHAT_VERSION='"lint"' $sources
echo "lint: clean"
