package io.varve.dataplane.disk;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * The marks by which other people's formats are known. Offsets and magics as in the format's own header files and in libblkid
 * (util-linux, libblkid/src/superblocks).
 */
final class ForeignFormats {
    /** ext2/3/4: the superblock lies 1 KiB from the start (fs/ext4/ext4.h). */
    private static final int EXT_SUPERBLOCK = 1024;

    private static final int EXT_HAS_JOURNAL = 0x4;
    private static final int EXT_JOURNAL_DEVICE = 0x8;
    /** Extents, 64 bit, flexible block groups: each of them makes it ext4. */
    private static final int EXT4_INCOMPAT = 0x40 | 0x80 | 0x200;

    /** Boot sectors and partition tables. */
    private static final int MBR_PARTITIONS = 446;

    private static final int MBR_ENTRY_BYTES = 16;

    private static final int ZFS_LABEL_BYTES = 256 << 10;
    private static final int ZFS_UBERBLOCKS = 128 << 10;
    private static final long ZFS_UBERBLOCK_MAGIC = 0x00bab10cL;
    private static final long ZFS_UBERBLOCK_MAGIC_SWAPPED = 0x0cb1ba00L;

    private static final long MD_MAGIC = 0xa92b4efcL;

    /** Formats that one magic at one place tells. */
    private static final List<Mark> MARKS = List.of(
            new Mark("a GPT partition table", 512, ascii("EFI PART")),
            new Mark("a GPT partition table", 4096, ascii("EFI PART")),
            new Mark("the backup of a GPT partition table", -512, ascii("EFI PART")),
            new Mark("the backup of a GPT partition table", -4096, ascii("EFI PART")),
            new Mark("a LUKS encrypted volume", 0, hex("4c554b53babe")),
            new Mark("a LUKS encrypted volume (second header)", 0x4000, hex("534b554cbabe")),
            new Mark("a Ceph BlueStore OSD", 0, ascii("bluestore block device")),
            new Mark("an XFS file system", 0, ascii("XFSB")),
            new Mark("a Btrfs file system", 0x10000 + 64, ascii("_BHRfS_M")),
            new Mark("an F2FS file system", 1024, hex("1020f5f2")),
            new Mark("a JFS file system", 0x8000, ascii("JFS1")),
            new Mark("a ReiserFS file system", 0x10000 + 52, ascii("ReIsEr")),
            new Mark("an NTFS file system", 3, ascii("NTFS    ")),
            new Mark("an exFAT file system", 3, ascii("EXFAT   ")),
            new Mark("a FAT file system", 54, ascii("FAT12   ")),
            new Mark("a FAT file system", 54, ascii("FAT16   ")),
            new Mark("a FAT file system", 82, ascii("FAT32   ")),
            new Mark("an ISO 9660 image", 0x8001, ascii("CD001")),
            new Mark("swap space", 4086, ascii("SWAPSPACE2")),
            new Mark("swap space", 4086, ascii("SWAP-SPACE")),
            new Mark("a hibernated system's swap space", 4086, ascii("S1SUSPEND")),
            new Mark("a bcache device", 4096 + 24, hex("c68573f64e1a45ca8265f57f48ba6d81")),
            new Mark("a bcachefs file system", 4096 + 24, hex("c68573f666ce90a9d96a60cf803df7ef")),
            new Mark("a VDO volume", 0, ascii("dmvdo001")),
            new Mark("a Stratis pool", 512 + 4, ascii("!Stra0tis")),
            new Mark("a disk of Oracle ASM", 32, ascii("ORCLDISK")),
            new Mark("a QCOW2 image", 0, hex("514649fb")));

    private ForeignFormats() {}

    /** All that is recognised, in the words of people; empty if nothing is. */
    static List<String> find(DeviceEnds device) {
        List<String> found = new ArrayList<>();
        for (Mark mark : MARKS) {
            if (device.has(mark.offset, mark.bytes)) {
                add(found, mark.name);
            }
        }
        findExt(device, found);
        findLvm(device, found);
        findMdRaid(device, found);
        findZfs(device, found);
        // Last: file systems and GPT carry the mark of a boot sector too.
        if (found.isEmpty()) {
            findMbr(device, found);
        }
        return found;
    }

