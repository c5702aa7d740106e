package io.varve.dataplane.agent;

import io.varve.api.AttachRequest;
import io.varve.api.AttachResponse;
import io.varve.api.DiskGroup;
import io.varve.api.NodeView;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeLimits;
import io.varve.dataplane.replication.AttachSpec;
import io.varve.dataplane.replication.CopiesWanted;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.volume.SlabVolume;
import io.varve.dataplane.volume.Volumes;
import io.varve.model.IoLimits;
import io.varve.model.Redundancy;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The volumes attached on this node, over all its loops: which epoch each has, and where it runs. Confined to the agent's loop. */
public final class LocalVolumes {
    private static final Logger LOG = LoggerFactory.getLogger(LocalVolumes.class);

    private final Loop home;
    private final io.varve.api.Truth truth;
    private final String node;
    private final long incarnation;
    private final List<VolumeLoop> loops = new ArrayList<>();
    private final Map<Long, Served> served = new HashMap<>();
    /** Served for the sake of their copies: no target is exported. */
    private final Set<Long> hidden = new HashSet<>();

    /** What of a volume that is open here its clients may use, in bytes. */
    private final Map<Long, Long> sizes = new HashMap<>();

    /** Whose access points here are to count on no guaranteed room any more, and by which version of that. */
    private final Map<Long, Long> toUncount = new HashMap<>();

    /** Those of them that do not. */
    private final Map<Long, Long> uncounting = new HashMap<>();

    private Exported grownHere = (volume, epoch, uri) -> {};
    private long attaches;
    private BiConsumer<String, String> notOpened = (volume, why) -> {};

    /** One attach of one volume. {@code opened}: the NBD URI, empty if it is not exported; fails if it ends first. Futures complete on the home loop. */
    record Served(int epoch, VolumeLoop place, Future<String> opened, Future<Void> ended) {}

    /** {@code home}: the agent's loop; {@code loops}: at least one. */
    public LocalVolumes(Loop home, io.varve.api.Truth truth, String node, long incarnation, List<VolumeLoop> loops) {
        this.home = home;
        this.truth = truth;
        this.node = node;
        this.incarnation = incarnation;
        this.loops.addAll(loops);
    }

    /** Who hears, on the home loop, of a volume that could not be opened here, and why; not of one that another node has taken. */
    void onNotOpened(BiConsumer<String, String> listener) {
        notOpened = listener;
    }

    /** Who hears, on the home loop, that a volume that is open here has grown. */
    void onGrown(Exported listener) {
        grownHere = listener;
    }

    /** What clients may use of a volume that is open here; 0: it is not. */
    long sizeBytes(long volume) {
        return sizes.getOrDefault(volume, 0L);
    }

    /** Of the volume, as it was when its access point here ceased to count on guarantees, if the truth waits for that. */
    OptionalLong uncounting(long volume) {
        Long version = uncounting.get(volume);
        return version == null ? OptionalLong.empty() : OptionalLong.of(version);
    }

    /** One more loop on which volumes may be put, or one that has another group now. */
    public void add(VolumeLoop loop) {
        loops.removeIf(each -> each.volumes() == loop.volumes());
        loops.add(loop);
    }

