package io.varve.control.api;

import static io.varve.control.api.CallBinding.bind;
import static io.varve.control.api.CallBinding.bindStream;

import io.varve.api.GetMembersRequest;
import io.varve.api.IdentityGrpcService;
import io.varve.api.KnownMembers;
import io.varve.api.ManagementGrpcService;
import io.varve.api.ManagementService;
import io.varve.api.NodeControlGrpcService;
import io.varve.api.TruthGrpcService;
import io.varve.api.TruthService;
import io.varve.api.VerifyProgress;
import io.varve.api.VerifyVolumeRequest;
import io.varve.control.truth.MetadataMembers;
import io.vertx.core.Future;
import io.vertx.grpc.common.GrpcStatus;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** Which method of which service is answered by what. */
final class Services {
    private Services() {}

    static void truth(Door server, TruthService truth) {
        bind(server, TruthGrpcService.RegisterNode, truth::registerNode);
        bind(server, TruthGrpcService.RegisterGroup, truth::registerGroup);
        bind(server, TruthGrpcService.WatchNode, truth::watchNode);
        bind(server, TruthGrpcService.ReplicasCreated, truth::replicasCreated);
        bind(server, TruthGrpcService.ReplicasDeleted, truth::replicasDeleted);
        bind(server, TruthGrpcService.ReplicasGuaranteed, truth::replicasGuaranteed);
        bind(server, TruthGrpcService.Attach, truth::attach);
        bind(server, TruthGrpcService.Open, truth::open);
        bind(server, TruthGrpcService.ChangeIsr, truth::changeIsr);
        bind(server, TruthGrpcService.Opened, truth::opened);
        bind(server, TruthGrpcService.Detached, truth::detached);
        bind(server, TruthGrpcService.ReportEvent, truth::reportEvent);
        bind(server, TruthGrpcService.Sightings, truth::sightings);
    }

    static void management(
            Door server,
            ManagementService management,
            CallBinding.StreamAnswer<VerifyVolumeRequest, VerifyProgress> verify) {
        bind(server, ManagementGrpcService.InitCluster, management::initCluster);
        bind(server, ManagementGrpcService.GetStatus, management::getStatus);
        bind(server, ManagementGrpcService.ListNodes, management::listNodes);
        bind(server, ManagementGrpcService.ListDiskGroups, management::listDiskGroups);
        bind(server, ManagementGrpcService.AddDisk, management::addDisk);
        bind(server, ManagementGrpcService.RetryDisk, management::retryDisk);
        bind(server, ManagementGrpcService.CreateVolume, management::createVolume);
        bind(server, ManagementGrpcService.ListVolumes, management::listVolumes);
        bind(server, ManagementGrpcService.GetVolume, management::getVolume);
        bind(server, ManagementGrpcService.AttachVolume, management::attachVolume);
        bind(server, ManagementGrpcService.MoveVolume, management::moveVolume);
        bind(server, ManagementGrpcService.DetachVolume, management::detachVolume);
        bind(server, ManagementGrpcService.DeleteVolume, management::deleteVolume);
        bind(server, ManagementGrpcService.GetNodeStats, management::getNodeStats);
        bind(server, ManagementGrpcService.ListEvents, management::listEvents);
        bind(server, ManagementGrpcService.CollectDiagnostics, management::collectDiagnostics);
        bind(server, ManagementGrpcService.CheckNodeRestart, management::checkNodeRestart);
        bind(server, ManagementGrpcService.GetSettings, management::getSettings);
        bind(server, ManagementGrpcService.ChangeSettings, management::changeSettings);
        bind(server, ManagementGrpcService.DrainNode, management::drainNode);
        bind(server, ManagementGrpcService.EvictDisk, management::evictDisk);
        bind(server, ManagementGrpcService.CheckDeparture, management::checkDeparture);
        bind(server, ManagementGrpcService.RemoveNode, management::removeNode);
        bind(server, ManagementGrpcService.RemoveDisk, management::removeDisk);
        bind(server, ManagementGrpcService.SetReplicas, management::setReplicas);
        bind(server, ManagementGrpcService.ResizeVolume, management::resizeVolume);
        bind(server, ManagementGrpcService.PublishVolume, management::publishVolume);
        bind(server, ManagementGrpcService.ListRebuilds, management::listRebuilds);
        bind(server, ManagementGrpcService.GetClusterLoad, management::getClusterLoad);
        bindStream(server, ManagementGrpcService.VerifyVolume, verify);
    }

