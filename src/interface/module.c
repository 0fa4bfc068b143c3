/*
 * module.c
 *		Loads the library.
 *
 * Preloaded, it brings shared memory, the launcher and with it the relays.
 * Loaded later by a session, it can only record events; whoever creates the
 * extension is told so.
 */
#include "postgres.h"

#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "infrastructure/postgres/broadcast.h"
#include "infrastructure/postgres/endpoint.h"
#include "infrastructure/postgres/move.h"
#include "infrastructure/postgres/queue.h"
#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/sight.h"
#include "infrastructure/postgres/statistics.h"
#include "infrastructure/postgres/tally.h"
#include "infrastructure/postgres/touch.h"
#include "infrastructure/postgres/wakeup.h"
#include "interface/ddl.h"
#include "interface/launcher.h"
#include "interface/settings.h"
#include "interface/utility.h"

PG_MODULE_MAGIC;

void _PG_init(void);

static void warn(void);

void
_PG_init(void)
{
	outbox_settings_define();
	outbox_wakeup_install();
	outbox_broadcast_install();
	outbox_touch_install();
	outbox_move_install();
	outbox_ddl_install();
	if (process_shared_preload_libraries_in_progress)
	{
		outbox_shared_request();
		outbox_tally_request();
		outbox_statistics_request();
		outbox_sight_request();
		outbox_queue_request((size_t) outbox_settings.broadcast_buffer * 1024);
		outbox_endpoint_request();
		outbox_utility_install();
		/* pg_upgrade wants a server that does nothing by itself. */
		if (!IsBinaryUpgrade)
			outbox_launcher_register();
	}
	else if (creating_extension)
		warn();
}

static void
warn(void)
{
	ereport(WARNING, errmsg("cleanoutbox is not in \"shared_preload_libraries\""),
			errdetail("Events are recorded, but nothing publishes them."),
			errhint("Add cleanoutbox to \"shared_preload_libraries\" and restart the server."));
}
