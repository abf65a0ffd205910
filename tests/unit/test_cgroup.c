/* The CPU quota of control groups, read from made-up trees of the files that Linux shows: both versions, and what containers do to
 * their paths. */
#include "base/system/cgroup.h"
#include "base/system/system_file.h"
#include "support/files.h"

#include <ftw.h>

/* A file of a tree; a NULL path ends the list. */
typedef struct tree_file {
    const char *path, *text;
} tree_file;

typedef struct tree {
    const char *words;
    unsigned cpus; /* the answer */
    tree_file files[12];
} tree;

#define CGROUP "/proc/self/cgroup"
#define MOUNTS "/proc/self/mountinfo"
#define V2 "/sys/fs/cgroup"
#define V1 "/sys/fs/cgroup/cpu,cpuacct"
#define MOUNT_V2(root) "30 23 0:26 " root " " V2 " rw,nosuid,nodev shared:4 master:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define MOUNT_V1(root) "33 31 0:30 " root " " V1 " rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
#define OTHER_MOUNTS                                                                                                               \
    "23 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"                                                                    \
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"                                                                   \
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"

/* A tree: its name, the CPUs of its quota, its files. In macros, as clang-format would give each of their braces a line. */
#define TREE(name, cpus, ...)                                                                                                      \
    {                                                                                                                              \
        name, cpus,                                                                                                                \
        {                                                                                                                          \
            __VA_ARGS__                                                                                                            \
        }                                                                                                                          \
    }
#define A_FILE(path, text)                                                                                                         \
    {                                                                                                                              \
        path, text                                                                                                                 \
    }
#define GROUPS(text) A_FILE(CGROUP, text)
#define MOUNTED(text) A_FILE(MOUNTS, text)

/* Quota and period of a group. */
#define LIMIT_V2(group, quota) A_FILE(V2 group "/cpu.max", quota " 100000\n")
#define LIMIT_V1(group, quota) A_FILE(V1 group "/cpu.cfs_quota_us", quota "\n"), A_FILE(V1 group "/cpu.cfs_period_us", "100000\n")

/* Of one group at the top. */
#define ONE_V2(limit) GROUPS("0::/\n"), MOUNTED(OTHER_MOUNTS MOUNT_V2("/")), A_FILE(V2 "/cpu.max", limit)
#define ONE_V1(quota, period)                                                                                                      \
    GROUPS("4:memory:/\n3:cpu,cpuacct:/\n"), MOUNTED(OTHER_MOUNTS MOUNT_V1("/")), A_FILE(V1 "/cpu.cfs_quota_us", quota),           \
        A_FILE(V1 "/cpu.cfs_period_us", period)

