/* SPDX-License-Identifier: MIT */
#include "proxies.h"

#include "common.h"
#include "identity.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_SECONDS 10

enum { PORTS = 3, TEXT = 16384 };

static const char *const names[] = {"none", "stunnel", "haproxy", "hitch"};
static const char *const programs[] = {"none", "stunnel4", "haproxy", "hitch"};

/* Free ones, held until all are known. */
static void choose_ports(in_port_t *ports)
{
	int fds[PORTS];

	for (int i = 0; i < PORTS; i++) {
		struct sockaddr_in address = {.sin_family = AF_INET};
		socklen_t size = sizeof(address);

		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fds[i] < 0 || bind(fds[i], (struct sockaddr *)&address, size) < 0 ||
		    getsockname(fds[i], (struct sockaddr *)&address, &size) < 0)
			die_errno("a free port");
		ports[i] = ntohs(address.sin_port);
	}
	for (int i = 0; i < PORTS; i++)
		close(fds[i]);
}

/* Asked of the kernel: a connection would be one that the proxy serves. */
static bool listens(in_port_t port)
{
	FILE *table = fopen("/proc/net/tcp", "re");
	unsigned int local, state;
	bool found = false;
	char line[512];

	if (!table)
		die_errno("/proc/net/tcp");
	while (!found && fgets(line, sizeof(line), table))
		found = sscanf(line, " %*d: %*x:%x %*x:%*x %x", &local, &state) == 2 &&
			local == port && state == 0x0a;
	fclose(table);
	return found;
}

static bool await_listener(const struct process *process, in_port_t port)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	double end = now_seconds() + PATIENCE_SECONDS;
	siginfo_t gone = {0};

	while (now_seconds() < end) {
		if (listens(port))
			return true;
		if (waitid(P_PID, (id_t)process->pid, &gone, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    gone.si_pid)
			break;
		nanosleep(&pause, NULL);
	}
	fprintf(stderr, "%s: does not listen\n", process->name);
	return false;
}

/* The process and its children: some have workers. */
static void list_processes(pid_t pid, char *list, size_t size)
{
	char path[64], children[48] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	file = fopen(path, "re");
	if (file) {
		if (!fgets(children, sizeof(children), file))
			*children = '\0';
		fclose(file);
	}
	snprintf(list, size, "%d", (int)pid);
	for (char *rest = children, *word; (word = strsep(&rest, " "));)
		if (*word && strlen(list) + strlen(word) + 2 < size)
			strcat(strcat(list, ","), word);
}

static void write_stunnel(char *text, const struct proxy_task *task, in_port_t from, in_port_t to,
			  bool client)
{
	int n = snprintf(text, TEXT,
			 "foreground = quiet\npid =\nsyslog = no\ndebug = crit\n"
			 "socket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n"
			 "[proxy]\naccept = 127.0.0.1:%u\nconnect = 127.0.0.1:%u\n"
			 "sslVersionMin = TLSv1.3\nciphersuites = %s\ncurves = prime256v1\n"
			 "sessionResume = %s\n",
			 from, to, task->cipher, task->resume ? "yes" : "no");

	if (client)
		snprintf(text + n, (size_t)(TEXT - n),
			 "client = yes\nCAfile = %s/ca.pem\nverifyChain = yes\n"
			 "checkHost = localhost\n",
			 task->identity);
	else
		snprintf(text + n, (size_t)(TEXT - n), "cert = %s/cert.pem\nkey = %s/key.pem\n",
			 task->identity, task->identity);
}

static void write_haproxy(char *text, const struct proxy_task *task, in_port_t from, in_port_t to)
{
	snprintf(text, TEXT,
		 "global\n maxconn 4000\n nbthread 1\n"
		 "defaults\n mode tcp\n timeout connect 10s\n timeout client 600s\n"
		 " timeout server 600s\n"
		 "listen proxy\n bind 127.0.0.1:%u ssl crt %s/bundle.pem ssl-min-ver TLSv1.3"
		 " ciphersuites %s curves P-256\n server behind 127.0.0.1:%u\n",
		 from, task->identity, task->cipher, to);
}

static void write_hitch(char *text, const struct proxy_task *task, in_port_t from, in_port_t to)
{
	snprintf(text, TEXT,
		 "frontend = { host = \"127.0.0.1\" port = \"%u\" }\n"
		 "backend = \"[127.0.0.1]:%u\"\npem-file = \"%s/bundle.pem\"\n"
		 "tls-protos = TLSv1.3\nciphersuites = \"%s\"\necdh-curve = \"P-256\"\n"
		 "workers = 1\nbacklog = 1024\nkeepalive = 3600\ndaemon = off\nlog-level = 0\n"
		 "syslog = off\nuser = \"%s\"\n",
		 from, to, task->identity, task->cipher, getuid() ? "" : "root");
}