    private static void findExt(DeviceEnds device, List<String> found) {
        if (!device.has(EXT_SUPERBLOCK + 56, hex("53ef"))) {
            return;
        }
        long compatible = device.intAt(EXT_SUPERBLOCK + 92);
        long incompatible = device.intAt(EXT_SUPERBLOCK + 96);
        String label = device.text(EXT_SUPERBLOCK + 120, 16);
        String kind;
        if ((incompatible & EXT_JOURNAL_DEVICE) != 0) {
            kind = "an ext journal device";
        } else if ((incompatible & EXT4_INCOMPAT) != 0) {
            kind = "an ext4 file system";
        } else {
            kind = (compatible & EXT_HAS_JOURNAL) != 0 ? "an ext3 file system" : "an ext2 file system";
        }
        add(found, label.isEmpty() ? kind : kind + " named \"" + label + "\"");
    }

    /** The label may be in any of the first four sectors (LVM2, lib/label/label.h). */
    private static void findLvm(DeviceEnds device, List<String> found) {
        for (int sector = 0; sector < 4; sector++) {
            if (device.has(sector * 512L, "LABELONE") && device.has(sector * 512L + 24, "LVM2 001")) {
                add(found, "an LVM physical volume");
            }
        }
    }

    /** Where the superblock lies depends on its version (md(4)): 1.1 start, 1.2 4 KiB, 1.0 and 0.90 near the end. */
    private static void findMdRaid(DeviceEnds device, List<String> found) {
        long version10 = (device.sizeBytes() / 512 - 16 & ~7L) * 512;
        long version090 = (device.sizeBytes() & ~0xffffL) - 0x10000;
        for (long offset : new long[] {0, 4096, version10, version090}) {
            if (offset >= 0 && device.intAt(offset) == MD_MAGIC) {
                String array = offset == version090 ? "" : device.text(offset + 32, 32);
                add(found, array.isEmpty() ? "a member of a Linux RAID" : "a member of the Linux RAID " + array);
            }
        }
    }

    /** Four labels, two at each end, each with a ring of uberblocks (OpenZFS, include/sys/vdev_impl.h). */
    private static void findZfs(DeviceEnds device, List<String> found) {
        long end = device.sizeBytes() & -ZFS_LABEL_BYTES;
        for (long label : new long[] {0, ZFS_LABEL_BYTES, end - 2L * ZFS_LABEL_BYTES, end - ZFS_LABEL_BYTES}) {
            for (int at = ZFS_UBERBLOCKS; label >= 0 && at < ZFS_LABEL_BYTES; at += 1024) {
                long magic = device.intAt(label + at);
                long magicAsBigEndian = device.intAt(label + at + 4);
                if (magic == ZFS_UBERBLOCK_MAGIC || magicAsBigEndian == ZFS_UBERBLOCK_MAGIC_SWAPPED) {
                    add(found, "a member of a ZFS pool");
                    return;
                }
            }
        }
    }

    private static void findMbr(DeviceEnds device, List<String> found) {
        if (!device.has(510, hex("55aa"))) {
            return;
        }
        for (int entry = 0; entry < 4; entry++) {
            long at = MBR_PARTITIONS + (long) entry * MBR_ENTRY_BYTES;
            int status = device.byteAt(at);
            int type = device.byteAt(at + 4);
            if ((status == 0 || status == 0x80) && type != 0) {
                add(found, "an MBR partition table");
                return;
            }
        }
        add(found, "a boot sector");
    }

    private static void add(List<String> found, String name) {
        if (!found.contains(name)) {
            found.add(name);
        }
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static byte[] hex(String digits) {
        return HexFormat.of().parseHex(digits);
    }

    private static final class Mark {
        private final String name;
        private final long offset;
        private final byte[] bytes;

        Mark(String name, long offset, byte[] bytes) {
            this.name = name;
            this.offset = offset;
            this.bytes = bytes;
        }
    }
}
