package io.varve.cli.command;

import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.cli.output.Table;
import io.varve.cli.output.Text;
import io.varve.model.ByteSize;
import java.time.Instant;
import java.util.List;

/** Volumes for people. */
final class VolumeTable {
    private VolumeTable() {}

    static String of(List<Volume> volumes) {
        var table = Table.of("VOLUME", ">SIZE", ">COPIES", "IN SYNC", "STATE", "NODE", "NBD");
        for (var volume : volumes) {
            table.row(
                    volume.getName(),
                    new ByteSize(volume.getSizeBytes()),
                    volume.getReplicas(),
                    inSync(volume),
                    state(volume),
                    Text.orDash(node(volume)),
                    Text.orDash(volume.getAttachment().getNbdUri()));
        }
        return RootCommand.tableOr(table, "No volumes. Make one: varve volume create db --size 20GiB");
    }

    static String describe(Volume volume) {
        var text = new StringBuilder();
        text.append("Volume    ")
                .append(volume.getName())
                .append(" (id ")
                .append(volume.getId())
                .append(")\n");
        text.append("Size      ").append(new ByteSize(volume.getSizeBytes())).append('\n');
        text.append("Copies    ")
                .append(volume.getReplicas())
                .append(", ")
                .append(inSync(volume))
                .append(" in sync\n");
        text.append("State     ").append(state(volume)).append('\n');
        text.append("Epoch     ")
                .append(Integer.toUnsignedString(volume.getEpoch()))
                .append('\n');
        if (!node(volume).isEmpty()) {
            text.append("Node      ").append(node(volume)).append('\n');
        }
        if (!volume.getAttachment().getNbdUri().isEmpty()) {
            text.append("NBD       ").append(volume.getAttachment().getNbdUri()).append('\n');
        }
        if (volume.getCreatedUnixMillis() != 0) {
            text.append("Created   ")
                    .append(Instant.ofEpochMilli(volume.getCreatedUnixMillis()))
                    .append('\n');
        }
        var table = Table.of(">SLAB", ">GEN", "DISK GROUP", "REPLICA", "IN SYNC");
        for (var slab : volume.getSlabsList()) {
            for (var replica : slab.getReplicasList()) {
                table.row(
                        slab.getIndex(),
                        Integer.toUnsignedString(slab.getGen()),
                        replica.getGroup(),
                        RootCommand.lowerCase(replica.getPhase(), "REPLICA_"),
                        slab.getIsrList().contains(replica.getGroup()) ? "yes" : "no");
            }
        }
        return text.append('\n').append(table.render()).toString();
    }

    static String state(Volume volume) {
        var state = RootCommand.lowerCase(volume.getState(), "VOLUME_");
        var opening = volume.getState() == VolumeState.VOLUME_ATTACHED
                && !volume.getAttachment().getOpen();
        return opening ? "attaching" : state;
    }

    private static String node(Volume volume) {
        var attached = volume.getAttachment().getNode();
        return attached.isEmpty() ? volume.getWantedNode() : attached;
    }

    /** Slabs whose copies are all in sync, of how many. */
    private static String inSync(Volume volume) {
        var complete = volume.getSlabsList().stream()
                .filter(slab -> slab.getIsrCount() >= volume.getReplicas())
                .count();
        return complete == volume.getSlabsCount() ? "all" : complete + " of " + volume.getSlabsCount() + " slabs";
    }
}
