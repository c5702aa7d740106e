package io.varve.control.meta;

import com.google.protobuf.InvalidProtocolBufferException;
import io.varve.api.AttachRequest;
import io.varve.api.ChangeIsrRequest;
import io.varve.api.DetachedRequest;
import io.varve.api.OpenRequest;
import io.varve.api.OpenedRequest;
import io.varve.api.PlacementWish;
import io.varve.api.PublishVolumeRequest;
import io.varve.api.RegisterGroupRequest;
import io.varve.api.RegisterNodeRequest;
import io.varve.api.ReplicasCreatedRequest;
import io.varve.api.ReplicasDeletedRequest;
import io.varve.api.ReplicasGuaranteedRequest;
import io.varve.api.ReportEventRequest;
import io.varve.api.TruthCode;
import io.varve.api.VolumeLimits;
import io.varve.api.meta.ChangeMembersRecord;
import io.varve.api.meta.CommandRecord;
import io.varve.api.meta.CopiesRecord;
import io.varve.api.meta.CopyRecord;
import io.varve.api.meta.CreateVolumeRecord;
import io.varve.api.meta.DeleteVolumeRecord;
import io.varve.api.meta.EntryRecord;
import io.varve.api.meta.ForgetCopiesRecord;
import io.varve.api.meta.InitClusterRecord;
import io.varve.api.meta.MoveVolumeRecord;
import io.varve.api.meta.NameRecord;
import io.varve.api.meta.OrderRecord;
import io.varve.api.meta.PublishVolumeRecord;
import io.varve.api.meta.ResizeVolumeRecord;
import io.varve.api.meta.RestoreRecord;
import io.varve.api.meta.ResultRecord;
import io.varve.api.meta.RevokeTokenRecord;
import io.varve.api.meta.SetReplicasRecord;
import io.varve.api.meta.SettingRecord;
import io.varve.api.meta.SettingsRecord;
import io.varve.api.meta.SlabPlacementRecord;
import io.varve.api.meta.TellSilenceRecord;
import io.varve.api.meta.WantNodeRecord;
import io.varve.control.meta.MetaCommand.AnewCopy;
import io.varve.control.meta.MetaCommand.Attach;
import io.varve.control.meta.MetaCommand.ChangeIsr;
import io.varve.control.meta.MetaCommand.ChangeMembers;
import io.varve.control.meta.MetaCommand.ChangeSettings;
import io.varve.control.meta.MetaCommand.CreateToken;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.Detached;
import io.varve.control.meta.MetaCommand.DrainNode;
import io.varve.control.meta.MetaCommand.Entry;
import io.varve.control.meta.MetaCommand.EvictGroup;
import io.varve.control.meta.MetaCommand.ForgetCopies;
import io.varve.control.meta.MetaCommand.InitCluster;
import io.varve.control.meta.MetaCommand.MoveVolume;
import io.varve.control.meta.MetaCommand.Open;
import io.varve.control.meta.MetaCommand.Opened;
import io.varve.control.meta.MetaCommand.PlaceAnew;
import io.varve.control.meta.MetaCommand.PlaceCopies;
import io.varve.control.meta.MetaCommand.PlacedCopy;
import io.varve.control.meta.MetaCommand.PublishVolume;
import io.varve.control.meta.MetaCommand.RegisterGroup;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.RemoveGroup;
import io.varve.control.meta.MetaCommand.RemoveNode;
import io.varve.control.meta.MetaCommand.ReplicasCreated;
import io.varve.control.meta.MetaCommand.ReplicasDeleted;
import io.varve.control.meta.MetaCommand.ReplicasGuaranteed;
import io.varve.control.meta.MetaCommand.ReportEvent;
import io.varve.control.meta.MetaCommand.ResizeVolume;
import io.varve.control.meta.MetaCommand.RestoreState;
import io.varve.control.meta.MetaCommand.RetireCopies;
import io.varve.control.meta.MetaCommand.RetiredCopy;
import io.varve.control.meta.MetaCommand.RevokeToken;
import io.varve.control.meta.MetaCommand.SetReplicas;
import io.varve.control.meta.MetaCommand.TellSilence;
import io.varve.control.meta.MetaCommand.WantNode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Commands and results as bytes: what stands in the Raft log, and what the leader answers the proposer. */
public final class CommandCodec {
    /** Rises with every change that an older member would apply differently. */
    static final int VERSION = 2;

