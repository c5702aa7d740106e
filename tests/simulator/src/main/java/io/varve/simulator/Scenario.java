package io.varve.simulator;

import io.varve.dataplane.disk.DeviceClass;
import io.varve.model.Geometry;
import java.util.SplittableRandom;

/**
 * What one run is about, drawn from its seed: small clusters, so that many fit into a minute, and each different.
 *
 * @param slabs 2: the volume is a little larger than a slab, and requests cross the edge
 * @param cellBytes the unit in which clients write: whole blocks, or parts of them
 * @param thinkNanos pause of a client between two requests, on average
 * @param disturbedNanos how long things go wrong
 * @param lossyTruth the metadata group loses answers all the time, not only when a fault says so
 * @param plans the planner works: copies are made elsewhere, retired, and moved
 */
record Scenario(
        int nodes,
        int replicas,
        int slabs,
        int cellBytes,
        int clients,
        long thinkNanos,
        long disturbedNanos,
        int faults,
        boolean lossyTruth,
        DeviceClass deviceClass,
        boolean plans,
        boolean isTight) {
    private static final long SECOND = 1_000_000_000L;

    static Scenario of(SplittableRandom random) {
        int replicas = random.nextInt(6) == 0 ? 1 : 2 + random.nextInt(5) / 3;
        int nodes = 3 + (random.nextInt(4) == 0 ? 1 : 0);
        int slabs = random.nextInt(4) == 0 ? 2 : 1;
        int cellBytes = random.nextInt(4) == 0 ? 512 : 4096;
        return new Scenario(
                nodes,
                replicas,
                slabs,
                cellBytes,
                2 + random.nextInt(4),
                random.nextInt(3) == 0 ? 40_000_000L : 200_000_000L,
                (5 + random.nextInt(20)) * SECOND,
                2 + random.nextInt(9),
                random.nextInt(3) == 0,
                random.nextInt(4) == 0 ? DeviceClass.HDD : DeviceClass.NVME,
                random.nextBoolean(),
                slabs == 1 && cellBytes == Geometry.BLOCK_BYTES && random.nextInt(3) == 0);
    }

    @Override
    public String toString() {
        return nodes + " nodes, " + replicas + " copies, " + slabs + " slabs, " + clients
                + " clients writing multiples of "
                + cellBytes + " bytes every " + thinkNanos / 1_000_000 + " ms, " + faults + " faults in "
                + disturbedNanos / SECOND + " s" + (lossyTruth ? ", metadata answers get lost" : "") + ", "
                + deviceClass + (plans ? ", with the planner" : "") + (isTight ? ", small disks" : "");
    }
}
