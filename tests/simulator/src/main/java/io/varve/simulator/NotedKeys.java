package io.varve.simulator;

import io.varve.control.meta.KeyValues;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A member's map, which says what was written. */
record NotedKeys(KeyValues map, List<byte[]> touched) implements KeyValues {
    @Override
    public byte @Nullable [] get(byte[] key) {
        return map.get(key);
    }

    @Override
    public void put(byte[] key, byte[] value) {
        touched.add(key);
        map.put(key, value);
    }

    @Override
    public void delete(byte[] key) {
        touched.add(key);
        map.delete(key);
    }

    @Override
    public void scan(byte[] prefix, Visitor visitor) {
        map.scan(prefix, visitor);
    }
}