    /** Of a command that knows nothing of guarantees: a member that does not either goes on with it. */
    private static final int THIN_VERSION = 1;

    private CommandCodec() {}

    /**
     * A command as it stands in the log.
     *
     * @param unixMillis when it was proposed, by the proposer's clock
     */
    public record Proposed(long unixMillis, MetaCommand command) {}

    public static byte[] encode(Proposed proposed) {
        MetaCommand command = proposed.command();
        CommandRecord.Builder record =
                CommandRecord.newBuilder().setVersion(version(command)).setProposedUnixMillis(proposed.unixMillis());
        switch (command) {
            case InitCluster c ->
                record.setInitCluster(InitClusterRecord.newBuilder()
                        .setUuid(c.uuid())
                        .setName(c.name())
                        .setMembershipKey(c.membershipKey()));
            case RegisterNode c ->
                record.setRegisterNode(
                        RegisterNodeRequest.newBuilder().setNode(c.node()).setClusterUuid(c.clusterUuid()));
            case RegisterGroup c ->
                record.setRegisterGroup(
                        RegisterGroupRequest.newBuilder().setGroup(c.group()).setIncarnation(c.incarnation()));
            case CreateVolume c -> record.setCreateVolume(encodeCreate(c));
            case PublishVolume c ->
                record.setPublishVolume(PublishVolumeRecord.newBuilder()
                        .setVolume(c.volume())
                        .setNode(c.node())
                        .setReadOnly(c.readOnly())
                        .setState(c.state().getNumber()));
            case ResizeVolume c -> record.setResizeVolume(encodeResize(c));
            case WantNode c ->
                record.setWantNode(WantNodeRecord.newBuilder()
                        .setVolume(c.volume())
                        .setNode(c.node())
                        .setMaintenance(c.maintenance()));
            case MoveVolume c ->
                record.setMoveVolume(MoveVolumeRecord.newBuilder()
                        .setVolume(c.volume())
                        .setFrom(c.from())
                        .setTo(c.to())
                        .setRequestId(c.requestId()));
            case DeleteVolume c ->
                record.setDeleteVolume(DeleteVolumeRecord.newBuilder().setVolume(c.volume()));
            case ReplicasCreated c ->
                record.setReplicasCreated(ReplicasCreatedRequest.newBuilder()
                        .setVolume(c.volume())
                        .setGroup(c.group())
                        .addAllSlabs(c.slabs())
                        .addAllCreationIds(c.creationIds())
                        .addAllGuaranteedBytes(c.guaranteedBytes())
                        .setGuaranteeVersion(c.guaranteeVersion()));
            case ReplicasGuaranteed c -> record.setReplicasGuaranteed(c.report());
            case ReplicasDeleted c ->
                record.setReplicasDeleted(ReplicasDeletedRequest.newBuilder()
                        .setVolume(c.volume())
                        .setGroup(c.group())
                        .addAllSlabs(c.slabs())
                        .addAllCreationIds(c.creationIds()));
            case PlaceCopies c -> record.setPlaceCopies(encodePlaced(c));
            case RetireCopies c -> record.setRetireCopies(encodeRetired(c));
            case PlaceAnew c -> record.setPlaceAnew(encodeAnew(c));
            case SetReplicas c -> record.setSetReplicas(encodeReplicas(c));
            case ForgetCopies c ->
                record.setForgetCopies(ForgetCopiesRecord.newBuilder().setGroup(c.group()));
            case Attach c ->
                record.setAttach(AttachRequest.newBuilder()
                        .setVolume(c.volume())
                        .setExpectedEpoch(c.expectedEpoch())
                        .setNode(c.node())
                        .setIncarnation(c.incarnation())
                        .setAttachId(c.attachId()));
            case Open c ->
                record.setOpen(OpenRequest.newBuilder()
                        .setVolume(c.volume())
                        .setEpoch(c.epoch())
                        .addAllSlabs(c.slabs()));
            case ChangeIsr c ->
                record.setChangeIsr(ChangeIsrRequest.newBuilder()
                        .setVolume(c.volume())
                        .setEpoch(c.epoch())
                        .addAllSlabs(c.slabs()));
            case Opened c ->
                record.setOpened(OpenedRequest.newBuilder()
                        .setVolume(c.volume())
                        .setEpoch(c.epoch())
                        .setNbdUri(c.nbdUri())
                        .setSizeBytes(c.sizeBytes())
                        .setUncounting(c.uncounting())
                        .setGuaranteeVersion(c.guaranteeVersion()));
            case Detached c ->
                record.setDetached(
                        DetachedRequest.newBuilder().setVolume(c.volume()).setEpoch(c.epoch()));
            case TellSilence c ->
                record.setTellSilence(TellSilenceRecord.newBuilder()
                        .setNode(c.node())
                        .setSilent(c.silent())
                        .setSeconds(c.seconds()));
            case ReportEvent c -> record.setReportEvent(c.report());
            case CreateToken c -> record.setCreateToken(c.token());
            case RevokeToken c ->
                record.setRevokeToken(RevokeTokenRecord.newBuilder().setName(c.name()));
            case ChangeSettings c -> record.setChangeSettings(encodeSettings(c));
            case DrainNode c ->
                record.setDrainNode(OrderRecord.newBuilder().setId(c.node()).setOn(c.on()));
            case EvictGroup c ->
                record.setEvictGroup(OrderRecord.newBuilder().setId(c.group()).setOn(c.on()));
            case RemoveNode c -> record.setRemoveNode(NameRecord.newBuilder().setId(c.node()));
            case RemoveGroup c -> record.setRemoveGroup(NameRecord.newBuilder().setId(c.group()));
            case RestoreState c -> record.setRestoreState(encodeRestore(c));
            case ChangeMembers c ->
                record.setChangeMembers(ChangeMembersRecord.newBuilder()
                        .setStep(c.step().number())
                        .setExpectedVersion(c.expectedVersion())
                        .setVersion(c.version())
                        .addAllMembers(c.members())
                        .addAllLeaving(c.leaving())
                        .setWhy(c.why())
                        .setGroupUuid(c.groupUuid()));
        }
        return record.build().toByteArray();
    }