static const tree trees[] = {
    TREE("nothing at all", 0, A_FILE("/proc/none", "")),
    TREE("no mount", 0, GROUPS("0::/\n"), LIMIT_V2("", "100000")),
    TREE("no group", 0, MOUNTED(MOUNT_V2("/")), LIMIT_V2("", "100000")),
    TREE("no file", 0, GROUPS("0::/\n"), MOUNTED(MOUNT_V2("/"))),

    /* Rounded up, always. */
    TREE("1 CPU", 1, ONE_V2("100000 100000\n")),
    TREE("2 CPUs", 2, ONE_V2("200000 100000\n")),
    TREE("half a CPU", 1, ONE_V2("50000 100000\n")),
    TREE("a hundredth of a CPU", 1, ONE_V2("1000 100000\n")),
    TREE("1.5 CPUs", 2, ONE_V2("150000 100000\n")),
    TREE("1.0001 CPUs", 2, ONE_V2("100010 100000\n")),
    TREE("1.9999 CPUs", 2, ONE_V2("199990 100000\n")),
    TREE("2.5 CPUs, another period", 3, ONE_V2("125000 50000\n")),
    TREE("half a CPU, a long period", 1, ONE_V2("500000 1000000\n")),
    TREE("64 CPUs", 64, ONE_V2("6400000 100000\n")),
    TREE("more CPUs than are counted", 4294967295u, ONE_V2("9223372036854775807 1\n")),
    TREE("no limit", 0, ONE_V2("max 100000\n")),
    TREE("no period", 0, ONE_V2("100000\n")),
    TREE("a period of 0", 0, ONE_V2("100000 0\n")),
    TREE("no number", 0, ONE_V2("many few\n")),
    TREE("an empty file", 0, ONE_V2("")),

    TREE("version 1, 1 CPU", 1, ONE_V1("100000\n", "100000\n")),
    TREE("version 1, half a CPU", 1, ONE_V1("50000\n", "100000\n")),
    TREE("version 1, 1.5 CPUs", 2, ONE_V1("150000\n", "100000\n")),
    TREE("version 1, 2.5 CPUs", 3, ONE_V1("125000\n", "50000\n")),
    TREE("version 1, 1.0001 CPUs", 2, ONE_V1("100010\n", "100000\n")),
    TREE("version 1, no limit", 0, ONE_V1("-1\n", "100000\n")),
    TREE("version 1, a period of 0", 0, ONE_V1("100000\n", "0\n")),
    TREE("version 1, no period", 0, GROUPS("3:cpu:/\n"), MOUNTED(MOUNT_V1("/")), A_FILE(V1 "/cpu.cfs_quota_us", "100000\n")),

    /* The group and those above it: the tightest counts. */
    TREE("the group's own", 2, GROUPS("0::/user/job\n"), MOUNTED(MOUNT_V2("/")), LIMIT_V2("", "800000"),
         LIMIT_V2("/user", "400000"), LIMIT_V2("/user/job", "200000"), LIMIT_V2("/user/other", "100000")),
    TREE("a parent is tighter", 3, GROUPS("0::/user/job\n"), MOUNTED(MOUNT_V2("/")), LIMIT_V2("/user", "300000"),
         LIMIT_V2("/user/job", "400000")),
    TREE("a parent alone has one", 3, GROUPS("0::/user/job/step\n"), MOUNTED(MOUNT_V2("/")), LIMIT_V2("/user", "300000"),
         LIMIT_V2("/user/job/step", "max")),
    TREE("the top is tightest", 1, GROUPS("0::/job\n"), MOUNTED(MOUNT_V2("/")), LIMIT_V2("", "90000"), LIMIT_V2("/job", "400000")),
    TREE("version 1, a parent is tighter", 3, GROUPS("3:cpu,cpuacct:/user/job\n"), MOUNTED(MOUNT_V1("/")),
         LIMIT_V1("/user", "300000"), LIMIT_V1("/user/job", "400000")),

    /* Names. */
    TREE("blanks and colons", 2, GROUPS("0::/a job/step:1: of, 2\n"), MOUNTED(MOUNT_V2("/")),
         LIMIT_V2("/a job/step:1: of, 2", "200000")),
    TREE("a mount with blanks", 2, GROUPS("0::/a b/c\\d\n"), MOUNTED("30 23 0:26 /a\\040b /mnt/c\\040g rw - cgroup2 none rw\n"),
         A_FILE("/mnt/c g/c\\d/cpu.max", "200000 100000\n")),
    TREE("a group whose name begins as the mounted one's", 4, GROUPS("0::/pods2/x\n"),
         MOUNTED("30 23 0:26 /pods /mnt/pods rw - cgroup2 none rw\n" MOUNT_V2("/")), A_FILE("/mnt/pods/cpu.max", "100000 100000\n"),
         A_FILE("/mnt/pods/x/cpu.max", "100000 100000\n"), LIMIT_V2("/pods2/x", "400000")),
    TREE("controllers whose names begin alike", 0, GROUPS("3:cpuset:/\n4:cpuacct:/\n5:name=cpu:/\n"), MOUNTED(MOUNT_V1("/")),
         LIMIT_V1("", "100000")),
    TREE("the controller alone, mounted elsewhere", 2, GROUPS("7:cpuacct,cpu:/job\n"),
         MOUNTED(OTHER_MOUNTS "39 31 0:30 / /dev/cgroup/cpu rw - cgroup cpu rw,cpuacct,cpu\n"),
         A_FILE("/dev/cgroup/cpu/job/cpu.cfs_quota_us", "200000\n"), A_FILE("/dev/cgroup/cpu/job/cpu.cfs_period_us", "100000\n")),

    /* Containers. */
    TREE("a namespace of one's own", 2, GROUPS("0::/\n"), MOUNTED(MOUNT_V2("/")), LIMIT_V2("", "200000")),
    TREE("mounted at the container's group, version 1", 2, GROUPS("3:cpu,cpuacct:/docker/abc\n"), MOUNTED(MOUNT_V1("/docker/abc")),
         LIMIT_V1("", "200000")),
    TREE("a group inside of it", 1, GROUPS("3:cpu,cpuacct:/docker/abc/job\n"), MOUNTED(MOUNT_V1("/docker/abc")),
         LIMIT_V1("/job", "100000")),
    TREE("the host's path, which is not there", 2, GROUPS("3:cpu,cpuacct:/docker/abc\n"), MOUNTED(MOUNT_V1("/")),
         LIMIT_V1("", "200000")),
    TREE("another group is mounted", 2, GROUPS("0::/system/x\n"), MOUNTED(MOUNT_V2("/docker/abc")), LIMIT_V2("", "200000")),
    TREE("two other groups are mounted: the first", 2, GROUPS("0::/system/x\n"),
         MOUNTED(MOUNT_V2("/docker/abc") "39 31 0:26 /docker/def /mnt/def rw - cgroup2 none rw\n"), LIMIT_V2("", "200000"),
         A_FILE("/mnt/def/cpu.max", "100000 100000\n")),
    TREE("moved out of the namespace", 2, GROUPS("0::/../../job\n"), MOUNTED(MOUNT_V2("/")), LIMIT_V2("", "200000"),
         A_FILE("/sys/job/cpu.max", "100000 100000\n")),
    TREE("mounted before the namespace was made", 2, GROUPS("0::/\n"), MOUNTED(MOUNT_V2("/../..")), LIMIT_V2("", "200000")),
    TREE("names that only look like a way out", 2, GROUPS("0::/..a/b..\n"), MOUNTED(MOUNT_V2("/")), LIMIT_V2("/..a/b..", "200000")),

    /* Both versions at once. */
    TREE("version 1 has the quota", 2, GROUPS("3:cpu,cpuacct:/job\n1:name=systemd:/job\n0::/job\n"),
         MOUNTED(OTHER_MOUNTS MOUNT_V1("/") "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"),
         LIMIT_V1("/job", "200000"), A_FILE("/sys/fs/cgroup/unified/job/cgroup.controllers", "hugetlb\n")),
    TREE("version 2 has it", 3, GROUPS("4:memory:/job\n0::/job\n"),
         MOUNTED(OTHER_MOUNTS "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"),
         A_FILE("/sys/fs/cgroup/unified/job/cpu.max", "300000 100000\n")),
    TREE("both have one", 2, GROUPS("3:cpu,cpuacct:/\n0::/\n"),
         MOUNTED(MOUNT_V1("/") "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"), LIMIT_V1("", "200000"),
         A_FILE("/sys/fs/cgroup/unified/cpu.max", "300000 100000\n")),
    TREE("lines that are none", 1, GROUPS("\n0\n0:\n0::/\n"), MOUNTED("\n-\na - b\n - \n" MOUNT_V2("/")),
         A_FILE(V2 "/cpu.max", "1 1\n")),
};

