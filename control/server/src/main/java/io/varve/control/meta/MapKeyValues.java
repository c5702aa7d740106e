package io.varve.control.meta;

import com.google.protobuf.ByteString;
import io.varve.api.meta.EntryRecord;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The state in memory, in the same order as LMDB's: one that is being made, or a test's, which compares it as a whole. */
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

    public int size() {
        return map.size();
    }

    /** Everything in it, in order of the keys. */
    public List<EntryRecord> records() {
        List<EntryRecord> records = new ArrayList<>();
        map.forEach((key, value) -> records.add(EntryRecord.newBuilder()
                .setKey(ByteString.copyFrom(key))
                .setValue(ByteString.copyFrom(value))
                .build()));
        return records;
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
