/* A minimal ICAP server for benchmarks: one epoll loop, one port, every address of 127/8.
 *
 *     icap_server PORT DELAY_MS [RECORD]
 *
 * Answers OPTIONS with 200 and REQMOD with 204, each DELAY_MS after the request was whole. RECORD gets a line a
 * request: the address that was asked, the method, when the kernel took in the request, and the time right before
 * and right after the answer was handed to the kernel (ns since 1970). Listens on the loopback device alone.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 4096, MOST = 65536, EVENTS = 256 };

struct peer {
    int used;
    char data[ROOM];
    char address[INET_ADDRSTRLEN];
    unsigned serial; /* of the connection that has this descriptor now */
    int64_t received;
};
struct due {
    int fd;
    unsigned serial;
    int64_t at;
};

static struct peer *peers[MOST];
static struct due queue[MOST]; /* a ring: the delay is the same for all, so what comes first is due first */
static unsigned head, tail, serials;
static FILE *record;

static const char OPTIONS[] =
    "ICAP/1.0 200 OK\r\nMethods: REQMOD\r\nService: bench\r\nISTag: \"bench-1\"\r\nPreview: 1024\r\nAllow: 204\r\n"
    "Max-Connections: 1000\r\nEncapsulated: null-body=0\r\n\r\n";
static const char REQMOD[] = "ICAP/1.0 204 No Content\r\nISTag: \"bench-1\"\r\nEncapsulated: null-body=0\r\n\r\n";

static void check(int failed, const char *what) {
    if (failed) {
        perror(what);
        exit(1);
    }
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void answer(int fd) {
    struct peer *peer = peers[fd];
    int options = peer->data[0] == 'O';
    const char *text = options ? OPTIONS : REQMOD;
    size_t size = options ? sizeof OPTIONS - 1 : sizeof REQMOD - 1;
    int64_t before = now();
    ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);
    int64_t after = now();
    if (record && sent == (ssize_t)size)
        fprintf(record, "%s %s %lld %lld %lld\n", peer->address, options ? "OPTIONS" : "REQMOD",
                (long long)peer->received, (long long)before, (long long)after);
    peer->used = 0;
}

static int whole(const struct peer *peer) {
    const char *end = peer->data + peer->used;
    if (peer->used < 8 || memcmp(end - 4, "\r\n\r\n", 4)) return 0;
    if (peer->data[0] == 'O') return 1;
    return memmem(peer->data, peer->used, "\r\n0\r\n\r\n", 7) || memmem(peer->data, peer->used, "0; ieof\r\n\r\n", 11);
}

/* Read what there is; 0 at the end of the connection, 1 with a whole request, 2 if more is to come. */
static int readable(int fd) {
    struct peer *peer = peers[fd];
    char control[128];
    struct iovec part = {peer->data + peer->used, ROOM - peer->used};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(fd, &message, 0);
    if (got < 0) return errno == EAGAIN ? 2 : 0;
    if (got == 0) return 0;
    peer->used += (int)got;
    peer->received = now();
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            peer->received = t.tv_sec * 1000000000LL + t.tv_nsec;
        }
    return whole(peer) ? 1 : peer->used == ROOM ? 0 : 2;
}

static void stop(int signal_number) {
    (void)signal_number;
    if (record) fclose(record);
    _exit(0);
}

int main(int argc, char **argv) {
    check(argc < 3, "icap_server PORT DELAY_MS [RECORD]");
    int64_t delay = (int64_t)(atof(argv[2]) * 1e6);
    if (argc > 3) check((record = fopen(argv[3], "w")) == NULL, argv[3]);
    sigset_t stopping;
    sigemptyset(&stopping);
    sigaddset(&stopping, SIGTERM);
    signal(SIGTERM, stop);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    int on = 1, listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    check(setsockopt(listening, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), "SO_BINDTODEVICE lo");
    check(setsockopt(listening, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on), "SO_TIMESTAMPNS");
    check(bind(listening, (struct sockaddr *)&any, sizeof any), "bind");
    check(listen(listening, 65535), "listen");
    socklen_t size = sizeof any;
    getsockname(listening, (struct sockaddr *)&any, &size);

    int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listening}, events[EVENTS];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &event);
    event.data.fd = timer;
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
    printf("%d\n", ntohs(any.sin_port));
    fflush(stdout);

    for (;;) {
        /* SIGTERM only while waiting: the record must not be cut in the middle of a line. */
        sigprocmask(SIG_UNBLOCK, &stopping, NULL);
        int found = epoll_wait(epoll, events, EVENTS, -1);
        sigprocmask(SIG_BLOCK, &stopping, NULL);
        for (int i = 0; i < found; i++) {
            int fd = events[i].data.fd;
            if (fd == listening) {
                int accepted;
                while ((accepted = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    if (accepted >= MOST) {
                        close(accepted);
                        continue;
                    }
                    if (!peers[accepted]) check((peers[accepted] = malloc(sizeof(struct peer))) == NULL, "malloc");
                    struct sockaddr_in own;
                    size = sizeof own;
                    getsockname(accepted, (struct sockaddr *)&own, &size);
                    inet_ntop(AF_INET, &own.sin_addr, peers[accepted]->address, INET_ADDRSTRLEN);
                    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                    peers[accepted]->used = 0;
                    peers[accepted]->serial = ++serials;
                    event.events = EPOLLIN;
                    event.data.fd = accepted;
                    epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &event);
                }
            } else if (fd == timer) {
                uint64_t ticks;
                if (read(timer, &ticks, sizeof ticks) < 0) continue;
            } else {
                int state = readable(fd);
                if (state == 0) {
                    peers[fd]->serial = 0;
                    close(fd);
                } else if (state == 1 && delay == 0) {
                    answer(fd);
                } else if (state == 1) {
                    queue[tail++ % MOST] = (struct due){fd, peers[fd]->serial, peers[fd]->received + delay};
                }
            }
        }
        while (head != tail && queue[head % MOST].at <= now()) {
            struct due due = queue[head++ % MOST];
            if (peers[due.fd]->serial == due.serial) answer(due.fd);
        }
        if (head != tail) {
            int64_t at = queue[head % MOST].at;
            struct itimerspec when = {.it_value = {.tv_sec = at / 1000000000LL, .tv_nsec = at % 1000000000LL}};
            timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
        }
    }
}
