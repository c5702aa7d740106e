package io.varve.control.meta;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The state in a tree map: the same order as LMDB's, and it can be compared as a whole. */
public final class MapKeyValues implements KeyValues {
    private final TreeMap<byte[], byte[]> map = new TreeMap<>(Arrays::compareUnsigned);

    @Override
    public byte @Nullable [] get(byte[] key) {
        return map.get(key);
    }

    @Override
    public void put(byte[] key, byte[] value) {
        map.put(key, value);
    }

    @Override
    public void delete(byte[] key) {
        map.remove(key);
    }

    @Override
    public void scan(byte[] prefix, Visitor visitor) {
        for (Map.Entry<byte[], byte[]> entry : map.tailMap(prefix, true).entrySet()) {
            byte[] key = entry.getKey();
            if (key.length < prefix.length || !Arrays.equals(key, 0, prefix.length, prefix, 0, prefix.length)) {
                return;
            }
            visitor.entry(key, entry.getValue());
        }
    }

    /** Everything in it, as text that can be compared. */
    public String dump() {
        StringBuilder text = new StringBuilder();
        map.forEach((key, value) -> text.append(Arrays.toString(key))
                .append('=')
                .append(Arrays.toString(value))
                .append('\n'));
        return text.toString();
    }
}
