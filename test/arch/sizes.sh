#!/bin/sh
# Functions of at most 80 lines, 6 parameters and 4 levels; files of at most 500 lines.
. "$(dirname "$0")/tap.sh"

# Functions whose parameters the server or a library prescribes.
prescribed='^src/(interface/utility\.c process|infrastructure/http/server\.c on_request): [0-9]+ parameters'

tidy()
{
	files '^(src|test)/.*\.c$' |
		xargs -r -P "$(nproc)" -n 4 sh -c '
			server=$1 client=$2; shift 2
			clang-tidy-14 --quiet "$@" -- -std=gnu11 -D_GNU_SOURCE -DNDEBUG "-DOUTBOX_VERSION=\"\"" -Isrc -Itest -isystem "$server" -isystem "$client" 2>/dev/null' sh "$server_include" "$("$pg_config" --includedir)"
}

function_offences()
{
	tidy | sed "s|$PWD/||" | awk '
		/ error: function / { split($0, part, ":"); file = part[1]; split($0, quoted, "\047"); name = quoted[2]; next }
		/ error: / { print; next }
		/ note: .*(threshold [0-9]+)/ { sub(/.* note: /, ""); print file " " name ": " $0 }' |
		grep -vE "$prescribed"
}

file_offences()
{
	files '^(src|test|sql)/|^Makefile$' | grep -vE '/expected/|\.(out|txt|json|csv)$' | while read -r file; do
		lines=$(wc -l < "$file")
		[ "$lines" -le 500 ] || echo "$file has $lines lines"
	done
}

report "functions have at most 80 lines, 6 parameters, 4 levels" "$(function_offences)"
report "files have at most 500 lines" "$(file_offences)"
finish
