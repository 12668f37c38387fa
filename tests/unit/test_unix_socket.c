/* test_unix_socket.c - which sockets make way, and which are somebody's. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/unix_socket.h"

static char dir[64];
static struct sockaddr_un address;

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/wxchat-unit-XXXXXX");
	assert_non_null(mkdtemp(dir));
	address.sun_family = AF_UNIX;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/a.sock", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(address.sun_path);
	return rmdir(dir);
}

static int bound(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static bool is_there(void)
{
	struct stat st;

	return lstat(address.sun_path, &st) == 0;
}

static void where_nothing_is_nothing_is_done(void **state)
{
	char path[200];

	(void)state;
	assert_int_equal(unix_socket_clear(address.sun_path), 0);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(unix_socket_clear(path), -ENAMETOOLONG);
}

static void a_dead_process_s_socket_makes_way(void **state)
{
	(void)state;
	close(bound());
	assert_true(is_there());
	assert_int_equal(unix_socket_clear(address.sun_path), 0);
	assert_false(is_there());
}

static void where_somebody_listens_it_stays(void **state)
{
	int fd = bound(), client, i;

	(void)state;
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(unix_socket_clear(address.sun_path), -EADDRINUSE);
	/* with its queue full, too */
	for (i = 0; i < 8; i++) {
		client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (connect(client, (struct sockaddr *)&address, sizeof(address)) < 0 && errno == EAGAIN)
			break;
	}
	assert_true(i < 8);
	assert_int_equal(unix_socket_clear(address.sun_path), -EADDRINUSE);
	assert_true(is_there());
	close(fd);
}

static void what_is_no_socket_stays(void **state)
{
	(void)state;
	close(open(address.sun_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(unix_socket_clear(address.sun_path), -EEXIST);
	assert_true(is_there());
}

/* The directory may be written to, so that only the socket's own mode says no. */
static void another_user_s_socket_stays(void **state)
{
	int fd = bound(), status;
	pid_t pid;

	(void)state;
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(chmod(address.sun_path, 0), 0);
	assert_int_equal(chmod(dir, 0777), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (getuid() == 0 && setresuid(65534, 65534, 65534) < 0)
			_exit(255);
		_exit(-unix_socket_clear(address.sun_path));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EACCES);
	assert_true(is_there());
	close(fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(where_nothing_is_nothing_is_done),
		T(a_dead_process_s_socket_makes_way),
		T(where_somebody_listens_it_stays),
		T(what_is_no_socket_stays),
		T(another_user_s_socket_stays),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
