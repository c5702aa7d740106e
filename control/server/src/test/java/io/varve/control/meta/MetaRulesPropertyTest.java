package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Attachment;
import io.varve.api.Node;
import io.varve.api.NodeView;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.ReportEventRequest;
import io.varve.api.Slab;
import io.varve.api.SlabIsr;
import io.varve.api.SlabOpen;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.meta.MetaCommand.AnewCopy;
import io.varve.control.meta.MetaCommand.Attach;
import io.varve.control.meta.MetaCommand.ChangeIsr;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.Detached;
import io.varve.control.meta.MetaCommand.ForgetCopies;
import io.varve.control.meta.MetaCommand.MoveVolume;
import io.varve.control.meta.MetaCommand.Open;
import io.varve.control.meta.MetaCommand.Opened;
import io.varve.control.meta.MetaCommand.PlaceAnew;
import io.varve.control.meta.MetaCommand.PlaceCopies;
import io.varve.control.meta.MetaCommand.PlacedCopy;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.ReplicasCreated;
import io.varve.control.meta.MetaCommand.ReplicasDeleted;
import io.varve.control.meta.MetaCommand.ReportEvent;
import io.varve.control.meta.MetaCommand.RetireCopies;
import io.varve.control.meta.MetaCommand.RetiredCopy;
import io.varve.control.meta.MetaCommand.SetReplicas;
import io.varve.control.meta.MetaCommand.TellSilence;
import io.varve.control.meta.MetaCommand.WantNode;
import io.varve.model.Redundancy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random commands, half of them senseless. What fails prints its seed; put that into the list to keep it. */
class MetaRulesPropertyTest {
    private static final int COMMANDS = 2_000;

    private final Map<Long, String> everUsed = new HashMap<>();
    private final Set<Long> creations = new HashSet<>();
    /** What each node holds, by volume. */
    private final Map<String, Map<Long, Volume>> views = new HashMap<>();

