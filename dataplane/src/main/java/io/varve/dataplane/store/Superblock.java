package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.disk.DeviceClass;
import io.varve.model.Geometry;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What a device says about itself. Bytes in {@code docs/internals/index.md}.
 *
 * @param journal true on the device that holds the group's journal
 * @param incarnation starts of the group, counted on the journal device
 * @param seq rises with every rewrite
 * @param node hash of the node's id
 * @param journalBytes 0 on a device without a journal
 * @param units allocation units of 64 KiB
 */
record Superblock(
        boolean journal,
        DeviceClass deviceClass,
        int incarnation,
        long seq,
        UUID cluster,
        UUID node,
        UUID group,
        UUID device,
        UUID journalUuid,
        int deviceIndex,
        int deviceCount,
        long deviceBytes,
        long journalOffset,
        long journalBytes,
        int segmentBytes,
        long checksumOffset,
        long dataOffset,
        int units) {
    /** "VARVESB1", little endian: the first eight bytes of every device of ours. */
    static final long MAGIC = 0x3142534556524156L;

    static final int BYTES = Geometry.BLOCK_BYTES;

    private static final short VERSION = 1;
    private static final int ROLE_JOURNAL = 1;
    private static final int ROLE_DATA = 2;
    private static final int STATE_ACTIVE = 1;
    private static final int AT_CRC = BYTES - Integer.BYTES;

    Superblock withStart(int newIncarnation) {
        return new Superblock(
                journal,
                deviceClass,
                newIncarnation,
                seq + 1,
                cluster,
                node,
                group,
                device,
                journalUuid,
                deviceIndex,
                deviceCount,
                deviceBytes,
                journalOffset,
                journalBytes,
                segmentBytes,
                checksumOffset,
                dataOffset,
                units);
    }

    void write(ByteBuf to, int at) {
        to.setZero(at, BYTES);
        to.setLongLE(at, MAGIC);
        to.setShortLE(at + 8, VERSION);
        to.setByte(at + 10, journal ? ROLE_JOURNAL : ROLE_DATA);
        to.setByte(at + 11, code(deviceClass));
        to.setIntLE(at + 12, incarnation);
        to.setLongLE(at + 16, seq);
        writeUuid(to, at + 24, cluster);
        writeUuid(to, at + 40, node);
        writeUuid(to, at + 56, group);
        writeUuid(to, at + 72, device);
        writeUuid(to, at + 88, journalUuid);
        to.setShortLE(at + 104, deviceIndex);
        to.setShortLE(at + 106, deviceCount);
        to.setLongLE(at + 112, deviceBytes);
        to.setLongLE(at + 120, journalOffset);
        to.setLongLE(at + 128, journalBytes);
        to.setIntLE(at + 136, segmentBytes);
        to.setLongLE(at + 144, checksumOffset);
        to.setLongLE(at + 152, dataOffset);
        to.setIntLE(at + 160, units);
        to.setByte(at + 164, STATE_ACTIVE);
        to.setIntLE(at + AT_CRC, new Crc32c().of(to, at, AT_CRC));
    }

    /** True if the bytes claim to be a superblock of ours, valid or not. */
    static boolean claims(ByteBuf from, int at) {
        return from.getLongLE(at) == MAGIC;
    }

    /** Null unless whole and of a version that this program knows. */
    static @Nullable Superblock read(ByteBuf from, int at) {
        if (!claims(from, at)
                || from.getIntLE(at + AT_CRC) != new Crc32c().of(from, at, AT_CRC)
                || from.getShortLE(at + 8) != VERSION) {
            return null;
        }
        DeviceClass deviceClass = classOf(from.getByte(at + 11));
        if (deviceClass == null) {
            return null;
        }
        return new Superblock(
                from.getByte(at + 10) == ROLE_JOURNAL,
                deviceClass,
                from.getIntLE(at + 12),
                from.getLongLE(at + 16),
                readUuid(from, at + 24),
                readUuid(from, at + 40),
                readUuid(from, at + 56),
                readUuid(from, at + 72),
                readUuid(from, at + 88),
                from.getUnsignedShortLE(at + 104),
                from.getUnsignedShortLE(at + 106),
                from.getLongLE(at + 112),
                from.getLongLE(at + 120),
                from.getLongLE(at + 128),
                from.getIntLE(at + 136),
                from.getLongLE(at + 144),
                from.getLongLE(at + 152),
                from.getIntLE(at + 160));
    }

    private static int code(DeviceClass deviceClass) {
        return switch (deviceClass) {
            case NVME -> 0;
            case SSD -> 1;
            case HDD -> 2;
        };
    }

    private static @Nullable DeviceClass classOf(int code) {
        return switch (code) {
            case 0 -> DeviceClass.NVME;
            case 1 -> DeviceClass.SSD;
            case 2 -> DeviceClass.HDD;
            default -> null;
        };
    }

    private static void writeUuid(ByteBuf to, int at, UUID uuid) {
        to.setLongLE(at, uuid.getMostSignificantBits());
        to.setLongLE(at + 8, uuid.getLeastSignificantBits());
    }

    private static UUID readUuid(ByteBuf from, int at) {
        return new UUID(from.getLongLE(at), from.getLongLE(at + 8));
    }
}
