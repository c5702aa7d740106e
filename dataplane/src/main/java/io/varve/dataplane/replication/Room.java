package io.varve.dataplane.replication;

/** What the copies of an attached volume have room for: in flight, on the way to them, in their journals, in their pools. Confined to the volume's loop. */
final class Room {
    /** Between two looks at the credits while writes wait for room. */
    private static final long CREDIT_PAUSE_NANOS = 10_000_000L;

    private final AccessPointHost host;
    private final AccessPointHost.Owner owner;
    private boolean isAskingAgain;

    Room(AccessPointHost host, AccessPointHost.Owner owner) {
        this.host = host;
        this.owner = owner;
    }

    /** True if a record that takes so much of the journals can be numbered on the slab now; else credits are asked for. */
    boolean mayNumber(SlabHost at, long journalCost) {
        if (!canWrite(at)) {
            return false;
        }
        if (freeJournalBytes(at) < journalCost) {
            askForCredits(at);
            return false;
        }
        return true;
    }

    /** True if a record can be numbered on the slab now: in flight there is room, and every link takes more. */
    private boolean canWrite(SlabHost at) {
        if (host.hasEnded() || !at.point.canWrite()) {
            return false;
        }
        for (int i = 0; i < at.ports.length; i++) {
            if (at.isRequired(i) && !at.ports[i].isWritable()) {
                return false;
            }
        }
        return true;
    }

    /** What every copy of the slab has room for in its journal, in bytes, for certain. */
    private static long freeJournalBytes(SlabHost at) {
        long least = Long.MAX_VALUE;
        for (int i = 0; i < at.ports.length; i++) {
            least = at.isRequired(i) ? Math.min(least, at.ports[i].freeJournalBytes()) : least;
        }
        return least;
    }

    /** Pieces that every copy of the slab can still allocate. */
    long freePieces(SlabHost at) {
        long least = Long.MAX_VALUE;
        for (int i = 0; i < at.ports.length; i++) {
            least = at.isRequired(i) ? Math.min(least, at.ports[i].freePieces()) : least;
        }
        return least;
    }

    /** Asks for newer credits; {@link AccessPointHost.Owner#eased} follows. */
    private void askForCredits(SlabHost at) {
        for (GroupPort port : at.ports) {
            port.probe();
        }
        if (!isAskingAgain) {
            isAskingAgain = true;
            host.loop().schedule(CREDIT_PAUSE_NANOS, () -> {
                isAskingAgain = false;
                if (!host.hasEnded()) {
                    host.joined().probe();
                    owner.eased();
                }
            });
        }
    }

    /** As {@link AccessPointHost#reclaim}. */
    int reclaim(SlabHost at, long pieces, AccessPointHost.Reclaimed told) {
        int asked = 0;
        for (int i = 0; i < at.ports.length; i++) {
            if (at.isRequired(i) && at.ports[i].freePieces() < pieces) {
                asked++;
                at.ports[i].reclaim(answered -> {
                    if (!host.hasEnded()) {
                        told.told(answered);
                        owner.eased();
                    }
                });
            }
        }
        return asked;
    }
}
