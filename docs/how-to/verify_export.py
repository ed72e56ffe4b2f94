"""Verify an exported ledger with Python 3.8 or later alone: python verify_export.py FOLDER KEY [KEY ...]
KEY is the ledger's verifier key, from its operator and not from the folder. It asks no server, and imports nothing
that does not come with Python but verify_ed25519.py beside it. Exit code 0 if everything fits, else 1 and the first
thing that does not."""

import base64
import hashlib
import json
import os
import re
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # an isolated Python does not look there

from verify_ed25519 import has_signed


def need(fits, otherwise):
    """ValueError says what does not fit, and where."""
    if not fits:
        raise ValueError(otherwise)


def regular(path):
    """The path of a file that is there, and is no link and no pipe."""
    there = os.path.lexists(path) and stat.S_ISREG(os.lstat(path).st_mode)
    need(there, f"{path} is not there, or is not a regular file")
    return path


def from64(text, length=None):
    """Base 64, written in the one way there is."""
    data = base64.b64decode(text) if re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", text) and len(text) % 4 == 0 else b""
    same = base64.b64encode(data).decode() == text and length in (None, len(data))
    need(same, f"not base 64 as it has to be: {text[:60]!r}")
    return data


def key_of(text):
    """Name, id and 32 bytes of a verifier key, NAME+ID+KEY."""
    name, key_id, encoded = (*text.split("+", 2), "", "")[:3]
    key = from64(encoded, 33)
    digest = hashlib.sha256(name.encode() + b"\n" + key).hexdigest()
    sound = key[0] == 1 and re.fullmatch(r"[^\s+]+", name) and digest[:8] == key_id
    need(sound, f"not a verifier key: {text!r}")
    return name, bytes.fromhex(key_id), key[1:]


def opened(note, keys):
    """Origin, size and root of a checkpoint that one of the keys has signed under its origin."""
    text, blank, lines = note.rpartition("\n\n")
    need(blank and lines.endswith("\n"), "the checkpoint is not a signed note")
    origin, size, root = (*(text + "\n").split("\n", 3), "", "", "")[:3]
    signed = False
    for line in lines[:-1].split("\n"):
        found = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
        need(found and len(from64(found[2])) > 4, f"not a signature: {line!r}")
        for name, key_id, public in keys:
            if (name, key_id) == (found[1], from64(found[2])[:4]):
                good = has_signed(public, text.encode() + b"\n", from64(found[2])[4:])
                need(good, f"the signature of {name} does not fit the checkpoint")
                signed = signed or name == origin
    need(signed, "no trusted key has signed the checkpoint")
    need(re.fullmatch(r"0|[1-9][0-9]{0,18}", size), "the checkpoint has no size")
    return origin, int(size), from64(root, 32)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def peaks(hashes):
    """The roots of the complete subtrees over hashes that stand side by side, the largest first."""
    if len(hashes) < 2:
        return list(hashes)
    left = 1 << len(hashes).bit_length() - 1
    level = hashes[:left]
    while len(level) > 1:
        level = [sha(b"\1", one, two) for one, two in zip(level[::2], level[1::2])]  # noqa: B905
    return [*level, *peaks(hashes[left:])]


def root_of(found):
    """The root of a tree, from the roots of its complete subtrees, the largest first (RFC 6962, section 2.1)."""
    root = found[-1] if found else sha(b"")
    for left in found[-2::-1]:
        root = sha(b"\1", left, root)
    return root


