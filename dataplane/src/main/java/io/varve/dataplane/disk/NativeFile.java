package io.varve.dataplane.disk;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The system calls on a file descriptor that Java has no method for, or only with a copy or a lock. Each blocks its thread; each
 * returns what the call returns, or the negated errno. Thread-safe; no allocation after a thread's first call, except for paths.
 */
final class NativeFile {
    /** asm-generic/fcntl.h, as on x86-64. */
    static final int O_RDONLY = 0;

    static final int O_RDWR = 2;
    static final int O_CREAT = 0100;
    static final int O_EXCL = 0200;
    static final int O_DIRECT = 040000;
    static final int O_CLOEXEC = 02000000;

    /** linux/fs.h: this write, and what is needed to read it back, is on stable storage when the call returns. */
    static final int RWF_DSYNC = 2;

    /** linux/falloc.h. */
    static final int FALLOC_FL_KEEP_SIZE = 1;

    static final int FALLOC_FL_PUNCH_HOLE = 2;

    /** linux/fs.h: _IO(0x12, 119), _IOR(0x12, 114, size_t). */
    private static final long BLKDISCARD = 0x1277;

    private static final long BLKGETSIZE64 = 0x80081272L;

    private static final int LOCK_EX = 2;
    private static final int LOCK_NB = 4;
    private static final int SEEK_END = 2;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final Linker LINKER = Linker.nativeLinker();
    private static final SymbolLookup LIBC = LINKER.defaultLookup();
    private static final StructLayout ERRNO_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = ERRNO_STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final ThreadLocal<MemorySegment> STATE =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(ERRNO_STATE));

    private static final MethodHandle OPEN =
            bind("open", FunctionDescriptor.of(INT, ValueLayout.ADDRESS, INT, INT), Linker.Option.firstVariadicArg(2));
    private static final MethodHandle CLOSE = bind("close", FunctionDescriptor.of(INT, INT));
    private static final MethodHandle PREADV = bind("preadv", FunctionDescriptor.of(LONG, INT, LONG, INT, LONG));
    private static final MethodHandle PWRITEV2 =
            bind("pwritev2", FunctionDescriptor.of(LONG, INT, LONG, INT, LONG, INT));
    private static final MethodHandle FDATASYNC = bind("fdatasync", FunctionDescriptor.of(INT, INT));
    private static final MethodHandle FSYNC = bind("fsync", FunctionDescriptor.of(INT, INT));
    private static final MethodHandle FALLOCATE = bind("fallocate", FunctionDescriptor.of(INT, INT, INT, LONG, LONG));
    private static final MethodHandle FTRUNCATE = bind("ftruncate", FunctionDescriptor.of(INT, INT, LONG));
    private static final MethodHandle FLOCK = bind("flock", FunctionDescriptor.of(INT, INT, INT));
    private static final MethodHandle LSEEK = bind("lseek", FunctionDescriptor.of(LONG, INT, LONG, INT));
    private static final MethodHandle IOCTL = bind(
            "ioctl", FunctionDescriptor.of(INT, INT, LONG, ValueLayout.ADDRESS), Linker.Option.firstVariadicArg(2));

    private NativeFile() {}

    static int open(String path, int flags, int mode) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = STATE.get();
            int fd = (int) OPEN.invokeExact(state, arena.allocateFrom(path), flags, mode);
            return fd >= 0 ? fd : -errno(state);
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int close(int fd) {
        try {
            MemorySegment state = STATE.get();
            return result((int) CLOSE.invokeExact(state, fd), state);
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    /** Takes the exclusive lock that ends with the descriptor, thus with the process. -EAGAIN if another holds it. */
    static int lock(int fd) {
        try {
            MemorySegment state = STATE.get();
            return result((int) FLOCK.invokeExact(state, fd, LOCK_EX | LOCK_NB), state);
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    /** {@code iovecs}: address of {@code count} struct iovec. */
    static long preadv(int fd, long iovecs, int count, long offset) {
        try {
            MemorySegment state = STATE.get();
            return result((long) PREADV.invokeExact(state, fd, iovecs, count, offset), state);
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    /** {@code iovecs}: address of {@code count} struct iovec. */
    static long pwritev2(int fd, long iovecs, int count, long offset, int rwFlags) {
        try {
            MemorySegment state = STATE.get();
            return result((long) PWRITEV2.invokeExact(state, fd, iovecs, count, offset, rwFlags), state);
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int fdatasync(int fd) {
        try {
            MemorySegment state = STATE.get();
            return result((int) FDATASYNC.invokeExact(state, fd), state);
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int fsync(int fd) {
        try {
            MemorySegment state = STATE.get();
            return result((int) FSYNC.invokeExact(state, fd), state);
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int fallocate(int fd, int mode, long offset, long length) {
        try {
            MemorySegment state = STATE.get();
            return result((int) FALLOCATE.invokeExact(state, fd, mode, offset, length), state);
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int truncate(int fd, long length) {
        try {
            MemorySegment state = STATE.get();
            return result((int) FTRUNCATE.invokeExact(state, fd, length), state);
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    /** The length of a regular file. */
    static long length(int fd) {
        try {
            MemorySegment state = STATE.get();
            return result((long) LSEEK.invokeExact(state, fd, 0L, SEEK_END), state);
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static long blockDeviceLength(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = STATE.get();
            MemorySegment bytes = arena.allocate(LONG);
            int result = result((int) IOCTL.invokeExact(state, fd, BLKGETSIZE64, bytes), state);
            return result < 0 ? result : bytes.get(LONG, 0);
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int discardBlocks(int fd, long offset, long length) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = STATE.get();
            MemorySegment range = arena.allocate(LONG, 2);
            range.setAtIndex(LONG, 0, offset);
            range.setAtIndex(LONG, 1, length);
            return result((int) IOCTL.invokeExact(state, fd, BLKDISCARD, range), state);
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int ioctl(int fd, long request, MemorySegment argument) {
        try {
            MemorySegment state = STATE.get();
            return result((int) IOCTL.invokeExact(state, fd, request, argument), state);
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    private static MethodHandle bind(String name, FunctionDescriptor descriptor, Linker.Option... options) {
        Linker.Option[] all = new Linker.Option[options.length + 1];
        System.arraycopy(options, 0, all, 0, options.length);
        all[options.length] = Linker.Option.captureCallState("errno");
        return LINKER.downcallHandle(LIBC.findOrThrow(name), descriptor, all);
    }

    private static int errno(MemorySegment state) {
        return (int) ERRNO.get(state, 0L);
    }

    private static int result(int returned, MemorySegment state) {
        return returned >= 0 ? returned : -errno(state);
    }

    private static long result(long returned, MemorySegment state) {
        return returned >= 0 ? returned : -errno(state);
    }

    private static AssertionError unexpected(Throwable cause) {
        return new AssertionError("a system call could not be made", cause);
    }
}
