package io.varve.cli.attach;

import io.varve.dataplane.time.Loop;
import io.varve.dataplane.volume.BlockRequest;
import io.varve.dataplane.volume.BlockStatus;
import io.varve.dataplane.volume.Volume;
import io.varve.model.Geometry;
import io.varve.model.StreamId;

/**
 * A volume as if it were as large as one can be, for a client that asks for the size only once (docs/internals/resize.md): whoever uses it knows how
 * much there is. What lies behind that is refused. Confined to the volume's loop.
 */
final class RoomyVolume implements Volume {
    private static final long SIZE_BYTES = StreamId.MAX_SLABS * Geometry.SLAB_BYTES;

    private final Volume volume;
    private final String name;

    RoomyVolume(Volume volume, String name) {
        this.volume = volume;
        this.name = name;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public long sizeBytes() {
        return SIZE_BYTES;
    }

    @Override
    public Loop loop() {
        return volume.loop();
    }

    @Override
    public void submit(BlockRequest request) {
        if (request.lengthBytes > volume.sizeBytes() - request.offsetBytes) {
            loop().execute(() -> request.end(BlockStatus.IO_ERROR));
        } else {
            volume.submit(request);
        }
    }

    @Override
    public boolean canTakeMore() {
        return volume.canTakeMore();
    }

    @Override
    public void onDrained(Runnable task) {
        volume.onDrained(task);
    }

    @Override
    public boolean knowsAllocation(long offsetBytes, long lengthBytes, Runnable known) {
        return lengthBytes > volume.sizeBytes() - offsetBytes
                || volume.knowsAllocation(offsetBytes, lengthBytes, known);
    }

    /** Of a range that ends behind the volume nothing is known, which is never wrong. */
    @Override
    public void allocation(long offsetBytes, long lengthBytes, AllocationVisitor told) {
        if (lengthBytes > volume.sizeBytes() - offsetBytes) {
            told.run(offsetBytes, lengthBytes, true);
        } else {
            volume.allocation(offsetBytes, lengthBytes, told);
        }
    }
}
