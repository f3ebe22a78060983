//go:build linux && cgo

/*
 * The piece that Go cannot do: code between fork and exec. Doing it here saves
 * a second start of our own binary for each command. Only system calls are used
 * in the child: the other threads, and with them all locks, are gone there.
 */
#define _GNU_SOURCE
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define ERRFD 3

static void fail(int step, int err, int detail)
{
	struct spawn_failure f = {step, err, detail};
	ssize_t ignored = write(ERRFD, &f, sizeof f);
	(void)ignored;
	_exit(127);
}

static void check(long result, int step)
{
	if (result < 0)
		fail(step, errno, 0);
}

static void reset_signals(void)
{
	/* The kernel's own structure, all zero: SIG_DFL. The library refuses its internal signals, which a caller may have ignored. */
	unsigned long sa[8] = {0};
	sigset_t none;
	for (int n = 1; n < NSIG; n++)
		syscall(SYS_rt_sigaction, n, sa, NULL, 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* set_stdio leaves exactly 0, 1, 2 and the error pipe open. */
static void set_stdio(const struct spawn_plan *p, int errfd)
{
	int fd[4] = {p->stdio[0], p->stdio[1], p->stdio[2], errfd};
	for (int i = 0; i < 4; i++) {
		fd[i] = fcntl(fd[i], F_DUPFD_CLOEXEC, 10);
		if (fd[i] < 0)
			_exit(127);
	}
	check(dup3(fd[3], ERRFD, O_CLOEXEC), STEP_STDIO);
	for (int i = 0; i < 3; i++)
		check(dup2(fd[i], i), STEP_STDIO);
	check(syscall(SYS_close_range, ERRFD + 1, ~0U, 0), STEP_STDIO);
}

static void set_rlimits(const struct spawn_plan *p)
{
	for (size_t i = 0; i < p->nrlimits; i++) {
		struct rlimit now, want = {p->rlimits[i].soft, p->rlimits[i].hard};
		int resource = p->rlimits[i].resource;
		if (setrlimit(resource, &want) == 0)
			continue;
		/* Raising needs a privilege that we may not have: keep what there is. */
		if (errno != EPERM || getrlimit(resource, &now) != 0)
			fail(STEP_RLIMIT, errno, resource);
		want.rlim_max = now.rlim_max;
		if (want.rlim_cur > want.rlim_max)
			want.rlim_cur = want.rlim_max;
		if (setrlimit(resource, &want) != 0)
			fail(STEP_RLIMIT, errno, resource);
	}
}

static void set_cwd(const struct spawn_plan *p)
{
	char where[4096];
	check(chdir(p->cwd), STEP_CHDIR);
	/* The kernel says "(unreachable)" of a directory outside of the root. */
	check(syscall(SYS_getcwd, where, sizeof where), STEP_CHDIR);
	if (where[0] != '/')
		fail(STEP_CWD_OUTSIDE, EACCES, 0);
}

static void set_filter(const struct spawn_plan *p)
{
	struct sock_fprog prog = {p->filter_len, p->filter};
	if (p->filter_len == 0)
		return;
	check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, p->filter_flags, &prog), STEP_SECCOMP);
}

static void set_caps(uint64_t permitted, uint64_t effective)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {
		{effective, permitted, 0},
		{effective >> 32, permitted >> 32, 0},
	};
	check(syscall(SYS_capset, &header, data), STEP_CAPS);
}

static void drop_bounding(uint64_t keep)
{
	for (int cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1 || (keep >> cap & 1))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			fail(STEP_BOUNDING, errno, cap);
	}
}

/* set_user becomes the user, by raw calls: the C library's would signal threads. */
static void set_user(const struct spawn_plan *p)
{
	check(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), STEP_USER);
	if (p->set_groups)
		check(syscall(SYS_setgroups, p->ngroups, p->groups), STEP_GROUPS);
	check(syscall(SYS_setresgid, p->gid, p->gid, p->gid), STEP_USER);
	check(syscall(SYS_setresuid, p->uid, p->uid, p->uid), STEP_USER);
	check(prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0), STEP_USER);
	set_caps(p->permitted, p->effective);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static void run(const struct spawn_plan *p, pid_t parent)
{
	int err = ENOENT;

	if (p->session) {
		check(setsid(), STEP_SESSION);
		check(ioctl(0, TIOCSCTTY, 0), STEP_SESSION);
	}
	umask(p->umask);
	set_rlimits(p);
	set_cwd(p);
	/* Without no_new_privs a filter needs the privileges that go away below. */
	if (!p->no_new_privs)
		set_filter(p);
	drop_bounding(p->bounding);
	set_user(p);
	/* A change of user clears the parent-death signal, so it comes after. */
	check(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), STEP_PRIVS);
	if (getppid() != parent)
		_exit(127);
	if (p->no_new_privs) {
		check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), STEP_PRIVS);
		set_filter(p);
	}
	for (char **path = p->paths; *path != NULL; path++) {
		execve(*path, p->argv, p->envp);
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
			fail(STEP_EXEC, errno, 0);
		if (errno == EACCES) /* worth more than "no such file" of a later directory */
			err = EACCES;
	}
	fail(STEP_EXEC, err, 0);
}

/* read_failure reports whether the child said what went wrong. */
static int read_failure(int fd, struct spawn_failure *failure)
{
	ssize_t n;
	do
		n = read(fd, failure, sizeof *failure);
	while (n < 0 && errno == EINTR);
	return n == sizeof *failure;
}

pid_t spawn(const struct spawn_plan *p, struct spawn_failure *failure)
{
	int pipefd[2], failed;
	sigset_t all, old;
	pid_t pid, self = getpid();

	*failure = (struct spawn_failure){STEP_FORK, 0, 0};
	if (pipe2(pipefd, O_CLOEXEC) != 0) {
		failure->err = errno;
		return -1;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old); /* Go's handlers must not run in the child */
	pid = fork();
	if (pid == 0) {
		reset_signals();
		set_stdio(p, pipefd[1]);
		run(p, self);
	}
	failure->err = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(pipefd[1]);
	failed = pid < 0 || read_failure(pipefd[0], failure);
	close(pipefd[0]);
	if (!failed)
		return pid;
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return -1;
}
