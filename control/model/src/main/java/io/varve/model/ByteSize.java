package io.varve.model;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * A number of bytes as people write it: {@code 20GiB}, {@code 512KiB}, {@code 4096}, {@code 1.5TiB}.
 *
 * <p>Units are powers of 1024 and carry the {@code i}; {@code GB} is refused instead of guessed, because it means 10⁹ to
 * a disk vendor and 2³⁰ to most tools, and a volume 7 % smaller than intended is found out too late.
 *
 * @param bytes zero or more
 */
public record ByteSize(long bytes) implements Comparable<ByteSize> {
    private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    private static final Pattern SYNTAX = Pattern.compile("([0-9]{1,19}(?:\\.[0-9]{1,6})?)\\s*([A-Za-z]*)");

    public ByteSize {
        if (bytes < 0) {
            throw new IllegalArgumentException("a size cannot be negative: " + bytes);
        }
    }

    /**
     * Reads a size.
     *
     * @throws IllegalArgumentException with a message for people that names what was wrong
     */
    public static ByteSize parse(String text) {
        var match = SYNTAX.matcher(text.strip());
        if (!match.matches()) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not a size; write a number and a unit, for example 20GiB");
        }
        var bytes = new BigDecimal(match.group(1)).multiply(BigDecimal.valueOf(unitBytes(match.group(2), text)));
        if (bytes.stripTrailingZeros().scale() > 0) {
            throw new IllegalArgumentException("'" + text + "' is not a whole number of bytes");
        }
        if (bytes.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) > 0) {
            throw new IllegalArgumentException("'" + text + "' is too large; the limit is just under 8EiB");
        }
        return new ByteSize(bytes.longValueExact());
    }

    private static long unitBytes(String unit, String text) {
        if (unit.isEmpty()) {
            return 1;
        }
        for (var power = 0; power < UNITS.length; power++) {
            if (UNITS[power].equalsIgnoreCase(unit)) {
                return 1L << (10 * power);
            }
        }
        var intended = switch (unit.toUpperCase(Locale.ROOT)) {
            case "K", "KB" -> "KiB";
            case "M", "MB" -> "MiB";
            case "G", "GB" -> "GiB";
            case "T", "TB" -> "TiB";
            case "P", "PB" -> "PiB";
            default -> "B, KiB, MiB, GiB, TiB or PiB";
        };
        throw new IllegalArgumentException("'" + text + "' has the unknown unit '" + unit + "'; did you mean "
                + intended + "? Units are powers of 1024");
    }

    /** The exact value in the largest unit that divides it: reading it back gives the same number. */
    @Override
    public String toString() {
        var power = bytes == 0 ? 0 : Math.min(Long.numberOfTrailingZeros(bytes) / 10, UNITS.length - 1);
        return (bytes >>> (10 * power)) + UNITS[power];
    }

    /** For a column of a table: one decimal, the unit that keeps it below 1024, rounded to nearest. */
    public String rounded() {
        var power = bytes == 0 ? 0 : (63 - Long.numberOfLeadingZeros(bytes)) / 10;
        if (power == 0) {
            return bytes + "B";
        }
        var value = BigDecimal.valueOf(bytes).divide(BigDecimal.valueOf(1L << (10 * power)), 1, RoundingMode.HALF_UP);
        if (value.compareTo(BigDecimal.valueOf(1024)) >= 0 && power < UNITS.length - 1) {
            value = BigDecimal.ONE;
            power++;
        }
        return value.stripTrailingZeros().toPlainString() + UNITS[power];
    }

    @Override
    public int compareTo(ByteSize other) {
        return Long.compare(bytes, other.bytes);
    }
}
