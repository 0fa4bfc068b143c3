# Sourced by the parts unit and contract: programs of cmocka, under ASan and UBSan.

flags='-std=gnu11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Isrc -Itest -fsanitize=address,undefined -fno-sanitize-recover=all'
archive=$WORK/objects/outbox.a

# make_archive SOURCE...: of the layers that need no server, and of these sources;
# a program takes of it what it uses
make_archive()
{
	mkdir -p "$WORK/objects"
	ls src/domain/*.c src/application/*.c src/infrastructure/nats/*.c src/infrastructure/http/*.c "$@" 2>/dev/null |
		xargs -P "$jobs" -I{} sh -c 'gcc $1 -c -o "$2/$(echo "$3" | tr / _).o" "$3"' sh "$flags" "$WORK/objects" {} ||
		echo "not ok - every source builds"
	ar rcs "$archive" "$WORK"/objects/*.o
}

# build_program SOURCE: sets $program
build_program()
{
	program=$WORK/objects/$(basename "$1" .c)
	# shellcheck disable=SC2086
	gcc $flags -o "$program" "$1" "$archive" -lcmocka -lnats -lmicrohttpd -lssl -lcrypto -lpthread && return
	echo "not ok - $1 builds"
	return 1
}

# run_cmocka SOURCE: its own TAP
run_cmocka()
{
	build_program "$1" && CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 300 "$program" 2>&1
}
