package io.varve.control.meta;

import io.varve.api.ClusterSettings;
import io.varve.api.meta.ClusterRecord;
import io.varve.api.meta.SettingRecord;
import io.varve.model.ByteSize;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What holds for the whole cluster and is changed while it runs.
 *
 * @param graceMillis how long a node may be silent until its copies are made anew elsewhere
 * @param limitBytesPerSecond what all access points together may give to copies that are filled; 0: no limit but their clients' latency
 * @param paused nothing new is begun; what is under way ends
 * @param balance copies move from full disk groups to empty ones
 * @param memberGraceMillis how long a metadata member's node may be silent until another one takes its place
 * @param members how many metadata members there should be; 0: as many as there are
 */
public record Settings(
        long graceMillis,
        long limitBytesPerSecond,
        boolean paused,
        boolean balance,
        long memberGraceMillis,
        int members) {
    /** Shorter than a restart of a node's process, and every restart would be taken for a loss. */
    static final long MIN_GRACE_MILLIS = 15_000;

    static final long MAX_GRACE_MILLIS = 7L * 24 * 3_600_000;

    /** Below what an access point grants in any case, so that copying always ends. */
    static final long MIN_LIMIT_BYTES = 8L << 20;

    /** 1 TiB/s: more than any cluster moves, so a mistyped unit. */
    static final long MAX_LIMIT_BYTES = 1L << 40;

    private static final String KEEP = "keep";

    private static final Pattern DURATION = Pattern.compile("([0-9]{1,9})(s|m|h|d)");

    /** The keys, in the order in which they are shown. */
    private enum Key {
        GRACE(
                "rebuild.grace",
                "10m",
                "15s to 7d",
                "how long a node may be silent until its copies are made anew on other nodes"),
        LIMIT(
                "rebuild.limit",
                "0",
                "0 (none), or 8MiB to 1TiB",
                "bytes per second for copying in the whole cluster, beside what clients' latency allows"),
        PAUSED("rebuild.paused", "false", "true, false", "begin no copy; those under way end"),
        BALANCE("balance.enabled", "true", "true, false", "move copies from full disk groups to empty ones"),
        MEMBER_GRACE(
                "metadata.grace",
                "10m",
                "15s to 7d",
                "how long a metadata member's node may be silent until another one takes its place"),
        MEMBERS(
                "metadata.members",
                KEEP,
                "keep, 3, 5",
                "how many metadata members there should be; keep: as many as there are");

        private final String text;
        private final String byDefault;
        private final String range;
        private final String meaning;

        Key(String text, String byDefault, String range, String meaning) {
            this.text = text;
            this.byDefault = byDefault;
            this.range = range;
            this.meaning = meaning;
        }

        static Optional<Key> of(String text) {
            return Arrays.stream(values()).filter(key -> key.text.equals(text)).findFirst();
        }

        /** The value as it is stored, or empty when it is none. */
        Optional<String> canonical(String value) {
            return switch (this) {
                case GRACE, MEMBER_GRACE ->
                    millis(value)
                            .filter(millis -> millis >= MIN_GRACE_MILLIS && millis <= MAX_GRACE_MILLIS)
                            .map(Settings::duration);
                case LIMIT ->
                    bytes(value)
                            .filter(bytes -> bytes == 0 || (bytes >= MIN_LIMIT_BYTES && bytes <= MAX_LIMIT_BYTES))
                            .map(bytes -> bytes == 0 ? "0" : new ByteSize(bytes).toString());
                case MEMBERS ->
                    value.equals(KEEP) || value.equals("3") || value.equals("5")
                            ? Optional.of(value)
                            : Optional.empty();
                case PAUSED, BALANCE ->
                    value.equals("true") || value.equals("false") ? Optional.of(value) : Optional.empty();
            };
        }
    }

    /** Those of a cluster; every one that nobody changed has its default. */
    public static Settings of(Optional<ClusterRecord> cluster) {
        Map<String, String> stored = stored(cluster);
        return new Settings(
                millis(value(stored, Key.GRACE)).orElseThrow(),
                bytes(value(stored, Key.LIMIT)).orElseThrow(),
                Boolean.parseBoolean(value(stored, Key.PAUSED)),
                Boolean.parseBoolean(value(stored, Key.BALANCE)),
                millis(value(stored, Key.MEMBER_GRACE)).orElseThrow(),
                value(stored, Key.MEMBERS).equals(KEEP) ? 0 : Integer.parseInt(value(stored, Key.MEMBERS)));
    }

    /** All of them for people and scripts. */
    public static ClusterSettings told(Optional<ClusterRecord> cluster) {
        Map<String, String> stored = stored(cluster);
        ClusterSettings.Builder told = ClusterSettings.newBuilder();
        for (Key key : Key.values()) {
            told.addSettings(io.varve.api.Setting.newBuilder()
                    .setKey(key.text)
                    .setValue(value(stored, key))
                    .setDefaultValue(key.byDefault)
                    .setRange(key.range)
                    .setMeaning(key.meaning));
        }
        return told.build();
    }

    /** What would be stored for a value, or why it cannot be. */
    public sealed interface Judged {
        record Good(String canonical) implements Judged {}

        record Bad(String reason) implements Judged {}
    }

    /** Judges one value. */
    public static Judged judge(String name, String value) {
        Optional<Key> key = Key.of(name);
        if (key.isEmpty()) {
            return new Judged.Bad("there is no setting '" + name + "': there are "
                    + Arrays.stream(Key.values()).map(each -> each.text).collect(Collectors.joining(", ")));
        }
        return key.get()
                .canonical(value)
                .<Judged>map(Judged.Good::new)
                .orElseGet(() -> new Judged.Bad(name + " cannot be '" + value + "': it is " + key.get().range));
    }

    static Map<String, String> stored(Optional<ClusterRecord> cluster) {
        return cluster.map(ClusterRecord::getSettingsList).stream()
                .flatMap(java.util.List::stream)
                .collect(Collectors.toMap(SettingRecord::getKey, SettingRecord::getValue, (a, b) -> b, TreeMap::new));
    }

    private static String value(Map<String, String> stored, Key key) {
        return stored.getOrDefault(key.text, key.byDefault);
    }

    private static Optional<Long> millis(String text) {
        Matcher match = DURATION.matcher(text);
        if (!match.matches()) {
            return Optional.empty();
        }
        long number = Long.parseLong(match.group(1));
        return Optional.of(
                switch (match.group(2)) {
                    case "s" -> number * 1_000;
                    case "m" -> number * 60_000;
                    case "h" -> number * 3_600_000;
                    default -> number * 24 * 3_600_000;
                });
    }

    /** In the largest unit that divides it. */
    private static String duration(long millis) {
        long seconds = millis / 1_000;
        if (seconds % 86_400 == 0) {
            return seconds / 86_400 + "d";
        }
        if (seconds % 3_600 == 0) {
            return seconds / 3_600 + "h";
        }
        return seconds % 60 == 0 ? seconds / 60 + "m" : seconds + "s";
    }

    private static Optional<Long> bytes(String text) {
        try {
            return Optional.of(ByteSize.parse(text).bytes());
        } catch (IllegalArgumentException noSize) {
            return Optional.empty();
        }
    }
}
