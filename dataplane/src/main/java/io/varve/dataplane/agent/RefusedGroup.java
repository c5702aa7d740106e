package io.varve.dataplane.agent;

import io.varve.api.Device;
import io.varve.api.DeviceClass;
import io.varve.api.DiskGroup;
import java.util.List;
import java.util.Optional;

/**
 * A disk group that this node should have and could not open: another disk in its slot, none, one that cannot be read. The node serves without it.
 *
 * @param uuid what the data directory remembers; empty: it was never formatted, so nobody else knows of it
 * @param peerAddress where it would be reached
 * @param reason a sentence for people that names the device
 */
public record RefusedGroup(
        Optional<String> uuid, String name, String peerAddress, List<GroupConfig.Device> devices, String reason) {
    /** As the truth is told, of a group that has a UUID, and people: failed, without room. */
    public DiskGroup describe(String node) {
        DiskGroup.Builder group = DiskGroup.newBuilder()
                .setUuid(uuid.orElse(""))
                .setNode(node)
                .setName(name)
                .setPeerAddress(peerAddress);
        for (GroupConfig.Device device : devices) {
            group.addDevices(Device.newBuilder()
                    .setPath(device.path().toString())
                    .setDeviceClass(device.deviceClass()
                            .map(known -> DeviceClass.valueOf(known.name()))
                            .orElse(DeviceClass.DEVICE_CLASS_UNSPECIFIED))
                    .setState("FAILED")
                    .setDetail(reason));
        }
        return group.build();
    }
}