    /** One that carries a guarantee, which an older member would leave out, has it stop instead. */
    private static int version(MetaCommand command) {
        boolean isOfGuarantees = switch (command) {
            case CreateVolume c -> c.thick();
            case SetReplicas c -> c.thick().isPresent();
            case ReplicasCreated c ->
                c.guaranteeVersion() > 0 || c.guaranteedBytes().stream().anyMatch(bytes -> bytes > 0);
            case Opened c -> c.uncounting();
            case ReplicasGuaranteed _ -> true;
            default -> false;
        };
        return isOfGuarantees ? VERSION : THIN_VERSION;
    }

    /**
     * Reads a command.
     *
     * @throws IllegalStateException when a later version of Varve wrote it, or it is damaged: the member must stop, because
     *     leaving the command out would make it differ from the others
     */
    public static Proposed decode(byte[] bytes) {
        CommandRecord record;
        try {
            record = CommandRecord.parseFrom(bytes);
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("a command in the metadata log cannot be read", e);
        }
        if (record.getVersion() < THIN_VERSION || record.getVersion() > VERSION) {
            throw new IllegalStateException("a command in the metadata log is of version " + record.getVersion()
                    + ", this Varve reads " + THIN_VERSION + " to " + VERSION + ": upgrade this node");
        }
        return new Proposed(record.getProposedUnixMillis(), decode(record));
    }

