#!/bin/sh
# Installs what is missing:  etc/deps.sh build|run|test ...
#   build  what the programs are compiled with
#   run    what `make run` needs beside them: a web server, and Node for the preview
#   test   what the tests, the bench and the linters need
# On Debian and Ubuntu with apt-get, as root or through sudo; elsewhere it names the packages.  Quick when nothing is missing.
set -eu
cd "$(dirname "$0")/.."

build='gcc make pkg-config libfcgi-dev libjson-c-dev libcurl4-openssl-dev libevent-dev liblmdb-dev libinih-dev
	libmagic-dev libexpat1-dev zlib1g-dev libssl-dev'
run='lighttpd'
test="$run lighttpd-mod-openssl apache2 libapache2-mod-fcgid nginx libnginx-mod-nchan spawn-fcgi php-cgi curl libcmocka-dev
	chromium fonts-noto-cjk clang clang-tidy clang-format cppcheck valgrind lmdb-utils libwebsockets-dev"

usage() {
	echo "usage: etc/deps.sh build|run|test ..." >&2
	exit 2
}

elsewhere() {
	cat >&2 <<-'END'
	etc/deps.sh: this is not Debian or Ubuntu; what the programs are built with has to be installed by hand:
	  dnf install gcc make pkgconf fcgi-devel json-c-devel libcurl-devel libevent-devel lmdb-devel inih-devel \
	      file-devel expat-devel zlib-devel openssl-devel
	  apk add build-base pkgconf fcgi-dev json-c-dev curl-dev libevent-dev lmdb-dev inih-dev file-dev expat-dev \
	      zlib-dev openssl-dev
	  pacman -S base-devel fcgi json-c curl libevent lmdb libinih file expat zlib openssl
	and for `make run`: lighttpd, nodejs and npm; for `make test`: cmocka, clang, curl, nginx, apache, chromium.
	END
}

# Are the headers of the build set there?
have_headers() {
	command -v "${CC:-cc}" >/dev/null && printf '#include <%s>\n' fcgiapp.h json-c/json.h curl/curl.h event2/event.h \
		lmdb.h ini.h magic.h expat.h zlib.h openssl/evp.h | "${CC:-cc}" -E -o /dev/null - 2>/dev/null
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "etc/deps.sh: neither root nor sudo; as root: $*" >&2
		return 1
	fi
}

# Of the packages named, those that are not installed.  One that is provided by another counts as installed.
missing() {
	installed=$(dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' | sed -n 's/^installed //p' |
		sed 's/([^)]*)//g; s/,/ /g' | tr -s ' ' '\n')
	printf '%s\n' "$@" | sort -u | {
		printf '%s\n' "$installed" | sort -u >"$scratch/installed"
		comm -23 - "$scratch/installed"
	}
}

# Web servers would start at once and take port 80: for the time of the installation nothing may.
policy=/usr/sbin/policy-rc.d policy_made=''
without_services() {
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >"$scratch/policy"
		policy_made=$policy
		as_root install -m 755 "$scratch/policy" $policy
	fi
	"$@"
}
clean_up() {
	rm -rf "$scratch"
	[ -z "$policy_made" ] || as_root rm -f "$policy_made"
}

apt() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o DPkg::Lock::Timeout=300 "$@" >&2
}

[ $# -gt 0 ] || usage
wanted='' node=no npm_packages=no
for set; do
	case $set in
	build) wanted="$wanted $build" ;;
	run) wanted="$wanted $run" node=yes npm_packages=yes ;;
	test) wanted="$wanted $test" node=yes npm_packages=yes ;;
	*) usage ;;
	esac
done

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	have_headers && exit 0
	elsewhere
	exit 1
fi

scratch=$(mktemp -d)
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
# Node may be there without Debian's package
if [ $node = yes ]; then
	command -v node >/dev/null || wanted="$wanted nodejs"
	command -v npm >/dev/null || wanted="$wanted npm"
fi
# shellcheck disable=SC2086  # words on purpose
list=$(missing $wanted)
case " $wanted " in *' clang '*)
	# the sanitizers' and fuzzer's runtime is packaged by version
	if ! command -v clang >/dev/null || [ ! -d "$(clang -print-resource-dir)/lib/linux" ]; then
		list="$list clang-runtime"
	fi ;;
esac
if [ -n "$list" ]; then
	# shellcheck disable=SC2086
	set -- $list
	echo "etc/deps.sh: installing $*" >&2
	apt update
	packages=''
	for package; do
		if [ "$package" = clang-runtime ]; then
			version=$(apt-cache depends clang | sed -n 's/^ *Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
			package=libclang-rt-$version-dev
		fi
		if apt-cache show "$package" >/dev/null 2>&1; then
			packages="$packages $package"
		else
			echo "etc/deps.sh: there is no package $package here; what needs it will say so" >&2
		fi
	done
	# shellcheck disable=SC2086
	without_services apt install --no-install-recommends $packages
fi

if [ $npm_packages = yes ] && [ -e tests/package-lock.json ] &&
	[ -z "$(find tests/node_modules/.package-lock.json -newer tests/package-lock.json 2>/dev/null)" ]; then
	npm ci --prefix tests --no-audit --no-fund >&2
	touch tests/node_modules/.package-lock.json
fi
