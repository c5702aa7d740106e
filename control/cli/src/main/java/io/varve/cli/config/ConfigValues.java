package io.varve.cli.config;

import io.varve.model.ByteSize;
import io.varve.model.NodeName;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The kinds of value in a configuration file. Each method takes the text of the file and gives the value, or throws
 * IllegalArgumentException with a message for people.
 */
public final class ConfigValues {
    static final ByteSize SMALLEST_JOURNAL = ByteSize.parse("256MiB");
    static final ByteSize LARGEST_JOURNAL = ByteSize.parse("64GiB");
    /** The journal is a ring of segments of this size. */
    static final ByteSize JOURNAL_SEGMENT = ByteSize.parse("64MiB");

    private static final Pattern HOST = Pattern.compile("[A-Za-z0-9._-]+|[0-9A-Fa-f:]+(%[A-Za-z0-9]+)?");

    private static final Pattern DURATION = Pattern.compile("([0-9]{1,9})([smhd])");
    /** IPv4 or IPv6, not a host's name. */
    private static final Pattern LITERAL = Pattern.compile("[0-9.]+|[0-9a-fA-F:.%]*:[0-9a-fA-F:.%]*");

    private static final Pattern ACCOUNT = Pattern.compile("[a-z0-9][a-z0-9-]{0,62}/[a-z0-9][a-z0-9.-]{0,252}");

    private ConfigValues() {}

    public static String name(String text) {
        if (!NodeName.isValid(text)) {
            throw new IllegalArgumentException(
                    "'" + text
                            + "' is not a name: use 1 to 63 letters, digits, '-', '_' and '.', beginning with a letter or digit");
        }
        return text;
    }

    /** A service account of Kubernetes with its namespace. */
    static String account(String text) {
        if (!ACCOUNT.matcher(text).matches()) {
            throw new IllegalArgumentException("'" + text + "' is not NAMESPACE/NAME of a service account");
        }
        return text;
    }

    static String host(String text) {
        if (!HOST.matcher(text).matches()) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not a host; write a name or an address without a port");
        }
        return text;
    }

    public static Path absolutePath(String text) {
        Path path;
        try {
            path = Path.of(text);
        } catch (InvalidPathException e) {
            throw new IllegalArgumentException("'" + text + "' is not a path: " + e.getReason(), e);
        }
        if (!path.isAbsolute()) {
            throw new IllegalArgumentException("'" + text + "' must be an absolute path");
        }
        return path.normalize();
    }

    /** The size of a journal. */
    public static ByteSize journal(String text) {
        var size = size(text, SMALLEST_JOURNAL, LARGEST_JOURNAL);
        if (size.bytes() % JOURNAL_SEGMENT.bytes() != 0) {
            throw new IllegalArgumentException("'" + text + "' is not a multiple of " + JOURNAL_SEGMENT);
        }
        return size;
    }

    static ByteSize size(String text, ByteSize smallest, ByteSize largest) {
        var size = ByteSize.parse(text);
        if (size.compareTo(smallest) < 0 || size.compareTo(largest) > 0) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not between " + smallest.rounded() + " and " + largest.rounded());
        }
        return size;
    }

    static int number(String text, int smallest, int largest) {
        int number;
        try {
            number = Integer.parseInt(text);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("'" + text + "' is not a whole number", e);
        }
        if (number < smallest || number > largest) {
            throw new IllegalArgumentException("'" + text + "' is not between " + smallest + " and " + largest);
        }
        return number;
    }

    /** A time such as 90s, 12h or 30d. */
    static Duration duration(String text, Duration shortest, Duration longest) {
        var match = DURATION.matcher(text);
        if (!match.matches()) {
            throw new IllegalArgumentException("'" + text + "' is not a time; write for example 90s, 12h or 30d");
        }
        var number = Long.parseLong(match.group(1));
        var duration = switch (match.group(2)) {
            case "s" -> Duration.ofSeconds(number);
            case "m" -> Duration.ofMinutes(number);
            case "h" -> Duration.ofHours(number);
            default -> Duration.ofDays(number);
        };
        if (duration.compareTo(shortest) < 0 || duration.compareTo(longest) > 0) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not between " + shortest.toSeconds() + "s and " + longest.toDays() + "d");
        }
        return duration;
    }

    static boolean flag(String text) {
        return switch (text) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new IllegalArgumentException("'" + text + "' is not true or false");
        };
    }

    static <E extends Enum<E>> E oneOf(Class<E> type, String text) {
        for (var constant : type.getEnumConstants()) {
            if (constant.name().toLowerCase(Locale.ROOT).equals(text)) {
                return constant;
            }
        }
        throw new IllegalArgumentException("'" + text + "' is not one of "
                + Arrays.stream(type.getEnumConstants())
                        .map(constant -> constant.name().toLowerCase(Locale.ROOT))
                        .collect(Collectors.joining(", ")));
    }

    /** One literal address of this machine: whoever can reach it can disturb what listens there. */
    static Endpoint closedAddress(String text) {
        var address = Endpoint.parse(text);
        if (address.isWildcard()) {
            throw new IllegalArgumentException(
                    "'" + text
                            + "' is every interface; name one address, loopback or of a closed network: nothing here asks for a password");
        }
        if (!LITERAL.matcher(address.host()).matches()) {
            throw new IllegalArgumentException("'" + address.host() + "' is a name; write the address itself");
        }
        return address;
    }
}