    private static MetaCommand decode(CommandRecord record) {
        return switch (record.getCommandCase()) {
            case INIT_CLUSTER ->
                new InitCluster(
                        record.getInitCluster().getUuid(),
                        record.getInitCluster().getName(),
                        record.getInitCluster().getMembershipKey());
            case REGISTER_NODE -> of(record.getRegisterNode());
            case REGISTER_GROUP -> of(record.getRegisterGroup());
            case CREATE_VOLUME -> decodeCreate(record.getCreateVolume());
            case PUBLISH_VOLUME -> decodePublish(record.getPublishVolume());
            case RESIZE_VOLUME -> decodeResize(record.getResizeVolume());
            case WANT_NODE ->
                new WantNode(
                        record.getWantNode().getVolume(),
                        record.getWantNode().getNode(),
                        record.getWantNode().getMaintenance());
            case MOVE_VOLUME -> decodeMove(record.getMoveVolume());
            case DELETE_VOLUME -> new DeleteVolume(record.getDeleteVolume().getVolume());
            case REPLICAS_CREATED -> of(record.getReplicasCreated());
            case REPLICAS_GUARANTEED -> of(record.getReplicasGuaranteed());
            case REPLICAS_DELETED -> of(record.getReplicasDeleted());
            case PLACE_COPIES -> decodePlaced(record.getPlaceCopies());
            case RETIRE_COPIES -> decodeRetired(record.getRetireCopies());
            case PLACE_ANEW -> decodeAnew(record.getPlaceAnew());
            case SET_REPLICAS -> decodeReplicas(record.getSetReplicas());
            case FORGET_COPIES -> new ForgetCopies(record.getForgetCopies().getGroup());
            case ATTACH -> of(record.getAttach());
            case OPEN -> of(record.getOpen());
            case CHANGE_ISR -> of(record.getChangeIsr());
            case OPENED -> of(record.getOpened());
            case DETACHED -> of(record.getDetached());
            case TELL_SILENCE ->
                new TellSilence(
                        record.getTellSilence().getNode(),
                        record.getTellSilence().getSilent(),
                        record.getTellSilence().getSeconds());
            case REPORT_EVENT -> of(record.getReportEvent());
            case CREATE_TOKEN -> new CreateToken(record.getCreateToken());
            case REVOKE_TOKEN -> new RevokeToken(record.getRevokeToken().getName());
            case CHANGE_SETTINGS -> decodeSettings(record.getChangeSettings());
            case DRAIN_NODE ->
                new DrainNode(
                        record.getDrainNode().getId(), record.getDrainNode().getOn());
            case EVICT_GROUP ->
                new EvictGroup(
                        record.getEvictGroup().getId(), record.getEvictGroup().getOn());
            case REMOVE_NODE -> new RemoveNode(record.getRemoveNode().getId());
            case REMOVE_GROUP -> new RemoveGroup(record.getRemoveGroup().getId());
            case CHANGE_MEMBERS -> decodeMembers(record.getChangeMembers());
            case RESTORE_STATE -> decodeRestore(record.getRestoreState());
            case COMMAND_NOT_SET ->
                throw new IllegalStateException("a command in the metadata log is unknown here: upgrade this node");
        };
    }

    /** The groups once, then each slab by their places: the uuids of 65 536 slabs would not fit into one log entry. */
    private static CreateVolumeRecord encodeCreate(CreateVolume c) {
        List<String> groups = distinct(c.slabs());
        CreateVolumeRecord.Builder create = CreateVolumeRecord.newBuilder()
                .setName(c.name())
                .setSizeBytes(c.sizeBytes())
                .setReplicas(c.replicas())
                .setSlabBytes(c.slabBytes())
                .setCreatedUnixMillis(c.createdUnixMillis())
                .setRequestId(c.requestId())
                .addAllGroups(groups)
                .addAllSlabs(placements(groups, c.slabs()))
                .setWholeSlabs(c.wholeSlabs())
                .addAllLabels(c.labels())
                .setMinInSync(c.minInSync())
                .setThick(c.thick());
        if (!c.wish().equals(PlacementWish.getDefaultInstance())) {
            create.setWish(c.wish());
        }
        if (!c.limits().equals(VolumeLimits.getDefaultInstance())) {
            create.setLimits(c.limits());
        }
        return create.build();
    }

    private static List<String> distinct(List<List<String>> slabs) {
        return slabs.stream().flatMap(List::stream).distinct().toList();
    }

    private static List<SlabPlacementRecord> placements(List<String> groups, List<List<String>> slabs) {
        Map<String, Integer> places = new HashMap<>();
        groups.forEach(group -> places.put(group, places.size()));
        return slabs.stream()
                .map(slab -> SlabPlacementRecord.newBuilder()
                        .addAllGroups(slab.stream().map(places::get).toList())
                        .build())
                .toList();
    }

    private static List<List<String>> groupsOf(List<String> groups, List<SlabPlacementRecord> slabs) {
        return slabs.stream()
                .map(slab -> slab.getGroupsList().stream().map(groups::get).toList())
                .toList();
    }

    private static ResizeVolumeRecord encodeResize(ResizeVolume c) {
        List<String> groups = distinct(c.slabs());
        return ResizeVolumeRecord.newBuilder()
                .setVolume(c.volume())
                .setFromSizeBytes(c.fromSizeBytes())
                .setSizeBytes(c.sizeBytes())
                .addAllGroups(groups)
                .addAllSlabs(placements(groups, c.slabs()))
                .setRequestId(c.requestId())
                .build();
    }

    private static ResizeVolume decodeResize(ResizeVolumeRecord r) {
        return new ResizeVolume(
                r.getVolume(),
                r.getFromSizeBytes(),
                r.getSizeBytes(),
                groupsOf(r.getGroupsList(), r.getSlabsList()),
                r.getRequestId());
    }

