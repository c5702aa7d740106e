package io.varve.simulator;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the command line says.
 *
 * @param seeds how many, from {@code first} on; as many as there are time for with {@code forNanos}
 * @param step from one seed to the next: more than one where several processes share the seeds
 * @param only numbers of the faults of a replay that shall happen; null: all
 */
record Options(
        long seeds,
        long first,
        long forNanos,
        @Nullable Long replay,
        @Nullable List<Integer> only,
        boolean stopsAtFirst,
        int step) {
    static Options parse(String[] arguments) {
        long seeds = 0;
        long first = 1;
        long forNanos = 0;
        Long replay = null;
        List<Integer> only = null;
        boolean stops = false;
        int job = 0;
        int step = 1;
        for (int i = 0; i < arguments.length; i++) {
            String name = arguments[i];
            if (name.equals("--stop-at-first")) {
                stops = true;
                continue;
            }
            if (i + 1 == arguments.length) {
                throw new IllegalArgumentException(name + " is not an option, or lacks its value");
            }
            String value = arguments[++i];
            switch (name) {
                case "--seeds" -> seeds = number(name, value);
                case "--first" -> first = number(name, value);
                case "--for" -> forNanos = duration(value).toNanos();
                case "--job" -> {
                    String[] parts = value.split("/", 2);
                    if (parts.length < 2) {
                        throw new IllegalArgumentException("--job wants 0/2, not '" + value + "'");
                    }
                    job = (int) number(name, parts[0]);
                    step = (int) number(name, parts[1]);
                }
                case "--replay" -> replay = number(name, value);
                case "--only" ->
                    only = value.equals("none")
                            ? List.of()
                            : Arrays.stream(value.split(",", -1))
                                    .map(each -> (int) number("--only", each))
                                    .toList();
                default -> throw new IllegalArgumentException("unknown option " + name);
            }
        }
        if (seeds == 0 && forNanos == 0 && replay == null) {
            throw new IllegalArgumentException("say --seeds N, --for 8h or --replay SEED");
        }
        long mine = seeds == 0 ? Long.MAX_VALUE : (seeds - job + step - 1) / step;
        return new Options(mine, first + job, forNanos, replay, only, stops, step);
    }

    private static long number(String name, String value) {
        try {
            return Long.parseLong(value);
        } catch (NumberFormatException wrong) {
            throw new IllegalArgumentException(name + " wants a number, not '" + value + "'", wrong);
        }
    }

    private static Duration duration(String value) {
        long count = number("--for", value.isEmpty() ? value : value.substring(0, value.length() - 1));
        return switch (value.charAt(value.length() - 1)) {
            case 's' -> Duration.ofSeconds(count);
            case 'm' -> Duration.ofMinutes(count);
            case 'h' -> Duration.ofHours(count);
            default -> throw new IllegalArgumentException("--for wants 90s, 10m or 8h, not '" + value + "'");
        };
    }
}
