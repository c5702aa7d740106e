package io.varve.dataplane.store;

import java.util.Arrays;

/**
 * Versions of blocks in chains, newest first: what each says and which one it stands over. A chain is known by its head, an int; {@link #NONE}
 * is the empty one. All in primitive arrays that grow by doubling and are filled again from a free list. Confined to the group's loop.
 */
final class VersionChains {
    static final int NONE = -1;

    private static final int FIRST_CAPACITY = 256;

    private final DirectUnits units;
    private long[] seqs = new long[FIRST_CAPACITY];
    private long[] locations = new long[FIRST_CAPACITY];
    private int[] crcs = new int[FIRST_CAPACITY];
    private int[] layers = new int[FIRST_CAPACITY];
    private byte[] kinds = new byte[FIRST_CAPACITY];
    private int[] older = new int[FIRST_CAPACITY];
    private int free = NONE;
    private int end;
    private int count;

    /** {@code units}: told of every version that points into a unit of a direct write and goes. */
    VersionChains(DirectUnits units) {
        this.units = units;
    }

    /** A new head over {@code head}; who pushes versions in units tells {@link DirectUnits} of them. */
    int push(int head, long seq, byte kind, long location, int crc, int layer) {
        int v = free;
        if (v != NONE) {
            free = older[v];
        } else {
            if (end == seqs.length) {
                grow();
            }
            v = end++;
        }
        count++;
        seqs[v] = seq;
        kinds[v] = kind;
        locations[v] = location;
        crcs[v] = crc;
        layers[v] = layer;
        older[v] = head;
        return v;
    }

    private void free(int v) {
        if (kinds[v] == Overlay.UNIT) {
            units.removed(locations[v]);
        }
        older[v] = free;
        free = v;
        count--;
    }

    /** Drops committed versions under a newer committed one of the same layer. The head stays. */
    void prune(int head, long commitSeq) {
        int keptLayer = -1;
        int before = NONE;
        int v = head;
        while (v != NONE) {
            int next = older[v];
            boolean committed = seqs[v] <= commitSeq;
            if (committed && layers[v] == keptLayer) {
                older[before] = next;
                free(v);
            } else {
                if (committed) {
                    keptLayer = layers[v];
                }
                before = v;
            }
            v = next;
        }
    }

    /** Drops versions at or below {@code seq}; returns the head of what remains. */
    int cutOlder(int head, long seq) {
        int before = NONE;
        int v = head;
        while (v != NONE && seqs[v] > seq) {
            before = v;
            v = older[v];
        }
        while (v != NONE) {
            int next = older[v];
            free(v);
            v = next;
        }
        if (before == NONE) {
            return NONE;
        }
        older[before] = NONE;
        return head;
    }

    /** Drops versions above {@code seq}; returns the head of what remains. */
    int cutNewer(int head, long seq) {
        int v = head;
        while (v != NONE && seqs[v] > seq) {
            int next = older[v];
            free(v);
            v = next;
        }
        return v;
    }

    /** The newest version at or below {@code seq}. */
    int upTo(int head, long seq) {
        int v = head;
        while (v != NONE && seqs[v] > seq) {
            v = older[v];
        }
        return v;
    }

    /** The version of exactly {@code seq}. */
    int find(int head, long seq) {
        int v = upTo(head, seq);
        return v != NONE && seqs[v] == seq ? v : NONE;
    }

    /** The newest version of exactly {@code layer}. */
    int ofLayer(int head, int layer) {
        int v = head;
        while (v != NONE && layers[v] > layer) {
            v = older[v];
        }
        return v != NONE && layers[v] == layer ? v : NONE;
    }

    /** True if a version above {@code seq} holds data, not zeroes. */
    boolean hasDataAbove(int head, long seq) {
        for (int v = head; v != NONE && seqs[v] > seq; v = older[v]) {
            if (kinds[v] < Overlay.ZERO) {
                return true;
            }
        }
        return false;
    }

    /** The version now lies at {@code location} in the journal, with the same content. */
    void relocate(int version, long location) {
        if (kinds[version] == Overlay.UNIT) {
            units.removed(locations[version]);
        }
        kinds[version] = Overlay.JOURNAL;
        locations[version] = location;
    }

    int older(int version) {
        return older[version];
    }

    long seq(int version) {
        return seqs[version];
    }

    byte kind(int version) {
        return kinds[version];
    }

    long location(int version) {
        return locations[version];
    }

    int crc(int version) {
        return crcs[version];
    }

    int layer(int version) {
        return layers[version];
    }

    int count() {
        return count;
    }

    private void grow() {
        int capacity = seqs.length * 2;
        seqs = Arrays.copyOf(seqs, capacity);
        locations = Arrays.copyOf(locations, capacity);
        crcs = Arrays.copyOf(crcs, capacity);
        layers = Arrays.copyOf(layers, capacity);
        kinds = Arrays.copyOf(kinds, capacity);
        older = Arrays.copyOf(older, capacity);
    }
}
