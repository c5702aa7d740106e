package io.varve.model;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/**
 * What the clients of a volume may do at most, reads and writes together.
 *
 * @param iops requests a second; 0: no limit
 * @param bandwidthBytesPerSecond 0: no limit
 * @param burstMillis what was not used is kept for so long, and may be caught up at once; 0: {@link #DEFAULT_BURST_MILLIS}
 */
public record IoLimits(long iops, long bandwidthBytesPerSecond, int burstMillis) {
    public static final IoLimits NONE = new IoLimits(0, 0, 0);

    public static final int DEFAULT_BURST_MILLIS = 1_000;

    public static final String IOPS_ALLOWED = "10 to 10000000, or none";
    public static final String BANDWIDTH_ALLOWED = "1MiB/s to 1TiB/s, or none";
    public static final String BURST_ALLOWED = "100ms to 60s, or default";

    /** Below, a file system cannot be mounted in the time that an orchestrator allows. */
    private static final long LEAST_IOPS = 10;
    /** Above every device, and so low that no product of a request's cost and a second in nanoseconds overflows. */
    private static final long MOST_IOPS = 10_000_000;

    /** The largest request, 32 MiB, then takes half a minute. */
    private static final long LEAST_BANDWIDTH = 1L << 20;

    private static final long MOST_BANDWIDTH = 1L << 40;
    /** Some hundred times as long as an event loop may be late: what is lost by its lateness is made up for. */
    private static final int LEAST_BURST_MILLIS = 100;

    private static final int MOST_BURST_MILLIS = 60_000;

    private static final Pattern IOPS = Pattern.compile("[0-9]{1,9}");
    private static final Pattern BURST = Pattern.compile("([0-9]{1,6})(ms|s)");

    public boolean isNone() {
        return iops == 0 && bandwidthBytesPerSecond == 0;
    }

    public long burstNanos() {
        return (burstMillis == 0 ? DEFAULT_BURST_MILLIS : burstMillis) * 1_000_000L;
    }

    /** Why they cannot be that; empty when they can. */
    public String objection() {
        if (iops != 0 && (iops < LEAST_IOPS || iops > MOST_IOPS)) {
            return "the limit of IOPS can be " + IOPS_ALLOWED + ", not " + iops;
        }
        if (bandwidthBytesPerSecond != 0
                && (bandwidthBytesPerSecond < LEAST_BANDWIDTH || bandwidthBytesPerSecond > MOST_BANDWIDTH)) {
            return "the limit of the bandwidth can be " + BANDWIDTH_ALLOWED + ", not " + bandwidthBytesPerSecond
                    + " bytes a second";
        }
        if (burstMillis != 0 && (burstMillis < LEAST_BURST_MILLIS || burstMillis > MOST_BURST_MILLIS)) {
            return "the burst can be " + BURST_ALLOWED + ", not " + burstMillis + " ms";
        }
        return "";
    }

    /** Reads {@code 5000} or {@code none}, which is 0; empty: it is not one that is allowed. */
    public static OptionalLong parseIops(String text) {
        if (text.equals("none")) {
            return OptionalLong.of(0);
        }
        if (!IOPS.matcher(text).matches()) {
            return OptionalLong.empty();
        }
        long iops = Long.parseLong(text);
        return iops != 0 && new IoLimits(iops, 0, 0).objection().isEmpty()
                ? OptionalLong.of(iops)
                : OptionalLong.empty();
    }

    /** Reads {@code 100MiB/s}, {@code 100MiB} or {@code none}, which is 0; empty: it is not one that is allowed. */
    public static OptionalLong parseBandwidth(String text) {
        if (text.equals("none")) {
            return OptionalLong.of(0);
        }
        try {
            long bytes = ByteSize.parse(text.endsWith("/s") ? text.substring(0, text.length() - 2) : text)
                    .bytes();
            return bytes != 0 && new IoLimits(0, bytes, 0).objection().isEmpty()
                    ? OptionalLong.of(bytes)
                    : OptionalLong.empty();
        } catch (IllegalArgumentException notASize) {
            return OptionalLong.empty();
        }
    }

    /** Reads {@code 2s}, {@code 500ms} or {@code default}, which is 0; empty: it is not one that is allowed. */
    public static OptionalInt parseBurst(String text) {
        if (text.equals("default")) {
            return OptionalInt.of(0);
        }
        var match = BURST.matcher(text);
        if (!match.matches()) {
            return OptionalInt.empty();
        }
        long millis = Long.parseLong(match.group(1)) * (match.group(2).equals("s") ? 1_000 : 1);
        return millis >= LEAST_BURST_MILLIS && millis <= MOST_BURST_MILLIS
                ? OptionalInt.of((int) millis)
                : OptionalInt.empty();
    }

    /** For people: {@code 5000 IOPS, 100MiB/s, burst 1s}. */
    @Override
    public String toString() {
        if (isNone()) {
            return "none";
        }
        List<String> parts = new ArrayList<>();
        if (iops != 0) {
            parts.add(iops + " IOPS");
        }
        if (bandwidthBytesPerSecond != 0) {
            parts.add(new ByteSize(bandwidthBytesPerSecond) + "/s");
        }
        int millis = burstMillis == 0 ? DEFAULT_BURST_MILLIS : burstMillis;
        parts.add("burst " + (millis % 1_000 == 0 ? millis / 1_000 + "s" : millis + "ms"));
        return String.join(", ", parts);
    }
}
