/*
 * disk.c
 *		A full disk and an odd library, as a test wants them, for programs that are started
 *		with this library in LD_PRELOAD.
 *
 * While the file named by DISK_FILE exists, every file system has 100 MB free of 100 GB, and
 * libnats says that it is of version 3.7.0.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int
is_wanted(void)
{
	const char *path = getenv("DISK_FILE");

	return path != NULL && access(path, F_OK) == 0;
}

int
statvfs(const char *restrict path, struct statvfs *restrict facts)
{
	int (*real)(const char *, struct statvfs *) =
		(int (*)(const char *, struct statvfs *)) dlsym(RTLD_NEXT, "statvfs");
	int result = real(path, facts);

	if (result != 0 || !is_wanted())
		return result;
	facts->f_frsize = 4096;
	facts->f_bavail = 100 * 256;
	facts->f_blocks = 100 * 1024 * 256;
	return 0;
}

const char *
nats_GetVersion(void)
{
	const char *(*real)(void) = (const char *(*) (void) ) dlsym(RTLD_NEXT, "nats_GetVersion");

	return is_wanted() ? "3.7.0" : real();
}
