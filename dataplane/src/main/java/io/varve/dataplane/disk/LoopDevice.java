package io.varve.dataplane.disk;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** What the tools of util-linux cannot ask of a loop device: another size limit while it is in use. Blocks its thread. */
public final class LoopDevice {
    public static final int EAGAIN = 11;

    /** linux/loop.h. */
    private static final long LOOP_SET_STATUS64 = 0x4C04;

    private static final long LOOP_GET_STATUS64 = 0x4C05;
    /** struct loop_info64. */
    private static final long INFO_BYTES = 232;

    private static final long SIZE_LIMIT_OFFSET = 32;

    private LoopDevice() {}

    /** The device ends after so many bytes of its file from now on; 0, or the errno. */
    public static int limit(String device, long bytes) {
        int fd = NativeFile.open(device, NativeFile.O_RDWR | NativeFile.O_CLOEXEC, 0);
        if (fd < 0) {
            return -fd;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment info = arena.allocate(INFO_BYTES, Long.BYTES);
            int got = NativeFile.ioctl(fd, LOOP_GET_STATUS64, info);
            if (got < 0) {
                return -got;
            }
            info.set(ValueLayout.JAVA_LONG, SIZE_LIMIT_OFFSET, bytes);
            int set = NativeFile.ioctl(fd, LOOP_SET_STATUS64, info);
            return set < 0 ? -set : 0;
        } finally {
            NativeFile.close(fd);
        }
    }
}
