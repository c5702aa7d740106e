package io.varve.control.api;

import static io.varve.control.api.CallBinding.bind;
import static io.varve.control.api.CallBinding.bindStream;

import io.varve.api.ClusterStatus;
import io.varve.api.CreateVolumeRequest;
import io.varve.api.GetStatusRequest;
import io.varve.api.GetVolumeRequest;
import io.varve.api.IdentityGrpcClient;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.ManagementGrpcService;
import io.varve.api.MoveVolumeRequest;
import io.varve.api.Volume;
import io.varve.api.WhoIsRequest;
import io.varve.control.truth.CallFailedException;
import io.varve.control.truth.MetadataMembers;
import io.varve.control.truth.NodeCalls;
import io.varve.identity.Principal;
import io.vertx.core.Future;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.common.ServiceMethod;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;

/**
 * The management API at a node that is no metadata member: everything but its own figures goes to a member that answers. A member that
 * fails may have done what it was asked; the next one is asked the same, and does it no second time: at worst it says that there is
 * nothing left to delete, or that the disk is taken already.
 */
final class ForwardingManagement {
    /** Beyond the longest wait that a member grants (10 min): the member's own words should arrive. */
    private static final Duration DEADLINE = Duration.ofMinutes(11);

    private final NodeCalls calls;
    private final MetadataMembers members;

    private static final Duration BEGINS_WITHIN = Duration.ofSeconds(15);

    private static final Duration LOOKS_EVERY = Duration.ofMillis(200);

    /** Empty where only questions are passed on. */
    private final Optional<ViewCalls> view;

    private ForwardingManagement(NodeCalls calls, MetadataMembers members, Optional<ViewCalls> view) {
        this.calls = calls;
        this.members = members;
        this.view = view;
    }

    /** Has the server answer the whole Management service. */
    static void serve(
            Door server, NodeCalls calls, MetadataMembers members, NodeLocal local, LoadCalls loads, ViewCalls view) {
        ForwardingManagement passing = new ForwardingManagement(calls, members, Optional.of(view));
        bind(server, ManagementGrpcService.InitCluster, passing.to(ManagementGrpcClient.InitCluster));
        bind(server, ManagementGrpcService.GetStatus, passing::getStatus);
        bind(server, ManagementGrpcService.ListNodes, passing.to(ManagementGrpcClient.ListNodes));
        bind(server, ManagementGrpcService.ListDiskGroups, passing.to(ManagementGrpcClient.ListDiskGroups));
        bind(server, ManagementGrpcService.AddDisk, passing.to(ManagementGrpcClient.AddDisk));
        bind(server, ManagementGrpcService.RetryDisk, passing.to(ManagementGrpcClient.RetryDisk));
        bind(server, ManagementGrpcService.CreateVolume, passing::createVolume);
        bind(server, ManagementGrpcService.ListVolumes, passing.to(ManagementGrpcClient.ListVolumes));
        bind(server, ManagementGrpcService.GetVolume, passing::getVolume);
        bind(server, ManagementGrpcService.AttachVolume, passing.to(ManagementGrpcClient.AttachVolume));
        bind(server, ManagementGrpcService.MoveVolume, passing::moveVolume);
        bind(server, ManagementGrpcService.DetachVolume, passing.to(ManagementGrpcClient.DetachVolume));
        bind(server, ManagementGrpcService.DeleteVolume, passing.to(ManagementGrpcClient.DeleteVolume));
        bind(server, ManagementGrpcService.CreateJoinToken, passing.to(ManagementGrpcClient.CreateJoinToken));
        bind(server, ManagementGrpcService.CreateToken, passing.to(ManagementGrpcClient.CreateToken));
        bind(server, ManagementGrpcService.ListTokens, passing.to(ManagementGrpcClient.ListTokens));
        bind(server, ManagementGrpcService.RevokeToken, passing.to(ManagementGrpcClient.RevokeToken));
        bind(server, ManagementGrpcService.GetSettings, passing.to(ManagementGrpcClient.GetSettings));
        bind(server, ManagementGrpcService.ChangeSettings, passing.to(ManagementGrpcClient.ChangeSettings));
        bind(server, ManagementGrpcService.DrainNode, passing.to(ManagementGrpcClient.DrainNode));
        bind(server, ManagementGrpcService.EvictDisk, passing.to(ManagementGrpcClient.EvictDisk));
        bind(server, ManagementGrpcService.CheckDeparture, passing.to(ManagementGrpcClient.CheckDeparture));
        bind(server, ManagementGrpcService.RemoveNode, passing.to(ManagementGrpcClient.RemoveNode));
        bind(server, ManagementGrpcService.RemoveDisk, passing.to(ManagementGrpcClient.RemoveDisk));
        bind(server, ManagementGrpcService.SetReplicas, passing.to(ManagementGrpcClient.SetReplicas));
        bind(server, ManagementGrpcService.ResizeVolume, passing.to(ManagementGrpcClient.ResizeVolume));
        bind(server, ManagementGrpcService.PublishVolume, passing.to(ManagementGrpcClient.PublishVolume));
        bind(server, ManagementGrpcService.ListRebuilds, passing.to(ManagementGrpcClient.ListRebuilds));
        bind(server, ManagementGrpcService.GetNodeStats, request -> loads.ofThisNode());
        bind(server, ManagementGrpcService.GetClusterLoad, request -> loads.ofAll());
        bind(server, ManagementGrpcService.ListEvents, passing.to(ManagementGrpcClient.ListEvents));
        bind(server, ManagementGrpcService.CollectDiagnostics, request -> local.diagnostics());
        bind(server, ManagementGrpcService.CheckNodeRestart, passing.to(ManagementGrpcClient.CheckNodeRestart));
        bind(server, ManagementGrpcService.GetMetadata, passing.to(ManagementGrpcClient.GetMetadata));
        bind(
                server,
                ManagementGrpcService.ChangeMetadataMembers,
                passing.to(ManagementGrpcClient.ChangeMetadataMembers));
        bind(server, ManagementGrpcService.RecoverMetadata, passing.to(ManagementGrpcClient.RecoverMetadata));
        bindStream(
                server,
                ManagementGrpcService.BackupMetadata,
                (request, report) -> passing.followAt(
                        members.toAsk(),
                        0,
                        ManagementGrpcClient.BackupMetadata,
                        request,
                        report,
                        Visitor.currentForOthers()));
        bindStream(
                server,
                ManagementGrpcService.VerifyVolume,
                (request, report) -> passing.followAt(
                        members.toAsk(),
                        0,
                        ManagementGrpcClient.VerifyVolume,
                        request,
                        report,
                        Visitor.currentForOthers()));
    }

