"""Where things lie on a Varve disk, read from its superblock: for tests that damage them. See docs/internals/index.md."""

import dataclasses
import pathlib
import random
import struct

from stamps import BLOCK, MAGIC

UNIT = 64 << 10


@dataclasses.dataclass
class Layout:
    path: pathlib.Path
    journal: range
    checksums: range
    data: range

    @staticmethod
    def of(path: pathlib.Path) -> "Layout":
        with open(path, "rb") as f:
            head = f.read(4096)
        assert head[:8] == b"VARVESB1", f"{path} has no superblock"
        journal_at, journal_bytes = struct.unpack_from("<QQ", head, 120)
        checksum_at, data_at = struct.unpack_from("<QQ", head, 144)
        units, = struct.unpack_from("<I", head, 160)
        return Layout(path, range(journal_at, journal_at + journal_bytes), range(checksum_at, data_at),
                      range(data_at, data_at + units * UNIT))

    def blocks_starting_with(self, region: range, magic: bytes) -> list[int]:
        """Offsets of the 4 KiB blocks of a region that begin with these bytes."""
        found = []
        with open(self.path, "rb") as f:
            f.seek(region.start)
            at = region.start
            while at < region.stop:
                chunk = f.read(min(4 << 20, region.stop - at))
                if not chunk:
                    break
                found += [at + i for i in range(0, len(chunk), BLOCK) if chunk.startswith(magic, i)]
                at += len(chunk)
        return found

    def stamped(self, region: range) -> list[int]:
        return self.blocks_starting_with(region, MAGIC)

    def recent_frames(self, count: int = 200, skip: int = 5) -> list[tuple[int, list[int]]]:
        """Heads of the newest frames of the journal and the blocks of their payload, without the very last ones: a frame that
        could have been in flight counts as torn, not as damaged, when it is bad. These are not checkpointed after a kill."""
        found = []
        with open(self.path, "rb") as f:
            for at in self.blocks_starting_with(self.journal, b"VFRM"):
                f.seek(at)
                head = f.read(64)
                seq, = struct.unpack_from("<Q", head, 8)
                descriptors, payload = struct.unpack_from("<II", head, 40)
                data = at + (64 + descriptors + BLOCK - 1) // BLOCK * BLOCK
                found.append((seq, at, [data + i * BLOCK for i in range(payload)]))
        found.sort(reverse=True)
        return [(at, blocks) for _, at, blocks in found[skip:skip + count]]

    def checksum_pages_in_use(self) -> list[int]:
        with open(self.path, "rb") as f:
            f.seek(self.checksums.start)
            table = f.read(len(self.checksums))
        return [self.checksums.start + i for i in range(0, len(table), 4096) if table.count(0, i, i + 4096) < 4096]

    def flip(self, offsets: list[int], dice: random.Random) -> None:
        """One bit in each of these places."""
        with open(self.path, "r+b") as f:
            for at in offsets:
                f.seek(at)
                byte = f.read(1)[0]
                f.seek(at)
                f.write(bytes([byte ^ 1 << dice.randrange(8)]))


def flip_index_values(data_directory: pathlib.Path, volume_id: int, count: int, dice: random.Random) -> int:
    """One bit in the values of `count` extents of a volume's first slab, in the LMDB files below a node's directory.

    A value follows its key of 16 bytes: stream, extent, layer in big endian (and therefore easy to find). LMDB keeps old pages
    beside the valid ones, so every version of an extent's value is damaged. Returns how many extents were.
    """
    key = struct.pack(">Q", volume_id << 16)
    damaged = 0
    for path in sorted(data_directory.glob("**/*.mdb")):
        if path.name.startswith("lock"):
            continue
        content = bytearray(path.read_bytes())
        places: dict[bytes, list[int]] = {}
        at = content.find(key)
        while at >= 0:
            # node header: data size (low, high), flags, key size = 16; value: version 1
            if at >= 8 and content[at - 2:at] == b"\x10\x00" and content[at + 16:at + 17] == b"\x01":
                places.setdefault(bytes(content[at:at + 16]), []).append(at + 16 + 2)
            at = content.find(key, at + 1)
        for chosen in dice.sample(sorted(places), min(count, len(places))):
            for place in places[chosen]:
                content[place + dice.randrange(8)] ^= 1 << dice.randrange(8)
            damaged += 1
        path.write_bytes(content)
    return damaged
