package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.disk.Disk;
import io.varve.dataplane.disk.Errno;
import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads and writes the four copies. Copies are written one after the other, each durable, so that at any moment two copies agree on the
 * old or on the new one. On the disk's loop.
 */
final class SuperblockCopies {
    static final int COPIES = 4;

    /** Distance between the copies at the start, and what is kept at the end for the others. */
    static final long SPACING_BYTES = 64 * 1024;

    private static final int AGREEING = 2;

    private SuperblockCopies() {}

    /**
     * What the copies say.
     *
     * @param superblock null if no two copies agree
     * @param claimed copies that carry our magic, valid or not
     * @param valid valid copies
     * @param error null, or why the device could not be read
     */
    record Reading(
            @Nullable Superblock superblock,
            int claimed,
            int valid,
            @Nullable String error) {
        /** True if nothing on the device claims to be ours. */
        boolean isAbsent() {
            return claimed == 0 && error == null;
        }
    }

    static long offset(long deviceBytes, int copy) {
        long end = deviceBytes & -Superblock.BYTES;
        return switch (copy) {
            case 0 -> 0;
            case 1 -> SPACING_BYTES;
            case 2 -> end - SPACING_BYTES;
            default -> end - Superblock.BYTES;
        };
    }

    static void read(Disk disk, Consumer<Reading> told) {
        ByteBuf buffer = Buffers.aligned(COPIES * Superblock.BYTES);
        readCopy(disk, buffer, 0, told);
    }

    private static void readCopy(Disk disk, ByteBuf buffer, int copy, Consumer<Reading> told) {
        if (copy == COPIES) {
            Reading reading = judge(buffer);
            buffer.release();
            told.accept(reading);
            return;
        }
        disk.read(offset(disk.sizeBytes(), copy), buffer, copy * Superblock.BYTES, Superblock.BYTES, result -> {
            if (result < 0) {
                // A copy that cannot be read counts as a bad one: the others decide.
                buffer.setZero(copy * Superblock.BYTES, Superblock.BYTES);
            }
            readCopy(disk, buffer, copy + 1, told);
        });
    }

    private static Reading judge(ByteBuf buffer) {
        @Nullable Superblock[] copies = new Superblock[COPIES];
        int claimed = 0;
        int valid = 0;
        for (int i = 0; i < COPIES; i++) {
            copies[i] = Superblock.read(buffer, i * Superblock.BYTES);
            claimed += Superblock.claims(buffer, i * Superblock.BYTES) ? 1 : 0;
            valid += copies[i] != null ? 1 : 0;
        }
        Superblock best = null;
        for (Superblock candidate : copies) {
            if (candidate != null
                    && Arrays.stream(copies).filter(candidate::equals).count() >= AGREEING
                    && (best == null || candidate.seq() > best.seq())) {
                best = candidate;
            }
        }
        return new Reading(best, claimed, valid, null);
    }

    /** {@code done}: null, or why not. */
    static void write(Disk disk, Superblock superblock, Consumer<@Nullable String> done) {
        ByteBuf buffer = Buffers.aligned(Superblock.BYTES);
        superblock.write(buffer, 0);
        writeCopy(disk, buffer, 0, done);
    }

    private static void writeCopy(Disk disk, ByteBuf buffer, int copy, Consumer<@Nullable String> done) {
        if (copy == COPIES) {
            buffer.release();
            done.accept(null);
            return;
        }
        disk.write(offset(disk.sizeBytes(), copy), buffer, 0, Superblock.BYTES, true, result -> {
            if (result < 0) {
                buffer.release();
                done.accept("cannot write the superblock of " + disk.name() + ": " + Errno.describe(result));
            } else {
                writeCopy(disk, buffer, copy + 1, done);
            }
        });
    }
}
