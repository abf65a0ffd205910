/* Where outputs and inputs lead: descriptors however they are named, links, what a replaced file hands on, and that nothing is left
 * behind, with files that have no name until they are complete and, where there are none, with temporary names. */
#include "io/input.h"
#include "io/output.h"
#include "support/files.h"
#include "support/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>

/* ---- System calls that refuse on demand ------------------------------------------------------------------------------------ */

static int refused_open; /* flags; what has all of them is refused as a file system does that cannot */
static int refused_fchown, refused_owner, refused_fchmod, refused_linkat;

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (refused_open && (flags & refused_open) == refused_open) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int fchown(int fd, uid_t owner, gid_t group)
{
    const int refused = owner == (uid_t)-1 ? refused_fchown : refused_fchown | refused_owner;
    errno = refused;
    return refused ? -1 : (int)syscall(SYS_fchown, fd, owner, group);
}

int fchmod(int fd, mode_t mode)
{
    errno = refused_fchmod;
    return refused_fchmod ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int linkat(int from, const char *path, int to, const char *name, int flags)
{
    errno = refused_linkat;
    return refused_linkat ? -1 : (int)syscall(SYS_linkat, from, path, to, name, flags);
}

/* Every test of files that are replaced runs twice. */
static void choose_names(int named)
{
    refused_open = named ? O_TMPFILE : 0;
}

/* ---- Helpers ---------------------------------------------------------------------------------------------------------------- */

static void write_text(const char *path, const char *text)
{
    test_file_write(path, text, strlen(text));
}

static void check_text(const char *path, const char *text)
{
    OWNED(test_bytes) found = test_file_read(path);
    ck_assert_msg(found.size == strlen(text) && memcmp(found.data, text, found.size) == 0, "%s: expected \"%s\", found \"%.*s\"",
                  path, text, (int)found.size, (const char *)found.data);
}

static void save(const char *path, const char *text)
{
    sluice_error error = {0};
    const sluice_status status = sl_output_save(path, text, strlen(text), &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "%s: %s", path, error.message);
}

static void refuse(const char *path, const char *part)
{
    sluice_error error = {0};
    ck_assert_int_eq(sl_output_save(path, "new", 3, &error), SLUICE_STATUS_IO);
    test_check_message(path, &error, SLUICE_STATUS_IO, part);
}

static mode_t mode_of(const char *path)
{
    struct stat about;
    ck_assert_int_eq(stat(path, &about), 0);
    return about.st_mode & 07777;
}

static ino_t inode_of(const char *path)
{
    struct stat about;
    ck_assert_int_eq(stat(path, &about), 0);
    return about.st_ino;
}

static int open_file(const char *path, int flags)
{
    const int fd = open(path, flags, 0);
    ck_assert_msg(fd >= 0, "%s cannot be opened", path);
    return fd;
}

/* ---- Descriptors ------------------------------------------------------------------------------------------------------------- */

enum { SPELLINGS = 8 };

/* The ways to name a descriptor of this process; links are made in the folder. */
static void spell(int which, int fd, char path[256])
{
    const long process = (long)getpid(), thread = syscall(SYS_gettid);
    char direct[64];
    snprintf(direct, sizeof direct, "/dev/fd/%d", fd);
    switch (which) {
    case 0:
        snprintf(path, 256, "%s", direct);
        break;
    case 1:
        snprintf(path, 256, "/proc/self/fd/%d", fd);
        break;
    case 2:
        snprintf(path, 256, "/proc/%ld/fd/%d", process, fd);
        break;
    case 3:
        snprintf(path, 256, "/proc/thread-self/fd/%d", fd);
        break;
    case 4:
        snprintf(path, 256, "/proc/self/task/%ld/fd/%d", thread, fd);
        break;
    case 5:
        snprintf(path, 256, "/proc/../dev/./fd//%d", fd);
        break;
    default:
        unlink(test_path("link"));
        unlink(test_path("second"));
        ck_assert_int_eq(symlink(direct, test_path("link")), 0);
        ck_assert_int_eq(symlink("link", test_path("second")), 0);
        snprintf(path, 256, "%s", test_path(which == 6 ? "link" : "second"));
    }
}

/* Written through: where it stands, nothing cut off, the same file; what others write later is kept too. */
TEST_LOOP(descriptor_is_itself, 0, SPELLINGS)
{
    char path[256], file[256];
    snprintf(file, sizeof file, "%s", test_path("file"));
    write_text(file, "kept from yesterday\n");
    const ino_t inode = inode_of(file);
    int fd = open_file(file, O_WRONLY | O_APPEND);
    spell(_i, fd, path);
    save(path, "one\n");
    ck_assert_int_eq(write(fd, "two\n", 4), 4);
    check_text(file, "kept from yesterday\none\ntwo\n");
    close(fd);
    fd = open_file(file, O_RDWR);
    ck_assert_int_eq(lseek(fd, 5, SEEK_SET), 5);
    spell(_i, fd, path);
    save(path, "past");
    ck_assert_int_eq(write(fd, "!", 1), 1);
    check_text(file, "kept past!yesterday\none\ntwo\n");
    ck_assert_uint_eq(inode_of(file), inode);
    close(fd);
}

/* Read where it stands, as standard input is. */
TEST_LOOP(descriptor_is_read, 0, SPELLINGS)
{
    char path[256], text[8] = {0};
    size_t got = 0;
    sl_input input;
    write_text(test_path("file"), "skip this");
    const int fd = open_file(test_path("file"), O_RDONLY);
    ck_assert_int_eq(lseek(fd, 5, SEEK_SET), 5);
    spell(_i, fd, path);
    SUCCEEDS(sl_input_open, path, &input);
    ck_assert_uint_eq(input.size, 4);
    SUCCEEDS(sl_input_read, &input, 0, text, sizeof text, &got);
    ck_assert_uint_eq(got, 4);
    ck_assert_str_eq(text, "this");
    sl_input_close(&input);
    ck_assert_int_eq(fcntl(fd, F_GETFD), 0); /* only the duplicate was closed */
    close(fd);
}

TEST(standard_output_by_all_names)
{
    static const char *const names[] = {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"};
    write_text(test_path("file"), "old\n");
    const int kept = dup(STDOUT_FILENO), fd = open_file(test_path("file"), O_WRONLY | O_APPEND);
    fflush(stdout);
    ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
        save(names[k], "x\n");
    ck_assert_int_eq(dup2(kept, STDOUT_FILENO), STDOUT_FILENO);
    check_text(test_path("file"), "old\nx\nx\nx\nx\n");
    close(kept);
    close(fd);
}

TEST_LOOP(descriptor_that_does_not_serve, 0, SPELLINGS)
{
    char path[256];
    sl_input input;
    sluice_error error = {0};
    write_text(test_path("file"), "old");
    int fd = open_file(test_path("file"), O_RDONLY);
    spell(_i, fd, path);
    refuse(path, "is not open for writing; redirect it");
    close(fd);
    refuse(path, "is not open for writing");
    fd = open_file(test_path("file"), O_WRONLY);
    spell(_i, fd, path);
    ck_assert_int_eq(sl_input_open(path, &input, &error), SLUICE_STATUS_NO_INPUT);
    test_check_message(path, &error, SLUICE_STATUS_NO_INPUT, "is not open for reading");
    close(fd);
    check_text(test_path("file"), "old");
    refuse("/dev/fd/99999999999999999999", "is not open for writing");
    refuse("/dev/fd/x", "");
}

/* ---- Links ------------------------------------------------------------------------------------------------------------------ */

TEST_LOOP(links_are_followed, 0, 2)
{
    choose_names(_i);
    const char *folder = test_path("folder");
    char there[256], link[256];
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    snprintf(there, sizeof there, "%s/there", folder);
    snprintf(link, sizeof link, "%s/second", folder);
    ck_assert_int_eq(symlink("../third", link), 0); /* first -> folder/second -> third -> folder/there, which is not there */
    ck_assert_int_eq(symlink("folder/second", test_path("first")), 0);
    ck_assert_int_eq(symlink("folder/there", test_path("third")), 0);
    save(test_path("first"), "new");
    check_text(there, "new");
    save(test_path("first"), "newer");
    check_text(there, "newer");
    struct stat about;
    ck_assert(lstat(test_path("first"), &about) == 0 && S_ISLNK(about.st_mode));
    ck_assert(lstat(link, &about) == 0 && S_ISLNK(about.st_mode));
    ck_assert_int_eq(unlink(there), 0);
    ck_assert_int_eq(unlink(link), 0);
    ck_assert_uint_eq(test_folder_count(0), 3);
}

TEST(links_that_lead_nowhere)
{
    ck_assert_int_eq(symlink("b", test_path("a")), 0);
    ck_assert_int_eq(symlink("a", test_path("b")), 0);
    ck_assert_int_eq(symlink("no/such/folder", test_path("c")), 0);
    refuse(test_path("a"), "Too many levels of symbolic links");
    refuse(test_path("c"), "No such file or directory");
    ck_assert_uint_eq(test_folder_count(0), 3);
}

/* ---- Files that are replaced -------------------------------------------------------------------------------------------------- */

/* Begin to replace a file, look at what grows, and commit. */
static void replace(const char *path, int named)
{
    sl_output output;
    sluice_error error = {0};
    const unsigned before = test_folder_count(0);
    SUCCEEDS(sl_output_create, path, &output);
    SUCCEEDS(sl_output_write, &output, 0, "new", 3);
    struct stat grows;
    ck_assert_int_eq(fstat(output.fd, &grows), 0);
    ck_assert_msg(!(grows.st_mode & 077), "mode %o before it is complete", grows.st_mode & 0777);
    if (named)
        ck_assert_uint_eq(test_folder_count(0), before + 1);
    const sluice_status status = sl_output_commit(&output, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "%s", error.message);
    check_text(path, "new");
    ck_assert_uint_eq(test_folder_count(0), before);
}

TEST_LOOP(mode_is_kept, 0, 2)
{
    static const mode_t modes[] = {0600, 0640, 0644, 0660, 0666, 0700, 0755, 0604, 0777};
    choose_names(_i);
    const char *path = test_path("file");
    for (size_t k = 0; k < sizeof modes / sizeof modes[0]; k++) {
        write_text(path, "old");
        ck_assert_int_eq(chmod(path, modes[k]), 0);
        replace(path, _i);
        ck_assert_msg(mode_of(path) == modes[k], "%o became %o", modes[k], mode_of(path));
    }
    ck_assert_int_eq(chmod(path, 06755), 0);
    replace(path, _i);
    ck_assert_uint_eq(mode_of(path), 0755);
}

TEST_LOOP(new_file_follows_the_umask, 0, 2)
{
    choose_names(_i);
    const mode_t before = umask(027);
    save(test_path("a"), "new");
    ck_assert_uint_eq(mode_of(test_path("a")), 0640);
    umask(077);
    save(test_path("b"), "new");
    ck_assert_uint_eq(mode_of(test_path("b")), 0600);
    umask(before);
}

/* Only root can have files of others, so as anyone else it is taken for granted that the own group is kept. */
TEST_LOOP(owner_and_group_are_kept, 0, 2)
{
    choose_names(_i);
    const char *path = test_path("file");
    struct stat about;
    write_text(path, "old");
    ck_assert_int_eq(chmod(path, 0640), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(chown(path, 12345, 54321), 0);
    replace(path, _i);
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_uint_eq(about.st_uid, geteuid() ? geteuid() : 12345);
    ck_assert_uint_eq(about.st_gid, geteuid() ? getegid() : 54321);
    ck_assert_uint_eq(mode_of(path), 0640);
}

/* What is left to group and others is what both had. */
TEST_LOOP(group_that_cannot_be_kept, 0, 2)
{
    static const mode_t modes[][2] = {{0660, 0600}, {0674, 0644}, {0604, 0600}, {0644, 0644}, {0657, 0655}};
    if (geteuid() != 0)
        return;
    choose_names(_i);
    const char *path = test_path("file");
    for (size_t k = 0; k < sizeof modes / sizeof modes[0]; k++) {
        refused_fchown = 0;
        unlink(path);
        write_text(path, "old");
        ck_assert_int_eq(chown(path, (uid_t)-1, 54321), 0);
        ck_assert_int_eq(chmod(path, modes[k][0]), 0);
        refused_fchown = EPERM;
        replace(path, _i);
        ck_assert_msg(mode_of(path) == modes[k][1], "%o became %o", modes[k][0], mode_of(path));
    }
}

/* The group keeps what it may. */
TEST_LOOP(owner_that_cannot_be_kept, 0, 2)
{
    if (geteuid() != 0)
        return;
    choose_names(_i);
    struct stat about;
    const char *path = test_path("file");
    write_text(path, "old");
    ck_assert_int_eq(chown(path, 12345, 54321), 0);
    ck_assert_int_eq(chmod(path, 0660), 0);
    refused_owner = EPERM;
    replace(path, _i);
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_uint_eq(about.st_uid, 0);
    ck_assert_uint_eq(about.st_gid, 54321);
    ck_assert_uint_eq(mode_of(path), 0660);
}

/* A file system without modes to set: never wider open than the file was. */
TEST_LOOP(mode_that_cannot_be_set, 0, 2)
{
    if (geteuid() != 0) /* others cannot write the second file */
        return;
    choose_names(_i);
    const char *path = test_path("file");
    write_text(path, "old");
    ck_assert_int_eq(chmod(path, 0644), 0);
    refused_fchmod = EPERM;
    replace(path, _i);
    ck_assert_uint_eq(mode_of(path), 0600);
    ck_assert_int_eq(chmod(path, 0400), 0);
    refuse(path, "its permissions cannot be kept");
    check_text(path, "new");
    ck_assert_uint_eq(test_folder_count(0), 1);
}

TEST_LOOP(nothing_is_left, 0, 2)
{
    choose_names(_i);
    sl_output output;
    sluice_error error = {0};
    SUCCEEDS(sl_output_create, test_path("new"), &output);
    SUCCEEDS(sl_output_write, &output, 0, "new", 3);
    if (_i)
        ck_assert_uint_eq(test_folder_count(0), 1);
    else if (test_folder_count(0))
        printf("files without a name are not tested here: the file system has none\n");
    sl_output_abort(&output);
    sl_output_abort(&output); /* allowed when closed, */
    output = (sl_output){0};
    sl_output_abort(&output); /* and when never opened, without closing descriptor 0 */
    ck_assert_int_ge(fcntl(STDIN_FILENO, F_GETFD), 0);
    ck_assert_uint_eq(test_folder_count(0), 0);
    refused_linkat = EPERM;
    if (!_i && sl_output_save(test_path("new"), "new", 3, &error) != SLUICE_STATUS_OK) {
        test_check_message("no link", &error, SLUICE_STATUS_IO, "cannot be given a name");
        ck_assert_uint_eq(test_folder_count(0), 0);
    }
}

TEST(folder_that_cannot_be_written)
{
    refused_open = O_WRONLY; /* with a name or without */
    write_text(test_path("file"), "old");
    refuse(test_path("file"), "no temporary file can be made beside it");
    refused_open = 0;
    check_text(test_path("file"), "old");
}

/* In a folder as /tmp others' files may be written, not replaced: said before there is anything to write. */
TEST(file_in_a_sticky_folder)
{
    enum { NOBODY = 65534 };
    if (geteuid() != 0)
        return;
    const char *path = test_path("file");
    write_text(path, "old");
    ck_assert_int_eq(chmod(path, 0666), 0);
    ck_assert_int_eq(chmod(test_folder, 01777), 0);
    ck_assert_int_eq(setresuid(NOBODY, NOBODY, 0), 0);
    sl_output output;
    sluice_error error = {0};
    const sluice_status status = sl_output_create(path, &output, &error);
    const sluice_status other = sl_output_create(test_path("new"), &output, NULL);
    sl_output_abort(&output);
    ck_assert_int_eq(setresuid(0, 0, 0), 0);
    ck_assert_int_eq(status, SLUICE_STATUS_IO);
    test_check_message(path, &error, SLUICE_STATUS_IO, "cannot be replaced: Operation not permitted");
    ck_assert_int_eq(other, SLUICE_STATUS_OK);
    check_text(path, "old");
}

/* ---- A file of several processes --------------------------------------------------------------------------------------------- */

/* Write at a place of the file that all join, and end so. */
static void fill(const char *path, size_t at, const char *text, bool ends)
{
    sl_output output;
    SUCCEEDS(sl_output_join, path, "head", 4, 10, &output);
    ck_assert(sl_output_is_positional(&output));
    SUCCEEDS(sl_output_write, &output, at, text, strlen(text));
    if (ends)
        SUCCEEDS(sl_output_commit, &output);
    else
        sl_output_abort(&output);
}

TEST_LOOP(joined_file, 0, 2)
{
    const char *path = test_path("shared");
    choose_names(_i);
    fill(path, 7, "xyz", true);
    const ino_t inode = inode_of(path);
    fill(path, 4, "abc", false); /* what was written stays, and so does the file */
    check_text(path, "headabcxyz");
    ck_assert_uint_eq(inode_of(path), inode);
    ck_assert_int_eq(test_folder_count(0), 1);
    sl_output output;
    REFUSED(SLUICE_STATUS_BAD_DATA, "shared: is another file", sl_output_join, path, "head", 4, 11, &output);
    REFUSED(SLUICE_STATUS_BAD_DATA, "shared: is another file", sl_output_join, path, "heap", 4, 10, &output);
    check_text(path, "headabcxyz");
}

/* What cannot be made leaves nothing. */
TEST_LOOP(joined_file_that_cannot_be, 0, 2)
{
    choose_names(_i);
    sl_output output;
    REFUSED(SLUICE_STATUS_IO, "No such file or directory", sl_output_join, test_path("nowhere/shared"), "head", 4, 10, &output);
    ck_assert_int_eq(output.fd, -1);
    ck_assert_int_eq(mkdir(test_path("folder"), 0700), 0);
    REFUSED(SLUICE_STATUS_IO, "cannot be opened for writing", sl_output_join, test_path("folder"), "head", 4, 10, &output);
    refused_linkat = EPERM;
    REFUSED(SLUICE_STATUS_IO, "cannot be given its name by a link", sl_output_join, test_path("shared"), "head", 4, 10, &output);
    ck_assert_int_eq(test_folder_count(0), 1);
}

static void teardown(void)
{
    refused_open = refused_fchown = refused_owner = refused_fchmod = refused_linkat = 0;
    test_folder_teardown();
}

TEST_FIXTURE(test_folder_setup, teardown)
