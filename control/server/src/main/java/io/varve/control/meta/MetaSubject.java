package io.varve.control.meta;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** What a key of the state is about. */
public sealed interface MetaSubject {
    record OfNode(String id) implements MetaSubject {}

    record OfGroup(String uuid) implements MetaSubject {}

    /** Or one of its slabs. */
    record OfVolume(long id) implements MetaSubject {}

    /** Empty for what is about nothing that anybody outside sees: counters, names, tombs. */
    static Optional<MetaSubject> of(byte[] key) {
        return switch (key[0]) {
            case 'n' -> Optional.of(new OfNode(text(key)));
            case 'g' -> Optional.of(new OfGroup(text(key)));
            case 'v', 's' ->
                Optional.of(new OfVolume(ByteBuffer.wrap(key, 1, Long.BYTES).getLong()));
            default -> Optional.empty();
        };
    }

    private static String text(byte[] key) {
        return new String(key, 1, key.length - 1, StandardCharsets.UTF_8);
    }
}
