package io.varve.control.meta;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** The keys of the state: one letter that says what, then the id; numbers big endian, so that a scan is in numeric order. */
final class MetaKey {
    static final byte[] APPLIED = {'a'};
    static final byte[] CLUSTER = {'c'};
    static final byte[] RESTORING = {'z'};
    static final byte[] EVENT_BOUNDS = {'E'};
    static final byte[] METADATA = {'M'};
    static final byte[] NODES = {'n'};
    static final byte[] GROUPS = {'g'};
    static final byte[] VOLUMES = {'v'};
    static final byte[] TOKENS = {'i'};
    static final byte[] REVOKED = {'k'};

    private MetaKey() {}

    static byte[] node(String id) {
        return text('n', id);
    }

    static byte[] group(String uuid) {
        return text('g', uuid);
    }

    static byte[] token(String name) {
        return text('i', name);
    }

    static byte[] volume(long id) {
        return ByteBuffer.allocate(9).put((byte) 'v').putLong(id).array();
    }

    static byte[] volumeName(String name) {
        return text('m', name);
    }

    /** The prefix of all slabs of a volume. */
    static byte[] slabs(long volume) {
        return ByteBuffer.allocate(9).put((byte) 's').putLong(volume).array();
    }

    static byte[] slab(long volume, int index) {
        return ByteBuffer.allocate(11)
                .put((byte) 's')
                .putLong(volume)
                .putShort((short) index)
                .array();
    }

    static byte[] event(long number) {
        return ByteBuffer.allocate(9).put((byte) 'e').putLong(number).array();
    }

    static byte[] silent(String node) {
        return text('q', node);
    }

    static byte[] reported(String node) {
        return text('r', node);
    }

    static byte[] tomb(long volume) {
        return ByteBuffer.allocate(9).put((byte) 't').putLong(volume).array();
    }

    static byte[] removedNode(String id) {
        return text('x', id);
    }

    static byte[] revoked(String node) {
        return text('k', node);
    }

    static byte[] removedGroup(String uuid) {
        return text('y', uuid);
    }

    private static byte[] text(char what, String id) {
        byte[] utf8 = id.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(1 + utf8.length).put((byte) what).put(utf8).array();
    }
}
