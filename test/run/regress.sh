# Sourced by the parts regress and isolation: pg_regress, its lines as TAP.

# as_tap LOG: "test NAME ... ok" and the forms of other versions
as_tap()
{
	sed -nE \
		-e 's/^(test )? *([a-z0-9_-]+) +\.\.\. ok .*/ok - \2/p' \
		-e 's/^(test )? *([a-z0-9_-]+) +\.\.\. FAILED.*/not ok - \2/p' \
		-e 's/^ok [0-9]+ +[-+] ([a-z0-9_-]+).*/ok - \1/p' \
		-e 's/^not ok [0-9]+ +[-+] ([a-z0-9_-]+).*/not ok - \1/p' "$1"
}

# run_regress PROGRAM NAME TEST...
run_regress()
{
	program=$1
	out=$WORK/$2
	input=$3
	shift 3
	mkdir -p "$out"
	"$program" --inputdir="$input" --outputdir="$out" --bindir="$private_bin" --temp-instance="$out/instance" \
		--temp-config="$TREE/test/run/postgresql.conf" --encoding=UTF8 --no-locale "$@" > "$out/console" 2>&1
	status=$?
	as_tap "$out/console"
	if [ $status -ne 0 ]; then
		[ -s "$out/regression.diffs" ] || tail -n 30 "$out/console"
		head -n 200 "$out/regression.diffs" 2>/dev/null
		grep -E 'PANIC|terminated by signal' -A 20 "$out/log/postmaster.log" | tail -n 60
	fi | sed 's/^/# /'
	return $status
}
