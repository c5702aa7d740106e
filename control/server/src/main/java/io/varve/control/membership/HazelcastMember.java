package io.varve.control.membership;

import com.hazelcast.cluster.InitialMembershipEvent;
import com.hazelcast.cluster.InitialMembershipListener;
import com.hazelcast.cluster.Member;
import com.hazelcast.cluster.MembershipEvent;
import com.hazelcast.config.Config;
import com.hazelcast.config.ListenerConfig;
import com.hazelcast.core.Hazelcast;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.core.LifecycleEvent.LifecycleState;
import com.hazelcast.core.LifecycleListener;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;

/** This node as a running Hazelcast member: its maps, and who else is there. Safe from any thread. */
final class HazelcastMember {
    private final HazelcastInstance instance;
    private final SealedMap loads;
    private final SealedMap view;
    private final SealedMap news;

    private HazelcastMember(HazelcastInstance instance, MembershipKey key, LongAdder foreign) {
        this.instance = instance;
        this.loads = map(HazelcastSettings.LOADS, key, foreign);
        this.view = map(HazelcastSettings.VIEW, key, foreign);
        this.news = map(HazelcastSettings.NEWS, key, foreign);
    }

    private SealedMap map(String name, MembershipKey key, LongAdder foreign) {
        return new SealedMap(name, instance.getMap(name), key, foreign);
    }

    /** Hears what happens, on Hazelcast's threads; must not block. */
    interface Listener {
        void joined(String node, long incarnation);

        void lost(String node, long incarnation);

        /** This member had been apart and took over what the others have: everything that it wrote meanwhile is gone. */
        void merged();

        /** It stopped by itself: the others refuse it, or it cannot go on. */
        void ended();
    }

    /**
     * Starts, and looks for others for a few seconds; alone is a beginning, too.
     *
     * @throws RuntimeException whatever keeps it from starting: it is of no consequence to anything else
     */
    static HazelcastMember start(MembershipConfig told, MembershipKey key, LongAdder foreign, Listener listener) {
        Config config = HazelcastSettings.of(told, key);
        config.addListenerConfig(new ListenerConfig(new Comings(listener)));
        config.addListenerConfig(new ListenerConfig((LifecycleListener) event -> {
            if (event.getState() == LifecycleState.MERGED) {
                listener.merged();
            } else if (event.getState() == LifecycleState.SHUTDOWN) {
                listener.ended();
            }
        }));
        return new HazelcastMember(Hazelcast.newHazelcastInstance(config), key, foreign);
    }

    /** Whoever says that it is no node of ours is none: anybody may say anything here. */
    private record Comings(Listener listener) implements InitialMembershipListener {
        private record Who(String node, long incarnation) {}

        @Override
        public void init(InitialMembershipEvent event) {
            event.getMembers().forEach(this::came);
        }

        @Override
        public void memberAdded(MembershipEvent event) {
            came(event.getMember());
        }

        private void came(Member member) {
            who(member).ifPresent(who -> listener.joined(who.node, who.incarnation));
        }

        @Override
        public void memberRemoved(MembershipEvent event) {
            who(event.getMember()).ifPresent(who -> listener.lost(who.node, who.incarnation));
        }

        private static Optional<Who> who(Member member) {
            String node = member.getAttribute(HazelcastSettings.NODE);
            String incarnation = member.getAttribute(HazelcastSettings.INCARNATION);
            try {
                return node == null || incarnation == null
                        ? Optional.empty()
                        : Optional.of(new Who(node, Long.parseLong(incarnation)));
            } catch (NumberFormatException e) {
                return Optional.empty();
            }
        }
    }

    SealedMap loads() {
        return loads;
    }

    SealedMap view() {
        return view;
    }

    SealedMap news() {
        return news;
    }

    /** Others see the connections break and need not wait; nothing is handed over, as everything is told again. */
    void stop() {
        instance.getLifecycleService().terminate();
    }
}
