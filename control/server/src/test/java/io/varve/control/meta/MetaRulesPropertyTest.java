package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Attachment;
import io.varve.api.Node;
import io.varve.api.Replica;
import io.varve.api.Slab;
import io.varve.api.SlabIsr;
import io.varve.api.SlabOpen;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.meta.MetaCommand.Attach;
import io.varve.control.meta.MetaCommand.ChangeIsr;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.Detached;
import io.varve.control.meta.MetaCommand.MoveVolume;
import io.varve.control.meta.MetaCommand.Open;
import io.varve.control.meta.MetaCommand.Opened;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.ReplicasCreated;
import io.varve.control.meta.MetaCommand.ReplicasDeleted;
import io.varve.control.meta.MetaCommand.WantNode;
import io.varve.model.Redundancy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random commands, half of them senseless. What fails prints its seed; put that into the list to keep it. */
class MetaRulesPropertyTest {
    private static final int COMMANDS = 2_000;

    private final Map<Long, String> everUsed = new HashMap<>();

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void keepsItsPromisesWhateverIsAsked(long seed) {
        Random random = new Random(seed);
        Truths truths = Truths.ofThreeNodes();
        Truths replayed = Truths.ofThreeNodes();
        for (int i = 0; i < COMMANDS; i++) {
            MetaCommand command = anyCommand(random, truths);
            String before = truths.map.dump();
            Map<String, Integer> counters = truths.counters();
            Outcome outcome = truths.apply(command);
            String where = "seed " + seed + " command " + i + " " + command + " → " + outcome.result();
            if (!outcome.result().isOk()) {
                assertThat(truths.map.dump()).as(where).isEqualTo(before);
            }
            countersNeverFall(counters, truths.counters(), where);
            checkVolumes(truths, where);
            assertThat(replayed.apply(command)).as(where).isEqualTo(outcome);
            repeatedAtOnceItChangesNothing(truths, command, outcome, where);
            assertThat(replayed.apply(command).result().code())
                    .as(where)
                    .isEqualTo(outcome.result().code());
        }
        assertThat(replayed.map.dump()).isEqualTo(truths.map.dump());
        assertThat(everUsed.size())
                .as("the generator reaches deletion and creation again")
                .isGreaterThan(4);
    }

    /** A command whose answer was lost reaches the log a second time. */
    private static void repeatedAtOnceItChangesNothing(
            Truths truths, MetaCommand command, Outcome first, String where) {
        String before = truths.map.dump();
        Outcome again = truths.apply(command);
        assertThat(again.result().code())
                .as("again " + where)
                .isEqualTo(first.result().code());
        assertThat(truths.map.dump()).as("again " + where).isEqualTo(before);
    }

    private static void countersNeverFall(Map<String, Integer> before, Map<String, Integer> after, String where) {
        before.forEach((name, value) -> {
            if (after.containsKey(name)) {
                assertThat(after.get(name)).as(name + " " + where).isGreaterThanOrEqualTo(value);
                assertThat(after.get(name) - value).as(name + " " + where).isLessThanOrEqualTo(1);
            }
        });
    }

    private void checkVolumes(Truths truths, String where) {
        for (Volume volume : truths.state.volumes()) {
            assertThat(everUsed.merge(volume.getId(), volume.getName(), (a, b) -> a.equals(b) ? a : "reused"))
                    .as(where)
                    .isEqualTo(volume.getName());
            assertThat(truths.state.tomb(volume.getId())).as(where).isEmpty();
            Attachment attachment = volume.getAttachment();
            boolean attached = volume.getState() == VolumeState.VOLUME_ATTACHING
                    || volume.getState() == VolumeState.VOLUME_ATTACHED;
            assertThat(volume.hasAttachment()).as(where).isEqualTo(attached);
            if (attached) {
                assertThat(attachment.getEpoch()).as(where).isEqualTo(volume.getEpoch());
                assertThat(attachment.getOpen()).as(where).isEqualTo(volume.getState() == VolumeState.VOLUME_ATTACHED);
            }
            for (Slab slab : truths.state.slabs(volume.getId())) {
                checkSlab(volume, slab, attachment.getOpen(), where);
            }
        }
    }

    private static void checkSlab(Volume volume, Slab slab, boolean open, String where) {
        assertThat(slab.getOpenedEpoch()).as(where).isLessThanOrEqualTo(volume.getEpoch());
        if (open) {
            assertThat(slab.getOpenedEpoch()).as(where).isEqualTo(volume.getEpoch());
        }
        assertThat(slab.getIsrCount()).as(where).isGreaterThanOrEqualTo(Redundancy.minInSync(volume.getReplicas()));
        assertThat(new HashSet<>(slab.getIsrList())).as(where).hasSize(slab.getIsrCount());
        if (volume.getState() != VolumeState.VOLUME_DELETING) {
            Set<String> groups = new HashSet<>();
            for (Replica replica : slab.getReplicasList()) {
                groups.add(replica.getGroup());
            }
            assertThat(groups).as(where).hasSize(volume.getReplicas()).containsAll(slab.getIsrList());
        }
    }