/* ---- A tree on disk ---- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_tree(void)
{
    ck_assert_int_eq(nftw(test_folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void make_file(const char *path, const char *text, size_t size)
{
    char name[512];
    snprintf(name, sizeof name, "%s%s", test_folder, path);
    for (char *slash = name + strlen(test_folder); (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        (void)mkdir(name, 0700);
        *slash = '/';
    }
    test_file_write(name, text, size);
}

TEST_EACH(quota_of_a_tree, trees)
{
    const tree *t = &trees[_i];
    for (const tree_file *file = t->files; file->path; file++)
        make_file(file->path, file->text, strlen(file->text));
    const unsigned cpus = sl_cgroup_cpus(test_folder);
    ck_assert_msg(cpus == t->cpus, "%s: expected %u, found %u", t->words, t->cpus, cpus);
}

/* A machine with containers has thousands of mounts, and some of their lines are long. */
TEST(mounts_are_many)
{
    OWNED(test_bytes) mounts = {0};
    char line[9000];
    for (size_t k = 0; k < 3000; k++) {
        const int length = snprintf(line, sizeof line, "%zu 1 0:1 / /var/lib/%0*zu rw - overlay overlay rw,lowerdir=/x\n", k,
                                    k % 500 == 7 ? 8000 : (int)(k % 97), k);
        test_bytes_add(&mounts, line, (size_t)length);
    }
    test_bytes_add_text(&mounts, MOUNT_V2("/"));
    make_file(MOUNTS, (const char *)mounts.data, mounts.size);
    make_file(CGROUP, "0::/job", 7); /* and no newline */
    make_file(V2 "/job/cpu.max", "200000 100000", 13);
    ck_assert_uint_eq(sl_cgroup_cpus(test_folder), 2);
}

/* Lines of every length around the buffer's: those that fit are whole, the others are left out, and nothing else is lost. */
TEST(lines_of_all_lengths)
{
    enum { ROOM = sizeof((sl_text_lines *)0)->buffer - 1, FIRST = ROOM - 70, LAST = ROOM + 70 };
    OWNED(test_bytes) file = {0};
    FREED char *text = malloc(LAST);
    sl_text_lines lines;
    memset(text, 'x', LAST);
    for (size_t length = FIRST; length <= LAST; length++) {
        test_bytes_add(&file, text, length);
        test_bytes_add_text(&file, "\n\nshort\n");
    }
    test_file_write(test_path("lines"), file.data, file.size);
    ck_assert(sl_text_open(test_path("lines"), &lines));
    for (size_t length = FIRST; length <= LAST; length++) {
        if (length < ROOM)
            ck_assert_uint_eq(strlen(sl_text_next(&lines)), length);
        ck_assert_str_eq(sl_text_next(&lines), "");
        ck_assert_str_eq(sl_text_next(&lines), "short");
    }
    ck_assert_ptr_null(sl_text_next(&lines));
    ck_assert_ptr_null(sl_text_next(&lines));
    sl_text_close(&lines);
    ck_assert(!sl_text_open(test_path("none"), &lines));
}

TEST_FIXTURE(test_folder_setup, remove_tree)
