package io.varve.dataplane.disk;

import io.varve.dataplane.check.Invariant;
import io.varve.model.Geometry;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * An open block device or regular file: its descriptor (O_DIRECT), its exclusive lock, what it is. Opening, closing and
 * {@link #discard} block; they belong on a worker. Immutable; whoever has it closes it once.
 */
public final class DeviceFile {
    /** S_IFMT and the two kinds of file that hold blocks (inode(7)). */
    private static final int TYPE_MASK = 0170000;

    private static final int TYPE_BLOCK_DEVICE = 0060000;
    private static final int TYPE_REGULAR = 0100000;

    /** File systems that keep to RWF_NOWAIT (preadv2(2)). */
    private static final Set<String> TAKE_WITHOUT_WAITING = Set.of("ext4", "xfs", "btrfs");

    /** Zeros written by one call when a file is filled: large enough to stream. */
    private static final int FILL_BYTES = 4 << 20;

    private final String path;
    private final int fd;
    private final boolean isBlockDevice;
    private final long sizeBytes;
    private final DeviceClass deviceClass;
    private final boolean mayHoldUpSubmitter;
    /** What the name led to when it was opened. */
    private final Map<String, Object> identity;

    private DeviceFile(
            String path,
            int fd,
            boolean isBlockDevice,
            long sizeBytes,
            DeviceClass deviceClass,
            boolean mayHoldUpSubmitter,
            Map<String, Object> identity) {
        this.path = path;
        this.fd = fd;
        this.isBlockDevice = isBlockDevice;
        this.sizeBytes = sizeBytes;
        this.deviceClass = deviceClass;
        this.mayHoldUpSubmitter = mayHoldUpSubmitter;
        this.identity = identity;
    }

    /** What became of opening a device. */
    public sealed interface Outcome {
        record Ready(DeviceFile file) implements Outcome {}

        /** {@code reason} is a sentence for people that names the device. */
        record Refused(String reason) implements Outcome {}
    }

    /** Opens, and creates, fills and locks where asked for. Blocks, for as long as filling takes. */
    public static Outcome open(DeviceSpec spec) {
        Path path = spec.path().toAbsolutePath();
        boolean exists = Files.exists(path);
        if (!exists && spec.createBytes() == 0) {
            return refused(path, "it does not exist");
        }
        if (!exists) {
            String failure = create(path, spec.createBytes(), spec.zeroFillBytes());
            if (!failure.isEmpty()) {
                return refused(path, failure);
            }
        }
        return openExisting(path, spec.readOnly());
    }

    /** For logs and errors. */
    public String path() {
        return path;
    }

    /** The size, rounded down to whole blocks. */
    public long sizeBytes() {
        return sizeBytes;
    }

    public boolean isBlockDevice() {
        return isBlockDevice;
    }

    /** NVMe or SSD or HDD as the kernel tells in sysfs; for a file, of the disk under its file system. SSD where nothing is known. */
    public DeviceClass deviceClass() {
        return deviceClass;
    }

    /**
     * True where handing over an operation may wait for others to end, as FUSE does with more than a dozen: a device that hangs would hold up the
     * thread that submits.
     */
    boolean mayHoldUpSubmitter() {
        return mayHoldUpSubmitter;
    }

    int fd() {
        return fd;
    }

    /** For thread names, which the kernel cuts anyway. */
    String shortName() {
        return path.substring(path.lastIndexOf('/') + 1);
    }

    /** Gives a range back: to the device (BLKDISCARD) or to the file system (a hole). 0 or a negative errno. */
    int discard(long offset, long length) {
        return isBlockDevice
                ? NativeFile.discardBlocks(fd, offset, length)
                : NativeFile.fallocate(
                        fd, NativeFile.FALLOC_FL_PUNCH_HOLE | NativeFile.FALLOC_FL_KEEP_SIZE, offset, length);
    }

    /**
     * What is wrong with the device by its name, its identity and its size; empty if it is still what was opened. Blocks, for ever if the device hangs.
     */
    String examine() {
        long size = isBlockDevice ? NativeFile.blockDeviceLength(fd) : NativeFile.length(fd);
        if (size < 0) {
            return "is gone: " + Errno.describe((int) size);
        }
        if (size < sizeBytes) {
            return "shrank from " + sizeBytes + " to " + size + " bytes";
        }
        try {
            return identityOf(Path.of(path), isBlockDevice).equals(identity)
                    ? ""
                    : "was replaced: its name leads to another " + (isBlockDevice ? "device" : "file") + " now";
        } catch (NoSuchFileException gone) {
            return isBlockDevice ? "is gone" : "was unlinked: what is written to it is lost with this process";
        } catch (IOException e) {
            return "cannot be looked at: " + e.getMessage();
        }
    }

    private static Map<String, Object> identityOf(Path path, boolean isBlockDevice) throws IOException {
        return Files.readAttributes(path, isBlockDevice ? "unix:rdev" : "unix:dev,ino");
    }

    /** Ends the lock too. */
    public void close() {
        NativeFile.close(fd);
    }

    private static Outcome openExisting(Path path, boolean readOnly) {
        int mode;
        try {
            mode = (Integer) Files.getAttribute(path, "unix:mode");
        } catch (IOException e) {
            return refused(path, "its attributes cannot be read: " + e.getMessage());
        }
        boolean isBlockDevice = (mode & TYPE_MASK) == TYPE_BLOCK_DEVICE;
        if (!isBlockDevice && (mode & TYPE_MASK) != TYPE_REGULAR) {
            return refused(path, "it is neither a block device nor a regular file");
        }
        int flags = NativeFile.O_DIRECT | NativeFile.O_CLOEXEC | (readOnly ? NativeFile.O_RDONLY : NativeFile.O_RDWR);
        // O_EXCL on a block device, without O_CREAT: refused while it is mounted, part of LVM or RAID, or another's
        // (open(2)).
        int fd = NativeFile.open(path.toString(), flags | (isBlockDevice && !readOnly ? NativeFile.O_EXCL : 0), 0);
        if (fd == -Errno.EINVAL) {
            return refused(path, "its file system does not support O_DIRECT (tmpfs, for one, does not)");
        }
        if (fd == -Errno.EBUSY) {
            return refused(path, "it is in use: mounted, part of LVM or RAID, or open in another process");
        }
        if (fd < 0) {
            return refused(path, Errno.describe(fd));
        }
        int locked = readOnly ? 0 : NativeFile.lock(fd);
        if (locked < 0) {
            NativeFile.close(fd);
            return refused(path, locked == -Errno.EAGAIN ? "another process has it open" : Errno.describe(locked));
        }
        long size = isBlockDevice ? NativeFile.blockDeviceLength(fd) : NativeFile.length(fd);
        if (size < Geometry.BLOCK_BYTES) {
            NativeFile.close(fd);
            return refused(path, size < 0 ? Errno.describe((int) size) : "it is smaller than one block of 4 KiB");
        }
        Map<String, Object> identity;
        boolean mayHoldUpSubmitter;
        try {
            identity = identityOf(path, isBlockDevice);
            mayHoldUpSubmitter = !isBlockDevice
                    && !TAKE_WITHOUT_WAITING.contains(Files.getFileStore(path).type());
        } catch (IOException e) {
            NativeFile.close(fd);
            return refused(path, "its attributes cannot be read: " + e.getMessage());
        }
        long wholeBlocks = size & -Geometry.BLOCK_BYTES;
        DeviceClass deviceClass = SysfsBlock.deviceClass(path, isBlockDevice);
        return new Outcome.Ready(new DeviceFile(
                path.toString(), fd, isBlockDevice, wholeBlocks, deviceClass, mayHoldUpSubmitter, identity));
    }

    /** Makes the file under another name first, so that a crash leaves no half-filled one behind. Empty, or what went wrong. */
    private static String create(Path path, long bytes, long zeroFillBytes) {
        Invariant.check(bytes % Geometry.BLOCK_BYTES == 0, "size of a new file", bytes);
        Path making = path.resolveSibling(path.getFileName() + ".new");
        int flags = NativeFile.O_RDWR | NativeFile.O_CREAT | NativeFile.O_DIRECT | NativeFile.O_CLOEXEC;
        int fd = NativeFile.open(making.toString(), flags, 0600);
        if (fd < 0) {
            return "it cannot be created: "
                    + (fd == -Errno.EINVAL ? "no O_DIRECT on its file system" : Errno.describe(fd));
        }
        int result = NativeFile.lock(fd);
        if (result == 0) {
            result = NativeFile.truncate(fd, 0);
        }
        if (result == 0) {
            result = NativeFile.fallocate(fd, 0, 0, bytes);
        }
        if (result == -Errno.EOPNOTSUPP) {
            // No reservation on this file system: all of it must be written, or a full host shows as a failed device
            // later.
            result = fill(fd, bytes);
        } else if (result == 0) {
            result = fill(fd, Math.min(bytes, zeroFillBytes));
        }
        if (result == 0) {
            result = NativeFile.fdatasync(fd);
        }
        if (result == 0) {
            try {
                Files.move(making, path);
            } catch (IOException e) {
                result = -Errno.EIO;
            }
        }
        NativeFile.close(fd);
        if (result < 0) {
            try {
                Files.deleteIfExists(making);
            } catch (IOException e) {
                return "it cannot be created: " + Errno.describe(result) + "; " + making + " is left over: "
                        + e.getMessage();
            }
            return "it cannot be created with " + bytes + " bytes: " + Errno.describe(result);
        }
        return syncDirectory(making.resolveSibling("."));
    }

    private static int fill(int fd, long bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment zeros = arena.allocate(FILL_BYTES, Geometry.BLOCK_BYTES);
            MemorySegment iovec = arena.allocate(16, Long.BYTES);
            long offset = 0;
            while (offset < bytes) {
                iovec.set(ValueLayout.JAVA_LONG, 0, zeros.address());
                iovec.set(ValueLayout.JAVA_LONG, 8, Math.min(FILL_BYTES, bytes - offset));
                long written = NativeFile.pwritev2(fd, iovec.address(), 1, offset, 0);
                if (written <= 0) {
                    return written < 0 ? (int) written : -Errno.EIO;
                }
                offset += written;
            }
            return 0;
        }
    }

    /** Without this the file's name may be gone after a power cut, with everything in it. */
    private static String syncDirectory(Path directory) {
        int fd = NativeFile.open(directory.toString(), NativeFile.O_RDONLY | NativeFile.O_CLOEXEC, 0);
        int result = fd < 0 ? fd : NativeFile.fsync(fd);
        if (fd >= 0) {
            NativeFile.close(fd);
        }
        return result < 0 ? "its directory cannot be synced: " + Errno.describe(result) : "";
    }

    private static Outcome refused(Path path, String why) {
        return new Outcome.Refused("cannot open " + path + ": " + why);
    }
}
