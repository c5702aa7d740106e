package io.varve.control;

import io.varve.control.api.ApiServer;
import io.varve.control.api.NodeLocal;
import io.varve.control.membership.Membership;
import io.varve.control.membership.MembershipConfig;
import io.varve.control.membership.MembershipTimes;
import io.varve.control.membership.ViewWriter;
import io.varve.control.raft.MetaMember;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import java.util.Objects;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The control plane of one process, running: its metadata member, if it is one, and its management API. */
public final class ControlServer {
    private static final Logger LOG = LoggerFactory.getLogger(ControlServer.class);

    private final Vertx vertx;
    private final Optional<MetaMember> member;
    private final ApiServer api;
    private final Membership membership;
    private final Optional<ViewWriter> view;

    private ControlServer(
            Vertx vertx, Optional<MetaMember> member, ApiServer api, Membership membership, MembershipTimes times) {
        this.vertx = vertx;
        this.member = member;
        this.api = api;
        this.membership = membership;
        this.view = member.map(local -> new ViewWriter(local, membership, times.check()));
    }

    /**
     * Starts everything. The API answers as soon as the future completes; there may be no leader yet, and calls then wait for one
     * up to their deadline.
     *
     * @param vertx any transport; the API takes one of its event loops, reads of the truth its worker pool
     * @param local the data plane of this node
     * @return fails when the metadata member's storage or one of the ports cannot be used
     */
    public static Future<ControlServer> start(ControlConfig config, Vertx vertx, NodeLocal local) {
        Membership membership = new Membership(config.membership(), local::stats);
        return startMember(config, vertx)
                .compose(member -> ApiServer.start(
                                vertx,
                                SocketAddress.inetSocketAddress(config.managementPort(), config.bindHost()),
                                config.members(),
                                member,
                                local,
                                config.identity(),
                                config.issuing(),
                                config.metadata().map(own -> own.storageDir().resolveSibling("audit.log")),
                                membership)
                        .map(api -> {
                            LOG.info(
                                    "management api listening address={}:{} metadata={}",
                                    config.bindHost(),
                                    api.port(),
                                    member.isPresent());
                            return new ControlServer(
                                    vertx,
                                    member,
                                    api,
                                    membership,
                                    config.membership()
                                            .map(MembershipConfig::times)
                                            .orElse(MembershipTimes.USUAL));
                        })
                        .recover(failure ->
                                stopMember(vertx, member).transform(stopped -> Future.failedFuture(failure))));
    }

    private static Future<Optional<MetaMember>> startMember(ControlConfig config, Vertx vertx) {
        if (config.metadata().isEmpty()) {
            return Future.succeededFuture(Optional.empty());
        }
        return vertx.executeBlocking(() -> MetaMember.start(config.metadata().get()), false)
                .map(started -> Optional.of(Objects.requireNonNull(started)));
    }

    private static Future<Void> stopMember(Vertx vertx, Optional<MetaMember> member) {
        if (member.isEmpty()) {
            return Future.succeededFuture();
        }
        return vertx.executeBlocking(
                        () -> {
                            member.get().close();
                            return true;
                        },
                        false)
                .mapEmpty();
    }

    /** The port of the management API. */
    public int managementPort() {
        return api.port();
    }

    /** Who else is there; begins when it is given the cluster's key. */
    public Membership membership() {
        return membership;
    }

    /** Entries of the placement view that this node has written. */
    public long viewWrites() {
        return view.map(ViewWriter::written).orElse(0L);
    }

    /** Stops the API, the membership, then the metadata member; takes about two seconds when there is one. */
    public Future<Void> close() {
        return api.close().eventually(this::leave).eventually(() -> stopMember(vertx, member));
    }

    private Future<Void> leave() {
        return vertx.executeBlocking(
                        () -> {
                            view.ifPresent(ViewWriter::close);
                            membership.close();
                            return true;
                        },
                        false)
                .mapEmpty();
    }
}
