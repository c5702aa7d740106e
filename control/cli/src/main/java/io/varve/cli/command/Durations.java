package io.varve.cli.command;

import java.time.Duration;
import java.util.regex.Pattern;

/** Times as people write them: {@code 500ms}, {@code 60s}, {@code 5m}, {@code 2h}, {@code 7d}. */
final class Durations {
    private static final Pattern SYNTAX = Pattern.compile("([0-9]{1,9})(ms|s|m|h|d)");

    private Durations() {}

    static Duration parse(String text) {
        var match = SYNTAX.matcher(text);
        if (!match.matches()) {
            throw new IllegalArgumentException("'" + text + "' is not a time; write for example 60s, 5m or 500ms");
        }
        var number = Long.parseLong(match.group(1));
        return switch (match.group(2)) {
            case "ms" -> Duration.ofMillis(number);
            case "s" -> Duration.ofSeconds(number);
            case "m" -> Duration.ofMinutes(number);
            case "h" -> Duration.ofHours(number);
            default -> Duration.ofDays(number);
        };
    }
}
