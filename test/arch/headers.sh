#!/bin/sh
# Headers: each compiles alone, without PostgreSQL, and is guarded by its own name.
. "$(dirname "$0")/tap.sh"

alone_offences()
{
	for file in $(files '^src/.*\.h$'); do
		gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only -Isrc -include "$file" -x c /dev/null 2>&1 |
			grep -m 1 -E 'error' | sed "s|^|$file: |"
	done
}

guard_offences()
{
	for file in $(files '^src/.*\.h$'); do
		guard=OUTBOX_$(printf '%s' "${file#src/}" | tr 'a-z/.' 'A-Z__')
		grep -q "^#ifndef $guard\$" "$file" && grep -q "^#define $guard\$" "$file" || echo "$file: no guard $guard"
	done
}

postgres_offences()
{
	files '^src/.*\.h$' | xargs -r grep -nE '#[[:space:]]*include[[:space:]]*["<](postgres|c|fmgr)\.h'
}

report "every header compiles alone" "$(alone_offences)"
report "every header has the guard of its path" "$(guard_offences)"
report "no header includes postgres.h" "$(postgres_offences)"
finish
