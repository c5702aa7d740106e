package io.varve.dataplane.disk;

/** How real devices are driven. Both obey {@link Disk}. */
public enum DiskBackend {
    IO_URING("io_uring"),
    THREAD_POOL("thread pool");

    private final String words;

    DiskBackend(String words) {
        this.words = words;
    }

    @Override
    public String toString() {
        return words;
    }
}
