# Sourced by the parts; they run in the copied tree and write to $WORK.
set -u
: "${WORK:?run by test/run/check}"
TREE=$(pwd)
PG_CONFIG=${PG_CONFIG:-pg_config}
jobs=$(nproc)
number=0
failed=0
PATH=$PATH:$WORK/tools
export PG_CONFIG PATH

# point NAME COMMAND...: one TAP line; the output of a command that fails is shown
point()
{
	number=$((number + 1))
	name=$1
	shift
	point_log=$WORK/point.$$.log
	if ("$@") > "$point_log" 2>&1; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		tail -n 60 "$point_log" | sed 's/^/# /'
		failed=1
	fi
}

# one_of_many: is this the call of the part for a single file (--one FILE)?
one_of_many()
{
	[ "${1:-}" = --one ]
}

# each_at_once COUNT FILE...: calls this part for each file, so many at a time;
# what one prints comes as a whole, under its name and the time it took; what one
# that dies has said last comes below its "not ok", so that the summary has it
each_at_once()
{
	many=$1
	shift
	printf '%s\n' "$@" | xargs -r -P "$many" -I{} sh -c '
		begin=$(date +%s)
		name=$(echo "$2" | sed "s|^test/[a-z]*/||; s|/run\$||; s|\.[a-z]*\$||")
		"$1" --one "$2" > "$WORK/$name.out" 2>&1
		status=$?
		{
			echo "## $name, $(($(date +%s) - begin)) s"
			cat "$WORK/$name.out"
			if [ $status -ne 0 ] && { ! grep -q "^not ok" "$WORK/$name.out" || grep -q "your test exited with" "$WORK/$name.out"; }; then
				echo "not ok - $name ended with status $status"
				tail -n 30 "$WORK/$name.out" | sed "s/^#* */#   /"
			fi
			[ $status -ne 0 ] || grep -qE "^(not )?ok" "$WORK/$name.out" || echo "not ok - $name ran nothing"
		} | flock "$WORK" cat
		[ $status -eq 0 ]' sh "$0" {} || failed=1
}

# Builds the extension in the tree, once.
build_tree()
{
	make -s --no-print-directory -j"$jobs" with_llvm=no > "$WORK/make.log" 2>&1 || { cat "$WORK/make.log"; exit 1; }
}

# A private copy of the PostgreSQL installation, the extension in it; first in PATH.
use_private_postgres()
{
	build_tree
	bin=$("$PG_CONFIG" --bindir)
	lib=$("$PG_CONFIG" --pkglibdir)
	share=$("$PG_CONFIG" --sharedir)
	pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")
	private=$WORK/pg
	if [ ! -d "$private" ]; then
		mkdir -p "$private$bin" "$private$lib" "$private$share"
		cp -R "$bin/." "$private$bin"
		cp -R "$share/." "$private$share"
		find "$lib" -maxdepth 1 -type f -exec cp {} "$private$lib" \;
	fi
	make -s --no-print-directory install with_llvm=no DESTDIR="$private" > "$WORK/install.log" 2>&1 || { cat "$WORK/install.log"; exit 1; }
	private_bin=$private$bin
	regress=$pgxs/../test/regress/pg_regress
	isolation=$pgxs/../test/isolation/pg_isolation_regress
	test_perl=$pgxs/../test/perl
	PATH=$private_bin:$PATH:/usr/sbin
	export PATH
}