def leads(leaf, index, size, path, root):
    """Whether a path leads from the leaf of an index to the root (RFC 9162, section 2.1.3.2)."""
    last = size - 1
    for sibling in path:
        need(last > 0, "a path of hashes is too long")
        if index & 1 or index == last:
            leaf = sha(b"\1", sibling, leaf)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            leaf = sha(b"\1", leaf, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and leaf == root


class Export:
    """A folder that an export wrote, whole or of a range."""

    def __init__(self, folder, keys):
        self.folder, self.files, self.edge, self.used = folder, {"payloads.jsonl"}, {}, {}
        self.note, text = self.text("checkpoint"), self.text("manifest.json")
        self.origin, self.size, self.root = opened(self.note, keys)
        told = json.loads(text)
        self.first, self.last = told.get("from", 1), told.get("to", self.size)
        kind = "export-range" if "from" in told else "export"
        says = {"format": f"incident-ledger/{kind}/v1", "origin": self.origin, "size": self.size}
        says["root"] = self.root.hex()
        if "from" in told:
            says.update({"from": self.first, "to": self.last})
            need(type(self.first) is type(self.last) is int, "the manifest states no positions")
            need(1 <= self.first <= self.last <= self.size, "the manifest states positions that are not there")
        need(json.dumps(says, indent=2, ensure_ascii=False) + "\n" == text, "the manifest says something else")
        whole = self.first % 256 == 1 and (self.last % 256 == 0 or self.last == self.size)
        need(whole, "the range does not consist of whole bundles")

    def read(self, name):
        """What a file holds; a larger one is not looked at."""
        path = regular(os.path.join(self.folder, name))
        self.files.add(name)
        need(os.path.getsize(path) <= 2**27, f"{path} is too large")
        with open(path, "rb") as file:
            return file.read()

    def text(self, name):
        try:
            return self.read(name).decode()
        except UnicodeDecodeError:
            raise ValueError(f"{name} is not UTF-8") from None

    def place(self, level, index):
        """Where a tile is, or a bundle of entries (C2SP tlog-tiles), and how many hashes or entries it has."""
        width = min(256, (self.size >> (0 if level == "entries" else 8 * level)) - 256 * index)
        parts, rest = [f"{index % 1000:03}"], index // 1000
        while rest:
            parts, rest = [f"x{rest % 1000:03}", *parts], rest // 1000
        return "/".join(["tile", str(level), *parts]) + (f".p/{width}" if width < 256 else ""), width

    def tile(self, level, index):
        """The hashes of a tile: a complete one has to be what the one above it says, up to those of the edge."""
        for known in (self.edge, self.used):
            if level in known and known[level][0] == index:
                return known[level][1]
        name, width = self.place(level, index)
        data = self.read(name)
        need(len(data) == 32 * width, f"{name} does not have {width} hashes")
        hashes = [data[at : at + 32] for at in range(0, len(data), 32)]
        if width < 256:
            self.edge[level] = index, hashes
            return hashes
        above = self.tile(level + 1, index // 256)[index % 256]
        need(peaks(hashes) == [above], f"{name} does not fit the tile above it")
        self.used[level] = index, hashes
        return hashes

    def check_edge(self):
        """The incomplete tiles, which are those at the right edge, give the root that was signed."""
        levels = [level for level in range(7, -1, -1) if (self.size >> 8 * level) % 256]
        rows = [self.tile(level, self.size >> 8 * level + 8) for level in levels]
        need(root_of([peak for row in rows for peak in peaks(row)]) == self.root, "the tiles do not give the root")

    def bundles(self):
        return range(self.first // 256, -(-self.last // 256))

    def entries(self, index):
        """The entries of a bundle with their positions. Each has to be the leaf that the tree has at its place."""
        name, at = self.place("entries", index)[0], 0
        data = self.read(name)
        for position, leaf in enumerate(self.tile(0, index), 256 * index + 1):
            start, at = at + 2, at + 2 + int.from_bytes(data[at : at + 2], "big")
            same = sha(b"\0", data[start:at]) == leaf
            need(same, f"position {position}: its envelope is not the one in the tree")
            yield position, data[start:at]
        need(at == len(data), f"{name} has more entries than the tree")

    def verify(self):
        """Everything. ValueError names the first position that does not fit."""
        *keys, end = self.text("keys").split("\n")
        need(not end and len(set(keys)) == len(keys), "the file of keys does not name each once")
        opened(self.note, [key_of(key) for key in keys])
        self.check_edge()
        gone, removed = {}, {}
        with open(regular(os.path.join(self.folder, "payloads.jsonl")), "rb") as lines:
            for index in self.bundles():
                for position, entry in self.entries(index):
                    self.check_event(position, entry, lines.readline(2**26 + 1), gone, removed)
            need(not lines.read(1), "there are more lines of payloads than events")
        self.check_redactions(gone, removed)
        self.check_strangers()
        return len(gone)

    def envelope(self, position, entry):
        """The lines of an envelope, as docs/reference/envelope.md says, of this ledger and position."""
        lines = entry.decode().split("\n")
        length = {"incident-ledger/event/v1": 12, "incident-ledger/event/v2": 13}.get(lines[0])
        need(len(lines) == length and not lines[-1], f"position {position}: no envelope")
        here = [self.origin.split("/")[-1], str(position)]
        need(lines[1:3] == here, f"position {position}: its envelope is of another place")
        return lines

    def check_event(self, position, entry, line, gone, removed):
        """One event: its envelope, and its payload as it was committed to."""
        lines = self.envelope(position, entry)
        if line == b'{"position":%d,"redacted":true}\n' % position:
            gone[lines[5]] = position
            return
        found = re.fullmatch(rb'\{"position":(\d+),"salt":"([0-9a-f]{32})","payload":(.*)\}\n', line)
        there = found and found[1] == b"%d" % position
        need(there, f"position {position}: its line of payloads is missing, or is not one")
        told = self.payload(position, lines, bytes.fromhex(found[2].decode()), found[3])
        if lines[6] == "PayloadRedacted":
            removed[told["target_event_id"]] = position

    def payload(self, position, lines, salt, payload):
        """What a payload says that is the one of an envelope."""
        same = sha(salt, payload).hex() == lines[-2]
        need(same, f"position {position}: its payload is not the one that was recorded")
        return json.loads(payload.decode())

    def check_redactions(self, gone, removed):
        """What is gone was redacted on the record, here or by a proof of what came later, and nothing else was."""
        wanting = set(gone) - set(removed)
        folder = os.path.join(self.folder, "redactions")
        for name in sorted(os.listdir(folder)) if wanting and os.path.isdir(folder) else ():
            self.check_redaction(f"redactions/{name}", wanting, removed)
        wanting -= set(removed)
        first = min(map(gone.get, wanting), default=0)
        need(not wanting, f"position {first}: its payload is gone, and no redaction is recorded")
        came = set(removed) - set(gone)
        for index in self.bundles() if came else ():
            for position, entry in self.entries(index):
                there = entry.decode().split("\n")[5] in came
                need(not there, f"position {position}: its payload came, and the record says that it was removed")
        need(not came or self.last - self.first + 1 < self.size, "a redaction is of an event that is not there")

    def check_redaction(self, name, wanting, removed):
        """A proof (C2SP tlog-proof) of a PayloadRedacted beyond the range, for the checkpoint of this export."""
        head, _, note = self.text(name).partition("\n\n")
        _, extra, index, *path = head.split("\n")
        told = json.loads(from64(extra.replace("extra ", "", 1)).decode())
        order = {each: told[each] for each in ("entry", "salt", "payload")}
        made = base64.b64encode(json.dumps(order, ensure_ascii=False, separators=(",", ":")).encode()).decode()
        position = int(index.replace("index ", "", 1)) + 1
        again = ["c2sp.org/tlog-proof@v1", f"extra {made}", f"index {position - 1}", *path]
        need(again == head.split("\n") and note == self.note, f"{name} is not a proof for this export")
        beyond = name == f"redactions/{position}.tlog-proof" and self.last < position <= self.size
        need(beyond, f"{name} is not of a position beyond the range")
        entry = told["entry"].encode()
        lines = self.envelope(position, entry)
        need(lines[6] == "PayloadRedacted", f"{name} is not of a redaction")
        said = self.payload(position, lines, from64(told["salt"], 16), from64(told["payload"]))
        hashes = [from64(each, 32) for each in path]
        reached = leads(sha(b"\0", entry), position - 1, self.size, hashes, self.root)
        need(reached, f"{name} does not lead to the root")
        target = said["target_event_id"]
        need(target in wanting, f"{name} explains nothing that is missing here")
        removed[target] = position

    def check_strangers(self):
        """There is no file that was not read."""
        for above, folders, names in os.walk(self.folder):
            for name in names + [each for each in folders if os.path.islink(os.path.join(above, each))]:
                path = os.path.relpath(os.path.join(above, name), self.folder).replace(os.sep, "/")
                need(path in self.files, f"{path} does not belong to the export")


def main(folder, *keys):
    """Verify and tell; the exit code."""
    try:
        export = Export(folder, [key_of(key) for key in keys])
        redacted = export.verify()
    except Exception as error:  # what cannot be read does not fit either
        print(f"{folder} does not fit: {error}", file=sys.stderr)
        return 1
    print(f"{folder} fits: {export.origin}, {export.size} events, root {export.root.hex()}")
    what = f"positions {export.first} to {export.last}, each envelope, tile and payload"
    print(f"verified: {what}; {redacted} are redacted")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) > 2 else print(__doc__) or 2)
