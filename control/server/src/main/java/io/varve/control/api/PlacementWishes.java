package io.varve.control.api;

import io.varve.api.Node;
import io.varve.api.PlacementWish;
import io.varve.control.meta.MetaState;
import io.varve.control.placement.Wish;
import java.util.Optional;

/** Where people want the copies of a volume, as placement understands it. */
final class PlacementWishes {
    /** Longer than any name of a node or a zone. */
    private static final int MAX_LENGTH = 256;

    private PlacementWishes() {}

    static Optional<String> objection(PlacementWish wish) {
        return wish.getNode().length() > MAX_LENGTH || wish.getZone().length() > MAX_LENGTH
                ? Optional.of("the names of a node and a zone have at most " + MAX_LENGTH + " characters")
                : Optional.empty();
    }

    /** {@code bytes}: of the volume, or of what is added to it. */
    static Wish of(MetaState state, PlacementWish wish, long bytes) {
        String zone = wish.getZone().isEmpty()
                ? state.node(wish.getNode()).map(Node::getZone).orElse("")
                : wish.getZone();
        return new Wish(wish.getNode(), zone, bytes, wish.getDistinctZones());
    }
}
