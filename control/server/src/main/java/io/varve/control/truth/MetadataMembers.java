package io.varve.control.truth;

import io.varve.api.GroupMember;
import io.varve.api.MetadataGroup;
import io.vertx.core.net.SocketAddress;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who is in the metadata group, as this node knows it: the newest list that it heard from a member, or from one that it knew as a member. What other nodes
 * say only tells whom to ask. Safe from any thread.
 */
public final class MetadataMembers {
    private static final Logger LOG = LoggerFactory.getLogger(MetadataMembers.class);

    private final String own;
    private final List<SocketAddress> first;
    private final List<Consumer<MetadataGroup>> listeners = new CopyOnWriteArrayList<>();
    private volatile MetadataGroup group;
    private volatile List<SocketAddress> addresses;

    /** Why this node takes no part, though it is listed as a member; empty: it is not so. */
    private volatile String aside = "";

    /** The peer whose storage is lost. */
    private volatile String lost = "";

    private volatile Optional<Founding> founding = Optional.empty();

    /** A newer list by the word of a node that was no member; without a version: none. */
    private volatile MetadataGroup hearsay = MetadataGroup.getDefaultInstance();

    /**
     * Begins with what was known at the start.
     *
     * @param own this node: its member is the best one to ask
     * @param first management addresses of the first members, by the configuration
     */
    public MetadataMembers(String own, List<SocketAddress> first, MetadataGroup known) {
        this.own = own;
        this.first = List.copyOf(first);
        this.group = known;
        this.addresses = addresses(known);
        if (addresses.isEmpty()) {
            throw new IllegalArgumentException("at least one metadata member's management address is needed");
        }
    }

    /** A list of addresses that nobody changes. */
    public static MetadataMembers fixed(List<SocketAddress> addresses) {
        return new MetadataMembers("", addresses, MetadataGroup.getDefaultInstance());
    }

    private List<SocketAddress> addresses(MetadataGroup known) {
        if (known.getMembersCount() == 0) {
            return first;
        }
        return known.getMembersList().stream()
                .sorted((a, b) ->
                        Boolean.compare(b.getNode().equals(own), a.getNode().equals(own)))
                .map(GroupMember::getManagementAddress)
                .map(MetadataMembers::address)
                .toList();
    }

    private static SocketAddress address(String text) {
        int colon = text.lastIndexOf(':');
        String host = text.substring(0, colon);
        String bare = host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
        return SocketAddress.inetSocketAddress(Integer.parseInt(text.substring(colon + 1)), bare);
    }

    public MetadataGroup group() {
        return group;
    }

    /** Management addresses of the members, the own one first. */
    public List<SocketAddress> addresses() {
        return addresses;
    }

    /** Whom to ask what only members answer: those that are known, then those of whom other nodes told. */
    public List<SocketAddress> toAsk() {
        MetadataGroup told = hearsay;
        return told.getVersion() == 0
                ? addresses
                : Stream.concat(addresses.stream(), addresses(told).stream())
                        .distinct()
                        .toList();
    }

    /** Some node told of a newer list, and no member has yet. */
    public boolean isDoubtful() {
        return hearsay.getVersion() > 0;
    }

    /** Whom to ask who the members are, when none of those that are known answers. */
    public List<SocketAddress> everybody() {
        return Stream.of(
                        toAsk().stream(),
                        first.stream(),
                        group.getJoiningList().stream()
                                .map(GroupMember::getManagementAddress)
                                .map(MetadataMembers::address),
                        group.getOthersList().stream().map(MetadataMembers::address))
                .flatMap(each -> each)
                .distinct()
                .toList();
    }

    /** Nodes that are members, or are being taken in. */
    public Set<String> nodes() {
        MetadataGroup now = group;
        return Stream.concat(now.getMembersList().stream(), now.getJoiningList().stream())
                .map(GroupMember::getNode)
                .collect(Collectors.toSet());
    }

    /**
     * Somebody told who the members are. Who was one in the list that is known is believed; any other node may have been broken into: what it says is not acted
     * upon, but whom it names is asked.
     */
    public void told(SocketAddress by, MetadataGroup told) {
        if (addresses.contains(by)) {
            heard(told);
            return;
        }
        synchronized (this) {
            long newest = Math.max(group.getVersion(), hearsay.getVersion());
            if (told.getVersion() <= newest || told.getMembersCount() == 0 || !isUsable(told)) {
                return;
            }
            hearsay = told;
        }
        LOG.info(
                "metadata members told by a node that is none, they are asked by={} version={} members={}",
                by,
                told.getVersion(),
                peers(told.getMembersList()));
    }

    /** Takes a list over, if it is newer than what is known: by the word of a member, or by what the own one has applied. */
    public void heard(MetadataGroup told) {
        synchronized (this) {
            boolean isNewer = told.getVersion() > group.getVersion() && told.getMembersCount() > 0;
            boolean knowsMore = told.getVersion() == group.getVersion()
                    && told.getVersion() > 0
                    && told.getOthersCount() > 0
                    && !told.getOthersList().equals(group.getOthersList());
            if ((!isNewer && !knowsMore) || !isUsable(told)) {
                return;
            }
            addresses = addresses(told);
            group = told.getOthersCount() == 0
                    ? told.toBuilder().addAllOthers(group.getOthersList()).build()
                    : told;
            if (hearsay.getVersion() <= told.getVersion()) {
                hearsay = MetadataGroup.getDefaultInstance();
            }
            if (isNewer) {
                LOG.info(
                        "metadata members version={} members={} joining={} leaving={}",
                        told.getVersion(),
                        peers(told.getMembersList()),
                        peers(told.getJoiningList()),
                        told.getLeavingList());
            }
        }
        MetadataGroup now = group;
        listeners.forEach(listener -> listener.accept(now));
    }

    /** Whether each address in it is one. */
    private static boolean isUsable(MetadataGroup told) {
        try {
            Stream.concat(told.getMembersList().stream(), told.getJoiningList().stream())
                    .map(GroupMember::getManagementAddress)
                    .forEach(MetadataMembers::address);
            told.getOthersList().forEach(MetadataMembers::address);
            return true;
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            LOG.warn("metadata members not understood version={} reason=\"{}\"", told.getVersion(), e.getMessage());
            return false;
        }
    }

    private static List<String> peers(List<GroupMember> members) {
        return members.stream().map(GroupMember::getPeer).toList();
    }

    /**
     * This node is listed as a member and takes no part.
     *
     * @param why for people
     * @param lostPeer the peer whose storage it should have; empty: it waits
     */
    public void standAside(String why, String lostPeer) {
        aside = why;
        lost = lostPeer;
    }

    /** It takes part, or is listed as a member no more. */
    public void waitsNoMore() {
        standAside("", "");
        founding = Optional.empty();
    }

    /** Why it stands aside; empty: it does not. */
    public String aside() {
        return aside;
    }

    /** The peer that this node should be and whose storage it has not; empty: none. */
    public String lost() {
        return lost;
    }

    /** This node waits to begin as a first member. */
    public void awaits(Founding begun) {
        founding = Optional.of(begun);
    }

    public Optional<Founding> founding() {
        return founding;
    }

    /** Whom to tell of every newer list, on the thread that brought it; must not block. */
    public void onChange(Consumer<MetadataGroup> listener) {
        listeners.add(listener);
    }
}