static bool start(struct proxies *proxies, const char *const *argv, const struct proxy_task *task,
		  int cpu, in_port_t port, char *list, size_t size)
{
	struct process *process = &proxies->processes[proxies->count++];

	process_start_on(process, argv, NULL, task->pin ? cpu : -1);
	if (!await_listener(process, port)) {
		proxies_stop(proxies);
		return false;
	}
	list_processes(process->pid, list, size);
	return true;
}

static bool start_stunnel(struct proxies *proxies, const struct proxy_task *task,
			  const in_port_t *ports)
{
	char text[TEXT];
	const char *argv[] = {programs[PROXY_STUNNEL], NULL, NULL};

	write_stunnel(text, task, ports[1], ports[2], false);
	argv[1] = identity_write(RUN_PROXY_SERVER, text);
	if (!start(proxies, argv, task, 1, ports[1], proxies->server, sizeof(proxies->server)))
		return false;
	write_stunnel(text, task, ports[0], ports[1], true);
	argv[1] = identity_write(RUN_PROXY_CLIENT, text);
	return start(proxies, argv, task, 0, ports[0], proxies->client, sizeof(proxies->client));
}

enum proxy_kind proxies_find(const char *name)
{
	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(names[i], name) == 0)
			return (enum proxy_kind)i;
	return PROXY_NONE;
}

bool proxies_have(enum proxy_kind kind)
{
	static const char *const places[] = {"/usr/bin", "/usr/sbin", "/usr/local/bin",
					     "/usr/local/sbin"};
	char path[256];

	if (kind == PROXY_NONE)
		return true;
	for (size_t i = 0; i < COUNT(places); i++) {
		snprintf(path, sizeof(path), "%s/%s", places[i], programs[kind]);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

bool proxies_start(struct proxies *proxies, enum proxy_kind kind, const struct proxy_task *task)
{
	/* What hitch says of its work goes where nobody reads; it says little. */
	static const char *const commands[] = {
		[PROXY_HAPROXY] = "exec haproxy -q -db -f \"$0\"",
		[PROXY_HITCH] = "exec hitch --config \"$0\" 2>&1",
	};
	in_port_t ports[PORTS];
	char text[TEXT];
	const char *file;

	*proxies = (struct proxies){0};
	if (kind == PROXY_NONE)
		return true;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	choose_ports(ports);
	if (task->behind)
		ports[2] = task->behind;
	proxies->connect = ports[0];
	proxies->listen = ports[2];
	if (kind == PROXY_STUNNEL)
		return start_stunnel(proxies, task, ports);
	(kind == PROXY_HAPROXY ? write_haproxy : write_hitch)(text, task, ports[0], ports[2]);
	file = identity_write(RUN_PROXY_SERVER, text);
	return start(proxies, (const char *const[]){"sh", "-c", commands[kind], file, NULL}, task,
		     1, ports[0], proxies->server, sizeof(proxies->server));
}

/* What a proxy leaves behind becomes our child. */
static void end_workers(const char *list)
{
	char copy[64], *rest = copy, *word;

	snprintf(copy, sizeof(copy), "%s", list);
	while ((word = strsep(&rest, ","))) {
		pid_t pid = (pid_t)atoi(word);

		/* Not one that has gone, whose number may be another's. */
		if (pid > 0 && waitpid(pid, NULL, WNOHANG) == 0) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
	}
}

void proxies_stop(struct proxies *proxies)
{
	for (int i = 0; i < proxies->count; i++) {
		kill(proxies->processes[i].pid, SIGTERM);
		process_reap(&proxies->processes[i]);
	}
	end_workers(proxies->client);
	end_workers(proxies->server);
	/* Others that were left to us: of a worker that broke off, say. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	proxies->count = 0;
	*proxies->client = *proxies->server = '\0';
}

void proxies_version(enum proxy_kind kind, char *text, size_t size)
{
	static const char *const commands[] = {
		[PROXY_STUNNEL] = "stunnel4 -version 2>&1 | grep '^stunnel'",
		[PROXY_HAPROXY] = "haproxy -v 2>&1",
		[PROXY_HITCH] = "hitch --version 2>&1",
	};
	FILE *output = popen(commands[kind], "re");

	if (!output || !fgets(text, (int)size, output))
		snprintf(text, size, "%s", programs[kind]);
	text[strcspn(text, "\n")] = '\0';
	if (output)
		pclose(output);
}
