package io.varve.cli.demo;

import io.varve.model.ByteSize;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * What a person asked for.
 *
 * @param directory absolute; everything of the demo but its mount points lies in it
 * @param nodes 1 to 5, at least as many as replicas
 * @param size of the volume
 * @param disk size of the file that is each node's disk
 * @param replicas 1 to 3
 * @param runFor empty: until Ctrl-C
 * @param load what drives the volume
 * @param yes install packages without asking
 */
record DemoOptions(
        Path directory,
        int nodes,
        ByteSize size,
        ByteSize disk,
        int replicas,
        Optional<Duration> runFor,
        Load load,
        boolean yes) {
    /** What drives the volume. */
    enum Load {
        /** PostgreSQL and pgbench; where that cannot be, {@link #NBD}. */
        DATABASE,
        /** NBD clients in user space. */
        NBD,
        /** Nothing: the volume is only exported. */
        NONE
    }

    /** How many of so many nodes keep the metadata group: an odd number. */
    static int metadataMembers(int nodes) {
        return nodes >= 3 ? 3 : 1;
    }
}