    private static CreateVolume decodeCreate(CreateVolumeRecord c) {
        return new CreateVolume(
                c.getName(),
                c.getSizeBytes(),
                c.getReplicas(),
                c.getSlabBytes(),
                c.getCreatedUnixMillis(),
                groupsOf(c.getGroupsList(), c.getSlabsList()),
                c.getRequestId(),
                c.getWholeSlabs(),
                c.getLabelsList(),
                c.getMinInSync(),
                c.getWish(),
                c.getLimits(),
                c.getThick());
    }

    private static SetReplicasRecord encodeReplicas(SetReplicas c) {
        SetReplicasRecord.Builder set =
                SetReplicasRecord.newBuilder().setVolume(c.volume()).setReplicas(c.replicas());
        c.minInSync().ifPresent(set::setMinInSync);
        if (c.changesLimits()) {
            set.setLimits(c.limits());
        }
        c.thick().ifPresent(set::setThick);
        return set.build();
    }

    private static SetReplicas decodeReplicas(SetReplicasRecord c) {
        return new SetReplicas(
                c.getVolume(),
                c.getReplicas(),
                c.hasMinInSync() ? OptionalInt.of(c.getMinInSync()) : OptionalInt.empty(),
                c.getLimits(),
                c.hasThick() ? Optional.of(c.getThick()) : Optional.empty());
    }

    private static PublishVolume decodePublish(PublishVolumeRecord r) {
        PublishVolumeRequest.State state = PublishVolumeRequest.State.forNumber(r.getState());
        if (state == null) {
            throw new IllegalStateException("a command in the metadata log is unknown here: upgrade this node");
        }
        return new PublishVolume(r.getVolume(), r.getNode(), r.getReadOnly(), state);
    }

    private static MoveVolume decodeMove(MoveVolumeRecord m) {
        return new MoveVolume(m.getVolume(), m.getFrom(), m.getTo(), m.getRequestId());
    }

    private static CopiesRecord encodePlaced(PlaceCopies command) {
        CopiesRecord.Builder record = CopiesRecord.newBuilder().setVolume(command.volume());
        for (PlacedCopy copy : command.copies()) {
            record.addCopies(CopyRecord.newBuilder().setSlab(copy.slab()).setGroup(copy.group()));
        }
        return record.build();
    }

    private static PlaceCopies decodePlaced(CopiesRecord record) {
        return new PlaceCopies(
                record.getVolume(),
                record.getCopiesList().stream()
                        .map(copy -> new PlacedCopy(copy.getSlab(), copy.getGroup()))
                        .toList());
    }

    private static CopiesRecord encodeRetired(RetireCopies command) {
        CopiesRecord.Builder record = CopiesRecord.newBuilder().setVolume(command.volume());
        for (RetiredCopy copy : command.copies()) {
            record.addCopies(CopyRecord.newBuilder()
                    .setSlab(copy.slab())
                    .setGroup(copy.group())
                    .setGen(copy.gen()));
        }
        return record.build();
    }

    private static RetireCopies decodeRetired(CopiesRecord record) {
        return new RetireCopies(
                record.getVolume(),
                record.getCopiesList().stream()
                        .map(copy -> new RetiredCopy(copy.getSlab(), copy.getGen(), copy.getGroup()))
                        .toList());
    }

    private static CopiesRecord encodeAnew(PlaceAnew command) {
        CopiesRecord.Builder record = CopiesRecord.newBuilder().setVolume(command.volume());
        for (AnewCopy copy : command.copies()) {
            record.addCopies(CopyRecord.newBuilder()
                    .setSlab(copy.slab())
                    .setGen(copy.gen())
                    .setGroup(copy.from())
                    .setTo(copy.to()));
        }
        return record.build();
    }

    private static PlaceAnew decodeAnew(CopiesRecord record) {
        return new PlaceAnew(
                record.getVolume(),
                record.getCopiesList().stream()
                        .map(copy -> new AnewCopy(copy.getSlab(), copy.getGen(), copy.getGroup(), copy.getTo()))
                        .toList());
    }

    private static RestoreRecord encodeRestore(RestoreState c) {
        RestoreRecord.Builder record =
                RestoreRecord.newBuilder().setId(c.id()).setNumber(c.number()).setLast(c.last());
        c.entries()
                .forEach(entry -> record.addEntries(
                        EntryRecord.newBuilder().setKey(entry.key()).setValue(entry.value())));
        return record.build();
    }

