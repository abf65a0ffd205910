/* The first and only process of the emulated machine: it runs the programs that /job names, one after the other, on the second
 * serial port, which is a file of the host. tests/emulate/run is the other end.
 *
 * /job is NUL-terminated strings: "eNAME=VALUE" is a line of the environment, "pPATH" a program, run without arguments in /. After
 * a program's output comes the byte 0x1e and its status as a shell would report it, then a line end. When all is done it waits to be
 * switched off. If anything fails it returns, which is a kernel panic that the host sees. */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { JOB_BYTES = 1 << 16, MOST_SETTINGS = 64 };

static const char *const mounts[][2] = {{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/tmp"}};

static int mount_all(void)
{
    for (size_t j = 0; j < sizeof mounts / sizeof mounts[0]; j++)
        if ((mkdir(mounts[j][1], 0755) != 0 && access(mounts[j][1], F_OK) != 0) ||
            mount(mounts[j][0], mounts[j][1], mounts[j][0], 0, NULL) != 0)
            return -1;
    return 0;
}

/* The port as standard input, output and error, and bytes as they are. */
static int open_port(void)
{
    const int port = open("/dev/ttyS1", O_RDWR | O_NOCTTY);
    struct termios mode;
    if (port < 0 || tcgetattr(port, &mode) != 0)
        return -1;
    cfmakeraw(&mode);
    if (cfsetspeed(&mode, B115200) != 0 || tcsetattr(port, TCSANOW, &mode) != 0)
        return -1;
    for (int standard = 0; standard <= 2; standard++)
        if (dup2(port, standard) < 0)
            return -1;
    return 0;
}

static int run(char *path, char **environment)
{
    const pid_t child = fork();
    if (child == 0) {
        setsid();
        execve(path, (char *[]){path, NULL}, environment);
        perror(path);
        _exit(127);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -1;
    printf("\x1e%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return fflush(stdout) == 0 && tcdrain(STDOUT_FILENO) == 0 ? 0 : -1;
}

int main(void)
{
    static char job[JOB_BYTES], *environment[MOST_SETTINGS + 1];
    size_t settings = 0;
    if (mount_all() != 0 || open_port() != 0)
        return 1;
    const int file = open("/job", O_RDONLY);
    const ssize_t bytes = read(file, job, sizeof job - 1);
    if (bytes <= 0)
        return 1;
    for (char *word = job; word < job + bytes;) {
        char *const text = word + 1;
        if (*word == 'e' && settings < MOST_SETTINGS)
            environment[settings++] = text;
        else if (*word != 'p' || run(text, environment) != 0)
            return 1;
        while (*word++)
            ;
    }
    for (;;)
        pause();
}
