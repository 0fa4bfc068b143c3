/*
 * worker.c
 *		Runs the contracts of store and queue in a background worker, where the relay
 *		lives, and the suites of what needs a server but no extension.
 *
 *	SELECT store_contract(LIBRARY, OUTPUT)
 *
 * starts a worker from this library in the current database and waits until it has
 * ended; the suite's TAP is in the file OUTPUT then.  A session's own backend would
 * not do: the store runs transactions of its own.
 */
#include "postgres.h"

#include <stdlib.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "contract/store_contract.h"
#include "contract/postgres/bench.h"
#include "contract/postgres/expression.h"
#include "contract/postgres/queue.h"
#include "contract/postgres/form.h"
#include "contract/postgres/rowjson.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(store_contract);
PGDLLEXPORT void store_contract_main(Datum database);

Datum
store_contract(PG_FUNCTION_ARGS)
{
	BackgroundWorker worker = {
		.bgw_name = "store contract",
		.bgw_type = "store contract",
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_function_name = "store_contract_main",
		.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId),
		.bgw_notify_pid = MyProcPid,
	};
	BackgroundWorkerHandle *handle;

	strlcpy(worker.bgw_library_name, text_to_cstring(PG_GETARG_TEXT_PP(0)), BGW_MAXLEN);
	strlcpy(worker.bgw_extra, text_to_cstring(PG_GETARG_TEXT_PP(1)), BGW_EXTRALEN);
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("no free worker slot")));
	if (WaitForBackgroundWorkerShutdown(handle) == BGWH_POSTMASTER_DIED)
		ereport(FATAL, (errcode(ERRCODE_ADMIN_SHUTDOWN), errmsg("the server is gone")));
	PG_RETURN_VOID();
}

void
store_contract_main(Datum database)
{
	int failures;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(database), InvalidOid, 0);
	MemoryContextSwitchTo(TopMemoryContext);
	if (freopen(MyBgworkerEntry->bgw_extra, "w", stdout) == NULL)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not write \"%s\": %m", MyBgworkerEntry->bgw_extra)));
	setvbuf(stdout, NULL, _IOLBF, 0);
	setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 1);
	failures = queue_contract_run(&postgres_queue_bench);
	failures += store_contract_run(&postgres_bench);
	failures += expression_suite_run();
	failures += expression_refusals_run();
	failures += expression_random_run();
	failures += rowjson_suite_run();
	failures += form_suite_run();
	puts("# ran to its end");
	fflush(stdout);
	proc_exit(failures > 0 ? 1 : 0);
}
