/*
 * secret_test.c
 *		Which files may hold a secret, and what is read from them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "interface/secret.c"

static char path[] = "/tmp/outbox-secret-XXXXXX";
static char secret[32];
static char reason[256];

/* Writes the file anew with these bytes and these permissions. */
static void
write_file(const char *bytes, size_t length, mode_t mode)
{
	FILE *file;

	(void) unlink(path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static bool
read_secret(void)
{
	memset(secret, '#', sizeof(secret));
	reason[0] = '\0';
	return outbox_secret_read(path, secret, sizeof(secret), reason, sizeof(reason));
}

/* Refused, for this reason, with nothing of the content left anywhere. */
static void
assert_refused(const char *why)
{
	assert_false(read_secret());
	assert_non_null(strstr(reason, why));
	assert_non_null(strstr(reason, path));
	assert_null(strstr(reason, "hunter2"));
	assert_null(memmem(secret, sizeof(secret), "hunter2", 7));
}

static void
one_newline_at_the_end_is_not_part_of_the_secret(void **state)
{
	(void) state;
	write_file("hunter2", 7, 0600);
	assert_true(read_secret());
	assert_string_equal(secret, "hunter2");
	write_file("hunter2\n", 8, 0400);
	assert_true(read_secret());
	assert_string_equal(secret, "hunter2");
	write_file("hunter2\r\n", 9, 0600);
	assert_true(read_secret());
	assert_string_equal(secret, "hunter2");
	write_file("a\nb\n\n", 5, 0600);
	assert_true(read_secret());
	assert_string_equal(secret, "a\nb\n");
}

static void
a_file_that_others_can_access_is_refused(void **state)
{
	(void) state;
	for (mode_t right = 0001; right <= 0040; right <<= 1)
	{
		write_file("hunter2", 7, 0600 | right);
		assert_refused("can be accessed by others");
	}
	write_file("hunter2", 7, 0700);
	assert_true(read_secret());
}

static void
a_file_of_root_may_be_read_by_the_group(void **state)
{
	struct stat facts = {.st_mode = S_IFREG | 0640, .st_uid = 0};

	(void) state;
	if (geteuid() != 0)
		assert_null(find_exposure(&facts));
	facts.st_mode = S_IFREG | 0660;
	assert_non_null(find_exposure(&facts));
	facts.st_mode = S_IFREG | 0644;
	assert_non_null(find_exposure(&facts));
	facts.st_mode = S_IFREG | 0600;
	facts.st_uid = geteuid() + 1;
	assert_non_null(strstr(find_exposure(&facts), "belongs neither"));
}

static void
what_is_no_regular_file_is_refused(void **state)
{
	(void) state;
	(void) unlink(path);
	assert_refused("cannot be opened");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused("is not a regular file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_refused("is not a regular file");
	assert_int_equal(rmdir(path), 0);
}

static void
a_link_is_followed_to_its_file(void **state)
{
	char link_path[sizeof(path) + 5];

	(void) state;
	snprintf(link_path, sizeof(link_path), "%s.link", path);
	write_file("hunter2", 7, 0600);
	assert_int_equal(symlink(path, link_path), 0);
	assert_true(outbox_secret_read(link_path, secret, sizeof(secret), reason, sizeof(reason)));
	assert_int_equal(chmod(path, 0644), 0);
	assert_false(outbox_secret_read(link_path, secret, sizeof(secret), reason, sizeof(reason)));
	assert_int_equal(unlink(link_path), 0);
}

static void
an_unusable_content_is_refused(void **state)
{
	(void) state;
	write_file("", 0, 0600);
	assert_refused("is empty");
	write_file("\n", 1, 0600);
	assert_refused("is empty");
	write_file("hunter2\0x", 9, 0600);
	assert_refused("holds a NUL byte");
	write_file("hunter2-hunter2-hunter2-hunter2", 31, 0600);
	assert_true(read_secret());
	write_file("hunter2-hunter2-hunter2-hunter2-", 32, 0600);
	assert_refused("is too long");
}

static void
a_check_reads_nothing_but_judges_the_same(void **state)
{
	(void) state;
	write_file("", 0, 0600);
	assert_true(outbox_secret_check(path, reason, sizeof(reason)));
	write_file("hunter2", 7, 0604);
	assert_false(outbox_secret_check(path, reason, sizeof(reason)));
	assert_non_null(strstr(reason, "can be accessed by others"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_newline_at_the_end_is_not_part_of_the_secret),
		cmocka_unit_test(a_file_that_others_can_access_is_refused),
		cmocka_unit_test(a_file_of_root_may_be_read_by_the_group),
		cmocka_unit_test(what_is_no_regular_file_is_refused),
		cmocka_unit_test(a_link_is_followed_to_its_file),
		cmocka_unit_test(an_unusable_content_is_refused),
		cmocka_unit_test(a_check_reads_nothing_but_judges_the_same),
	};
	int file = mkstemp(path);
	int status;

	if (file < 0)
		return 1;
	close(file);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	(void) unlink(path);
	return status;
}
