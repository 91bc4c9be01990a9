# SPDX-License-Identifier: MIT
"""The functions of this machine's glibc that take or give a descriptor or a stream."""

import re
import subprocess

# Of these headers' functions all count, of the others' those with such a thing among
# their types. One that a glibc does not have is left out.
WHOLE = ("aio fcntl mqueue netdb poll stdio stdio_ext sys/epoll sys/eventfd sys/fanotify sys/inotify sys/ioctl "
         "sys/pidfd sys/select sys/sendfile sys/signalfd sys/socket sys/timerfd sys/uio syslog").split()
OTHERS = ("arpa/inet dirent err error execinfo fts grp gshadow ifaddrs malloc mntent net/if netinet/in pty pwd sched "
          "search shadow signal spawn stdlib sys/file sys/mman sys/mount sys/random sys/stat sys/statfs sys/statvfs "
          "sys/time sys/wait sys/xattr termios unistd utime utmp wchar").split()

DESCRIPTOR = re.compile(r"\bint \*? ?_*(\w*fds?\d?|fildes\d?|\w*pipedes|sock|s|sv|amaster|\w*desc)\b")
TYPES = re.compile(r"\b(_*FILE|DIR|FTS(?:64)?|mqd_t|pollfd|fd_set|posix_spawn_file_actions_t|aiocb|aiocb64|msghdr|mmsghdr)\b")

# Those that give one, or make a process that inherits them, and have none among their types.
GIVING = re.compile(r"^(_?v?[Ff]ork|clone|daemon|exec\w+|fsopen|getpt|\w*stemps?(64)?|\w*openpt|\w+_(open|create)|"
                    r"syscall|system)$")

# What no header declares: fortified twins, twins for large files, old names.
DECORATION = re.compile(r"^(?:__|__libc_|_IO_|__isoc\d+_)?(\w+?)(?:_chk|_2|64)?$")

ATTRIBUTE = re.compile(r"__(?:attribute__|asm__|nonnull|REDIRECT\w*)\s*(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))")
MARKER = re.compile(r'^# \d+ "([^"]*)"')
PROTOTYPE = re.compile(r"^(?:extern |__extension__ )*([\w\s*]*?[\s*])(\w+) ?\((.*)\)$")


def run(command, text=None):
    return subprocess.run(command, check=True, capture_output=True, text=True, input=text).stdout


def exported(library):
    """Return {name: address} of the functions that a program can be linked with."""
    found = {}
    for line in run(["readelf", "--dyn-syms", "--wide", library]).splitlines():
        field = line.split()
        if len(field) >= 8 and field[3] in ("FUNC", "IFUNC") and field[6] != "UND":
            name, default, version = field[7].partition("@@")
            if default and version != "GLIBC_PRIVATE":
                found[name] = field[1]
    return found


def statements(text):
    """Yield the header and the text of what stands between semicolons."""
    header, statement = "", ""
    for line in text.splitlines():
        marker = MARKER.match(line)
        if marker:
            header = marker[1]
            continue
        statement += " " + line
        if line.rstrip().endswith((";", "}")):
            yield header, re.sub(r"\s+", " ", ATTRIBUTE.sub("", statement)).strip(" ;")
            statement = ""


def declared(compiler):
    """Return {name: whether it counts} of all functions that the headers declare."""
    text = "".join(f"#if __has_include(<{h}.h>)\n#include <{h}.h>\n#endif\n" for h in WHOLE + OTHERS)
    whole = tuple(f"/{header}.h" for header in WHOLE) + ("/bits/fcntl-linux.h", "/bits/fcntl.h")
    found = {}
    for header, statement in statements(run([*compiler, "-E", "-D_GNU_SOURCE", "-xc", "-"], text)):
        prototype = PROTOTYPE.match(statement)
        if prototype and "typedef" not in prototype[1]:
            counts = (header.endswith(whole) or DESCRIPTOR.search(prototype[3]) or TYPES.search(statement)
                      or GIVING.search(prototype[2]))
            found[prototype[2]] = found.get(prototype[2], False) or bool(counts)
    return found


def entry_points(names, known):
    """Return those of the exported names that must stand in the table; known is what declared() gave."""
    counting = {name for name in names if known.get(name)}
    addresses = {names[name] for name in counting}
    for name in set(names) - set(known):
        plain = DECORATION.match(name)
        if names[name] in addresses or (plain and plain[1] in counting):
            counting.add(name)
    return counting
