/*
 * crash_http.c
 *		A library to preload into a server: crashes whoever answers an HTTP request, as
 *		long as the file that OUTBOX_CRASH names is there.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <unistd.h>

typedef enum MHD_Result (*Queue)(struct MHD_Connection *, unsigned int, struct MHD_Response *);

enum MHD_Result
MHD_queue_response(struct MHD_Connection *connection, unsigned int status,
				   struct MHD_Response *response)
{
	static Queue real;
	const char *path = getenv("OUTBOX_CRASH");

	if (real == NULL)
		real = (Queue) dlsym(RTLD_NEXT, "MHD_queue_response");
	if (path != NULL && access(path, F_OK) == 0)
	{
		volatile int *volatile nowhere = NULL;

		*nowhere = 1;
	}
	return real(connection, status, response);
}
