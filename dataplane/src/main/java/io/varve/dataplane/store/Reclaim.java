package io.varve.dataplane.store;

import java.util.ArrayList;
import java.util.List;

/**
 * Checkpoints on demand, so that nobody is told "full" for units that the next checkpoint gives back. One checkpoint destages what is
 * committed and frees what that replaces; units of direct writes that were themselves overwritten in the journal become loose only then, and are
 * free after a second one. Confined to the group's loop.
 */
final class Reclaim {
    private final GroupState group;
    private final Checkpoints checkpoints;
    /** Who asked while a round was running; each access point asks once at a time, so that their number bounds it. */
    private List<Runnable> waiting = new ArrayList<>();

    private boolean running;

    Reclaim(GroupState group, Checkpoints checkpoints) {
        this.group = group;
        this.checkpoints = checkpoints;
    }

    void ask(Runnable done) {
        waiting.add(done);
        if (!running) {
            running = true;
            group.loop.execute(this::round);
        }
    }

    private void round() {
        List<Runnable> served = waiting;
        waiting = new ArrayList<>();
        if (!group.isServing()) {
            end(served);
            return;
        }
        checkpoints.runOnce(() -> {
            if (group.isServing() && group.directUnits.isAnyLoose()) {
                checkpoints.runOnce(() -> end(served));
            } else {
                end(served);
            }
        });
    }

    private void end(List<Runnable> served) {
        running = !waiting.isEmpty();
        if (running) {
            group.loop.execute(this::round);
        }
        served.forEach(Runnable::run);
    }
}