    private static MetaCommand anyCommand(Random random, Truths truths) {
        List<Volume> volumes = truths.state.volumes();
        if (volumes.isEmpty() || random.nextInt(12) == 0) {
            return create(random);
        }
        Volume volume =
                truths.volume(volumes.get(random.nextInt(volumes.size())).getId());
        int epoch = random.nextInt(6) == 0 ? volume.getEpoch() + random.nextInt(3) - 1 : volume.getEpoch();
        String node = random.nextInt(3) == 0 ? "n" + (1 + random.nextInt(3)) : volume.getWantedNode();
        String group = "g" + (1 + random.nextInt(3));
        return switch (random.nextInt(13)) {
            case 0 -> new WantNode(volume.getId(), random.nextInt(3) == 0 ? "" : "n" + (1 + random.nextInt(4)));
            case 1 -> new Attach(volume.getId(), epoch, node, incarnation(truths, node), "id" + random.nextInt(5));
            case 2, 3 -> new Open(volume.getId(), epoch, opens(random, volume));
            case 4 -> new Opened(volume.getId(), epoch, "nbd://x");
            case 5 -> new Detached(volume.getId(), epoch);
            case 6 -> new DeleteVolume(volume.getId());
            case 7 -> new ReplicasCreated(volume.getId(), group, holding(volume, group));
            case 8 -> new ReplicasDeleted(volume.getId(), group, List.of(random.nextInt(3), 1));
            case 9, 10 -> new ChangeIsr(volume.getId(), epoch, changes(random, volume));
            case 11 ->
                new MoveVolume(
                        volume.getId(),
                        random.nextInt(3) == 0 ? "" : volume.getWantedNode(),
                        "n" + (1 + random.nextInt(4)),
                        "move" + random.nextInt(20));
            default -> {
                String id = "n" + (1 + random.nextInt(3));
                yield new RegisterNode(Truths.node(id, incarnation(truths, id) + random.nextInt(2)), "");
            }
        };
    }

    private static MetaCommand create(Random random) {
        List<String> groups = new ArrayList<>(Arrays.asList("g1", "g2", "g3"));
        Collections.shuffle(groups, random);
        List<String> chosen = groups.subList(0, 1 + random.nextInt(3));
        return new CreateVolume(
                "v" + random.nextInt(4),
                16L << 30,
                random.nextInt(9) == 0 ? 2 : chosen.size(),
                8L << 30,
                random.nextInt(),
                List.of(chosen, chosen),
                "request" + random.nextLong());
    }

    private static List<SlabOpen> opens(Random random, Volume volume) {
        List<SlabOpen> opens = new ArrayList<>();
        for (Slab slab : volume.getSlabsList()) {
            SlabOpen.Builder open = SlabOpen.newBuilder()
                    .setIndex(slab.getIndex())
                    .setGen(slab.getGen() - (random.nextInt(5) == 0 ? 1 : 0))
                    .setStartSeq(Math.max(
                            0, slab.getEpochStartSeq() + random.nextInt(4) - (random.nextInt(5) == 0 ? 2 : 0)));
            for (String group : slab.getIsrList()) {
                if (random.nextInt(6) != 0) {
                    open.addIsr(group);
                }
            }
            opens.add(random.nextInt(9) == 0 ? open.addIsr("g3").build() : open.build());
        }
        return opens;
    }

    private static List<SlabIsr> changes(Random random, Volume volume) {
        List<SlabIsr> changes = new ArrayList<>();
        for (Slab slab : volume.getSlabsList()) {
            SlabIsr.Builder change = SlabIsr.newBuilder()
                    .setIndex(slab.getIndex())
                    .setGen(slab.getGen() - (random.nextInt(5) == 0 ? 1 : 0));
            for (Replica replica : slab.getReplicasList()) {
                if (random.nextInt(4) != 0) {
                    change.addIsr(replica.getGroup());
                }
            }
            changes.add(random.nextInt(9) == 0 ? change.addIsr("g3").build() : change.build());
        }
        return changes;
    }

    private static List<Integer> holding(Volume volume, String group) {
        return volume.getSlabsList().stream()
                .filter(slab -> slab.getReplicasList().stream()
                        .anyMatch(replica -> replica.getGroup().equals(group)))
                .map(Slab::getIndex)
                .toList();
    }

    private static long incarnation(Truths truths, String node) {
        return truths.state.node(node).map(Node::getIncarnation).orElse(1L);
    }
}