    private static int placed;
    private static int joined;
    private static int gone;
    private static int anew;

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void keepsItsPromisesWhateverIsAsked(long seed) {
        Random random = new Random(seed);
        Truths truths = Truths.ofNodes(5);
        Truths replayed = Truths.ofNodes(5);
        for (int i = 0; i < COMMANDS; i++) {
            MetaCommand command = anyCommand(random, truths);
            String before = truths.map.dump();
            Map<String, Integer> counters = truths.counters();
            Map<String, Slab> slabs = slabs(truths);
            Map<Long, Volume> volumes = volumes(truths);
            Outcome outcome = truths.apply(command);
            String where = "seed " + seed + " command " + i + " " + command + " → " + outcome.result();
            if (!outcome.result().isOk()) {
                assertThat(truths.map.dump()).as(where).isEqualTo(before);
            }
            viewsFollow(slabs, volumes, truths, outcome, where);
            countersNeverFall(counters, truths.counters(), where);
            checkVolumes(truths, where);
            checkSteps(slabs, truths, where);
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

    @AfterAll
    static void theGeneratorReachesCopiesElsewhere() {
        assertThat(placed).as("placed").isGreaterThan(100);
        assertThat(joined).as("joined the set").isGreaterThan(20);
        assertThat(gone).as("retired and gone").isGreaterThan(10);
        assertThat(anew).as("placed anew").isGreaterThan(10);
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
        assertThat(again.events()).as("told once " + where).isEmpty();
    }

    private static Map<Long, Volume> volumes(Truths truths) {
        return truths.state.volumes().stream().collect(Collectors.toMap(Volume::getId, volume -> volume));
    }

    /** A node that is told only what changed has the whole view; one that is told nothing has it still. */
    private void viewsFollow(
            Map<String, Slab> slabsBefore, Map<Long, Volume> before, Truths truths, Outcome outcome, String where) {
        Map<Long, Volume> now = volumes(truths);
        Set<Long> changed = new HashSet<>(before.keySet());
        changed.addAll(now.keySet());
        Map<String, Slab> slabsNow = slabs(truths);
        changed.removeIf(id -> Objects.equals(before.get(id), now.get(id))
                && slabsOf(slabsBefore, id).equals(slabsOf(slabsNow, id)));
        for (Node node : truths.state.nodes()) {
            Set<Volume> whole =
                    Set.copyOf(NodeViews.of(truths.state, node.getId(), 0).getVolumesList());
            Map<Long, Volume> held = views.computeIfAbsent(node.getId(), none -> new HashMap<>());
            if (outcome.concernsAll()) {
                held.clear();
                whole.forEach(volume -> held.put(volume.getId(), volume));
            } else if (outcome.concerned().contains(node.getId())) {
                NodeView news = NodeViews.since(truths.state, node.getId(), 0, 1, changed, Long.MAX_VALUE)
                        .orElseThrow();
                news.getGoneList().forEach(held::remove);
                news.getVolumesList().forEach(volume -> held.put(volume.getId(), volume));
            }
            assertThat(Set.copyOf(held.values()))
                    .as("view of " + node.getId() + " " + where)
                    .isEqualTo(whole);
        }
    }

    private static Map<String, Slab> slabsOf(Map<String, Slab> slabs, long volume) {
        return slabs.entrySet().stream()
                .filter(each -> each.getKey().startsWith(volume + "/"))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
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
            if (volume.getMaintenance()) {
                assertThat(volume.getWantedNode().isEmpty() && !attached)
                        .as(where)
                        .isFalse();
            }
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
        assertThat(slab.getIsrCount()).as(where).isGreaterThanOrEqualTo(1);
        assertThat(new HashSet<>(slab.getIsrList())).as(where).hasSize(slab.getIsrCount());
        if (volume.getState() != VolumeState.VOLUME_DELETING) {
            Set<String> groups = new HashSet<>();
            for (Replica replica : slab.getReplicasList()) {
                groups.add(replica.getGroup());
            }
            assertThat(groups).as(where).hasSize(slab.getReplicasCount()).containsAll(slab.getIsrList());
            assertThat(slab.getReplicasCount()).as(where).isLessThanOrEqualTo(CopyRules.MAX_MEMBERS);
        }
    }

    private static Map<String, Slab> slabs(Truths truths) {
        Map<String, Slab> slabs = new HashMap<>();
        for (Volume volume : truths.state.volumes()) {
            truths.state.slabs(volume.getId()).forEach(slab -> slabs.put(volume.getId() + "/" + slab.getIndex(), slab));
        }
        return slabs;
    }

    /** What one command may do to a slab. */
    private void checkSteps(Map<String, Slab> before, Truths truths, String where) {
        for (Volume volume : truths.state.volumes()) {
            for (Slab after : truths.state.slabs(volume.getId())) {
                Slab was = before.get(volume.getId() + "/" + after.getIndex());
                if (was != null && !was.equals(after) && volume.getState() != VolumeState.VOLUME_DELETING) {
                    checkStep(volume, was, after, where);
                }
            }
        }
    }

    private void checkStep(Volume volume, Slab was, Slab after, String where) {
        Set<String> left = new HashSet<>(was.getIsrList());
        after.getIsrList().forEach(left::remove);
        if (!left.isEmpty()) {
            assertThat(after.getIsrCount())
                    .as(where)
                    .isGreaterThanOrEqualTo(Redundancy.minInSync(
                            volume.getReplicas(), volume.getMinInSync(), volume.getReplicasBefore()));
        }
        if (was.getOpenedEpoch() == 0 && after.getOpenedEpoch() == 0) {
            checkUntouched(was, after, where);
            return;
        }
        for (String group : after.getIsrList()) {
            if (!was.getIsrList().contains(group)) {
                joined++;
                assertThat(phase(was, group)).as("joins " + where).isEqualTo(ReplicaPhase.REPLICA_CREATED);
            }
        }
        for (Replica replica : was.getReplicasList()) {
            int position = CopyRules.replicaOf(after, replica.getGroup(), replica.getCreationId());
            if (position < 0) {
                gone++;
                assertThat(replica.getPhase()).as("goes " + where).isEqualTo(ReplicaPhase.REPLICA_LEAVING);
                assertThat(was.getIsrList()).as("goes " + where).doesNotContain(replica.getGroup());
            } else {
                assertThat(after.getReplicas(position).getPhase())
                        .as("phases only go on " + where)
                        .isGreaterThanOrEqualTo(replica.getPhase());
                if (after.getReplicas(position).getPhase() != replica.getPhase()
                        && phase(after, replica.getGroup()) == ReplicaPhase.REPLICA_LEAVING) {
                    assertThat(after.getIsrList())
                            .as("somebody in sync stays " + where)
                            .anyMatch(group -> phase(after, group) == ReplicaPhase.REPLICA_CREATED);
                }
            }
        }
        for (Replica replica : after.getReplicasList()) {
            if (CopyRules.replicaOf(was, replica.getGroup(), replica.getCreationId()) < 0) {
                placed++;
                assertThat(creations.add(replica.getCreationId())).as(where).isTrue();
                assertThat(after.getIsrList()).as(where).doesNotContain(replica.getGroup());
            }
        }
    }

    /** Nobody has opened it: its copies may go where they like, but as many as there were stay in the set, and whoever left it is to go. */
    private void checkUntouched(Slab was, Slab after, String where) {
        assertThat(after.getIsrCount()).as(where).isPositive();
        for (Replica replica : after.getReplicasList()) {
            boolean isNew = CopyRules.replicaOf(was, replica.getGroup(), replica.getCreationId()) < 0;
            if (isNew) {
                placed++;
                assertThat(creations.add(replica.getCreationId())).as(where).isTrue();
            }
            boolean hasLeft = was.getIsrList().contains(replica.getGroup())
                    && !after.getIsrList().contains(replica.getGroup());
            if (hasLeft) {
                anew++;
                assertThat(replica.getPhase()).as("leaves " + where).isEqualTo(ReplicaPhase.REPLICA_LEAVING);
                assertThat(after.getGen()).as(where).isEqualTo(was.getGen() + 1);
            }
        }
    }

    private static ReplicaPhase phase(Slab slab, String group) {
        int position = CopyRules.replicaOf(slab, group, 0);
        return position < 0
                ? ReplicaPhase.REPLICA_PHASE_UNSPECIFIED
                : slab.getReplicas(position).getPhase();
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
        String group = "g" + (1 + random.nextInt(5));
        int slab = random.nextInt(2);
        return switch (random.nextInt(25)) {
            case 0 ->
                new WantNode(
                        volume.getId(),
                        random.nextInt(3) == 0 ? "" : "n" + (1 + random.nextInt(4)),
                        random.nextInt(3) == 0);
            case 1 -> new Attach(volume.getId(), epoch, node, incarnation(truths, node), "id" + random.nextInt(5));
            case 2, 3 -> new Open(volume.getId(), epoch, opens(random, volume));
            case 4 -> new Opened(volume.getId(), epoch, "nbd://x");
            case 5 -> new Detached(volume.getId(), epoch);
            case 6 -> new DeleteVolume(volume.getId());
            case 7, 19, 20 -> new ReplicasCreated(volume.getId(), group, holding(volume, group));
            case 8 -> new ReplicasDeleted(volume.getId(), group, List.of(random.nextInt(3), 1));
            case 9, 10 -> new ChangeIsr(volume.getId(), epoch, changes(random, volume));
            case 11 ->
                new MoveVolume(
                        volume.getId(),
                        random.nextInt(3) == 0 ? "" : volume.getWantedNode(),
                        "n" + (1 + random.nextInt(4)),
                        "move" + random.nextInt(20));
            case 12, 13 ->
                new PlaceCopies(
                        volume.getId(),
                        random.nextInt(4) == 0
                                ? List.of(new PlacedCopy(0, group), new PlacedCopy(1, group))
                                : List.of(new PlacedCopy(slab, group)));
            case 14, 15 ->
                new RetireCopies(
                        volume.getId(),
                        List.of(new RetiredCopy(
                                slab, volume.getSlabs(slab).getGen() - (random.nextInt(5) == 0 ? 1 : 0), group)));
            case 16 -> new SetReplicas(volume.getId(), random.nextInt(5));
            case 17 -> new ForgetCopies("g" + (1 + random.nextInt(6)));
            case 18 -> {
                List<Integer> held = holding(volume, group);
                yield new ReplicasDeleted(
                        volume.getId(),
                        group,
                        held,
                        held.stream()
                                .map(index -> creation(volume, index, group) - (random.nextInt(5) == 0 ? 1 : 0))
                                .toList());
            }
            case 24 -> {
                Slab of = volume.getSlabs(slab);
                yield new PlaceAnew(
                        volume.getId(),
                        List.of(new AnewCopy(
                                slab,
                                of.getGen() - (random.nextInt(5) == 0 ? 1 : 0),
                                group,
                                random.nextInt(6) == 0 ? "" : "g" + (1 + random.nextInt(6)))));
            }
            case 21 -> new TellSilence("n" + (1 + random.nextInt(4)), random.nextBoolean(), 15);
            case 22 ->
                new ReportEvent(ReportEventRequest.newBuilder()
                        .setNode("n" + (1 + random.nextInt(4)))
                        .setIncarnation(1 + random.nextInt(2))
                        .setNumber(random.nextInt(9))
                        .setReason("BlocksRepaired")
                        .build());
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

    private static long creation(Volume volume, int slab, String group) {
        Slab of = volume.getSlabs(slab);
        return of.getReplicas(CopyRules.replicaOf(of, group, 0)).getCreationId();
    }

    private static long incarnation(Truths truths, String node) {
        return truths.state.node(node).map(Node::getIncarnation).orElse(1L);
    }
}
