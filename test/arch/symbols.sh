#!/bin/sh
# The library exports what the SQL names and what the server calls, and nothing else.
. "$(dirname "$0")/tap.sh"

expected()
{
	printf '%s\n' Pg_magic_func _PG_init outbox_launcher_main outbox_relay_main outbox_http_main
	tr '\n' ' ' < "$OBJECTS/$script" | grep -oE "'MODULE_PATHNAME', *'[a-z0-9_]+'" |
		sed "s/.*, *'\(.*\)'/\1\npg_finfo_\1/" | sort -u
}

exported()
{
	nm -D --defined-only "$OBJECTS/cleanoutbox.so" | sed 's/.* //'
}

offences()
{
	log=$(build cleanoutbox.so "$script") || { printf "%s\nthe library does not build\n" "$log"; return; }
	expected | sort > "$scratch/expected"
	exported | sort > "$scratch/exported"
	comm -13 "$scratch/expected" "$scratch/exported" | sed 's/^/exported, but named nowhere: /'
	comm -23 "$scratch/expected" "$scratch/exported" | sed 's/^/named, but not exported: /'
}

if concerns '^(Makefile|src/.*\.sql)$'; then
	script=cleanoutbox--$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" outbox.control).sql
	scratch=$(mktemp -d)
	report "the library exports exactly what is called by name" "$(offences)"
	rm -rf "$scratch"
fi
finish
