# Sourced by check and demo: a copy of the tree to work in, and a user to work as.
#
# PostgreSQL refuses to run as root, so root's servers run as another user: in a
# user namespace where the kernel grants one, else as postgres or nobody.

top=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$PATH:/usr/sbin
export PATH

# choose_user: sets $enter, the command that becomes the other user
choose_user()
{
	enter=
	[ "$(id -u)" -eq 0 ] || return 0
	for user in postgres nobody; do
		id -u "$user" >/dev/null 2>&1 && break
	done
	enter="unshare --user --map-user=$(id -u "$user") --map-group=$(id -g "$user") --"
	$enter true 2>/dev/null || enter="runuser -u $user --"
}

# make_work NAME: sets $work, an empty folder with a copy of the tree in $work/tree.
# It is build/NAME where that can be, so that its logs are easily found; $temporary
# is set when it is elsewhere.
make_work()
{
	work=$top/build/$1
	temporary=
	case $enter in runuser*) work= ;; esac
	if [ -z "$work" ] || ! mkdir -p "$work" 2>/dev/null || ! rm -rf "$work" || ! mkdir "$work"; then
		work=$(mktemp -d "${TMPDIR:-/tmp}/cleanoutbox.XXXXXX")
		temporary=yes
	fi
	mkdir "$work/tree"
	(cd "$top" && tar -cf - --exclude='*.o' --exclude='*.bc' src sql expected test outbox.control Makefile \
		README.md CHANGELOG.md META.json LICENSE .clang-format .clang-tidy) |
		tar -xf - -C "$work/tree" --no-same-owner
	# What test/run/deps has unpacked.
	[ ! -d "$top/build/tools" ] || cp -R "$top/build/tools" "$work/tools"
	case $enter in runuser*) chown -R "$user:" "$work" ;; esac
	cd "$work/tree" || exit 1
}
