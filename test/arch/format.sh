#!/bin/sh
# The C sources are as `make format` leaves them.
. "$(dirname "$0")/tap.sh"

offences()
{
	files '^(src|test)/.*\.[ch]$' | xargs -r clang-format-14 --dry-run -Werror 2>&1 | grep -E 'error|warning|not found' |
		sed "s|$PWD/||" | head -n 40
}

report "make format would change nothing" "$(offences)"
finish
