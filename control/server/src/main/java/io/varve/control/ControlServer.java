package io.varve.control;

import io.varve.control.api.ApiServer;
import io.varve.control.api.NodeLocal;
import io.varve.control.membership.Membership;
import io.varve.control.membership.MembershipConfig;
import io.varve.control.membership.MembershipTimes;
import io.varve.control.membership.ViewWriter;
import io.varve.control.raft.MetaConfig;
import io.varve.control.raft.MetaMember;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import java.io.IOException;
import java.util.Objects;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The control plane of one process, running: its management API, and its part in the metadata group as long as it has one. That part is started, made to
 * serve and stopped by one thread at a time; everything else is safe from any.
 */
public final class ControlServer {
    private static final Logger LOG = LoggerFactory.getLogger(ControlServer.class);

    private final ControlConfig config;
    private final Vertx vertx;
    private final ApiServer api;
    private final Membership membership;
    private Optional<MetaMember> member;
    private volatile Optional<ViewWriter> view;

    private ControlServer(
            ControlConfig config, Vertx vertx, Optional<MetaMember> member, ApiServer api, Membership membership) {
        this.config = config;
        this.vertx = vertx;
        this.member = member;
        this.api = api;
        this.membership = membership;
        this.view = member.map(this::writer);
    }

    private ViewWriter writer(MetaMember local) {
        MembershipTimes times = config.membership().map(MembershipConfig::times).orElse(MembershipTimes.USUAL);
        return new ViewWriter(local, membership, times.check());
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
                                config.audited(),
                                membership)
                        .map(api -> {
                            LOG.info(
                                    "management api listening address={}:{} metadata={}",
                                    config.bindHost(),
                                    api.port(),
                                    member.isPresent());
                            return new ControlServer(config, vertx, member, api, membership);
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

    /**
     * Takes part in the metadata group, as one that is to become a member: it is filled, and answers nobody yet. Blocks on the disk.
     *
     * @throws IOException when its storage or its port cannot be used
     */
    public synchronized void join(MetaConfig part) throws IOException {
        MetaMember started = MetaMember.start(part);
        member = Optional.of(started);
        api.takesPart(started.peer());
    }

    /** It is a member: from now on it answers. */
    public synchronized void serveAsMember() {
        MetaMember own = member.orElseThrow();
        api.serve(own, config.audited());
        view = Optional.of(writer(own));
    }

    /** Takes no part in the metadata group any more. Blocks for a second or two. */
    public synchronized void leaveGroup() throws IOException {
        api.forward();
        api.takesPart("");
        view.ifPresent(ViewWriter::close);
        view = Optional.empty();
        Optional<MetaMember> former = member;
        member = Optional.empty();
        if (former.isPresent()) {
            former.get().close();
        }
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
        return api.close().eventually(this::leave).eventually(() -> stopMember(vertx, present()));
    }

    private synchronized Optional<MetaMember> present() {
        return member;
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
