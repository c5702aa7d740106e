package io.varve.cli.attach;

import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Finds out where a volume is open. */
interface AccessPoints extends AutoCloseable {
    /**
     * Looks until there is an answer, which {@code found} gets on any thread. The next search begins after it.
     *
     * @param last where it was; null at first
     * @param ended the place itself said that it is over there: only a newer epoch is an answer
     * @param dead how long nobody has answered there; if that is long and the volume is there still, it is moved away
     */
    void search(@Nullable Place last, boolean ended, Duration dead, Consumer<Place> found);

    /** Whether an NBD target greets there within a second; {@code told} gets it on any thread. */
    void probe(Place place, Consumer<Boolean> told);

    /** Ends what is under way; nobody is told any more. */
    @Override
    void close();
}
