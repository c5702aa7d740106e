package io.varve.control.api;

import com.google.protobuf.Message;
import com.google.protobuf.TextFormat;
import io.varve.api.RecoverMetadataRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who changed what, when, and how that ended: one line of JSON for each call that changes something and came to this metadata member, in {@code
 * DATADIR/audit.log}. Durable some milliseconds after the answer; bounded. No question that is kept holds a secret, and answers are not kept. Safe
 * from any thread; writes on one of its own.
 */
final class AuditLog implements AutoCloseable {
    static final long MAX_BYTES = 8L << 20;
    static final int KEPT_FILES = 4;

    /** Calls that wait to be written; further ones are told in the node's log only: a disk that hangs must not stop the node. */
    private static final int MAX_WAITING = 4_096;

    private static final int MAX_WHAT = 1_000;

    private static final Logger LOG = LoggerFactory.getLogger(AuditLog.class);

    private final Path file;
    private final long maxBytes;
    private final ThreadPoolExecutor writer = new ThreadPoolExecutor(
            1, 1, 1, TimeUnit.SECONDS, new LinkedBlockingQueue<>(MAX_WAITING), work -> new Thread(work, "audit"));

    AuditLog(Path file) {
        this(file, MAX_BYTES);
    }

    AuditLog(Path file, long maxBytes) {
        this.file = file;
        this.maxBytes = maxBytes;
        writer.allowCoreThreadTimeOut(true);
    }

    /** {@code result}: {@code ok}, or why not. */
    void tell(Visitor who, String method, Object question, String result) {
        String line = line(Instant.now(), who, method, question, result);
        try {
            writer.execute(() -> write(line));
        } catch (RejectedExecutionException tooMany) {
            LOG.error("change not kept in the audit log caller=\"{}\" method={}", who, method);
        }
    }

    static String line(Instant when, Visitor who, String method, Object question, String result) {
        Object told = question instanceof RecoverMetadataRequest recover
                ? recover.toBuilder().clearBackup().build() // megabytes, and secrets
                : question;
        String what = told instanceof Message message
                ? TextFormat.printer()
                        .emittingSingleLine(true)
                        .printToString(message)
                        .strip()
                : "";
        return "{\"time\":" + quoted(when.toString())
                + ",\"who\":" + quoted(who.toString())
                + ",\"call\":" + quoted(method.substring(method.indexOf('/') + 1))
                + ",\"what\":" + quoted(what.substring(0, Math.min(what.length(), MAX_WHAT)))
                + ",\"result\":" + quoted(result) + "}\n";
    }

    private static String quoted(String text) {
        StringBuilder json = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                json.append('\\').append(c);
            } else if (c < ' ') {
                json.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                json.append(c);
            }
        }
        return json.append('"').toString();
    }

    private void write(String line) {
        try {
            if (Files.exists(file) && Files.size(file) > maxBytes) {
                roll();
            }
            try (FileChannel channel = FileChannel.open(
                    file,
                    Set.of(StandardOpenOption.CREATE, StandardOpenOption.APPEND),
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
                ByteBuffer bytes = ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8));
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
                channel.force(true);
            }
        } catch (IOException e) {
            LOG.error("change not kept in the audit log file={} reason=\"{}\"", file, e.getMessage());
        }
    }

    /** audit.log becomes audit.log.1, and so on; the oldest goes. */
    private void roll() throws IOException {
        for (int older = KEPT_FILES - 1; older > 0; older--) {
            Path from = older == 1 ? file : numbered(older - 1);
            if (Files.exists(from)) {
                Files.move(from, numbered(older), StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }

    private Path numbered(int number) {
        return file.resolveSibling(file.getFileName() + "." + number);
    }

    /** Writes what waits. */
    @Override
    public void close() {
        writer.shutdown();
        try {
            if (!writer.awaitTermination(2, TimeUnit.SECONDS)) {
                LOG.error("changes not kept in the audit log: its disk does not answer");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
