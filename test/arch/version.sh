#!/bin/sh
# The version stands in outbox.control; META.json and CHANGELOG.md follow it.
. "$(dirname "$0")/tap.sh"

version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" outbox.control)

control_offences()
{
	printf '%s' "$version" | grep -qE '^[0-9]+\.[0-9]+\.[0-9]+$' || echo "outbox.control: no version of three numbers: '$version'"
}

meta_offences()
{
	[ "$(grep -c "^ *\"version\": \"$version\",*\$" META.json)" -eq 2 ] ||
		grep -nE '^ *"version":' META.json | sed "s/^/META.json, expected twice $version: /"
}

changelog_offences()
{
	newest=$(sed -n 's/^## //p' CHANGELOG.md | head -n 1)
	[ "$newest" = "$version" ] || echo "CHANGELOG.md begins with '$newest', outbox.control says '$version'"
}

if concerns '^(outbox\.control|META\.json|CHANGELOG\.md)$'; then
	report "outbox.control has a version" "$(control_offences)"
	report "META.json has the same version" "$(meta_offences)"
	report "CHANGELOG.md begins with the same version" "$(changelog_offences)"
fi
finish
