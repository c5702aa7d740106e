package io.varve.control.meta;

import org.jspecify.annotations.Nullable;

/**
 * An ordered map of byte strings inside one transaction: LMDB in a member, a tree map in tests. Used by one thread at a time.
 * Arrays handed in are not kept, arrays handed out are the caller's.
 */
public interface KeyValues {
    byte @Nullable [] get(byte[] key);

    /**
     * Sets or replaces a value.
     *
     * @throws UnsupportedOperationException in a read transaction, like {@link #delete}
     */
    void put(byte[] key, byte[] value);

    void delete(byte[] key);

    /** Calls the visitor for each key that begins with the prefix, in order. The visitor must not change the map. */
    void scan(byte[] prefix, Visitor visitor);

    /** Receives one entry of a scan. */
    @FunctionalInterface
    interface Visitor {
        void entry(byte[] key, byte[] value);
    }
}
