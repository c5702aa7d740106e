package io.varve.control.api;

import io.varve.api.Attachment;
import io.varve.api.DiskGroup;
import io.varve.api.Volume;
import io.varve.control.meta.MetaState;
import io.varve.identity.Principal;
import io.varve.identity.Role;
import io.vertx.core.Future;
import io.vertx.grpc.common.GrpcStatus;
import java.util.Optional;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a node may speak about: epochs that it attached, and its own disk groups. A call names (volume, epoch) or a group, not who calls; the certificate tells
 * that, and the truth whose they are. On a plaintext network nobody is asked.
 */
final class NodeClaims {
    private static final Logger LOG = LoggerFactory.getLogger(NodeClaims.class);

    private final MetaGroup group;

    NodeClaims(MetaGroup group) {
        this.group = group;
    }

    /** Fails unless the caller attached that epoch of the volume; an epoch that is not, or no more, attached is for the rules to refuse. */
    Future<Void> epoch(long volume, int epoch) {
        return demand(
                state -> attached(state, volume, epoch),
                "epoch " + Integer.toUnsignedString(epoch) + " of volume " + volume);
    }

    /** Fails unless the disk group is the caller's; one that nobody knows is for the rules to refuse. */
    Future<Void> group(String uuid) {
        return demand(state -> state.group(uuid).map(DiskGroup::getNode), "disk group " + uuid);
    }

    /** Begun while {@link Visitor#CURRENT} is bound. */
    private Future<Void> demand(Function<MetaState, Optional<String>> owner, String what) {
        Optional<String> caller = Visitor.CURRENT
                .orElse(Visitor.ANYONE)
                .principal()
                .filter(who -> who.role() == Role.NODE)
                .map(Principal::name);
        if (caller.isEmpty()) {
            return Future.succeededFuture();
        }
        // An epoch is one node's for ever, and so is a group: whoever finds it here need not ask whether that is still
        // so.
        return group.look(owner)
                .compose(here -> here.isPresent() ? Future.succeededFuture(here) : group.lookUpToDate(owner))
                .compose(found -> found.isEmpty() || found.equals(caller)
                        ? Future.succeededFuture()
                        : refused(caller.get(), what + " is of node " + found.get()));
    }

    private static Optional<String> attached(MetaState state, long volume, int epoch) {
        return state.volume(volume)
                .filter(Volume::hasAttachment)
                .map(Volume::getAttachment)
                .filter(attachment -> attachment.getEpoch() == epoch)
                .map(Attachment::getNode);
    }

    private static Future<Void> refused(String caller, String why) {
        LOG.warn("call refused caller=\"node {}\" reason=\"{}\"", caller, why);
        return Future.failedFuture(new RefusedException(
                GrpcStatus.PERMISSION_DENIED, "the certificate is of node " + caller + ", but " + why));
    }
}
