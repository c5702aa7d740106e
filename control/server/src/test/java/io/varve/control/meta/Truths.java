package io.varve.control.meta;

import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.Slab;
import io.varve.api.SlabIsr;
import io.varve.api.SlabOpen;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.control.meta.MetaCommand.Attach;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.InitCluster;
import io.varve.control.meta.MetaCommand.Open;
import io.varve.control.meta.MetaCommand.RegisterGroup;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.ReplicasCreated;
import io.varve.control.meta.MetaCommand.WantNode;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** A truth in memory, and the commands that tests begin with: nodes n1, n2, n3 with one group each, g1, g2, g3. */
final class Truths {
    static final long GIB = 1L << 30;

    final MapKeyValues map = new MapKeyValues();
    final MetaState state = new MetaState(map);
    private long index;

    /** The proposer's clock. */
    long millis = 1_000;

    static Truths ofThreeNodes() {
        return ofNodes(3);
    }

    static Truths ofNodes(int nodes) {
        Truths truths = new Truths();
        truths.must(new InitCluster("c-uuid", "test"));
        for (int n = 1; n <= nodes; n++) {
            truths.must(new RegisterNode(node("n" + n, 1), ""));
            truths.must(new RegisterGroup(group("g" + n, "n" + n), 1));
        }
        return truths;
    }

    static Node node(String id, long incarnation) {
        return Node.newBuilder()
                .setId(id)
                .setIncarnation(incarnation)
                .setManagementAddress(id + ":7400")
                .build();
    }

    static DiskGroup group(String uuid, String node) {
        return DiskGroup.newBuilder()
                .setUuid(uuid)
                .setNode(node)
                .setPeerAddress(node + ":7500")
                .setCapacityBytes(100 * GIB)
                .setFreeBytes(100 * GIB)
                .build();
    }

    Outcome apply(MetaCommand command) {
        var decoded = CommandCodec.decode(CommandCodec.encode(new CommandCodec.Proposed(millis, command)));
        return MetaRules.apply(state, ++index, decoded.unixMillis(), decoded.command());
    }

    /** Applies what the test takes for granted. */
    MetaResult must(MetaCommand command) {
        MetaResult result = apply(command).result();
        if (!result.isOk()) {
            throw new AssertionError(command + ": " + result);
        }
        return result;
    }

    /** Applies what must be refused, and checks that it changed nothing. */
    MetaResult refuses(MetaCommand command, TruthCode code) {
        String before = map.dump();
        Outcome outcome = apply(command);
        if (outcome.result().code() != code) {
            throw new AssertionError(command + " should give " + code + ": " + outcome);
        }
        if (!before.equals(map.dump())
                || outcome.concernsAll()
                || !outcome.concerned().isEmpty()) {
            throw new AssertionError(command + " was refused but changed something");
        }
        return outcome.result();
    }

    /** A volume of two slabs whose replicas all lie on the groups named. */
    Volume createVolume(String name, String... groups) {
        long id = must(new CreateVolume(
                        name, 10 * GIB, groups.length, 8 * GIB, 1, List.of(List.of(groups), List.of(groups)), ""))
                .requireVolume()
                .getId();
        for (String group : groups) {
            must(new ReplicasCreated(id, group, List.of(0, 1)));
        }
        return volume(id);
    }

    Volume attach(Volume volume, String node, long incarnation) {
        must(new WantNode(volume.getId(), node));
        int epoch = volume(volume.getId()).getEpoch();
        return must(new Attach(volume.getId(), epoch, node, incarnation, node + "/" + incarnation + "/" + epoch))
                .requireVolume();
    }

    /** Opens all slabs with the replicas named in sync. */
    MetaResult open(Volume volume, long start, String... isr) {
        return must(new Open(
                volume.getId(),
                volume.getEpoch(),
                volume.getSlabsList().stream()
                        .map(slab -> slabOpen(slab, start, isr))
                        .toList()));
    }

    static SlabOpen slabOpen(Slab slab, long start, String... isr) {
        return SlabOpen.newBuilder()
                .setIndex(slab.getIndex())
                .setGen(slab.getGen())
                .setStartSeq(start)
                .addAllIsr(List.of(isr))
                .build();
    }

    static SlabIsr slabIsr(Slab slab, String... isr) {
        return SlabIsr.newBuilder()
                .setIndex(slab.getIndex())
                .setGen(slab.getGen())
                .addAllIsr(List.of(isr))
                .build();
    }

    Volume volume(long id) {
        return state.withSlabs(state.volume(id).orElseThrow());
    }

    /** Epoch and gens, for the test that they never fall. */
    Map<String, Integer> counters() {
        Map<String, Integer> counters = new TreeMap<>();
        for (Volume volume : state.volumes()) {
            counters.put(volume.getId() + " epoch", volume.getEpoch());
            IntStream.range(0, (int) Math.ceilDiv(volume.getSizeBytes(), volume.getSlabBytes()))
                    .forEach(slab -> counters.put(
                            volume.getId() + "/" + slab + " gen",
                            state.slab(volume.getId(), slab).orElseThrow().getGen()));
        }
        return counters;
    }
}
