/* The CPU quota that a container or a service is given: Linux control groups, version 1 and 2. */
#ifndef SLUICE_BASE_SYSTEM_CGROUP_H
#define SLUICE_BASE_SYSTEM_CGROUP_H

/** The tightest CPU quota of this process's control group and of those above it, as whole CPUs, rounded up; 0: none. Groups above
 * the one that is mounted here cannot be seen. `root` goes before every path that is read: "" but in tests. */
unsigned sl_cgroup_cpus(const char *root);

#endif
