package io.varve.cli.support;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Writes a tar archive (ustar, POSIX.1-1988) of plain files, one after the other. Confined to one thread; the stream is the caller's. */
public final class TarArchive implements AutoCloseable {
    private static final int BLOCK = 512;
    private static final int NAME_BYTES = 100;
    private static final int MODE = 0600;

    private final OutputStream out;
    private final long unixSeconds;

    /** @param unixSeconds the time that every file bears */
    public TarArchive(OutputStream out, long unixSeconds) {
        this.out = out;
        this.unixSeconds = unixSeconds;
    }

    /**
     * Adds a file.
     *
     * @param name with its directories; at most 100 bytes
     */
    public void add(String name, byte[] content) throws IOException {
        byte[] path = name.getBytes(StandardCharsets.UTF_8);
        if (path.length > NAME_BYTES) {
            throw new IllegalArgumentException("too long a name for a tar archive: " + name);
        }
        byte[] header = new byte[BLOCK];
        System.arraycopy(path, 0, header, 0, path.length);
        octal(header, 100, 8, MODE);
        octal(header, 108, 8, 0);
        octal(header, 116, 8, 0);
        octal(header, 124, 12, content.length);
        octal(header, 136, 12, unixSeconds);
        Arrays.fill(header, 148, 156, (byte) ' ');
        header[156] = '0';
        System.arraycopy("ustar\00000".getBytes(StandardCharsets.US_ASCII), 0, header, 257, 8);
        int sum = 0;
        for (byte each : header) {
            sum += each & 0xFF;
        }
        octal(header, 148, 7, sum);
        out.write(header);
        out.write(content);
        out.write(new byte[(BLOCK - content.length % BLOCK) % BLOCK]);
    }

    private static void octal(byte[] header, int at, int size, long value) {
        String digits = Long.toOctalString(value);
        String padded = "0".repeat(size - 1 - digits.length()) + digits;
        System.arraycopy(padded.getBytes(StandardCharsets.US_ASCII), 0, header, at, size - 1);
        header[at + size - 1] = 0;
    }

    /** Ends the archive; the stream stays open. */
    @Override
    public void close() throws IOException {
        out.write(new byte[2 * BLOCK]);
    }
}