    private static RestoreState decodeRestore(RestoreRecord record) {
        return new RestoreState(
                record.getId(),
                record.getNumber(),
                record.getEntriesList().stream()
                        .map(entry -> new Entry(entry.getKey(), entry.getValue()))
                        .toList(),
                record.getLast());
    }

    private static ChangeMembers decodeMembers(ChangeMembersRecord r) {
        ChangeMembers.Step step = ChangeMembers.Step.of(r.getStep())
                .orElseThrow(() ->
                        new IllegalStateException("a command in the metadata log is unknown here: upgrade this node"));
        return new ChangeMembers(
                step,
                r.getExpectedVersion(),
                r.getVersion(),
                r.getMembersList(),
                r.getLeavingList(),
                r.getWhy(),
                r.getGroupUuid());
    }

    private static SettingsRecord encodeSettings(ChangeSettings c) {
        SettingsRecord.Builder record = SettingsRecord.newBuilder();
        new TreeMap<>(c.values())
                .forEach((key, value) ->
                        record.addValues(SettingRecord.newBuilder().setKey(key).setValue(value)));
        return record.build();
    }

    private static ChangeSettings decodeSettings(SettingsRecord record) {
        return new ChangeSettings(record.getValuesList().stream()
                .collect(Collectors.toMap(SettingRecord::getKey, SettingRecord::getValue)));
    }

    /** What a node asked for, as the command that does it. */
    public static MetaCommand of(RegisterNodeRequest r) {
        return new RegisterNode(r.getNode(), r.getClusterUuid());
    }

    public static MetaCommand of(RegisterGroupRequest r) {
        return new RegisterGroup(r.getGroup(), r.getIncarnation());
    }

    public static MetaCommand of(ReplicasCreatedRequest r) {
        return new ReplicasCreated(
                r.getVolume(),
                r.getGroup(),
                r.getSlabsList(),
                r.getCreationIdsList(),
                r.getGuaranteedBytesList(),
                r.getGuaranteeVersion());
    }

    public static MetaCommand of(ReplicasGuaranteedRequest r) {
        return new ReplicasGuaranteed(r);
    }

    public static MetaCommand of(ReplicasDeletedRequest r) {
        return new ReplicasDeleted(r.getVolume(), r.getGroup(), r.getSlabsList(), r.getCreationIdsList());
    }

    public static MetaCommand of(AttachRequest r) {
        return new Attach(r.getVolume(), r.getExpectedEpoch(), r.getNode(), r.getIncarnation(), r.getAttachId());
    }

    public static MetaCommand of(OpenRequest r) {
        return new Open(r.getVolume(), r.getEpoch(), r.getSlabsList());
    }

    public static MetaCommand of(ChangeIsrRequest r) {
        return new ChangeIsr(r.getVolume(), r.getEpoch(), r.getSlabsList());
    }

    public static MetaCommand of(OpenedRequest r) {
        return new Opened(
                r.getVolume(),
                r.getEpoch(),
                r.getNbdUri(),
                r.getSizeBytes(),
                r.getUncounting(),
                r.getGuaranteeVersion());
    }

    public static MetaCommand of(DetachedRequest r) {
        return new Detached(r.getVolume(), r.getEpoch());
    }

    public static MetaCommand of(ReportEventRequest r) {
        return new ReportEvent(r);
    }

    public static byte[] encode(MetaResult result) {
        ResultRecord.Builder record = ResultRecord.newBuilder()
                .setCode(result.code().getNumber())
                .setMessage(result.message())
                .setIndex(result.index())
                .setClusterUuid(result.clusterUuid())
                .addAllSlabs(result.slabs())
                .addAllGroups(result.groups());
        if (result.volume() != null) {
            record.setVolume(result.volume());
        }
        return record.build().toByteArray();
    }

    /**
     * Reads a result.
     *
     * @throws IllegalStateException when the bytes are no result
     */
    public static MetaResult decodeResult(byte[] bytes) {
        try {
            ResultRecord record = ResultRecord.parseFrom(bytes);
            TruthCode code = TruthCode.forNumber(record.getCode());
            return new MetaResult(
                    code == null ? TruthCode.TRUTH_REFUSED : code,
                    record.getMessage(),
                    record.getIndex(),
                    record.getClusterUuid(),
                    record.hasVolume() ? record.getVolume() : null,
                    record.getSlabsList(),
                    record.getGroupsList());
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("the answer of the metadata group cannot be read", e);
        }
    }
}
