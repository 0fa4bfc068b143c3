/*
 * secret.c
 *		Reads secrets from files that nobody else can read.
 *
 * A file is *private* when it is a regular file that belongs to the user who
 * runs the server and gives nothing to group and others (0600), or belongs to
 * root and gives at most reading to the group (0640), as libpq asks of keys.
 * What is checked is the open file, not its name, so a link may lead to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interface/secret.h"

static int open_private(const char *path, char *reason, size_t reason_size);
static const char *find_exposure(const struct stat *facts);
static bool read_whole(int file, char *buffer, size_t size, size_t *length);
static const char *find_flaw(char *buffer, size_t length);

bool
outbox_secret_read(const char *path, char *buffer, size_t size, char *reason, size_t reason_size)
{
	int file = open_private(path, reason, reason_size);
	size_t length = 0;
	const char *flaw;

	if (file < 0)
		return false;
	if (!read_whole(file, buffer, size, &length))
		flaw = length == size ? "is too long" : "cannot be read";
	else
		flaw = find_flaw(buffer, length);
	close(file);
	if (flaw == NULL)
		return true;

	outbox_secret_wipe(buffer, size);
	snprintf(reason, reason_size, "file \"%s\" %s", path, flaw);
	return false;
}

bool
outbox_secret_check(const char *path, char *reason, size_t reason_size)
{
	int file = open_private(path, reason, reason_size);

	if (file < 0)
		return false;
	close(file);
	return true;
}

void
outbox_secret_wipe(void *memory, size_t size)
{
	explicit_bzero(memory, size);
}

/* O_NONBLOCK: opening a named pipe must not hang before it is refused. */
static int
open_private(const char *path, char *reason, size_t reason_size)
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat facts;
	const char *exposure;

	if (file < 0)
	{
		snprintf(reason, reason_size, "file \"%s\" cannot be opened: %s", path, strerror(errno));
		return -1;
	}
	if (fstat(file, &facts) != 0)
		exposure = "cannot be examined";
	else
		exposure = find_exposure(&facts);
	if (exposure == NULL)
		return file;

	close(file);
	snprintf(reason, reason_size, "file \"%s\" %s", path, exposure);
	return -1;
}

static const char *
find_exposure(const struct stat *facts)
{
	mode_t rights = facts->st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);

	if (!S_ISREG(facts->st_mode))
		return "is not a regular file";
	if (facts->st_uid == geteuid())
		return rights & (S_IRWXG | S_IRWXO)
				   ? "can be accessed by others: its permissions must be u=rw (0600) or less"
				   : NULL;
	if (facts->st_uid == 0)
		return rights & (S_IWGRP | S_IXGRP | S_IRWXO)
				   ? "can be accessed by others: its permissions must be u=rw,g=r (0640) or less"
				   : NULL;
	return "belongs neither to the user who runs the server nor to root";
}

/* False with length == size when the file does not fit. */
static bool
read_whole(int file, char *buffer, size_t size, size_t *length)
{
	while (*length < size)
	{
		ssize_t got = read(file, buffer + *length, size - *length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		if (got == 0)
			return true;
		*length += got;
	}
	return false;
}

/* Terminates the text; what is wrong with it, or NULL. */
static const char *
find_flaw(char *buffer, size_t length)
{
	if (memchr(buffer, '\0', length) != NULL)
		return "holds a NUL byte";
	if (length > 0 && buffer[length - 1] == '\n')
		length -= length > 1 && buffer[length - 2] == '\r' ? 2 : 1;
	buffer[length] = '\0';
	return length == 0 ? "is empty" : NULL;
}
