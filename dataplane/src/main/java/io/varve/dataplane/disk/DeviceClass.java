package io.varve.dataplane.disk;

/** What a device is, as far as placement of data cares. */
public enum DeviceClass {
    NVME,
    SSD,
    HDD;

    public boolean isFlash() {
        return this != HDD;
    }
}
