package io.varve.cli.output;

import io.varve.model.ByteSize;
import java.time.Duration;
import java.util.Locale;

/** Numbers as people read them. */
public final class Text {
    private Text() {}

    /** Bytes, rounded: {@code 1.5GiB}. */
    public static String size(long bytes) {
        return new ByteSize(Math.max(0, bytes)).rounded();
    }

    /** Microseconds: {@code 240us}, {@code 1.3ms}, {@code 2.1s}. */
    public static String latency(double micros) {
        if (micros <= 0) {
            return "-";
        }
        if (micros < 1_000) {
            return String.format(Locale.ROOT, "%.0fus", micros);
        }
        return micros < 1_000_000
                ? String.format(Locale.ROOT, "%.1fms", micros / 1_000)
                : String.format(Locale.ROOT, "%.1fs", micros / 1_000_000);
    }

    /** A share in per cent; nothing of nothing is zero. */
    public static String percent(long part, long whole) {
        return whole == 0 ? "0%" : Math.round(100.0 * part / whole) + "%";
    }

    /** A count per second: {@code 950}, {@code 12.3k}. */
    public static String rate(double perSecond) {
        if (perSecond < 10_000) {
            return String.format(Locale.ROOT, "%.0f", perSecond);
        }
        return perSecond < 1_000_000
                ? String.format(Locale.ROOT, "%.1fk", perSecond / 1_000)
                : String.format(Locale.ROOT, "%.1fM", perSecond / 1_000_000);
    }

    /** An age: {@code 3s}, {@code 5m}, {@code 2h}, {@code 4d}. */
    public static String age(Duration age) {
        if (age.compareTo(Duration.ofMinutes(2)) < 0) {
            return Math.max(0, age.toSeconds()) + "s";
        }
        if (age.compareTo(Duration.ofHours(2)) < 0) {
            return age.toMinutes() + "m";
        }
        return age.compareTo(Duration.ofDays(2)) < 0 ? age.toHours() + "h" : age.toDays() + "d";
    }

    /** Text or a dash. */
    public static String orDash(String text) {
        return text.isEmpty() ? "-" : text;
    }
}
