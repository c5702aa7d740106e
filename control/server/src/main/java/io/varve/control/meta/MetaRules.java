package io.varve.control.meta;

import io.varve.api.TruthCode;
import io.varve.control.meta.MetaCommand.Attach;
import io.varve.control.meta.MetaCommand.ChangeIsr;
import io.varve.control.meta.MetaCommand.ChangeMembers;
import io.varve.control.meta.MetaCommand.ChangeSettings;
import io.varve.control.meta.MetaCommand.CreateToken;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.Detached;
import io.varve.control.meta.MetaCommand.DrainNode;
import io.varve.control.meta.MetaCommand.EvictGroup;
import io.varve.control.meta.MetaCommand.ForgetCopies;
import io.varve.control.meta.MetaCommand.InitCluster;
import io.varve.control.meta.MetaCommand.MoveVolume;
import io.varve.control.meta.MetaCommand.Open;
import io.varve.control.meta.MetaCommand.Opened;
import io.varve.control.meta.MetaCommand.PlaceAnew;
import io.varve.control.meta.MetaCommand.PlaceCopies;
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
import io.varve.control.meta.MetaCommand.RevokeToken;
import io.varve.control.meta.MetaCommand.SetReplicas;
import io.varve.control.meta.MetaCommand.TellSilence;
import io.varve.control.meta.MetaCommand.WantNode;

/**
 * The one entrance for changes of the truth. Deterministic: the same state, index and command give the same state and outcome on
 * every member, today and when the log is replayed.
 */
public final class MetaRules {
    private MetaRules() {}

    /**
     * Applies one command, and writes the events that it gave.
     *
     * @param index the command's place in the log; it only ends up in results, tombs and events
     * @param unixMillis when it was proposed, by the proposer's clock: the time of its events, and until when certificates of a node
     *     that is removed are void; decided by it is nothing
     */
    public static Outcome apply(MetaState state, long index, long unixMillis, MetaCommand command) {
        Outcome outcome = decide(state, index, unixMillis, command);
        EventLog.append(state, index, unixMillis, outcome.events());
        return outcome;
    }

    private static Outcome decide(MetaState state, long index, long unixMillis, MetaCommand command) {
        boolean makesOne = command instanceof InitCluster || command instanceof RestoreState;
        if (!makesOne && state.cluster().isEmpty()) {
            return Outcome.nobody(notInitialised());
        }
        return switch (command) {
            case InitCluster init -> MemberRules.initCluster(state, index, init);
            case RestoreState restore -> RestoreRules.restore(state, index, restore);
            case RegisterNode register -> MemberRules.registerNode(state, index, register);
            case RegisterGroup register -> MemberRules.registerGroup(state, index, register);
            case CreateVolume create -> VolumeRules.create(state, index, create);
            case ReplicasCreated created ->
                settled(state, created.volume(), VolumeRules.replicasCreated(state, index, created));
            case ReplicasGuaranteed guaranteed ->
                settled(
                        state,
                        guaranteed.report().getVolume(),
                        GuaranteeRules.guaranteed(state, index, guaranteed.report()));
            case PublishVolume publish ->
                GrowthRules.settled(state, publish.volume(), PublicationRules.publish(state, index, publish));
            case ResizeVolume resize -> GrowthRules.resize(state, index, resize);
            case DeleteVolume delete -> VolumeRules.delete(state, index, delete);
            case ReplicasDeleted deleted ->
                settled(state, deleted.volume(), VolumeRules.replicasDeleted(state, index, deleted));
            case PlaceCopies place -> CopyRules.place(state, index, place);
            case RetireCopies retire -> CopyRules.retire(state, index, retire);
            case PlaceAnew anew -> settled(state, anew.volume(), AnewRules.place(state, index, anew));
            case SetReplicas set ->
                GuaranteeRules.settled(state, set.volume(), CopyRules.setReplicas(state, index, set));
            case ForgetCopies forget -> CopyRules.forget(state, index, forget);
            case WantNode want -> GrowthRules.settled(state, want.volume(), AttachRules.wantNode(state, index, want));
            case MoveVolume move -> AttachRules.moveVolume(state, index, move);
            case Attach attach -> AttachRules.attach(state, index, attach);
            case Open open -> AttachRules.open(state, index, open);
            case ChangeIsr change -> IsrRules.changeIsr(state, index, change);
            case Opened opened -> GrowthRules.settled(state, opened.volume(), AttachRules.opened(state, index, opened));
            case Detached detached ->
                GrowthRules.settled(state, detached.volume(), AttachRules.detached(state, index, detached));
            case TellSilence silence -> MemberRules.tellSilence(state, index, silence);
            case ReportEvent report -> EventLog.report(state, index, report);
            case CreateToken create -> TokenRules.create(state, index, create);
            case RevokeToken revoke -> TokenRules.revoke(state, index, revoke);
            case ChangeSettings change -> SettingsRules.change(state, index, change);
            case ChangeMembers change -> GroupRules.change(state, index, unixMillis, change);
            case DrainNode drain -> DepartureRules.drain(state, index, drain);
            case EvictGroup evict -> DepartureRules.evict(state, index, evict);
            case RemoveNode remove -> DepartureRules.removeNode(state, index, unixMillis, remove);
            case RemoveGroup remove -> DepartureRules.removeGroup(state, index, remove);
        };
    }

    /** What waited for copies to be made, guaranteed or gone may be so now. */
    private static Outcome settled(MetaState state, long volume, Outcome outcome) {
        return GuaranteeRules.settled(state, volume, GrowthRules.settled(state, volume, outcome));
    }

    /** The answer to everything but InitCluster and RestoreState before that. */
    public static MetaResult notInitialised() {
        return MetaResult.no(TruthCode.TRUTH_REFUSED, 0, "the cluster is not initialised: run varve cluster init");
    }
}
