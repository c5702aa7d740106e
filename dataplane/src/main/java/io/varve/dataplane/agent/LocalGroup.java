package io.varve.dataplane.agent;

import io.varve.api.Device;
import io.varve.api.DeviceClass;
import io.varve.dataplane.store.DiskGroup;
import io.varve.dataplane.store.StoreStats;
import io.varve.dataplane.time.Loop;
import java.util.List;

/**
 * A disk group that is open on this node.
 *
 * @param loop the one that owns it: everything about {@code store} happens there
 * @param peerAddress {@code host:port} at which other nodes reach it
 */
public record LocalGroup(
        String uuid, String name, Loop loop, DiskGroup store, String peerAddress, List<OpenDevice> devices) {

    private static final String SLOW = "answers much slower than it used to; reads prefer other copies";

    /** One of its devices, for people. */
    public record OpenDevice(String path, io.varve.dataplane.disk.DeviceClass deviceClass, long sizeBytes) {}

    /** As the truth is told. On the loop. */
    public io.varve.api.DiskGroup describe(String node) {
        StoreStats stats = store.stats();
        String failure = store.failure();
        boolean failed = failure != null;
        var group = io.varve.api.DiskGroup.newBuilder()
                .setUuid(uuid)
                .setNode(node)
                .setName(name)
                .setPeerAddress(peerAddress)
                .setCapacityBytes(stats.capacityBytes())
                .setFreeBytes(
                        failed
                                ? 0
                                : Math.max(
                                        0,
                                        stats.capacityBytes()
                                                - stats.allocatedBytes()
                                                - stats.reservedBytes()
                                                - stats.guaranteedBytes()))
                .setGuaranteedBytes(stats.guaranteedBytes());
        for (OpenDevice device : devices) {
            group.addDevices(Device.newBuilder()
                    .setPath(device.path())
                    .setSizeBytes(device.sizeBytes())
                    .setState(failed ? "FAILED" : store.isSlow(device.path()) ? "SLOW" : "OK")
                    .setDetail(failed ? failure : store.isSlow(device.path()) ? SLOW : "")
                    .setDeviceClass(
                            switch (device.deviceClass()) {
                                case NVME -> DeviceClass.NVME;
                                case SSD -> DeviceClass.SSD;
                                case HDD -> DeviceClass.HDD;
                            }));
        }
        return group.build();
    }
}
