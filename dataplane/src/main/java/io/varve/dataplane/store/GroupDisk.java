package io.varve.dataplane.store;

import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.Disk;

/** A disk offered to a group, in no particular order. The group closes it when it is closed; not when opening is refused. */
public record GroupDisk(Disk disk, DeviceClass deviceClass) {}
