package io.varve.cli.log;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.rolling.FixedWindowRollingPolicy;
import ch.qos.logback.core.rolling.RollingFileAppender;
import ch.qos.logback.core.rolling.SizeBasedTriggeringPolicy;
import ch.qos.logback.core.util.FileSize;
import java.nio.file.Path;
import org.slf4j.LoggerFactory;

/** The log of a node's process. */
public final class NodeLog {
    /** Libraries explain their inner life at INFO; an operator reads Varve's own events. */
    private static final Level LIBRARIES = Level.WARN;

    private static final String RECENT = "recent";

    private static final String FILE_SIZE = "64MB";
    private static final int FILES_KEPT = 8;

    private NodeLog() {}

    /**
     * Switches from {@link QuietLog} to standard output, at this level.
     *
     * @param level error, warn, info or debug
     */
    public static void toStandardOutput(String level) {
        var context = context();
        context.reset();
        var appender = new ConsoleAppender<ILoggingEvent>();
        appender.setContext(context);
        appender.setEncoder(LogLine.encoder(context));
        appender.start();
        var root = context.getLogger(Logger.ROOT_LOGGER_NAME);
        root.setLevel(LIBRARIES);
        root.addAppender(appender);
        var recent = new RecentLog(LogLine.encoder(context));
        recent.setContext(context);
        recent.setName(RECENT);
        recent.start();
        root.addAppender(recent);
        context.getLogger("io.varve").setLevel(Level.toLevel(level));
        // Nothing depends on it, and what matters of it is told as events of Varve's own.
        context.getLogger("com.hazelcast").setLevel(level.equals("debug") ? Level.INFO : Level.OFF);
    }

    /** Adds a file, rolled by size. */
    public static void alsoToFile(Path file) {
        var context = context();
        var appender = new RollingFileAppender<ILoggingEvent>();
        appender.setContext(context);
        appender.setFile(file.toString());
        appender.setEncoder(LogLine.encoder(context));
        var rolling = new FixedWindowRollingPolicy();
        rolling.setContext(context);
        rolling.setParent(appender);
        rolling.setFileNamePattern(file + ".%i");
        rolling.setMinIndex(1);
        rolling.setMaxIndex(FILES_KEPT);
        rolling.start();
        var trigger = new SizeBasedTriggeringPolicy<ILoggingEvent>();
        trigger.setContext(context);
        trigger.setMaxFileSize(FileSize.valueOf(FILE_SIZE));
        trigger.start();
        appender.setRollingPolicy(rolling);
        appender.setTriggeringPolicy(trigger);
        appender.start();
        context.getLogger(Logger.ROOT_LOGGER_NAME).addAppender(appender);
    }

    /** The newest lines, and how much came before them; empty when this process writes no log. */
    public static String recent() {
        return context().getLogger(Logger.ROOT_LOGGER_NAME).getAppender(RECENT) instanceof RecentLog recent
                ? (recent.droppedBytes() == 0 ? "" : recent.droppedBytes() + " bytes before this are kept no longer\n")
                        + recent.text()
                : "";
    }

    /** Writes what is buffered and closes the file; the last thing a process does. */
    public static void close() {
        context().stop();
    }

    private static LoggerContext context() {
        return (LoggerContext) LoggerFactory.getILoggerFactory();
    }
}