    /** The metadata group itself, at one of its members. */
    static void metadata(Door server, MetadataCalls metadata) {
        bind(server, ManagementGrpcService.GetMetadata, request -> metadata.show());
        bind(server, ManagementGrpcService.RecoverMetadata, metadata::recover);
        bind(server, ManagementGrpcService.ChangeMetadataMembers, metadata::changeMembers);
        bindStream(server, ManagementGrpcService.BackupMetadata, (request, report) -> metadata.backup(report));
    }

    /** What only a metadata member answers, at a node that is none: whoever asks goes on to the next. */
    static void nobody(Door server) {
        bind(server, TruthGrpcService.RegisterNode, request -> noMember());
        bind(server, TruthGrpcService.RegisterGroup, request -> noMember());
        bind(server, TruthGrpcService.WatchNode, request -> noMember());
        bind(server, TruthGrpcService.ReplicasCreated, request -> noMember());
        bind(server, TruthGrpcService.ReplicasDeleted, request -> noMember());
        bind(server, TruthGrpcService.ReplicasGuaranteed, request -> noMember());
        bind(server, TruthGrpcService.Attach, request -> noMember());
        bind(server, TruthGrpcService.Open, request -> noMember());
        bind(server, TruthGrpcService.ChangeIsr, request -> noMember());
        bind(server, TruthGrpcService.Opened, request -> noMember());
        bind(server, TruthGrpcService.Detached, request -> noMember());
        bind(server, TruthGrpcService.ReportEvent, request -> noMember());
        bind(server, TruthGrpcService.Sightings, request -> noMember());
        bind(server, IdentityGrpcService.Join, request -> noMember());
        bind(server, IdentityGrpcService.Renew, request -> noMember());
        bind(server, IdentityGrpcService.WhoIs, request -> noMember());
        bind(server, IdentityGrpcService.GetAuthority, request -> noMember());
    }

    private static <R> Future<R> noMember() {
        return Future.failedFuture(
                new RefusedException(GrpcStatus.UNAVAILABLE, "this node is no member of the metadata group"));
    }

    /** API tokens and who may join, at a metadata member. */
    static void tokens(Door server, TokenCalls tokens) {
        bind(server, ManagementGrpcService.CreateToken, tokens::create);
        bind(server, ManagementGrpcService.ListTokens, request -> tokens.list());
        bind(server, ManagementGrpcService.RevokeToken, tokens::revoke);
        bind(server, IdentityGrpcService.WhoIs, tokens::whoIs);
    }

    /** Certificates, on a node that issues them. {@code stillBelongs}: whether a node of that name may stay; {@code members}: who may have the key. */
    static void certificates(
            Door server,
            CertificateCalls certificates,
            Predicate<String> stillBelongs,
            Supplier<Future<Set<String>>> members) {
        bind(server, ManagementGrpcService.CreateJoinToken, certificates::createJoinToken);
        bind(server, IdentityGrpcService.Join, certificates::join);
        bind(server, IdentityGrpcService.Renew, request -> certificates.renew(request, stillBelongs));
        bind(server, IdentityGrpcService.GetAuthority, request -> certificates.authorityFor(members));
    }

    /** Those with which the first members come, at one that waits for them; not any more when there is a group and this node has lost its part. */
    static void firstCertificates(Door server, CertificateCalls certificates, MetadataMembers members) {
        bind(
                server,
                ManagementGrpcService.CreateJoinToken,
                request -> members.lost().isEmpty() ? certificates.createJoinToken(request) : stoodAside(members));
        bind(
                server,
                IdentityGrpcService.Join,
                request -> members.lost().isEmpty() ? certificates.join(request) : stoodAside(members));
    }

    private static <R> Future<R> stoodAside(MetadataMembers members) {
        return Future.failedFuture(new RefusedException(GrpcStatus.UNAVAILABLE, members.aside()));
    }

    static void nodeControl(Door server, NodeLocal local, Function<GetMembersRequest, KnownMembers> members) {
        bind(server, NodeControlGrpcService.GetMembers, request -> Future.succeededFuture(members.apply(request)));
        bind(server, NodeControlGrpcService.AddDevice, local::addDevice);
        bind(server, NodeControlGrpcService.RetryDevice, local::retryDevice);
        bindStream(
                server,
                NodeControlGrpcService.VerifyAttached,
                (request, report) -> local.verify(request, report::apply));
    }
}
