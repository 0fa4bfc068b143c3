#!/bin/sh
# Breaks each rule in a copy of the tree; exactly the check of that rule must fail.
#
# A mutation is: check | file | what it does | a Perl program over the whole file.
set -u
cd "$(dirname "$0")/../.." || exit 1

mutations()
{
	cat <<'END'
layers|src/domain/subject.c|domain includes a header of PostgreSQL|s/(#include "[^\n]*\n)/#include "pg_config_manual.h"\n$1/
layers|src/domain/subject.c|domain declares palloc by hand|s/\z/\nextern void *palloc(unsigned long size);\nextern void *outbox_subject_copy(void);\n\nvoid *\noutbox_subject_copy(void)\n{\n\treturn palloc(1);\n}\n/
layers|src/domain/subject.c|domain asks for the time|s/(#include <string.h>\n)/$1#include <time.h>\n/
layers|src/domain/subject.c|domain calls malloc|s/\z/\nextern void *malloc(unsigned long size);\nextern void *outbox_subject_copy(void);\n\nvoid *\noutbox_subject_copy(void)\n{\n\treturn malloc(1);\n}\n/
layers|src/domain/subject.c|domain includes the application|s/(#include "[^\n]*\n)/#include "application\/ports.h"\n$1/
layers|src/application/relay.c|application includes an adapter|s/(#include "[^\n]*\n)/#include "infrastructure\/postgres\/log.h"\n$1/
layers|src/application/relay.c|application calls an adapter that it does not see|s/\z/\nextern void outbox_wakeup_mark(void);\nextern void outbox_relay_wake(void);\n\nvoid\noutbox_relay_wake(void)\n{\n\toutbox_wakeup_mark();\n}\n/
layers|src/infrastructure/nats/broker.c|the NATS adapter calls pstrdup|s/\z/\nextern char *pstrdup(const char *text);\nextern char *outbox_broker_copy(const char *text);\n\nchar *\noutbox_broker_copy(const char *text)\n{\n\treturn pstrdup(text);\n}\n/
layers|src/infrastructure/nats/broker.c|the NATS adapter includes the other adapter|s/(#include "[^\n]*\n)/#include "infrastructure\/postgres\/log.h"\n$1/
layers|src/infrastructure/http/server.c|the HTTP adapter includes a header of PostgreSQL|s/(#include "[^\n]*\n)/#include "pg_config_manual.h"\n$1/
layers|src/infrastructure/http/server.c|the HTTP adapter calls PostgreSQL|s/\z/\nextern void pg_usleep(long us);\nextern void outbox_http_server_wait(void);\n\nvoid\noutbox_http_server_wait(void)\n{\n\tpg_usleep(1);\n}\n/
layers|src/infrastructure/http/server.c|the HTTP adapter calls libnats|s/\z/\nextern void nats_Sleep(int64_t ms);\nextern void outbox_http_server_wait(void);\n\nvoid\noutbox_http_server_wait(void)\n{\n\tnats_Sleep(1);\n}\n/
layers|src/infrastructure/http/server.c|the HTTP adapter includes another adapter|s/(#include "[^\n]*\n)/#include "infrastructure\/nats\/clock.h"\n$1/
layers|src/infrastructure/nats/broker.c|the NATS adapter includes microhttpd.h|s/(#include "[^\n]*\n)/#include <microhttpd.h>\n$1/
layers|src/interface/route.c|the interface includes microhttpd.h|s/(#include "postgres.h"\n)/$1#include <microhttpd.h>\n/
layers|src/interface/route.c|the interface calls libmicrohttpd|s/\z/\nextern const char *MHD_get_version(void);\nextern const char *outbox_route_version(void);\n\nconst char *\noutbox_route_version(void)\n{\n\treturn MHD_get_version();\n}\n/
layers|src/infrastructure/postgres/log.c|the PostgreSQL adapter calls libnats|s/\z/\nextern void nats_Sleep(int64 ms);\nextern void outbox_log_wait(void);\n\nvoid\noutbox_log_wait(void)\n{\n\tnats_Sleep(1);\n}\n/
layers|src/interface/emit.c|the interface includes nats.h|s/(#include "postgres.h"\n)/$1#include <nats\/nats.h>\n/
layers|src/interface/emit.c|the server's version is asked for outside compat.h|s/\z/\n#if PG_VERSION_NUM < 150000\n#error "too old"\n#endif\n/
layers|src/infrastructure/nats/broker.c|libnats' version is asked for outside link.c|s/\z/\n#if NATS_VERSION_NUMBER < 0x030400\n#error "too old"\n#endif\n/
headers|src/domain/cursor.h|a header does not include what it needs|s/#include <stdint.h>\n//
headers|src/domain/cursor.h|a header has another guard|s/OUTBOX_DOMAIN_CURSOR_H/OUTBOX_CURSOR_H/g
headers|src/infrastructure/postgres/log.h|a header includes postgres.h|s/(#include [^\n]*\n)/#include "postgres.h"\n$1/
symbols|Makefile|the version script is not used|s/ -Wl,--version-script=\S+//
symbols|src/interface/emit.sql|the SQL names a function that does not exist|s/'outbox_emit_bytes'/'outbox_emit_nowhere'/
sizes|src/domain/subject.c|a function of 90 lines|s/\z/"\nextern int outbox_subject_long(int n);\n\nint\noutbox_subject_long(int n)\n{\n" . ("\tn++;\n" x 88) . "\treturn n;\n}\n"/e
sizes|src/domain/subject.c|a function of seven parameters|s/\z/\nextern int outbox_subject_wide(int a, int b, int c, int d, int e, int f, int g);\n\nint\noutbox_subject_wide(int a, int b, int c, int d, int e, int f, int g)\n{\n\treturn a + b + c + d + e + f + g;\n}\n/
sizes|src/domain/subject.c|a file of more than 500 lines|s/\z/"\nextern int outbox_subject_count;\n" x 250/e
messages|src/interface/emit.c|an error without a code|s/\z/\nextern void outbox_emit_refuse(void);\n\nvoid\noutbox_emit_refuse(void)\n{\n\tereport(ERROR, (errmsg("refused")));\n}\n/
messages|src/interface/emit.c|a message in upper case|s/\z/\nextern void outbox_emit_refuse(void);\n\nvoid\noutbox_emit_refuse(void)\n{\n\tereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("Refused")));\n}\n/
messages|src/interface/emit.c|a message with a full stop|s/\z/\nextern void outbox_emit_refuse(void);\n\nvoid\noutbox_emit_refuse(void)\n{\n\tereport(WARNING, (errmsg("refused.")));\n}\n/
messages|src/interface/emit.c|a hint that is no sentence|s/\z/\nextern void outbox_emit_refuse(void);\n\nvoid\noutbox_emit_refuse(void)\n{\n\tereport(WARNING, (errmsg("refused"), errhint("try again")));\n}\n/
messages|src/interface/emit.c|elog for what users meet|s/\z/\nextern void outbox_emit_refuse(void);\n\nvoid\noutbox_emit_refuse(void)\n{\n\telog(ERROR, "payload is too large");\n}\n/
messages|src/domain/subject.c|a note to do it later|s/\z/\n\/* TODO: later *\/\n/
format|src/domain/subject.c|blanks for a tab|s/\n\treturn/\n    return/
version|META.json|META.json has another version|s/"version": "\d+/"version": "99/
version|CHANGELOG.md|CHANGELOG.md lags behind|s/^## \d+/## 99/m
sql|src/interface/emit.sql|CREATE OR REPLACE|s/^CREATE FUNCTION/CREATE OR REPLACE FUNCTION/m
sql|src/interface/emit.sql|a function without a comment|s/^COMMENT ON FUNCTION outbox.emit_bytes[^;]*;//m
sql|src/interface/emit.sql|an object of no named schema|s/\z/\nCREATE TABLE loose (id bigint);\n/
sql|Makefile|a fragment is not in the install script|s/\tinterface\/emit.sql[^\n]*\n//
docs|README.md|a setting is not explained|s/`outbox\.batch_size`//g
docs|README.md|a function is not explained|s/`outbox\.emit_bytes//g
promises|README.md|a promise names no test|s/`test\/[^`]*`//g
promises|README.md|a promise names a test that is not there|s/`test\/tap\/008_shutdown\.pl`/`test\/tap\/008_nowhere.pl`/
promises|test/tap/010_durability.pl|a test does not say which promise it tests|s/^# Promises: [^\n]*\n//m
promises|test/tap/001_emit.pl|a test claims a promise that does not name it|s/\A/# Promises: Atomic.\n/
END
}

checks='layers headers symbols sizes messages format version sql docs promises'

# The symbols of a Makefile or of SQL are linked again from objects that are there.
prepare()
{
	mkdir -p "$1"
	cp -pR src test sql expected Makefile outbox.control README.md META.json CHANGELOG.md .clang-format .clang-tidy "$1"
	cp -pR "$OBJECTS/src" "$1"
}

if [ "${1:-}" = --one ]; then
	copy=$2.$3
	line=$(mutations | sed -n "$3p")
	IFS='|' read -r check file what program <<-END
		$line
	END
	prepare "$copy"
	cd "$copy" || exit 1
	before=$(cksum < "$file")
	perl -0777 -pi -e "$program" "$file"
	failing=
	for each in $checks; do
		OBJECTS=$copy sh "test/arch/$each.sh" "$file" > "$each.out" 2>&1 || failing="$failing $each"
	done
	if [ "$before" = "$(cksum < "$file")" ]; then
		echo "not ok - $check: $what"
		echo "#   the mutation changes nothing in $file"
	elif [ "$failing" = " $check" ]; then
		echo "ok - $check: $what"
	else
		echo "not ok - $check: $what"
		echo "#   failing:${failing:- none}"
		for each in $failing; do grep -h -A 5 '^not ok' "$each.out" | sed 's/^/#   /'; done
	fi
	cd / && rm -rf "$copy"
	exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
if [ -z "${OBJECTS:-}" ]; then
	OBJECTS=$work/objects
	mkdir "$OBJECTS"
	make -s --no-print-directory -C "$OBJECTS" -f "$PWD/Makefile" with_llvm=no all > "$work/log" 2>&1 || cat "$work/log"
fi
export OBJECTS
total=$(mutations | wc -l)
seq "$total" | xargs -P "$(nproc)" -I{} sh test/arch/mutations.sh --one "$work/copy" {} > "$work/results"
cat "$work/results"
echo "1..$total"
[ "$(grep -c '^ok ' "$work/results")" -eq "$total" ]
