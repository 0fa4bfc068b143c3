#!/bin/sh
# Each promise of README.md names tests that try to break it, and these name the promise:
# in a line "Promises: NAME, NAME." at their head.
. "$(dirname "$0")/tap.sh"

# promise|test for each test that README.md names; promise| where it names none
named()
{
	awk '/^## /{ inside = /^## What is promised/ }
		inside && /^- \*\*/ { promise = $0; sub(/^- \*\*/, "", promise); sub(/\.\*\*.*/, "", promise); found[promise] = 0 }
		inside && /^$/ { promise = "" }
		inside && promise != "" {
			line = $0
			while (match(line, /`test\/[^`]*`/)) {
				print promise "|" substr(line, RSTART + 1, RLENGTH - 2)
				found[promise]++
				line = substr(line, RSTART + RLENGTH)
			}
		}
		END { for (promise in found) if (!found[promise]) print promise "|" }' README.md | sort
}

# promise|test for each test that names a promise
claimed()
{
	grep -rlE '^(#| \*|//|--) *Promises: ' test sql | grep -vE '^test/arch/|/expected/' | sort | while read -r file; do
		sed -n '1,40s/^[#*/ -]* Promises: \(.*\)\.$/\1/p' "$file" | tr ',' '\n' | sed "s/^ *//; s/ *\$//; s#\$#|$file#"
	done
}

naming_offences()
{
	pairs=$(named)
	claims=$(claimed)
	[ "$(printf '%s\n' "$pairs" | cut -d'|' -f1 | sort -u | wc -l)" -ge 5 ] || echo "promises were not found in README.md"
	printf '%s\n' "$pairs" | while IFS='|' read -r promise file; do
		if [ -z "$file" ]; then
			echo "README.md names no test of: $promise"
		elif [ ! -f "$file" ]; then
			echo "README.md names $file for \"$promise\", which is not there"
		elif ! printf '%s\n' "$claims" | grep -qxF "$promise|$file"; then
			echo "$file does not say that it tests: $promise"
		fi
	done
}

claiming_offences()
{
	named > "$OBJECTS/promises.$$"
	claimed | grep -vxF -f "$OBJECTS/promises.$$" | sed 's/\(.*\)|\(.*\)/\2 says that it tests "\1", and README.md does not name it there/'
	rm -f "$OBJECTS/promises.$$"
}

if concerns '^(README\.md|test/.*|sql/.*)$'; then
	report "each promise names tests, and they name it" "$(naming_offences)"
	report "each test of a promise is named there" "$(claiming_offences)"
fi
finish
