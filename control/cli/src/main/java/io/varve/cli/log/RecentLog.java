package io.varve.cli.log;

import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;

/** The newest lines of the log in memory, for a support bundle: where standard output goes, the process does not know. Any thread. */
final class RecentLog extends AppenderBase<ILoggingEvent> {
    /** Some ten thousand lines: days of a node that is well, the last hours of one in trouble. */
    static final int MAX_BYTES = 2 << 20;

    private final PatternLayoutEncoder encoder;
    private final ArrayDeque<byte[]> lines = new ArrayDeque<>();
    private int bytes;
    private long droppedBytes;

    RecentLog(PatternLayoutEncoder encoder) {
        this.encoder = encoder;
    }

    @Override
    protected void append(ILoggingEvent event) {
        add(encoder.encode(event));
    }

    synchronized void add(byte[] line) {
        lines.add(line);
        bytes += line.length;
        while (bytes > MAX_BYTES) {
            int oldest = lines.remove().length;
            bytes -= oldest;
            droppedBytes += oldest;
        }
    }

    /** How much was dropped since the process started. */
    synchronized long droppedBytes() {
        return droppedBytes;
    }

    synchronized String text() {
        var text = new StringBuilder(bytes);
        lines.forEach(line -> text.append(new String(line, StandardCharsets.UTF_8)));
        return text.toString();
    }
}
