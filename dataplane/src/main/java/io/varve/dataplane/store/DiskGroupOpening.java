package io.varve.dataplane.store;

import io.varve.dataplane.disk.Disk;
import io.varve.dataplane.disk.Errno;
import io.varve.dataplane.store.index.ExtentIndex;
import io.varve.dataplane.store.journal.JournalGeometry;
import io.varve.dataplane.store.journal.JournalScan;
import io.varve.dataplane.time.Loop;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The steps of opening a group: superblocks, flush, index, journal scan, new incarnation, first frame of a new segment. Only then does it
 * serve. A crash in any step leaves what the next attempt starts from. On the loop.
 */
final class DiskGroupOpening {
    private final Loop loop;
    private final List<GroupDisk> offered;
    private final GroupIdentity expected;
    private final DiskGroupOptions options;
    private final ExtentIndex index;
    private final Consumer<OpenResult> done;
    private final @Nullable Superblock[] superblocks;
    private final Disk[] disks;
    private final List<GroupDevice> devices = new ArrayList<>();

    DiskGroupOpening(
            Loop loop,
            List<GroupDisk> offered,
            GroupIdentity expected,
            DiskGroupOptions options,
            ExtentIndex index,
            Consumer<OpenResult> done) {
        this.loop = loop;
        this.offered = offered;
        this.expected = expected;
        this.options = options;
        this.index = index;
        this.done = done;
        superblocks = new Superblock[offered.size()];
        disks = new Disk[offered.size()];
    }

    void start() {
        if (offered.isEmpty()) {
            refuse("disk group " + expected.group() + " has no disk");
        } else {
            readSuperblock(0);
        }
    }

    private void refuse(String message) {
        for (GroupDevice device : devices) {
            device.checksums().close();
        }
        done.accept(new OpenResult.Refused(message));
    }

    private void readSuperblock(int i) {
        if (i == offered.size()) {
            assemble();
            return;
        }
        Disk disk = offered.get(i).disk();
        SuperblockCopies.read(disk, reading -> {
            String problem = judge(disk, reading);
            if (problem != null) {
                refuse(problem);
            } else {
                readSuperblock(i + 1);
            }
        });
    }

    private @Nullable String judge(Disk disk, SuperblockCopies.Reading reading) {
        String name = disk.name();
        Superblock found = reading.superblock();
        if (reading.isAbsent()) {
            return name + " holds nothing of Varve, though disk group " + expected.group()
                    + " was formatted on a disk in its place: put that one back, or add this one with 'varve disk add'";
        }
        if (found == null) {
            return name + " carries a damaged superblock (" + reading.valid()
                    + " valid copies, none agreeing): restore it, or format with --wipe and rebuild from the other replicas";
        }
        if (!found.cluster().equals(expected.cluster())) {
            return name + " belongs to another cluster (" + found.cluster()
                    + "): it was left alone; wipe it to use it here";
        }
        if (!found.node().equals(expected.node())) {
            return name + " belongs to another node of this cluster: put it back there, or wipe it";
        }
        if (!found.group().equals(expected.group())) {
            return name + " belongs to disk group " + found.group() + ", not to " + expected.group();
        }
        if (found.deviceBytes() > disk.sizeBytes()) {
            return name + " shrank from " + found.deviceBytes() + " to " + disk.sizeBytes()
                    + " bytes: data may be missing";
        }
        if (found.deviceCount() != offered.size()) {
            return "disk group " + found.group() + " has " + found.deviceCount() + " disks, but " + offered.size()
                    + " are named: name them all";
        }
        if (found.deviceIndex() >= superblocks.length || superblocks[found.deviceIndex()] != null) {
            return name + " is in the group twice: the same disk under two names, or a copy of one";
        }
        superblocks[found.deviceIndex()] = found;
        disks[found.deviceIndex()] = disk;
        return null;
    }

    private void assemble() {
        for (int i = 0; i < disks.length; i++) {
            Superblock superblock = superblocks[i];
            if (superblock == null) {
                refuse("disk " + i + " of disk group " + expected.group() + " is missing");
                return;
            }
            devices.add(new GroupDevice(loop, disks[i], superblock, options.checksumPages()));
        }
        flush(0);
    }

    private Superblock journalSuperblock() {
        return devices.getFirst().superblock();
    }

    private void flush(int i) {
        if (i == disks.length) {
            LoadedIndex loaded = new LoadedIndex(index);
            loop.offload(() -> loaded.load(journalSuperblock()), () -> scan(loaded));
            return;
        }
        disks[i].flush(result -> {
            if (result < 0) {
                refuse("cannot flush " + disks[i].name() + ": " + Errno.describe(result));
            } else {
                flush(i + 1);
            }
        });
    }

    private void scan(LoadedIndex loaded) {
        String error = loaded.error();
        if (error != null) {
            refuse(error);
            return;
        }
        GroupState group = new GroupState(loop, options, devices, index);
        loaded.giveTo(group);
        Recovery recovery = new Recovery(group);
        Superblock superblock = journalSuperblock();
        JournalGeometry geometry = new JournalGeometry(superblock.journalOffset(), superblock.segmentBytes(), (int)
                (superblock.journalBytes() / superblock.segmentBytes()));
        UUID uuid = superblock.journalUuid();
        JournalScan scan = new JournalScan(disks[0], geometry, uuid, recovery, found -> {
            String scanError = found.error();
            if (scanError != null) {
                refuse(scanError);
            } else {
                newIncarnation(group, recovery, geometry, found);
            }
        });
        scan.run(loaded.position());
    }

    private void newIncarnation(
            GroupState group, Recovery recovery, JournalGeometry geometry, JournalScan.Found found) {
        group.checksumErrors += found.lostFrames();
        Superblock old = journalSuperblock();
        int incarnation = Math.max(old.incarnation(), found.highestIncarnation()) + 1;
        SuperblockCopies.write(disks[0], old.withStart(incarnation), error -> {
            if (error != null) {
                refuse(error);
                return;
            }
            DiskGroup opened = new DiskGroup(group, geometry, incarnation, found);
            opened.begin(recovery.finish(), failure -> {
                if (failure != null) {
                    refuse(failure);
                } else {
                    done.accept(new OpenResult.Opened(opened, incarnation));
                }
            });
        });
    }
}
