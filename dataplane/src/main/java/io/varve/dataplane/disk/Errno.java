package io.varve.dataplane.disk;

/** The errors of Linux (asm-generic/errno.h) that a disk's callback can carry, negated, and their words for people. */
public final class Errno {
    public static final int EPERM = 1;
    public static final int ENOENT = 2;
    public static final int EINTR = 4;
    public static final int EIO = 5;
    public static final int ENXIO = 6;
    public static final int EBADF = 9;
    public static final int EAGAIN = 11;
    public static final int ENOMEM = 12;
    public static final int EACCES = 13;
    public static final int EBUSY = 16;
    public static final int EEXIST = 17;
    public static final int ENODEV = 19;
    public static final int EINVAL = 22;
    public static final int ENOSPC = 28;
    public static final int EROFS = 30;
    public static final int ENOSYS = 38;
    public static final int EOPNOTSUPP = 95;
    public static final int ETIMEDOUT = 110;

    private Errno() {}

    /** A result's error in words. Accepts a result as a callback gets it (negative) or an errno. */
    public static String describe(int result) {
        int errno = Math.abs(result);
        return switch (errno) {
            case EPERM -> "operation not permitted (EPERM)";
            case ENOENT -> "no such file or device (ENOENT)";
            case EINTR -> "interrupted (EINTR)";
            case EIO -> "input/output error (EIO)";
            case ENXIO -> "no such device (ENXIO)";
            case EBADF -> "file not open for this (EBADF)";
            case EAGAIN -> "in use by another process, or try again (EAGAIN)";
            case ENOMEM -> "out of memory (ENOMEM)";
            case EACCES -> "permission denied (EACCES)";
            case EBUSY -> "device or resource busy (EBUSY)";
            case EEXIST -> "exists already (EEXIST)";
            case ENODEV -> "no such device (ENODEV)";
            case EINVAL -> "invalid argument (EINVAL)";
            case ENOSPC -> "no space left (ENOSPC)";
            case EROFS -> "read-only file system (EROFS)";
            case ENOSYS -> "not supported by this kernel (ENOSYS)";
            case EOPNOTSUPP -> "operation not supported (EOPNOTSUPP)";
            case ETIMEDOUT -> "timed out (ETIMEDOUT)";
            default -> "errno " + errno;
        };
    }
}