    /** Nobody who knows can be asked: what was last known, and that it may be old. */
    private Future<ClusterStatus> getStatus(GetStatusRequest request) {
        return passTo(ManagementGrpcClient.GetStatus, request, Visitor.currentForOthers())
                .recover(failure -> isUnreachable(failure) && view.isPresent()
                        ? view.get().status(failure)
                        : Future.failedFuture(failure));
    }

    private Future<Volume> getVolume(GetVolumeRequest request) {
        String onBehalf = Visitor.currentForOthers();
        return view.map(at -> at.volume(request))
                .orElse(Future.succeededFuture(Optional.empty()))
                .compose(found -> found.map(Future::succeededFuture)
                        .orElseGet(() -> passTo(ManagementGrpcClient.GetVolume, request, onBehalf)));
    }

    /** A member may make it and fail before it answers: the next one must know that it is the same request. */
    private Future<Volume> createVolume(CreateVolumeRequest request) {
        CreateVolumeRequest recognisable = request.getRequestId().isEmpty()
                ? request.toBuilder().setRequestId(UUID.randomUUID().toString()).build()
                : request;
        return passTo(ManagementGrpcClient.CreateVolume, recognisable, Visitor.currentForOthers());
    }

    /** A second one that chooses would move it on to a third node. */
    private Future<Volume> moveVolume(MoveVolumeRequest request) {
        MoveVolumeRequest recognisable = request.getRequestId().isEmpty()
                ? request.toBuilder().setRequestId(UUID.randomUUID().toString()).build()
                : request;
        return passTo(ManagementGrpcClient.MoveVolume, recognisable, Visitor.currentForOthers());
    }

    private <Q, R> Future<Void> followAt(
            List<SocketAddress> servers,
            int member,
            ServiceMethod<R, Q> method,
            Q request,
            Function<R, Future<Void>> report,
            String onBehalf) {
        return whenItMay(System.nanoTime())
                .compose(may -> calls.follow(servers.get(member), method, request, report::apply, onBehalf))
                .recover(failure -> isUnreachable(failure) && member + 1 < servers.size()
                        ? followAt(servers, member + 1, method, request, report, onBehalf)
                        : Future.failedFuture(failure));
    }

    private <Q, R> Function<Q, Future<R>> to(ServiceMethod<R, Q> method) {
        return request -> passTo(method, request, Visitor.currentForOthers());
    }

    /** {@code onBehalf}: who asked, for the member to judge and to keep. */
    private <Q, R> Future<R> passTo(ServiceMethod<R, Q> method, Q request, String onBehalf) {
        return whenItMay(System.nanoTime()).compose(may -> passTo(members.toAsk(), 0, method, request, onBehalf));
    }

    /** A node that is listed as a member and takes no part would ask itself. What it waits for at its first start mostly comes within a second. */
    private Future<Void> whenItMay(long sinceNanos) {
        String aside = members.aside();
        if (aside.isEmpty()) {
            return Future.succeededFuture();
        }
        boolean isLong = System.nanoTime() - sinceNanos > BEGINS_WITHIN.toNanos();
        return isLong || !members.lost().isEmpty()
                ? Future.failedFuture(new RefusedException(GrpcStatus.UNAVAILABLE, aside))
                : calls.pause(LOOKS_EVERY).compose(looked -> whenItMay(sinceNanos));
    }

    private <Q, R> Future<R> passTo(
            List<SocketAddress> servers, int member, ServiceMethod<R, Q> method, Q request, String onBehalf) {
        return calls.ask(servers.get(member), method, request, DEADLINE, onBehalf)
                .recover(failure -> isUnreachable(failure) && member + 1 < servers.size()
                        ? passTo(servers, member + 1, method, request, onBehalf)
                        : Future.failedFuture(failure));
    }

    /** Asks the members who has an API token. */
    static Function<String, Future<Optional<Principal>>> whoHas(NodeCalls calls, MetadataMembers members) {
        ForwardingManagement passing = new ForwardingManagement(calls, members, Optional.empty());
        return secret -> passing.passTo(
                        IdentityGrpcClient.WhoIs,
                        WhoIsRequest.newBuilder().setSecret(secret).build(),
                        "")
                .map(answer -> Principal.parse(answer.getPrincipal()));
    }

    private static boolean isUnreachable(Throwable failure) {
        return failure instanceof CallFailedException call && call.status() == GrpcStatus.UNAVAILABLE;
    }
}
