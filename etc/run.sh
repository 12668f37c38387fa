#!/bin/sh
# Runs the whole system on this machine, with the sandbox in WeChat's place:  etc/run.sh BUILD_DIR
# Everything listens on loopback alone and keeps its data in BUILD_DIR/run.  PORT names the page's port (else the first free
# one from 8080 on).  Ends with Ctrl-C, and ends what it started.
set -eu
cd "$(dirname "$0")/.."
build=$(cd "$1" && pwd)
dir=$build/run
umask 027
mkdir -p "$dir/media"
pids=

stop() {
	trap - EXIT INT TERM HUP
	for pid in $pids; do
		kill "$pid" 2>/dev/null || true
	done
	wait
}
trap 'stop; exit 0' INT TERM HUP
trap stop EXIT

die() {
	echo "run: $1" >&2
	[ ! -s "${2:-}" ] || tail -n 5 "$2" >&2
	exit 1
}

# Waits (at most ten seconds) until a line of the file matches, and prints what \1 of the pattern says.
wait_line() { # FILE PATTERN PID
	tries=0
	while ! line=$(sed -n "s|.*$2.*|\\1|p" "$1" 2>/dev/null | head -n 1) || [ -z "$line" ]; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] && kill -0 "$3" 2>/dev/null || return 1
		sleep 0.05
	done
	echo "$line"
}

# one at a time: the second would take the first one's sockets and logs away; held until the last program has ended
exec 9>"$dir/lock"
flock -n 9 || die "already running in $1/run"

# --- WeChat's place ---
"$build/bin/wechat-sandbox" >"$dir/sandbox.log" 2>&1 &
box=$!
pids="$pids $box"
box_url=$(wait_line "$dir/sandbox.log" 'listening on \(http://127\.0\.0\.1:[0-9]*\)' $box) || die "the sandbox did not start" "$dir/sandbox.log"

# --- the two programs ---
if [ ! -s "$dir/admin-token" ]; then
	(umask 077 && od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$dir/admin-token")
fi
cat >"$dir/wxchat.conf" <<END
[wechat]
app_id = wx0123456789abcdef
app_secret = 0123456789abcdef0123456789abcdef
api_base = $box_url
[session]
store = lmdb:$dir/sessions
[media]
dir = $dir/media
[push]
listen = 127.0.0.1:0
drain_s = 0
[history]
dir = $dir/history
[admin]
listen = 127.0.0.1:0
token_file = $dir/admin-token
END
rm -f "$dir/login.sock"
"$build/bin/fcgi-login" -c "$dir/wxchat.conf" -s "$dir/login.sock" >"$dir/login.log" 2>&1 &
login=$!
pids="$pids $login"
wait_line "$dir/login.log" '\(ready\)' $login >/dev/null || die "fcgi-login did not start" "$dir/login.log"
"$build/bin/push-server" -c "$dir/wxchat.conf" >"$dir/push.log" 2>&1 &
push=$!
pids="$pids $push"
push_port=$(wait_line "$dir/push.log" 'address=127\.0\.0\.1:\([0-9]*\)' $push) || die "push-server did not start" "$dir/push.log"
admin=$(wait_line "$dir/push.log" 'admin=\([0-9.:]*\)' $push) || die "push-server did not start" "$dir/push.log"

# wxchatctl -c finds the running programs by it
sed -i -e "/^\[push\]/,/^\[/ s|^listen = .*|listen = 127.0.0.1:$push_port|" \
	-e "/^\[admin\]/,/^\[/ s|^listen = .*|listen = $admin|" "$dir/wxchat.conf"

# --- the web server, with the configuration that is meant for yours ---
sed -e "s|^var.wxchat_login = .*|var.wxchat_login = \"$dir/login.sock\"|" \
	-e "s|^var.wxchat_push_port = .*|var.wxchat_push_port = $push_port|" \
	-e "s|^var.wxchat_media = .*|var.wxchat_media = \"$dir/media/\"|" etc/lighttpd.conf >"$dir/wxchat-lighttpd.conf"
lighttpd=$(command -v lighttpd || echo /usr/sbin/lighttpd)
port=${PORT:-8080}
while :; do
	cat >"$dir/lighttpd.conf" <<END
server.bind = "127.0.0.1"
server.port = $port
server.document-root = "$build/preview"
server.errorlog = "$dir/web.log"
index-file.names = ("index.html")
mimetype.assign = (".html" => "text/html; charset=utf-8", ".css" => "text/css; charset=utf-8",
	".js" => "text/javascript; charset=utf-8", ".json" => "application/json", ".svg" => "image/svg+xml", ".png" => "image/png")
include "$dir/wxchat-lighttpd.conf"
accesslog.filename = "$dir/access.log"
\$HTTP["url"] =~ "^/sandbox/" {
	proxy.server = ("" => (("host" => "127.0.0.1", "port" => ${box_url##*:})))
}
END
	: >"$dir/web.log"
	"$lighttpd" -D -f "$dir/lighttpd.conf" >>"$dir/web.log" 2>&1 &
	web=$!
	if wait_line "$dir/web.log" '\(server started\)' $web >/dev/null; then
		break
	fi
	wait $web || true
	[ -z "${PORT:-}" ] && [ $port -lt 8180 ] && grep -q 'Address already in use' "$dir/web.log" ||
		die "lighttpd did not start" "$dir/web.log"
	port=$((port + 1))
done
pids="$web $pids"

cat <<END

  Two phones chat at   http://127.0.0.1:$port/

  console  http://$admin/   (its token is in $dir/admin-token)
  command  $build/bin/wxchatctl -c $dir/wxchat.conf users
  logs     $dir/*.log
  Ctrl-C ends it.

END
wait $web
