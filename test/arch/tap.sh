# Sourced by the checks of this folder.
#
# A check prints TAP, one line for each rule, and the offences below it as
# comments.  Called with file names it looks at these files only; called
# without it looks at the whole tree and must find something to look at.
# Objects are built in $OBJECTS, by default in a folder that is removed again.
set -u
cd "$(dirname "$0")/../.." || exit 1
only=$*
number=0
failed=0

# report RULE OFFENCES: passes when there are no offences
report()
{
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		printf '%s\n' "$2" | sed 's/^/#   /'
		failed=1
	fi
}

# files PATTERN: the files to look at whose path matches
files()
{
	if [ -n "$only" ]; then
		printf '%s\n' $only | grep -E "$1"
	else
		find src test sql Makefile outbox.control META.json CHANGELOG.md README.md -type f ! -name '*.o' ! -name '*.bc' | sort | grep -E "$1" ||
			echo "nothing matches $1" >&2
	fi
}

# concerns PATTERN: is there anything to look at?
concerns()
{
	[ -z "$only" ] || printf '%s\n' $only | grep -qE "$1"
}

finish()
{
	echo "1..$number"
	exit $failed
}

pg_config=${PG_CONFIG:-pg_config}
server_include=$("$pg_config" --includedir-server)

if [ -z "${OBJECTS:-}" ]; then
	OBJECTS=$(mktemp -d)
	trap 'rm -rf "$OBJECTS"' EXIT
fi

# build TARGET...: by the Makefile, in $OBJECTS
build()
{
	make -k -s --no-print-directory -C "$OBJECTS" -f "$PWD/Makefile" with_llvm=no "$@" 2>&1
}
