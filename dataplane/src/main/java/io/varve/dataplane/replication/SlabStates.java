package io.varve.dataplane.replication;

/** What the slabs of a volume tell people, in a word and in a sentence. Made for one question; on the volume's loop. */
final class SlabStates {
    private final SlabHost[] slabs;
    private final int replicas;

    /** {@code replicas}: copies that each slab should have. */
    SlabStates(SlabHost[] slabs, int replicas) {
        this.slabs = slabs;
        this.replicas = replicas;
    }

    String state(boolean openTold) {
        AccessPoint.Phase least = AccessPoint.Phase.CLOSED;
        boolean stalled = false;
        boolean degraded = false;
        for (SlabHost slab : slabs) {
            AccessPoint.Phase phase = slab.point.phase();
            if (phase == AccessPoint.Phase.FENCED || phase == AccessPoint.Phase.REFUSED) {
                return phase.name();
            }
            least = phase.compareTo(least) < 0 ? phase : least;
            int inSync = 0;
            for (Member member : slab.point.members()) {
                stalled |= member.isInSet && !member.isSealed;
                inSync += member.isInSet ? 1 : 0;
            }
            degraded |= inSync < replicas;
        }
        return switch (least) {
            case SEALING, RECONCILING, OPENING -> least.name();
            case STARTING -> "OPENING";
            case OPEN -> !openTold ? "OPENING" : stalled ? "STALLED" : degraded ? "DEGRADED" : "HEALTHY";
            case CLOSED, FENCED, REFUSED -> "DETACHED";
        };
    }

    /** {@code changing}: why the set cannot be changed now, empty if nothing is in the way. */
    String detail(String changing) {
        String missing = "";
        for (SlabHost slab : slabs) {
            for (Member member : slab.point.members()) {
                if (slab.point.hasEnded()) {
                    continue;
                }
                String why = member.trouble.isEmpty() ? slab.ports[member.index].trouble() : member.trouble;
                if (member.isInSet && !member.isSealed) {
                    return "slab " + slab.spec.index() + " waits for its copy on disk group " + member.group
                            + (why.isEmpty() ? "" : ": " + why) + (changing.isEmpty() ? "" : "; " + changing);
                }
                if (!member.isInSet && !member.isLeaving && missing.isEmpty()) {
                    Learner learner = slab.learner(member.index);
                    missing = "slab " + slab.spec.index() + " is without its copy on disk group " + member.group
                            + (learner != null ? ": " + learner.progress() : why.isEmpty() ? "" : ": " + why);
                }
            }
        }
        return missing;
    }
}
