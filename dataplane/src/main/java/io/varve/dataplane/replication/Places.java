package io.varve.dataplane.replication;

import io.varve.dataplane.check.Invariant;
import java.util.ArrayList;
import java.util.List;

/** The members of a slab, each at its index, while copies come and go. Confined to the volume's loop. */
final class Places {
    /** Reads and maps keep them as bits of an int. */
    static final int MAX_MEMBERS = 31;

    /** By index, whoever was dropped included. */
    private final List<Member> places;

    /** Those that are there, the nearest first. */
    private final List<Member> members;

    private int dropped;

    Places(List<Member> members) {
        Invariant.check(
                !members.isEmpty() && members.size() <= MAX_MEMBERS, "members of a replica set", members.size());
        this.places = new ArrayList<>(members);
        this.members = new ArrayList<>(members);
    }

    /** By index, whoever was dropped included. */
    List<Member> all() {
        return places;
    }

    /** Those that are there, the nearest first. */
    List<Member> members() {
        return members;
    }

    Member at(int index) {
        return places.get(index);
    }

    /**
     * The index for a copy that is to be added; −1: there is no place. A place that was left is taken only when there are no new ones, and then the one
     * that has been free the longest, so that nothing is on its way any more that means who was there.
     */
    int free() {
        if (places.size() < MAX_MEMBERS) {
            return places.size();
        }
        int longest = -1;
        for (Member member : places) {
            if (member.isGone() && (longest < 0 || member.droppedAs < places.get(longest).droppedAs)) {
                longest = member.index;
            }
        }
        return longest;
    }

    /** A copy that was made since the attach. It is outside of the set, and spoken to when the slab is open. */
    void add(Member member) {
        Invariant.check(InSyncSet.isLearner(member) && !member.isRequired, "a copy is added to the set", member.index);
        if (member.index == places.size()) {
            places.add(member);
        } else {
            Invariant.check(places.get(member.index).isGone(), "the place of a copy is not free", member.index);
            places.set(member.index, member);
        }
        int at = 0;
        while (at < members.size() && members.get(at).distance <= member.distance) {
            at++;
        }
        members.add(at, member);
    }

    /** True if the copy can be dropped: it is in no set, nor may it be, and nobody waits for it. */
    static boolean isDroppable(Member member) {
        return !member.isRequired && InSyncSet.isLearner(member);
    }

    /** The truth names the copy no longer: it is spoken to no more, and its place is free. */
    void drop(int index) {
        Member member = at(index);
        Invariant.check(!member.isRequired && !member.isInSet, "a copy is dropped that is waited for", index);
        member.state = ReplicaState.FAILED;
        member.isSealed = false;
        member.droppedAs = ++dropped;
        members.remove(member);
    }
}
