package io.varve.cli.log;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.LoggerContext;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class RecentLogTest {
    @Test
    void keepsTheNewestLinesWithinItsBound() {
        var log = new RecentLog(LogLine.encoder(new LoggerContext()));
        byte[] line = ("x".repeat(1023) + "\n").getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < RecentLog.MAX_BYTES / line.length; i++) {
            log.add(line);
        }
        assertThat(log.droppedBytes()).isZero();
        log.add("the newest\n".getBytes(StandardCharsets.UTF_8));
        assertThat(log.droppedBytes()).isEqualTo(1024);
        assertThat(log.text()).endsWith("\nthe newest\n").hasSizeLessThanOrEqualTo(RecentLog.MAX_BYTES);
    }
}
