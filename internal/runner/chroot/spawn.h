#ifndef CHROOT_SPAWN_H
#define CHROOT_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

/* What the child was doing when it failed. Kept in step with steps in spawn_cgo.go. */
enum spawn_step {
	STEP_FORK,
	STEP_STDIO,
	STEP_SESSION,
	STEP_RLIMIT,
	STEP_CHDIR,
	STEP_CWD_OUTSIDE,
	STEP_SECCOMP,
	STEP_BOUNDING,
	STEP_GROUPS,
	STEP_USER,
	STEP_CAPS,
	STEP_PRIVS,
	STEP_EXEC,
};

struct spawn_rlimit {
	int resource;
	uint64_t soft, hard;
};

/* struct spawn_plan is everything that the child does between fork and exec. */
struct spawn_plan {
	char **paths; /* tried in order until one of them can be executed */
	char **argv, **envp;
	const char *cwd;
	int stdio[3];
	int session; /* new session, with the standard input as its terminal */
	unsigned int umask;
	uint32_t uid, gid;
	int set_groups;
	size_t ngroups;
	uint32_t *groups;
	size_t nrlimits;
	struct spawn_rlimit *rlimits;
	uint64_t bounding, permitted, effective;
	int no_new_privs;
	unsigned short filter_len; /* number of BPF instructions; 0 means no filter */
	void *filter;
	unsigned int filter_flags;
};

struct spawn_failure {
	int32_t step;
	int32_t err;
	int32_t detail;
};

/* spawn returns the child's process id once its program runs, else -1 and fills failure. */
pid_t spawn(const struct spawn_plan *plan, struct spawn_failure *failure);

#endif
