#!/bin/sh
# Which layer may see which, by what a file includes and by what its object needs.
. "$(dirname "$0")/tap.sh"

layer_of()
{
	dirname "${1#src/}"
}

# visible LAYER: the layers that it may see
visible()
{
	case $1 in
		domain) echo domain ;;
		application) echo application domain ;;
		infrastructure/*) echo "$1" application domain ;;
		interface) echo interface infrastructure/postgres infrastructure/nats infrastructure/http application domain ;;
		*) echo "unknown layer $1" >&2 ;;
	esac
}

sees_postgres()
{
	case $1 in infrastructure/postgres | interface) true ;; *) false ;; esac
}

sees_nats()
{
	[ "$1" = infrastructure/nats ]
}

sees_http()
{
	[ "$1" = infrastructure/http ]
}

is_pure()
{
	case $1 in domain | application) true ;; *) false ;; esac
}

# included FILE: everything that it includes, at any depth
included()
{
	gcc -M -D_GNU_SOURCE -Isrc -I"$server_include" "$1" 2>&1 | tr -d '\\' | tr -s ' ' '\n'
}

include_offences()
{
	for file in $(files '^src/.*\.c$'); do
		layer=$(layer_of "$file")
		list=$(included "$file")
		for seen in $(printf '%s\n' "$list" | grep '^src/'); do
			case " $(visible "$layer") " in
				*" $(layer_of "$seen") "*) ;;
				*) echo "$file includes $seen" ;;
			esac
		done
		printf '%s\n' "$list" | grep -i ' error: ' | sed "s|^|$file: |"
		sees_postgres "$layer" || ! printf '%s\n' "$list" | grep -q "^$server_include/" ||
			echo "$file includes headers of PostgreSQL"
		sees_nats "$layer" || ! printf '%s\n' "$list" | grep -qE '/(nats/)?nats\.h$' ||
			echo "$file includes headers of libnats"
		sees_http "$layer" || ! printf '%s\n' "$list" | grep -qE '/microhttpd\.h$' ||
			echo "$file includes headers of libmicrohttpd"
	done
}

# The only headers of the C library for the pure layers.
pure_headers='^(ctype|inttypes|limits|stdbool|stddef|stdint|stdio|string)\.h$'

pure_include_offences()
{
	for file in $(files '^src/(domain|application)/.*\.[ch]$'); do
		sed -n 's/^#[[:space:]]*include[[:space:]]*<\(.*\)>.*/\1/p' "$file" | grep -vE "$pure_headers" |
			sed "s|^|$file includes |"
	done
}

path_offences()
{
	for file in $(files '^src/.*\.[ch]$'); do
		for named in $(sed -n 's/^#[[:space:]]*include[[:space:]]*"\(.*\)".*/\1/p' "$file"); do
			case $named in
				domain/* | application/* | infrastructure/*/* | interface/*) ;;
				*) [ -f "$server_include/$named" ] || [ "$named" = postgres.h ] || echo "$file includes \"$named\", no path from src" ;;
			esac
		done
	done
}

# dynamic LIBRARY: the symbols that it defines
dynamic()
{
	nm -D --defined-only "$(gcc -print-file-name="$1")" | sed 's/.* //; s/@.*//' | sort -u
}

pure_symbols='^(mem(chr|cmp|cpy|move|set)|str(chr|cmp|cspn|len|ncmp|nlen|rchr|spn|str|pbrk)|v?snprintf|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__ctype_b_loc)$'

# declared LAYER: functions and variables that the headers it may see declare
declared()
{
	for layer in $(visible "$1"); do
		cat src/"$layer"/*.h 2>/dev/null
	done | grep -oE '\boutbox_[a-z0-9_]+\b' | sort -u
}

symbol_offences()
{
	list=$(files '^src/.*\.c$')
	[ -n "$list" ] || return
	log=$(build $(printf '%s\n' "$list" | sed 's/\.c$/.o/')) || printf '%s\nan object does not build\n' "$log"
	dynamic libnats.so > "$scratch/nats"
	dynamic libmicrohttpd.so > "$scratch/http"
	{ dynamic libc.so.6; printf '%s\n' _GLOBAL_OFFSET_TABLE_ __tls_get_addr; } > "$scratch/libc"
	{ dynamic libssl.so; dynamic libcrypto.so; cat "$scratch/libc"; } > "$scratch/secure"
	for file in $list; do
		layer=$(layer_of "$file")
		[ -f "$OBJECTS/${file%.c}.o" ] || continue
		nm -u "$OBJECTS/${file%.c}.o" | sed 's/.* //' | sort -u > "$scratch/needed"
		known=$scratch/declared.$(echo "$layer" | tr / _)
		[ -f "$known" ] || declared "$layer" > "$known"
		grep '^outbox_' "$scratch/needed" | grep -vxF -f "$known" |
			sed "s|^|$file uses what no header it may see declares: |"
		grep -v '^outbox_' "$scratch/needed" > "$scratch/foreign"
		if is_pure "$layer"; then
			grep -vE "$pure_symbols" "$scratch/foreign" | sed "s|^|$file is not pure, it needs |"
		elif sees_nats "$layer"; then
			grep -vxF -f "$scratch/nats" "$scratch/foreign" | grep -vxF -f "$scratch/secure" |
				sed "s|^|$file needs what is neither of libnats nor of OpenSSL nor of libc: |"
		elif sees_http "$layer"; then
			grep -vxF -f "$scratch/http" "$scratch/foreign" | grep -vxF -f "$scratch/libc" |
				sed "s|^|$file needs what is neither of libmicrohttpd nor of libc: |"
		else
			grep -xF -f "$scratch/nats" "$scratch/foreign" | sed "s|^|$file calls libnats: |"
			grep -xF -f "$scratch/http" "$scratch/foreign" | sed "s|^|$file calls libmicrohttpd: |"
		fi
	done
}

version_offences()
{
	files '^src/.*\.[ch]$' | grep -v '/compat\.h$' | xargs -r grep -n 'PG_VERSION_NUM'
	files '^src/.*\.[ch]$' | grep -v '/nats/link\.c$' | xargs -r grep -n 'NATS_VERSION'
}

scratch=$(mktemp -d)
report "a file includes only layers that its layer may see" "$(include_offences)"
report "domain and application include only plain headers of C" "$(pure_include_offences)"
report "own headers are included by their path from src" "$(path_offences)"
report "an object needs only what its layer may see" "$(symbol_offences)"
report "versions are asked for in compat.h (PostgreSQL) and link.c (libnats) alone" "$(version_offences)"
rm -rf "$scratch"
finish
