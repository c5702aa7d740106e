package io.varve.dataplane.main;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How much memory of the machine this process holds, as the kernel counts it (proc(5), statm). */
final class ResidentMemory {
    private static final Path STATM = Path.of("/proc/self/statm");
    private static final long PAGE_BYTES = 4096;

    private ResidentMemory() {}

    /** 0 where the kernel does not say. */
    static long bytes() {
        try {
            return Long.parseLong(Files.readString(STATM).split(" ", 3)[1]) * PAGE_BYTES;
        } catch (IOException unreadable) {
            return 0;
        }
    }
}
