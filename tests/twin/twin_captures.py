# SPDX-License-Identifier: Apache-2.0
"""Real packets: the captures that the sources of Debian's packages ship.

They are fetched with apt-get, which finds them wherever this machine gets its
packages from and checks their signatures, once, and kept in the user's cache.
Nothing of them is in our tree.  A machine without a way to them does
without."""

import itertools
import os
import re
import struct
import subprocess
import tarfile
import tempfile

PACKAGES = ["tcpdump", "ndpi", "libpcap"]
LINK_ETHERNET = 1
LINK_RAW = (12, 14, 101, 228, 229)      # IP without a link layer.
LINK_SLL = 113
LARGEST = 64 << 20                      # Of one file that is read.
OF_EACH = 100                           # Packets of a capture that are taken.


def cache():
    """The folder that what was fetched is kept in."""
    return os.path.join(os.environ.get("XDG_CACHE_HOME")
                        or os.path.expanduser("~/.cache"),
                        "markpath")


def debian_sources():
    """The machine's own lists of Debian's packages, as lists of sources.
    Yields the suffix and the text of each."""
    paths = ["/etc/apt/sources.list"] + sorted(
        os.path.join("/etc/apt/sources.list.d", name)
        for name in os.listdir("/etc/apt/sources.list.d"))
    for path in filter(os.path.exists, paths):
        with open(path, encoding="utf-8", errors="replace") as stream:
            text = stream.read()
        if path.endswith(".sources"):
            for entry in re.split(r"\n\s*\n", text):
                if re.search(r"^URIs:.*debian", entry, re.M):
                    yield ".sources", re.sub(r"(?m)^Types:.*",
                                             "Types: deb-src", entry) + "\n"
        else:
            lines = re.findall(r"(?m)^deb +(.*debian.*)$", text)
            yield ".list", "".join("deb-src %s\n" % line for line in lines)


def source_list(folder):
    """Writes what apt-get needs to find sources where it finds packages.
    Returns its options."""
    parts, lists = (os.path.join(folder, name) for name in ("parts", "lists"))
    os.makedirs(parts, exist_ok=True)
    os.makedirs(os.path.join(lists, "partial"), exist_ok=True)
    for i, (suffix, text) in enumerate(debian_sources()):
        with open(os.path.join(parts, "%d%s" % (i, suffix)), "w",
                  encoding="utf-8") as stream:
            stream.write(text)
    return ["-o", "Dir::Etc::SourceList=/dev/null",
            "-o", "Dir::Etc::SourceParts=" + parts,
            "-o", "Dir::State::Lists=" + lists,
            "-o", "APT::Sandbox::User=root",
            "-o", "Acquire::Retries=1",
            "-o", "Acquire::http::Timeout=20"]


def apt(folder, *arguments):
    """Runs apt-get in 'folder'.  Returns what went wrong, or an empty
    string."""
    try:
        done = subprocess.run(["apt-get", "-qq", *arguments], timeout=600,
                              cwd=folder, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False,
                              stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    return (lines or ["apt-get has failed"])[0] if done.returncode else ""


def fetch():
    """Sees that the captures are in the cache.  Returns what to say about
    it."""
    corpus = os.path.join(cache(), "captures")
    if os.path.exists(corpus):
        return "captures: " + corpus
    os.makedirs(cache(), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache()) as folder:
        options = source_list(folder)
        error = apt(folder, *options, "update")
        n_packets = 0
        path = os.path.join(folder, "captures")
        with open(path, "wb") as stream:
            for package in [] if error else PACKAGES:
                error = apt(folder, *options, "source", "--download-only",
                            "--only-source", "--tar-only", package) or error
            for name in sorted(os.listdir(folder)):
                if re.search(r"\.orig\.tar\.\w+$", name):
                    for packet in of_archive(os.path.join(folder, name)):
                        stream.write(struct.pack("!H", len(packet)) + packet)
                        n_packets += 1
        if not n_packets:
            return "SKIPPED: real captures: " + (error or "none found")
        os.rename(path, corpus)
    return "captures: %d packets fetched to %s%s" % (
        n_packets, corpus, "; " + error if error else "")


def of_archive(path):
    """Yields the first packets of each capture in the archive 'path', as
    Ethernet frames."""
    with tarfile.open(path) as archive:
        for member in archive:
            if (not member.isfile() or member.size > LARGEST
                    or not re.search(r"\.(pcap|pcapng|cap)$", member.name)):
                continue
            data = archive.extractfile(member).read()
            for link, packet in itertools.islice(packets(data), OF_EACH):
                frame = as_frame(link, packet)
                if frame and 14 <= len(frame) <= 2000:
                    yield frame


def packets(data):
    """Yields link type and bytes of each packet in the capture 'data', which
    is the content of a file.  Ends where it makes no sense any more."""
    magic = data[:4]
    if magic == b"\x0a\x0d\x0d\x0a":
        yield from packets_ng(data)
        return
    order = {b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">",
             b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<"}.get(magic)
    if not order or len(data) < 24:
        return
    link = struct.unpack(order + "I", data[20:24])[0] & 0xffff
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        at += 16
        if size > 65536 or at + size > len(data):
            return
        yield link, data[at:at + size]
        at += size


def packets_ng(data):
    """The same for a capture in the pcapng format."""
    at, order, links = 0, "<", []
    while at + 12 <= len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            links = []
        kind, size = struct.unpack(order + "II", data[at:at + 8])
        if size < 12 or at + size > len(data):
            return
        body = data[at + 8:at + size - 4]
        if kind == 1 and len(body) >= 2:
            links.append(struct.unpack(order + "H", body[:2])[0])
        elif kind == 6 and len(body) >= 20:
            interface, _, _, length = struct.unpack(order + "IIII", body[:16])
            if interface < len(links):
                yield links[interface], body[20:20 + length]
        at += size


def as_frame(link, data):
    """'data' as an Ethernet frame, or None."""
    if link == LINK_ETHERNET:
        return data
    if link in LINK_RAW and data:
        kind = {4: b"\x08\0", 6: b"\x86\xdd"}.get(data[0] >> 4)
    elif link == LINK_SLL and len(data) > 16:
        kind, data = data[14:16], data[16:]
    else:
        return None
    return kind and bytes.fromhex("020000000001020000000002") + kind + data


def read():
    """Returns the frames that fetch() has put into the cache."""
    try:
        with open(os.path.join(cache(), "captures"), "rb") as stream:
            data = stream.read()
    except OSError:
        return []
    frames, at = [], 0
    while at < len(data):
        size = struct.unpack("!H", data[at:at + 2])[0]
        frames.append(data[at + 2:at + 2 + size])
        at += 2 + size
    return frames