    /** Volumes served or being opened here, with their epoch. A copy. */
    Map<Long, Integer> epochs() {
        return served.entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey, entry -> entry.getValue().epoch()));
    }

    /** Takes the next epoch for this node and begins to open the volume. Fails when somebody else was quicker. */
    Future<Served> take(Volume volume, long viewIndex) {
        AttachRequest request = AttachRequest.newBuilder()
                .setVolume(volume.getId())
                .setExpectedEpoch(volume.getEpoch())
                .setNode(node)
                .setIncarnation(incarnation)
                .setAttachId(node + "/" + incarnation + "/" + ++attaches)
                .build();
        Promise<Served> taken = Promise.promise();
        truth.attach(request)
                .onComplete(answer -> home.execute(() -> {
                    if (answer.failed()) {
                        taken.fail(answer.cause());
                    } else if (answer.result().getResult().getCode() != TruthCode.TRUTH_OK) {
                        taken.fail("attach of " + volume.getName() + " at index " + viewIndex + " refused: "
                                + answer.result().getResult().getCode() + " "
                                + answer.result().getResult().getMessage());
                    } else {
                        taken.complete(open(answer.result(), request.getAttachId()));
                    }
                }));
        return taken.future();
    }

    private Served open(AttachResponse answer, String attachId) {
        Volume volume = answer.getVolume();
        AttachSpec spec = spec(answer, attachId);
        VolumeLoop place = place(volume);
        Promise<String> opened = Promise.promise();
        Promise<Void> ended = Promise.promise();
        Served one = new Served(spec.epoch(), place, opened.future(), ended.future());
        served.put(volume.getId(), one);
        if (volume.getMaintenance()) {
            hidden.add(volume.getId());
        } else {
            hidden.remove(volume.getId());
        }
        Runnable gone = () -> home.execute(() -> {
            forget(volume.getId(), one);
            opened.tryFail("the volume went before it was open");
            ended.tryComplete();
        });
        place.loop()
                .execute(() -> place.volumes().attach(spec, !volume.getMaintenance(), new Volumes.AttachCallback() {
                    @Override
                    public void opened(SlabVolume open) {
                        LOG.info("volume opened volume={} id={} epoch={}", open.name(), volume.getId(), spec.epoch());
                        place.volumes().onGone(open, gone);
                        long sizeBytes = open.sizeBytes();
                        home.execute(() -> {
                            sizes.put(volume.getId(), sizeBytes);
                            opened.tryComplete(hidden.contains(volume.getId()) ? "" : uri(place, open.name()));
                        });
                    }

                    @Override
                    public void grown(SlabVolume larger) {
                        long sizeBytes = larger.sizeBytes();
                        home.execute(() -> {
                            if (one.equals(served.get(volume.getId()))) {
                                sizes.put(volume.getId(), sizeBytes);
                                grownHere.told(
                                        volume.getId(),
                                        spec.epoch(),
                                        hidden.contains(volume.getId()) ? "" : uri(place, larger.name()));
                            }
                        });
                    }

                    @Override
                    public void failed(boolean fenced, String why) {
                        LOG.warn(
                                "volume not opened volume={} id={} epoch={} fenced={} reason=\"{}\"",
                                volume.getName(),
                                volume.getId(),
                                spec.epoch(),
                                fenced,
                                why);
                        if (!fenced) {
                            home.execute(() -> notOpened.accept(volume.getName(), why));
                        }
                        gone.run();
                    }
                }));
        limit(one, volume);
        count(one, volume, (id, epoch, uri) -> {});
        return one;
    }

    /** After the attach, before anybody can have opened it. */
    private static void limit(Served one, Volume volume) {
        VolumeLimits told = volume.getLimits();
        IoLimits limits = new IoLimits(told.getIops(), told.getBandwidthBytesPerSecond(), told.getBurstMillis());
        one.place().loop().execute(() -> one.place().volumes().limit(volume.getId(), one.epoch(), limits));
    }

    private void forget(long volume, Served one) {
        if (served.remove(volume, one)) {
            sizes.remove(volume);
            hidden.remove(volume);
            toUncount.remove(volume);
            uncounting.remove(volume);
        }
    }

    /** Tells the access points here what the truth wants of their copies now. A view of another epoch is not about them. */
    void follow(NodeView view, Exported exported) {
        Map<String, DiskGroup> groups = byUuid(view.getGroupsList());
        view.getVolumesList().forEach(volume -> follow(volume, groups, exported));
    }

    /** The same for one volume, which was taken after the view had come. */
    void follow(NodeView view, long taken, Exported exported) {
        for (Volume volume : view.getVolumesList()) {
            if (volume.getId() == taken) {
                follow(volume, byUuid(view.getGroupsList()), exported);
            }
        }
    }

    private void follow(Volume volume, Map<String, DiskGroup> groups, Exported exported) {
        Served one = served.get(volume.getId());
        if (one == null || one.epoch() != volume.getEpoch()) {
            return;
        }
        CopiesWanted wanted = new CopiesWanted(
                volume.getId(),
                volume.getEpoch(),
                volume.getReplicas(),
                Redundancy.minInSync(volume.getReplicas(), volume.getMinInSync(), volume.getReplicasBefore()),
                volume.getCopyLimitBytesPerSecond(),
                !volume.getMaintenance(),
                volume.getSizeBytes(),
                slabs(volume, groups));
        one.place().loop().execute(() -> one.place().volumes().follow(wanted));
        limit(one, volume);
        count(one, volume, exported);
        if (!volume.getMaintenance() && hidden.remove(volume.getId())) {
            tell(one, volume, exported);
        }
    }

    private void tell(Served one, Volume volume, Exported exported) {
        if (one.opened().succeeded()) {
            exported.told(
                    volume.getId(),
                    one.epoch(),
                    hidden.contains(volume.getId()) ? "" : uri(one.place(), volume.getName()));
        }
    }

    /** Whether its writes need not ask for room. If the truth waits until they do again, it is told when that is so on the volume's loop. */
    private void count(Served one, Volume volume, Exported exported) {
        boolean counts = volume.getThick() && volume.getAttachment().getGuaranteed();
        one.place().loop().execute(() -> one.place().volumes().guaranteed(volume.getId(), one.epoch(), counts));
        if (volume.getThick() || !volume.getAttachment().getGuaranteed()) {
            toUncount.remove(volume.getId());
            uncounting.remove(volume.getId());
            return;
        }
        long version = volume.getGuaranteeVersion();
        toUncount.put(volume.getId(), version);
        one.place()
                .loop()
                .execute(() -> home.execute(() -> {
                    if (one.equals(served.get(volume.getId()))
                            && Long.valueOf(version).equals(toUncount.get(volume.getId()))) {
                        uncounting.put(volume.getId(), version);
                        tell(one, volume, exported);
                    }
                }));
    }

    /** A volume is exported from now on, or counts on nothing: the truth is to be told how it is served. */
    interface Exported {
        void told(long volume, int epoch, String uri);
    }

    private static String uri(VolumeLoop place, String name) {
        return "nbd://" + place.nbdAddress() + "/" + name;
    }

    /** Stops serving a volume: requests in flight are waited for, no longer than {@code limit}. */
    Future<Void> drop(long volume, Duration limit) {
        Served one = served.get(volume);
        if (one == null) {
            return Future.succeededFuture();
        }
        Promise<Void> dropped = Promise.promise();
        one.place()
                .loop()
                .execute(() -> one.place()
                        .volumes()
                        .detach(
                                volume,
                                limit,
                                () -> home.execute(() -> {
                                    LOG.info("volume closed id={} epoch={}", volume, one.epoch());
                                    forget(volume, one);
                                    dropped.complete();
                                })));
        return dropped.future();
    }

    /** Stops serving everything, for the end of the process. */
    public Future<Void> dropAll() {
        return Future.join(List.copyOf(served.keySet()).stream()
                        .map(volume -> drop(volume, Volumes.DETACH_LIMIT))
                        .toList())
                .mapEmpty();
    }

    /** The loop that owns a copy of the volume's first slab, or failing that of any; else the first. */
    private VolumeLoop place(Volume volume) {
        for (Slab slab : volume.getSlabsList()) {
            for (Replica replica : slab.getReplicasList()) {
                for (VolumeLoop loop : loops) {
                    if (loop.groups().contains(replica.getGroup())) {
                        return loop;
                    }
                }
            }
        }
        return loops.getFirst();
    }

    private static AttachSpec spec(AttachResponse answer, String attachId) {
        Volume volume = answer.getVolume();
        return new AttachSpec(
                volume.getId(),
                volume.getName(),
                volume.getSizeBytes(),
                volume.getReplicas(),
                Redundancy.minInSync(volume.getReplicas(), volume.getMinInSync(), volume.getReplicasBefore()),
                volume.getEpoch(),
                volume.getPublication().getEpoch(),
                attachId,
                slabs(volume, byUuid(answer.getGroupsList())));
    }

    private static Map<String, DiskGroup> byUuid(List<DiskGroup> groups) {
        return groups.stream().collect(Collectors.toMap(DiskGroup::getUuid, Function.identity()));
    }

    /** The slabs with their copies that have been made: one that is only placed is nobody yet. */
    private static List<AttachSpec.Slab> slabs(Volume volume, Map<String, DiskGroup> groups) {
        List<AttachSpec.Slab> slabs = new ArrayList<>();
        for (Slab slab : volume.getSlabsList()) {
            List<AttachSpec.Copy> copies = slab.getReplicasList().stream()
                    .filter(replica -> replica.getPhase() != ReplicaPhase.REPLICA_NEW)
                    .map(replica -> new AttachSpec.Copy(
                            replica.getGroup(),
                            replica.getCreationId(),
                            address(groups.get(replica.getGroup())),
                            replica.getPhase() == ReplicaPhase.REPLICA_LEAVING))
                    .toList();
            slabs.add(new AttachSpec.Slab(slab.getIndex(), slab.getGen(), copies, List.copyOf(slab.getIsrList())));
        }
        return slabs;
    }

    private static String address(@Nullable DiskGroup group) {
        return group == null ? "" : group.getPeerAddress();
    }
}
