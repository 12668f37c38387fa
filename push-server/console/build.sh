#!/bin/sh
# Joins the console's files into one page: build.sh OUT.
# Charts are drawn by uPlot where it is there (UPLOT, else tests/node_modules), else by the page's own small canvas.
set -eu
out=$1
here=$(dirname "$0")
uplot=${UPLOT:-$here/../../tests/node_modules/uplot/dist}
tmp=$out.tmp.$$
trap 'rm -f "$tmp"' EXIT

while IFS= read -r line; do
	case $line in
	'<!-- include '*)
		name=${line#'<!-- include '}
		name=${name%' -->'}
		for file in "$here/$name" "$uplot/$name"; do
			if [ -f "$file" ]; then
				cat "$file"
				echo
				break
			fi
		done
		;;
	*)
		printf '%s\n' "$line"
		;;
	esac
done <"$here/index.html" >"$tmp"
mv "$tmp" "$out"
