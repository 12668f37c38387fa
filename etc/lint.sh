#!/bin/sh
# Static analysis of all C: warnings as errors with gcc and clang, clang-tidy, cppcheck; and shell scripts by sh -n.
set -eu
cd "$(dirname "$0")/.."
sources=$(git ls-files 'shared/*.c' 'fcgi-login/*.c' 'push-server/*.c' 'tests/sandbox/*.c')
flags='-std=c11 -D_GNU_SOURCE -DWXCHAT_VERSION=\"lint\" -Ishared'

echo "lint: shell"
for script in $(git ls-files '*.sh' .ci/run); do
	sh -n "$script"
done
echo "lint: clang-tidy"
printf '%s\n' $sources | xargs -P 2 -I{} sh -c 'clang-tidy --quiet "$1" -- '"$flags"' 2>/dev/null' _ {} >build/tidy.log || {
	cat build/tidy.log
	exit 1
}
echo "lint: cppcheck"
cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --suppressions-list=etc/cppcheck.txt \
	--error-exitcode=1 -j 2 -Ishared -D_GNU_SOURCE -DWXCHAT_VERSION='"lint"' $sources
echo "lint: clean"
