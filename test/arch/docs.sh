#!/bin/sh
# README names every setting, function and view.
. "$(dirname "$0")/tap.sh"

setting_offences()
{
	settings=$(grep -hoE '"outbox\.[a-z0-9_]+"' src/interface/settings.c | tr -d '"' | sort -u)
	[ -n "$settings" ] || echo "no settings found in src/interface/settings.c"
	for setting in $settings; do
		grep -qE "\`$setting\`" README.md || echo "README.md does not explain $setting"
	done
}

# Internal tables are not for users; functions and views are.
object_offences()
{
	objects=$(find src -name '*.sql' -not -path '*/upgrade/*' -exec cat {} + |
		sed -nE 's/^CREATE (FUNCTION|VIEW) (outbox\.[a-z0-9_]+).*/\2/p' | sort -u)
	[ -n "$objects" ] || echo "no functions found in src"
	for object in $objects; do
		grep -qE "\`$object\b" README.md || echo "README.md does not explain $object"
	done
}

if concerns '^(README\.md|src/.*\.sql|src/interface/settings\.c)$'; then
	report "README.md explains every setting" "$(setting_offences)"
	report "README.md explains every function and view" "$(object_offences)"
fi
finish
