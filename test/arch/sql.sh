#!/bin/sh
# The install script: what it may say, and that everything in it is explained.
. "$(dirname "$0")/tap.sh"

list=$(files '^src/.*\.sql$' | grep -v '/upgrade/')

# statements FILE...: comments removed, one statement a line
statements()
{
	sed 's/--.*//' "$@" | tr '\n\t' '  ' | sed 's/;/;\n/g' | tr -s ' ' | sed 's/^ //'
}

wording_offences()
{
	[ -z "$list" ] || grep -niE 'OR[[:space:]]+REPLACE|IF[[:space:]]+NOT[[:space:]]+EXISTS' $list
}

schema_offences()
{
	[ -z "$list" ] || statements $list |
		grep -oiE '^CREATE (UNLOGGED )?(FUNCTION|PROCEDURE|VIEW|TABLE|SEQUENCE|TYPE|DOMAIN|AGGREGATE) [^ (]+' |
		grep -viE ' outbox\.[a-z0-9_]+$'
}

# created KIND / explained KIND: names
created()
{
	statements $list | sed -nE "s/^CREATE $1 outbox\.([a-z0-9_]+).*/\1/Ip" | sort -u
}

explained()
{
	statements $list | sed -nE "s/^COMMENT ON $1 outbox\.([a-z0-9_]+).*/\1/Ip" | sort -u
}

comment_offences()
{
	[ -n "$list" ] || return
	for kind in FUNCTION VIEW TABLE; do
		created $kind > "$scratch/created"
		explained $kind > "$scratch/explained"
		comm -23 "$scratch/created" "$scratch/explained" | sed "s/^/no COMMENT ON $kind outbox./"
	done
}

fragment_offences()
{
	sed -n 's/^	\([a-z/]*\.sql\).*/\1/p' Makefile | sort > "$scratch/listed"
	find src -name '*.sql' -not -path '*/upgrade/*' | sed 's|^src/||' | sort > "$scratch/found"
	comm -13 "$scratch/listed" "$scratch/found" | sed 's/^/not in the Makefile: /'
	comm -23 "$scratch/listed" "$scratch/found" | sed 's/^/in the Makefile, but missing: /'
}

scratch=$(mktemp -d)
report "neither OR REPLACE nor IF NOT EXISTS" "$(wording_offences)"
report "every object is created in the schema outbox by name" "$(schema_offences)"
report "every function, view and table has a comment" "$(comment_offences)"
if concerns '^Makefile$'; then
	report "the Makefile lists every fragment" "$(fragment_offences)"
fi
rm -rf "$scratch"
finish
