package io.varve.control.api;

import com.google.protobuf.InvalidProtocolBufferException;
import io.varve.api.meta.BackupHead;
import io.varve.api.meta.EntryRecord;
import io.varve.control.meta.MapKeyValues;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/** All of the metadata at one moment, as bytes: the format stands in docs/internals/metadata-group.md. */
public final class BackupFile {
    static final String MAGIC = "VARVE METADATA BACKUP 1\n";

    /** A file is one message of the API. The metadata of 1 PB, 26 MiB, is compressed to less than a third. */
    static final int MAX_BYTES = 30 << 20;

    /** What a file may unpack to: the address space that the map has. */
    private static final long MAX_UNPACKED_BYTES = 1L << 30;

    private static final int MAX_HEAD_DIGITS = 6;
    private static final int DIGEST_BYTES = 32;

    private BackupFile() {}

    /** What a file holds. */
    public record Content(BackupHead head, MapKeyValues entries) {}

    /** The bytes are no backup, or damaged; the message says so. */
    public static final class BadBackupException extends Exception {
        private static final long serialVersionUID = 1L;

        BadBackupException(String message) {
            super(message);
        }
    }

    static byte[] encode(Content content) {
        byte[] head = content.head().toByteArray();
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        file.writeBytes((MAGIC + head.length + "\n").getBytes(StandardCharsets.US_ASCII));
        file.writeBytes(head);
        try (GZIPOutputStream body = new GZIPOutputStream(file)) {
            for (EntryRecord entry : content.entries().records()) {
                entry.writeDelimitedTo(body);
            }
        } catch (IOException e) {
            throw new IllegalStateException("memory cannot be written to", e);
        }
        file.writeBytes(sha256(file.toByteArray(), file.size()));
        return file.toByteArray();
    }

    /** Reads a file. */
    public static Content decode(byte[] file) throws BadBackupException {
        byte[] magic = MAGIC.getBytes(StandardCharsets.US_ASCII);
        if (file.length < magic.length || !Arrays.equals(file, 0, magic.length, magic, 0, magic.length)) {
            throw new BadBackupException(
                    "this is no backup of metadata that this version of Varve reads: its first line should be '"
                            + MAGIC.strip() + "'");
        }
        int end = file.length - DIGEST_BYTES;
        if (end <= magic.length || !Arrays.equals(sha256(file, end), Arrays.copyOfRange(file, end, file.length))) {
            throw new BadBackupException("the backup is damaged or cut off: its checksum does not match");
        }
        int at = magic.length;
        int headBytes = 0;
        int digits = 0;
        while (at < end && file[at] != '\n' && digits++ < MAX_HEAD_DIGITS) {
            headBytes = headBytes * 10 + (file[at++] - '0');
        }
        at++;
        if (headBytes < 0 || at + headBytes > end) {
            throw new BadBackupException("the backup's head is damaged");
        }
        try {
            BackupHead head = BackupHead.parseFrom(Arrays.copyOfRange(file, at, at + headBytes));
            return new Content(head, entries(file, at + headBytes, end, head.getEntries()));
        } catch (InvalidProtocolBufferException e) {
            throw new BadBackupException("the backup cannot be read: " + e.getMessage());
        }
    }

    private static MapKeyValues entries(byte[] file, int from, int to, long promised) throws BadBackupException {
        MapKeyValues map = new MapKeyValues();
        long bytes = 0;
        long count = 0;
        try (InputStream body = new GZIPInputStream(new ByteArrayInputStream(file, from, to - from))) {
            while (true) {
                EntryRecord entry = EntryRecord.parseDelimitedFrom(body);
                if (entry == null) {
                    break;
                }
                bytes += entry.getSerializedSize();
                count++;
                if (bytes > MAX_UNPACKED_BYTES) {
                    throw new BadBackupException("the backup is larger than any metadata: it is no backup of Varve's");
                }
                map.put(entry.getKey().toByteArray(), entry.getValue().toByteArray());
            }
        } catch (IOException e) {
            throw new BadBackupException("the backup cannot be read: " + e.getMessage());
        }
        if (count != promised) {
            throw new BadBackupException("the backup holds " + count + " entries, its head says " + promised);
        }
        return map;
    }

    private static byte[] sha256(byte[] bytes, int length) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(bytes, 0, length);
            return digest.digest();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
