/*
 * library.c
 *		Which libnats is at work.
 */
#include "infrastructure/nats/library.h"

#include <nats/nats.h>

const char *
outbox_library_version(void)
{
	return nats_GetVersion();
}
