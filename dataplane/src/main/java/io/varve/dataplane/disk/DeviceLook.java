package io.varve.dataplane.disk;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.varve.model.Geometry;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** A look at a block device that is not ours yet, and may never be: it is opened for reading only, as nobody else's, and let go at once. */
public final class DeviceLook {
    private DeviceLook() {}

    /** What was seen. */
    public sealed interface Outcome {
        record Seen(DeviceSignature signature) implements Outcome {}

        /** {@code why}: for the sentence "it …". */
        record Refused(String why) implements Outcome {}
    }

    /** Blocks, for ever if the device hangs. */
    public static Outcome at(Path device, DeviceSignature.OwnMark own) {
        // O_EXCL on a block device: refused while it is mounted, part of LVM or RAID, or another's (open(2)).
        int flags = NativeFile.O_RDONLY | NativeFile.O_EXCL | NativeFile.O_DIRECT | NativeFile.O_CLOEXEC;
        int fd = NativeFile.open(device.toString(), flags, 0);
        if (fd < 0) {
            return new Outcome.Refused(
                    fd == -Errno.EBUSY
                            ? "is in use: mounted, part of LVM or RAID, or open in another process"
                            : "cannot be opened: " + Errno.describe(fd));
        }
        try (Arena arena = Arena.ofConfined()) {
            long sizeBytes = NativeFile.blockDeviceLength(fd) & -Geometry.BLOCK_BYTES;
            if (sizeBytes < Geometry.BLOCK_BYTES) {
                return new Outcome.Refused("is no block device of 4 KiB or more");
            }
            int bytes = (int) Math.min(DeviceSignature.LOOKED_AT_BYTES, sizeBytes);
            MemorySegment head = arena.allocate(bytes, Geometry.BLOCK_BYTES);
            MemorySegment tail = arena.allocate(bytes, Geometry.BLOCK_BYTES);
            long failure = Math.min(read(fd, 0, head, arena), read(fd, sizeBytes - bytes, tail, arena));
            if (failure < 0) {
                return new Outcome.Refused("cannot be read: " + Errno.describe((int) failure));
            }
            return new Outcome.Seen(DeviceSignature.of(buffer(head), buffer(tail), sizeBytes, own));
        } finally {
            NativeFile.close(fd);
        }
    }

    /** 0 or a negative errno. */
    private static long read(int fd, long offset, MemorySegment into, Arena arena) {
        MemorySegment iovec = arena.allocate(16, Long.BYTES);
        long done = 0;
        while (done < into.byteSize()) {
            iovec.set(ValueLayout.JAVA_LONG, 0, into.address() + done);
            iovec.set(ValueLayout.JAVA_LONG, 8, into.byteSize() - done);
            long read = NativeFile.preadv(fd, iovec.address(), 1, offset + done);
            if (read <= 0) {
                return read < 0 ? read : -Errno.EIO;
            }
            done += read;
        }
        return 0;
    }

    private static ByteBuf buffer(MemorySegment bytes) {
        return Unpooled.wrappedBuffer(bytes.asByteBuffer());
    }
}
